"""Deprecated keys as a table of data (DEP-1), and what reading one means (DEP-2, DEP-3).

A new deprecation is a new row. Refuses to guess: no number is ever converted between units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from policy.config.reporter import Note, Reporter, Route, Table, is_table, shown, value_at


@dataclass(frozen=True, slots=True)
class Alias:
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
            f"{shown(self.old)} is deprecated since {self.deprecated}, fails under --strict, "
            f"and is not read from {self.removed} on"
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


def warn(data: Mapping[str, object], alias: Alias, reporter: Reporter) -> None:
    """Report a valid deprecated key: alone (DEP-2) or beside the canonical key (DEP-3)."""
    old, new = value_at(data, alias.old), value_at(data, alias.new)
    if new is None:
        _warn_alone(alias, old, reporter)
    else:
        _warn_both(alias, old, new, reporter)


def _warn_alone(alias: Alias, old: object, reporter: Reporter) -> None:
    message = (
        f"{shown(alias.old)} is deprecated and the units differ: {old} {alias.old_unit} "
        f"are read as {old} {alias.new_unit}"
    )
    help_ = (
        f"review the number, then write {alias.new[-1]} = … in its place ({_zero(old)})",
        _cap_help(old, "for a cap on money"),
        alias.timeline,
    )
    note = Note(label=f"read as {alias.new[-1]} = {old}", help=help_)
    reporter.at_key("deprecated-key", alias.old, message, note)


def _warn_both(alias: Alias, old: object, new: object, reporter: Reporter) -> None:
    message = f"{shown(alias.old)} = {old} is deprecated and ignored: {shown(alias.new)} wins"
    help_: tuple[str, ...] = ("remove the deprecated line", alias.timeline)
    if isinstance(new, int) and old != new:
        message = f"{message} with {new}"
        help_ = (
            f"a cap of {_usd(old)} USD per day ({old}/100) is NOT enforced by this key",
            _cap_help(old, "for that cap"),
            *help_,
        )
    related: tuple[tuple[Route, str], ...] = ((alias.new, "this value wins"),)
    note = Note(label="ignored", related=related, help=help_)
    reporter.at_key("deprecated-key", alias.old, message, note)


def _cap_help(cents: object, purpose: str) -> str:
    return f"{purpose} set cost.daily_limit_usd = {_usd(cents)}; there 0 means no limit"


def _usd(cents: object) -> str:
    """Write cents as USD, exactly."""
    return f"{Decimal(str(cents)) / 100:f}"


def _zero(old: object) -> str:
    return "0 blocks every action" if old == 0 else "there 0 blocks every action"
