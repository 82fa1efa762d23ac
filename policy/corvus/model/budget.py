"""A budget: a limit over one period for the calls it matches (CFG-10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

from corvus.base.globs import glob_matches
from corvus.base.period import Period


class Measure(StrEnum):
    """What a budget counts, and the unit of its limit: nano-USD, tokens of all kinds, or calls."""

    USD = "usd"
    TOKENS = "tokens"
    CALLS = "calls"

    @property
    def unit(self) -> str:
        """The unit of its amounts, as names end with it: ``nano_usd``, ``tokens`` or ``calls``."""
        return "nano_usd" if self is Measure.USD else self.value


class Amounts(NamedTuple):
    """What a call may use, or what was used, in every measure; each an integer >= 0."""

    nano_usd: int = 0
    tokens: int = 0
    calls: int = 0

    def of(self, measure: Measure) -> int:
        """Return the amount in the unit of a measure."""
        if measure is Measure.USD:
            return self.nano_usd
        return self.tokens if measure is Measure.TOKENS else self.calls


class Rung(StrEnum):
    """What is tried in place of a refusal, in the order of ``on_exceeded`` (EVA-14)."""

    CAP = "cap"
    WAIT = "wait"
    DOWNGRADE = "downgrade"
    ASK = "ask"


Match: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Pairs of attribute and globs: a call must match one glob of each."""
NOT = "[not:"
"""Begins what a call must not match, alone for its attribute; as a glob it is malformed."""
TAG = "tag."
"""Begins the name of an attribute that is a tag: ``tag.team``."""
NONE = "(none)"
"""Stands in a part for an attribute that a call does not have."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit. The four scopes of ``[cost]`` and ``[mission]`` are budgets like any other.

    Attributes:
        name: Unique slug: ``session``, ``day``, ``month``, ``mission`` or the author's.
        period: How often the budget starts again.
        limit: The hard ceiling of each sum in the unit of ``measure``; 0 switches the budget off
            (CFG-7).
        thresholds: Percents of the limit, ascending, 0..=100; each is reported once for each window
            and sum, when what was spent comes to it. From the first on, holds included, a call
            warns; without one none does.
        config_key: The key of the settings that set the limit, named in every message (PRX-4).
        match: What a call must match; empty matches every call.
        timezone: IANA zone of the calendar windows.
        measure: What is counted.
        per: Attributes that divide the budget: each combination of their values (``part_of``) has
            the whole limit for itself; empty is one sum.
        limits: Exceptions to the limit: pairs of a glob for the value of ``per`` and a limit; the
            first that matches counts.
        window_seconds: Length of a window that opens with its first call, for the period
            ``window``; 0 for all other periods.
        enforce: ``warn`` never refuses a call, it only reports.
        on_exceeded: What is tried before a call is refused, in order (EVA-14).
    """

    name: str
    period: Period
    limit: int
    thresholds: tuple[int, ...]
    config_key: str
    match: Match = ()
    timezone: str = "UTC"
    measure: Measure = Measure.USD
    per: tuple[str, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    window_seconds: int = 0
    enforce: Literal["block", "warn"] = "block"
    on_exceeded: tuple[Rung, ...] = ()

    @property
    def limit_key(self) -> str:
        """Name of the limit where amounts are kept by unit, such as ``limit_nano_usd``."""
        return f"limit_{self.measure.unit}"

    @property
    def warn_at_percent(self) -> int | None:
        """The first threshold, percent of the limit; ``None`` when the budget never warns."""
        return self.thresholds[0] if self.thresholds else None

    def for_part(self, part: str) -> Budget:
        """Return the budget as it limits one part: with the exception that counts for it."""
        if not self.limits:
            return self
        value = ",".join(values_of(part))
        for glob, limit in self.limits:
            if glob_matches(glob, value):
                table = self.config_key.rpartition(".")[0]
                return replace(self, limit=limit, config_key=f"{table}.limits.{_quoted(glob)}")
        return self


def part_of(values: tuple[str | None, ...]) -> str:
    """Return the part of a budget that is for these values of ``per``, as it is kept.

    A single value stands for itself. What separates or could be mistaken (``%``, ``,``, ``(``) is
    written as in a URL, so that no two combinations have the same text; ``corvus.ledger.counts``
    writes it the same way in SQL.
    """
    return ",".join(NONE if value is None else _escaped(value) for value in values)


def part_named(per: tuple[str, ...], text: str) -> str:
    """Return the part that a person names: as it is kept, or by its values with ``,`` between."""
    values = text.split(",") if len(per) > 1 else [text]
    return ",".join(NONE if value == NONE else _escaped(_unescaped(value)) for value in values)


def values_of(part: str) -> tuple[str, ...]:
    """Return the values that a part is for, as they are shown; a missing one is ``(none)``."""
    return tuple(_unescaped(value) for value in part.split(","))


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace(",", "%2C").replace("(", "%28")


def _unescaped(value: str) -> str:
    return value.replace("%28", "(").replace("%2C", ",").replace("%25", "%")


def _quoted(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else f'"{key}"'
