"""One model of a price book: its line, made into prices when it is asked for (PRC-3, PRC-8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeAlias

from corvus.model.price import HourRates, Price, Rates, Tier
from corvus.model.usage import FEES, TokenKind
from corvus.prices.match import How

KINDS = tuple(TokenKind)
"""The kinds of a line's rates, in their order."""

Line: TypeAlias = Mapping[str, Any]
_Tier = tuple[int, Sequence[int | None]]
_REGIONS = {"aws": ("us",)}
"""Where a cloud's prices hold, unless the line of a model says otherwise; elsewhere: everywhere."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the bundled book.

    Attributes:
        provider: The book's id of the provider.
        model: Canonical id of the model.
        own: The provider made the model, so that the bare id means this entry.
        how: By what the entry answers the name that was asked for.
        equal_from: First UTC day of the price that a host asks, too; ``None`` is "always".
    """

    provider: str
    model: str
    own: bool
    line: Line = field(repr=False, compare=False)
    how: How = field(default=How.EXACT_ID, compare=False)
    equal_from: date | None = None

    def history(self, variant: str = "") -> tuple[Price, ...]:
        """Return the dated prices, ascending; nothing when there is no such variant.

        A host was found to ask the maker's standard price for tokens. What it asked before that
        price, for a variant or for a tool, is not known (PRC-8).
        """
        if self.how is How.EQUAL_AT_HOST:
            prices = () if variant else _history(self.provider, self.model, self.line["prices"])
            return tuple(_without_fees(one) for one in prices if self._is_equal(one))
        if not variant:
            return _history(self.provider, self.model, self.line["prices"])
        offers = self.line.get("variants", {})
        return _history(self.provider, f"{self.model}-{variant}", offers.get(variant, ()))

    def at_price_of_maker(self, since: date | None) -> Entry:
        """Return the entry as a host sells it, at the price that is in force from a day on."""
        return replace(self, how=How.EQUAL_AT_HOST, equal_from=since)

    def variants(self) -> tuple[str, ...]:
        """Return the other ways to be served that have prices."""
        if self.how is How.EQUAL_AT_HOST:
            return ()
        return tuple(self.line.get("variants", ()))

    def _is_equal(self, price: Price) -> bool:
        return self.equal_from is None or (
            price.effective_from is not None and price.effective_from >= self.equal_from
        )

    @property
    def answers_anyone(self) -> bool:
        """Whether the entry may answer a name without a provider.

        A seller's pattern, such as ``:free``, says something of its own names alone.
        """
        return self.own or self.how is not How.PATTERN

    def is_sold_in(self, region: str | None) -> bool:
        """Return whether the price holds in a region that the asked name states, if it does."""
        allowed = self.line.get("regions", _REGIONS.get(self.provider))
        return region is None or allowed is None or region in allowed

    def costs_as(self, other: Entry) -> bool:
        """Return whether the two ask the same for everything, at any time."""
        mine, theirs = self.line, other.line
        return mine["prices"] == theirs["prices"] and mine.get("variants") == theirs.get("variants")


def _history(provider: str, model: str, entries: Sequence[Sequence[Any]]) -> tuple[Price, ...]:
    return tuple(_price(provider, model, entry) for entry in entries)


def _price(provider: str, model: str, entry: Sequence[Any]) -> Price:
    day, rates, tiers, hours = (*entry, *((),) * (4 - len(entry)))
    return Price(
        provider=provider,
        model=model,
        book="bundled",
        entry=f"bundled:{provider}/{model}" + (f"@{day}" if day else ""),
        rates=_rates(rates),
        tiers=_tiers(tiers),
        effective_from=date.fromisoformat(day) if day else None,
        hours=tuple(
            HourRates(frozenset(map(int, days)), start, end, _rates(at_hour), _tiers(above))
            for days, start, end, at_hour, above in hours
        ),
    )


def _tiers(listed: Sequence[_Tier]) -> tuple[Tier, ...]:
    return tuple(Tier(above, _rates(rates)) for above, rates in listed)


def _without_fees(price: Price) -> Price:
    return replace(
        price,
        rates=_tokens_of(price.rates),
        tiers=tuple(replace(tier, rates=_tokens_of(tier.rates)) for tier in price.tiers),
        hours=tuple(
            replace(
                one,
                rates=_tokens_of(one.rates),
                tiers=tuple(replace(tier, rates=_tokens_of(tier.rates)) for tier in one.tiers),
            )
            for one in price.hours
        ),
    )


def _tokens_of(rates: Rates) -> Rates:
    return {kind: rate for kind, rate in rates.items() if kind not in FEES}


def _rates(listed: Sequence[int | None]) -> Rates:
    return {kind: rate for kind, rate in zip(KINDS, listed, strict=False) if rate is not None}
