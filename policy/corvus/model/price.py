"""What a provider charges for each kind of token, and which entry of which book says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal, TypeAlias

from corvus.model.usage import TokenKind

Book: TypeAlias = Literal["user", "bundled", "pinned"]
Rates: TypeAlias = Mapping[TokenKind, int]
"""Nano-USD per million tokens, or per million uses of one of ``FEES``, by kind.

An explicit 0 is a free kind; an absent kind has no price and is never free (PRC-2).
"""


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates of the whole call once its context is longer than ``above_tokens`` (exclusive)."""

    above_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class HourRates:
    """Rates of some hours of a week, for prices that differ by the time of day.

    Attributes:
        days: Days of the week in UTC, Monday 0; all seven for every day.
        start_minute: First minute of the day, UTC, inclusive.
        end_minute: Last minute, exclusive, <= 1440.
        rates: Rates of a call up to the first tier.
        tiers: Long-context tiers, ascending by ``above_tokens``.
    """

    days: frozenset[int]
    start_minute: int
    end_minute: int
    rates: Rates
    tiers: tuple[Tier, ...] = ()

    def covers(self, instant: datetime) -> bool:
        """Return whether an aware instant lies in these hours."""
        utc = instant.astimezone(UTC)
        minute = utc.hour * 60 + utc.minute
        return utc.weekday() in self.days and self.start_minute <= minute < self.end_minute


@dataclass(frozen=True, slots=True)
class Price:
    """One entry of a price book, in force until a later entry of the same model.

    Attributes:
        provider: Provider that bills; empty for an entry of the user's own book without a prefix.
        model: Canonical model id of the entry.
        book: ``user`` (``[cost.prices]``), ``bundled`` (compiled from genai-prices), or ``pinned``
            (the file of ``governance.prices.book``).
        entry: Stable name of the entry, kept on every usage record (PRC-4), such as
            ``bundled:anthropic/claude-sonnet-4-5@2026-01-01``.
        rates: Rates of a call up to the first tier; of a price that differs by the hour the highest
            of each kind, which is what admission holds (PRC-11).
        tiers: Long-context tiers, ascending by ``above_tokens``.
        effective_from: First UTC day in force, inclusive; ``None`` is "always".
        source: Where the author found the price, if stated.
        hours: Rates by the time of day; the first that covers an instant holds, and the last one
            covers whatever the others leave. Empty where the hour makes no difference.
        aliases: Other whole names that the author gave the entry (PRC-10).
    """

    provider: str
    model: str
    book: Book
    entry: str
    rates: Rates
    tiers: tuple[Tier, ...] = ()
    effective_from: date | None = None
    source: str | None = None
    hours: tuple[HourRates, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The entry's key in ``[cost.prices]``: ``provider/model``, or the bare model."""
        return f"{self.provider}/{self.model}" if self.provider else self.model

    @property
    def version(self) -> str:
        """Entry and rates as a text: the rates of an entry may change under the same name."""
        return f"{self.entry} {' '.join(f'{kind}={rate}' for kind, rate in self.rates.items())}"

    def at(self, instant: datetime) -> Price:
        """Return the price of an instant, aware: what settlement records (PRC-11)."""
        for some in self.hours:
            if some.covers(instant):
                return replace(self, rates=some.rates, tiers=some.tiers, hours=())
        return self

    def terms(self) -> object:
        """Return what is charged and from which day, to compare two entries by."""
        hours = tuple(
            (sorted(some.days), some.start_minute, some.end_minute, _terms(some.rates, some.tiers))
            for some in self.hours
        )
        return self.effective_from, _terms(self.rates, self.tiers), hours

    def rates_for(self, context_tokens: int) -> Rates:
        """Return the rates that apply to a call that read ``context_tokens`` tokens."""
        applying = self.rates
        for tier in self.tiers:
            if context_tokens > tier.above_tokens:
                applying = tier.rates
        return applying


def _terms(rates: Rates, tiers: tuple[Tier, ...]) -> object:
    above = tuple((tier.above_tokens, tuple(sorted(tier.rates.items()))) for tier in tiers)
    return tuple(sorted(rates.items())), above
