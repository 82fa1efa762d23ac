"""Deprecated keys as a table of data (DEP-1), and what reading one means (DEP-2, DEP-3).

A new deprecation is a new row. Refuses to guess: no number is ever converted between units.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from corvus.config.check.reporter import Note, Reporter
from corvus.config.model.defaults import is_exact_number
from corvus.config.toml.values import Route, Table, is_table, shown, value_at


class Alias(NamedTuple):
    """One deprecated key.

    Attributes:
        old: Route of the deprecated key.
        new: Route of the canonical key, in the same table.
        since: Version that first read the canonical key.
        deprecated: Version from which the old key warns.
        removed: Version that no longer reads the old key.
        old_unit: What the old number counts, for messages.
        new_unit: What the canonical number counts.
        reason: Why the key went away.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]
    since: str
    deprecated: str
    removed: str
    old_unit: str
    new_unit: str
    reason: str

    @property
    def timeline(self) -> str:
        """The life of the key in one sentence."""
        return (
            f"Deprecated since {self.deprecated}, an error under --strict, "
            f"no longer read from {self.removed} on."
        )


ALIASES: tuple[Alias, ...] = (
    Alias(
        old=("autonomy", "max_cost_per_day_cents"),
        new=("autonomy", "max_actions_per_hour"),
        since="0.1",
        deprecated="0.1",
        removed="0.3",
        old_unit="cents per day",
        new_unit="actions per hour",
        reason="[autonomy] limits actions; money is limited in [cost].",
    ),
)


def present(data: Mapping[str, object]) -> tuple[Alias, ...]:
    """Return the deprecated keys that a document uses."""
    return tuple(alias for alias in ALIASES if value_at(data, alias.old) is not None)


def without(data: Mapping[str, object], alias: Alias) -> Table:
    """Return a copy of the data in which the deprecated key is gone."""
    return _edited(data, alias.old, None)


def canonical(data: Mapping[str, object], alias: Alias, old: object) -> Table:
    """Return a copy with only the canonical key: its own value, else the old one (DEP-2, DEP-3)."""
    value = value_at(data, alias.new)
    return _edited(without(data, alias), alias.new, old if value is None else value)


def _edited(data: Mapping[str, object], route: tuple[str, ...], value: object) -> Table:
    """Return a copy with one value set, or taken away when it is ``None``."""
    first, *rest = route
    copy = dict(data)
    if rest:
        inner = copy.get(first)
        copy[first] = _edited(inner if is_table(inner) else {}, tuple(rest), value)
    elif value is None:
        copy.pop(first, None)
    else:
        copy[first] = value
    return copy


def warn(
    data: Mapping[str, object], alias: Alias, reporter: Reporter, *, host: str | None = None
) -> None:
    """Report a valid deprecated key: alone (DEP-2) or beside the canonical key (DEP-3).

    Args:
        data: The governed tables, both keys still in place.
        alias: A deprecated key that is present.
        reporter: Receives the warning.
        host: The runtime that reads the key for itself, so that its removal is not ours to advise.
    """
    old, new = value_at(data, alias.old), value_at(data, alias.new)
    related: tuple[tuple[Route, str], ...] = ()
    fix = None
    if new is None:
        if host is None:
            from corvus.config.check.fixes import rename

            fix = rename(reporter, alias.old, alias.new[-1])
        label = f"read as {alias.new[-1]} = {old}"
        message = (
            f"`{shown(alias.old)}` is deprecated, and the units differ: {old} {alias.old_unit} "
            f"are read as {old} {alias.new_unit}"
        )
        zero = "0 blocks every action" if old == 0 else "there 0 blocks every action"
        help_ = (
            f"Review the number, then write it as `{alias.new[-1]}`; {zero}.",
            *(_cap_help(data, old, "For a cap on money") if old else ()),
        )
    else:
        label, related = "ignored", ((alias.new, "this value wins"),)
        message = f"`{shown(alias.old)}` = {old} is deprecated and ignored: {_winner(alias, new)}"
        help_ = () if old == new else _lost_cap(data, old)
        help_ += ("Remove the deprecated line.",) if host is None else ()
    if host is not None:
        help_ += (f"The {host} runtime has a cap of its own under this name; corvus has not.",)
    note = Note(label, related=related, help=(*help_, alias.timeline), fix=fix)
    reporter.at_key("deprecated-key", alias.old, message, note)


def _winner(alias: Alias, new: object) -> str:
    is_number = isinstance(new, int) and not isinstance(new, bool)
    return f"`{shown(alias.new)}`{f' = {new}' if is_number else ''} wins"


def _lost_cap(data: Mapping[str, object], cents: object) -> tuple[str, ...]:
    usd = _usd(cents)
    lost = f"A cap of {usd} USD per day ({cents}/100) is NOT enforced by this key."
    return (lost, *_cap_help(data, cents, "For that cap"))


def _cap_help(data: Mapping[str, object], cents: object, purpose: str) -> tuple[str, ...]:
    """Say where a cap on money belongs; never advise one that is there, or a higher one."""
    now = value_at(data, ("cost", "daily_limit_usd"))
    limit = Decimal(now) if is_exact_number(now) and isinstance(now, int | Decimal) else None
    usd = _usd(cents)
    if not cents:
        return ("No limit in [cost] can be 0 USD: there 0 means no limit.",)
    if limit is not None and 0 < limit <= Decimal(usd):
        said = f"`cost.daily_limit_usd = {now}` caps the money of a day already."
    else:
        known = f" (now {now})" if limit is not None else ""
        said = f"{purpose} set `cost.daily_limit_usd = {usd}`{known}; there 0 means no limit."
    if value_at(data, ("cost", "enabled")) is True:
        return (said,)
    return said, "No limit in [cost] is in force until `cost.enabled` is true."


def _usd(cents: object) -> str:
    """Write cents as USD, exactly."""
    return f"{Decimal(str(cents)) / 100:f}"
