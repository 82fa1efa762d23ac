"""What a provider charges for each kind of token, and which entry of which book says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from corvus.model.usage import TokenKind

Book: TypeAlias = Literal["user", "bundled"]
Rates: TypeAlias = Mapping[TokenKind, int]
"""Nano-USD per million tokens (or per million requests for ``web_search``), by kind.

An explicit 0 is a free kind; an absent kind has no price and is never free (PRC-2).
"""


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates of the whole call once its context is longer than ``above_tokens`` (exclusive)."""

    above_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """One entry of a price book, in force until a later entry of the same model.

    Attributes:
        provider: Provider that bills; empty for an entry of the user's own book without a prefix.
        model: Canonical model id of the entry.
        book: ``user`` (``[cost.prices]``) or ``bundled`` (compiled from genai-prices).
        entry: Stable name of the entry, kept on every usage record (PRC-4), such as
            ``bundled:anthropic/claude-sonnet-4-5@2026-01-01``.
        rates: Rates of a call up to the first tier.
        tiers: Long-context tiers, ascending by ``above_tokens``.
        effective_from: First UTC day in force, inclusive; ``None`` is "always".
        source: Where the author found the price, if stated.
    """

    provider: str
    model: str
    book: Book
    entry: str
    rates: Rates
    tiers: tuple[Tier, ...] = ()
    effective_from: date | None = None
    source: str | None = None

    @property
    def key(self) -> str:
        """The entry's key in ``[cost.prices]``: ``provider/model``, or the bare model."""
        return f"{self.provider}/{self.model}" if self.provider else self.model

    @property
    def version(self) -> str:
        """Entry and rates as a text: the rates of an entry may change under the same name."""
        return f"{self.entry} {' '.join(f'{kind}={rate}' for kind, rate in self.rates.items())}"

    def terms(self) -> object:
        """Return what is charged and from which day, to compare two entries by."""
        tiers = tuple((tier.above_tokens, tuple(sorted(tier.rates.items()))) for tier in self.tiers)
        return self.effective_from, tuple(sorted(self.rates.items())), tiers

    def rates_for(self, context_tokens: int) -> Rates:
        """Return the rates that apply to a call that read ``context_tokens`` tokens."""
        applying = self.rates
        for tier in self.tiers:
            if context_tokens > tier.above_tokens:
                applying = tier.rates
        return applying
