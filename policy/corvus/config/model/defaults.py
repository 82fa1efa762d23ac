"""Values and checks that the settings model shares with code that must not wait for pydantic.

``corvus check`` of a clean file loads this module and not ``settings``; nothing here may import
more than the words of TOML.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

from corvus.base.record import Record
from corvus.config.toml.values import as_items, is_table

ZERO_LIMIT = "0 switches this limit off: it neither warns nor blocks"
"""What 0 means for every limit (CFG-7)."""
ZERO_ACTIONS = "0 blocks every action: here 0 does not mean unlimited"
"""What 0 means for ``max_actions_per_hour`` (CFG-7)."""

LARGEST_COUNT = 9_000_000_000_000_000_000
"""Largest limit in tokens or calls, inclusive: that of money in nano-USD."""
_LARGEST_USD = 9_000_000_000
MOST_USD_A_USE = 1000
"""Largest fee in USD for one use: a million of them still fit into 64 bits of nano-USD."""

_ZONES = "/usr/share/zoneinfo"
_ZONE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/"
_NOT_EVERYWHERE = ("posix/", "right/", "localtime", "posixrules", "Factory")

LIMITS_USD = {
    "session_limit_usd": Decimal(0),
    "daily_limit_usd": Decimal(10),
    "monthly_limit_usd": Decimal(100),
}
"""The limits of ``[cost]`` from the shortest period to the longest, with their defaults in USD."""
SCOPES = {
    "session": "session_limit_usd",
    "day": "daily_limit_usd",
    "month": "monthly_limit_usd",
}
"""The same limits by their period, which is the name of the budget, too."""


def is_exact_number(value: object) -> bool:
    """Return whether a value is a TOML number: no boolean, no string, no binary float (CFG-4)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_time_zone(value: object) -> bool:
    """Return whether a value names a time zone of the zone database, the same one everywhere.

    ``localtime`` is another zone on each machine; ``posix/...`` and ``right/...`` are files of some
    systems only.
    """
    if not isinstance(value, str) or value.startswith(_NOT_EVERYWHERE):
        return False
    if _is_installed(value):
        return True
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(value).key == value
    except (ValueError, OSError, KeyError):  # a path, a directory, an unknown name
        return False


def _is_installed(zone: str) -> bool:
    """Return whether a zone stands where nearly every system has them.

    ``ZoneInfo`` would find it there, but importing that takes half as long as the whole check.
    """
    if "PYTHONTZPATH" in os.environ or zone.startswith("/") or zone.strip(_ZONE_CHARACTERS):
        return False
    try:
        with open(os.path.join(_ZONES, zone), "rb") as data:
            return data.read(4) == b"TZif"
    except OSError:
        return False


LADDER = ("cap", "wait")
"""The rungs of a config that states none."""
REFUSE = "refuse"
"""Ends a ladder (EVA-14): a call that no rung before it helped is refused, as without this word."""
LIMIT_KEYS = ("limit_usd", "limit_tokens", "limit_calls")
"""The keys of a budget that state its limit, each in its unit; exactly one of them is there."""
EXACTLY_ONE = (("period", "window"), LIMIT_KEYS)
"""Keys of a budget that exclude each other, and one of which it must have (CFG-10)."""
AT_MOST_ONE = (("thresholds", "warn_at_percent"),)
"""Keys of a budget that say the same in two ways."""

_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST_WINDOW = 366 * 86_400


def window_seconds(text: str) -> int | None:
    """Return how long a window is that a config states, such as ``5h``, ``30m`` or ``7d``.

    Returns:
        Seconds, from a minute to 366 days; ``None`` for any other text.
    """
    count, unit = text[:-1], _SECONDS.get(text[-1:])
    if unit is None or not (count.isascii() and count.isdigit()) or count.startswith("0"):
        return None
    return int(count) * unit if len(count) <= 6 and int(count) * unit <= _LONGEST_WINDOW else None


def is_window(value: object) -> bool:
    """Return whether a value is the length of a window."""
    return isinstance(value, str) and window_seconds(value) is not None


def is_distinct(value: object) -> bool:
    """Return whether a list has no item twice."""
    items = [*map(repr, as_items(value))]
    return len(items) == len({*items})


def is_ascending(numbers: Iterable[int]) -> bool:
    """Return whether each number is above the one before it."""
    return all(lower < higher for lower, higher in pairwise(numbers))


def is_ladder(value: object) -> bool:
    """Return whether rungs are each there once, and ``refuse`` only last (EVA-14)."""
    return is_distinct(value) and REFUSE not in as_items(value)[:-1]


def limit_fault(value: object) -> str | None:
    """Return why a value is no limit in any unit, as a kind of error of pydantic."""
    if not is_exact_number(value):
        return "decimal_type"
    assert isinstance(value, int | Decimal)
    if not Decimal(value).is_finite():
        return "finite_number"
    if not 0 <= value <= LARGEST_COUNT:
        return "less_than_equal"
    _, digits, exponent = Decimal(value).as_tuple()
    finer = -9 - int(exponent)
    return "decimal_max_places" if finer > 0 and any(digits[-finer:]) else None


class BudgetFault(Record):
    """What is wrong with the keys of a budget taken together.

    Attributes:
        kind: ``missing``: one of ``keys`` must be there. ``conflict``: only one of ``keys`` may be.
            Any other kind is an error of pydantic in the value at ``keys``, a route in the budget.
    """

    kind: str
    keys: tuple[str, ...]


def budget_faults(budget: Mapping[str, object]) -> Iterator[BudgetFault]:
    """Yield what no single key of a budget shows to be wrong (CFG-10).

    Args:
        budget: The keys that it states; their values may be of any type.
    """
    for group in EXACTLY_ONE:
        if budget.keys().isdisjoint(group):
            yield BudgetFault("missing", group)
    for group in (*EXACTLY_ONE, *AT_MOST_ONE):
        stated = tuple(key for key in budget if key in group)
        if len(stated) > 1:
            yield BudgetFault("conflict", stated)
    if "limits" in budget:
        yield from _faults_of_limits(budget)


def _faults_of_limits(budget: Mapping[str, object]) -> Iterator[BudgetFault]:
    if "per" not in budget:
        yield BudgetFault("missing", ("per",))
    limits, units = budget["limits"], [key for key in LIMIT_KEYS if key in budget]
    for glob, limit in limits.items() if is_table(limits) and len(units) == 1 else ():
        if limit_fault(limit):
            continue
        if units != ["limit_usd"] and not isinstance(limit, int):
            yield BudgetFault("int_type", ("limits", glob))
        elif units == ["limit_usd"] and isinstance(limit, int | Decimal) and limit > _LARGEST_USD:
            yield BudgetFault("less_than_equal", ("limits", glob))
