"""Deprecated keys as a table of data (DEP-1), and what reading one means (DEP-2, DEP-3).

A new deprecation is a new row. No number is ever converted between units. A host runtime may go on
reading the old key for itself: in its file the key is not ours to read or to rewrite (DEP-7).
"""

from __future__ import annotations

from collections.abc import Mapping

from corvus.base.record import Record
from corvus.config.model.dialects import Dialect
from corvus.config.toml.values import Table, is_table, value_at


class HostReading(Record):
    """What a host runtime makes of an old key, in its own file.

    Attributes:
        host: The runtime.
        meaning: What it reads the key as.
        without: What happens to its file without the key.
        source: Where that was found, with the versions looked at and the date.
    """

    host: Dialect
    meaning: str
    without: str
    source: str


class Alias(Record):
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
        hosts: The runtimes that still read the old key with a meaning of their own.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]
    since: str
    deprecated: str
    removed: str
    old_unit: str
    new_unit: str
    reason: str
    hosts: tuple[HostReading, ...] = ()

    def reading(self, dialect: Dialect) -> HostReading | None:
        """Return what a runtime whose file it may be reads the old key as, if one does."""
        return next((reading for reading in self.hosts if reading.host in dialect.hosts), None)

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
        hosts=(
            HostReading(
                Dialect.ZEROCLAW,
                meaning="its own cap on money",
                without=(
                    "zeroclaw v0.1.2 to v0.4.3 does not load a file whose [autonomy] lacks it, "
                    "and from v0.5.0 on its default of 500 cents takes the place of the number"
                ),
                source=(
                    "zeroclaw-labs/zeroclaw, AutonomyConfig in src/config/schema.rs of v0.1.2 to "
                    "v0.7.5, and split_autonomy_into_profile_buckets in "
                    "crates/zeroclaw-config/src/schema/v2.rs of v0.8.0 to v0.8.4, which takes the "
                    "number over into [runtime_profiles.default]; read 2026-11-28"
                ),
            ),
        ),
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
