"""Values and checks that the settings model shares with code that must not wait for pydantic.

``corvus check`` of a clean file loads this module and not ``settings``; nothing here may import
more than the standard library.
"""

from __future__ import annotations

from decimal import Decimal

ZERO_LIMIT = "0 switches this limit off: it neither warns nor blocks"
"""What 0 means for every limit (CFG-7)."""
ZERO_ACTIONS = "0 blocks every action: here 0 does not mean unlimited"
"""What 0 means for ``max_actions_per_hour`` (CFG-7)."""

_NOT_EVERYWHERE = ("posix/", "right/", "localtime", "posixrules", "Factory")

LIMITS_USD = {
    "session_limit_usd": Decimal(0),
    "daily_limit_usd": Decimal(10),
    "monthly_limit_usd": Decimal(100),
}
"""The limits of ``[cost]`` from the shortest period to the longest, with their defaults in USD."""


def is_exact_number(value: object) -> bool:
    """Return whether a value is a TOML number: no boolean, no string, no binary float (CFG-4)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_time_zone(value: object) -> bool:
    """Return whether a value names a time zone of the zone database, the same one everywhere.

    ``localtime`` is another zone on each machine; ``posix/...`` and ``right/...`` are files of some
    systems only.
    """
    from zoneinfo import ZoneInfo

    if not isinstance(value, str) or value.startswith(_NOT_EVERYWHERE):
        return False
    try:
        return ZoneInfo(value).key == value
    except (ValueError, OSError, KeyError):  # a path, a directory, an unknown name
        return False
