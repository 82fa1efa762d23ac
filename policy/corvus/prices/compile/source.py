"""Reads the dated prices of one model out of genai-prices: standard, by the hour, by variant.

A variant has a price only from the day on which it is known to be sold (PRC-8). The source dates an
offer to the day on which it learned of it; a reviewed day may be earlier, though never earlier than
the standard price that the offer was stated next to. Before that nobody says what it cost, and the
standard price does not stand in for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import date, time
from decimal import Decimal

from corvus.prices.compile.entries import EVERY_DAY, MINUTES, Entry, Hours, by_hours
from corvus.prices.compile.records import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from corvus.prices.compile.units import Tally, rates_of, tier_starts
from corvus.prices.names import VARIANTS

_VARIANT_KEYS = {"processing", "service_tier", "speed"}


def conditions(model: ModelInfo) -> list[ConditionalPrice]:
    """Return the prices of a model, the later ones going before the earlier ones."""
    if isinstance(model.prices, ModelPrice):
        return [ConditionalPrice(prices=model.prices)]
    return model.prices


def digest(model: ModelInfo) -> str:
    """Return a short digest of the standard prices that the source states."""
    stated = [
        f"{one.constraint} {key} {_plain(value)}"
        for one in conditions(model)
        for key, value in sorted(vars(one.prices).items())
        if value is not None
    ]
    return hashlib.sha256("\n".join(stated).encode()).hexdigest()[:12]


def _plain(value: Decimal | TieredPrices) -> str:
    if isinstance(value, TieredPrices):
        tiers = " ".join(f"{tier.start}:{_plain(tier.price)}" for tier in value.tiers)
        return f"{_plain(value.base)} {tiers}"
    return f"{value.normalize():f}"


def standard(model: ModelInfo, tally: Tally) -> list[Entry]:
    """Return the dated entries, ascending; the first has no date.

    Raises:
        ValueError: The dates are out of order, or hours and dates cannot be told apart: then the
            review must state the whole history.
    """
    stated = conditions(model)
    dated = [one for one in stated if not isinstance(one.constraint, TimeOfDateConstraint)]
    hours = [one for one in stated if isinstance(one.constraint, TimeOfDateConstraint)]
    days = [start_of(one) for one in dated]
    if days[0] != date.min or days != sorted(set(days)):
        raise ValueError(f"{model.id}: prices are not in the order of their dates: {days}")
    if not hours:
        return [
            _entry(day, one.prices, model.id, tally) for day, one in zip(days, dated, strict=True)
        ]
    if len(dated) > 1:
        raise ValueError(
            f"{model.id}: which of its dates its hours are for is for the review to say"
        )
    return [_entry_by_hours(dated[0].prices, hours, model.id, tally)]


def variants(model: ModelInfo, earlier: dict[str, date], tally: Tally) -> dict[str, list[Entry]]:
    """Return the prices of other ways to be served, each laid over the standard ones.

    Args:
        model: As the source has it.
        earlier: First days by variant, where they are known to be earlier than the source says.
        tally: What the compile met.
    """
    offers: dict[str, list[PriceVariant]] = {}
    for one in model.price_variants or ():
        for key, value in one.when.items():
            if len(one.when) == 1 and key in _VARIANT_KEYS and value in VARIANTS:
                offers.setdefault(value, []).append(one)
    tally.counts["variants (fast, batch, …)"] += len(offers)
    return {
        name: _variant(model, name, offers[name], earlier.get(name), tally)
        for name in sorted(offers)
    }


def start_of(one: ConditionalPrice | PriceVariant) -> date:
    """Return the first day of a price or an offer.

    Raises:
        ValueError: It holds by the hour.
    """
    if one.constraint is None:
        return date.min
    if isinstance(one.constraint, StartDateConstraint):
        return one.constraint.start_date
    raise ValueError(f"a price with a date was expected, not {one.constraint}")


def _variant(
    model: ModelInfo, name: str, offers: Sequence[PriceVariant], earlier: date | None, tally: Tally
) -> list[Entry]:
    stated = conditions(model)
    base = {start_of(one): one.prices for one in stated}
    first = min(start_of(one) for one in offers)
    starts = {id(one): start_of(one) for one in offers}
    if earlier is not None and earlier < first:
        tally.counts["variants dated back by review"] += 1
        beside = max(day for day in base if day <= first)
        for one in offers:
            if starts[id(one)] == first:
                starts[id(one)] = max(earlier, beside)
        first = max(earlier, beside)
    days = sorted({*starts.values(), *(day for day in base if day > first)})
    return [
        _entry(
            day,
            _laid_over(
                base[max(one for one in base if one <= day)],
                [one for one in offers if starts[id(one)] <= day],
            ),
            f"{model.id}-{name}",
            tally,
        )
        for day in days
    ]


def _laid_over(standard: ModelPrice, offers: Iterable[PriceVariant]) -> ModelPrice:
    """Return the standard prices with those that an offer states; the first offer goes first."""
    found = copy(standard)
    stated = {
        key: value
        for one in reversed(list(offers))
        for key, value in vars(one.prices).items()
        if value is not None
    }
    vars(found).update(stated)
    return found


def _entry(day: date, prices: ModelPrice, model: str, tally: Tally) -> Entry:
    starts = tier_starts(prices)
    tally.counts["price entries"] += 1
    tally.counts["tiers"] += len(starts)
    return Entry(
        None if day == date.min else day,
        rates_of(prices, 0, model, tally),
        tuple((start, rates_of(prices, start + 1, model, tally)) for start in starts),
    )


def _entry_by_hours(
    rest: ModelPrice, windows: Iterable[ConditionalPrice], model: str, tally: Tally
) -> Entry:
    tally.counts["models priced by time of day"] += 1
    found: list[Hours] = []
    for one in windows:
        assert isinstance(one.constraint, TimeOfDateConstraint)
        start, end = _minute(one.constraint.start_time), _minute(one.constraint.end_time)
        entry = _entry(date.min, one.prices, model, tally)
        spans = [(start, end)] if start < end else [(start, MINUTES), (0, end)]
        found += (Hours(EVERY_DAY, *span, entry.rates, entry.tiers) for span in spans)
    entry = _entry(date.min, rest, model, tally)
    return by_hours(None, [*found, Hours(EVERY_DAY, 0, MINUTES, entry.rates, entry.tiers)])


def _minute(at: time) -> int:
    if at.utcoffset() or at.second:
        raise ValueError(f"{at} is no whole minute of UTC")
    return at.hour * 60 + at.minute
