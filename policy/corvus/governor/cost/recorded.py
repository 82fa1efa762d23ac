"""Says what a call that is over cost, and how that is known (PRC-8, PRC-9, PRC-11).

What the answer states comes first, then its counts at the price of the instant of admission: that
instant decides the windows of the call, too, and repeating a settlement cannot change it. Providers
bill by when a request reached them; the wait of a call for room or for a person comes before its
admission.

No kind, tier or model stands in for another one. Searches and containers without a price leave the
rest a lower bound. What is unknown otherwise is bounded from above, by the counts where they are
known and by the hold elsewhere. The record says that the cost is unknown; budgets count the bound,
or they would let calls of this kind pass without end. Without a price there was no hold either, and
nothing is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from corvus.base.money import NanoUSD, divide_half_even, divide_up
from corvus.governor.cost.stated import fault_of
from corvus.governor.options import CallReport
from corvus.governor.pricing import UNKNOWN_PROVIDER, find_price, most_expensive
from corvus.metering.stated_cost import StatedCost
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.request import Request
from corvus.model.reservation import Outcome, Reservation, Settlement, Source
from corvus.model.usage import CONTEXT, COUNT_OF, FEES, MODALITIES, Usage, UsagePart
from corvus.prices.cost import millionths
from corvus.prices.lookup import PriceBooks
from corvus.prices.modality import Doubt, doubt
from corvus.prices.names import tier_of

_FEE_COUNTS = tuple(COUNT_OF[kind] for kind in FEES)
_READ_KINDS = tuple(kind for kind in MODALITIES if COUNT_OF[kind] in CONTEXT)
_WRITTEN_KINDS = tuple(kind for kind in MODALITIES if COUNT_OF[kind] not in CONTEXT)
_PLAIN, _PLACED = 10, 11
_TIER_TIMES = {"batch": _PLAIN, "flex": _PLAIN, "fast": 60}
_OTHER_TIER_TIMES = 25
"""Tenths of the usual price that a tier without a price of its own is bounded by.

Source:
    OpenAI asks at most 2.5 times its usual price for priority, Anthropic 6 times for fast mode;
    their pages of prices, read 2026-11-28.
"""

_PER = 1_000_000 * _PLAIN * _PLAIN
_log = logging.getLogger("corvus.governor")


class _Cost(NamedTuple):
    """What the books make of some usage.

    Attributes:
        hundredths: A hundred times the cost in millionths of a nano-USD.
        price: Of the first part.
        is_unknown: It is no price of this usage, but an upper bound.
        is_highest: It is the highest of several that may be it.
        is_at_least: Some of it was left out: a lower bound.
    """

    hundredths: int
    price: Price
    is_unknown: bool = False
    is_highest: bool = False
    is_at_least: bool = False


@dataclass(frozen=True, slots=True)
class _Books:
    """Where prices are, who bills, and when."""

    books: PriceBooks
    provider: str | None
    at: datetime

    def find(self, model: str) -> Price | None:
        found = find_price(self.books, model, self.provider, self.at.date())
        return None if found is None else found.at(self.at)


def settlement_of(
    books: PriceBooks, reservation: Reservation, usage: Usage | None, report: CallReport
) -> Settlement:
    """Return what is known of a call that is over, priced.

    Args:
        books: Where prices are.
        reservation: Its hold.
        usage: What it used; ``None`` where nobody knows.
        report: What else is known.
    """
    request = reservation.request
    computed = _computed(books, reservation, usage, report)
    settled = Settlement(
        usage=usage or Usage(),
        cost_nano_usd=None,
        source=Source.UNKNOWN,
        outcome=report.get("outcome", Outcome.COMPLETED),
        answering_model=report.get("answering_model"),
        service_tier=report.get("service_tier"),
        provider_request_id=report.get("provider_request_id"),
        first_token_at=report.get("first_token_at"),
        is_at_least=report.get("is_at_least", False),
    )
    amount = report.get("cost_nano_usd")
    if amount is not None:
        return _as_stated(settled, amount, report, computed)
    stated = _believed(reservation, report, computed)
    if stated is not None and stated.nano_usd is not None:
        whole = replace(settled, is_at_least=stated.is_so_far)
        return _as_stated(whole, stated.nano_usd, report, computed)
    if computed is not None:
        return _as_computed(settled, report, computed)
    if request.estimate_nano_usd is None:
        return settled
    if usage is not None or report.get("parts"):  # there is no price for what was used
        return replace(settled, computed_cost_nano_usd=reservation.hold_nano_usd)
    return replace(settled, cost_nano_usd=reservation.hold_nano_usd, source=Source.ESTIMATED)


def _believed(
    reservation: Reservation, report: CallReport, computed: _Cost | None
) -> StatedCost | None:
    """Return what the answer states, unless it cannot be the cost of this call."""
    stated = report.get("stated_cost")
    if stated is None:
        return None
    request = reservation.request
    expected = request.estimate_nano_usd if computed is None else _nano_usd(computed)
    names = (request.model, report.get("answering_model"))
    fault = fault_of(stated, expected, names)
    if fault is None:
        return stated
    _log.warning(
        "the cost that the answer to reservation %s states in %s is not believed: %s",
        reservation.id,
        stated.field,
        fault,
    )
    return None


def _as_stated(
    settled: Settlement, stated: NanoUSD, report: CallReport, computed: _Cost | None
) -> Settlement:
    """Return a settlement at the provider's figure, with that of the books next to it."""
    has_counts = report.get("has_counts", True)
    known = computed if computed is not None and has_counts and not computed.is_unknown else None
    return replace(
        settled,
        usage=settled.usage if has_counts else Usage(),
        cost_nano_usd=stated,
        source=Source.ESTIMATED if settled.is_at_least else Source.PROVIDER,
        computed_cost_nano_usd=None if known is None else _nano_usd(known),
    )


def _as_computed(settled: Settlement, report: CallReport, computed: _Cost) -> Settlement:
    if computed.is_unknown:
        return replace(settled, computed_cost_nano_usd=_nano_usd(computed), is_at_least=False)
    is_at_least = settled.is_at_least or computed.is_at_least
    is_exact = not (is_at_least or computed.is_highest or report.get("is_estimated"))
    return replace(
        settled,
        cost_nano_usd=_nano_usd(computed),
        source=Source.PRICED if is_exact else Source.ESTIMATED,
        price=computed.price,
        is_at_least=is_at_least,
    )


def _nano_usd(cost: _Cost) -> NanoUSD:
    """Round once, half to even; a bound is rounded up (PRC-6)."""
    divide = divide_up if cost.is_unknown else divide_half_even
    return NanoUSD(divide(cost.hundredths, _PER))


def _computed(
    books: PriceBooks, reservation: Reservation, usage: Usage | None, report: CallReport
) -> _Cost | None:
    """Price what a call used; ``None`` where something of it has no price, and no bound either.

    Where any of some models may have answered, or any of some tiers may have served the call, it
    is priced as the most expensive of them.
    """
    request = reservation.request
    parts = report.get("parts") or ()
    if usage is not None and not parts:
        tier = tier_of(report.get("service_tier"))
        parts = (UsagePart(report.get("answering_model"), usage, tier, states_modalities=True),)
    if not parts:
        return None
    seller = report.get("seller") or request.provider
    provider = None if seller == UNKNOWN_PROVIDER else seller
    there = _Books(books, provider, reservation.admitted_at)
    forms: list[Sequence[UsagePart]] = [parts]
    if models := report.get("models", ()):
        forms = [[replace(part, model=model) for part in parts] for model in models]
    if tiers := report.get("tiers", ()):
        forms = [
            [replace(part, service_tier=part.service_tier or tier) for part in form]
            for form in forms
            for tier in tiers
        ]
    if len(forms) == 1:
        return _parts_cost(there, request, forms[0])
    priced = [_parts_cost(there, request, form) for form in forms]
    known = [each for each in priced if each is not None]
    if len(known) < len(priced):
        return None
    return max(known, key=lambda each: each.hundredths)._replace(is_highest=True)


def _parts_cost(there: _Books, request: Request, parts: Sequence[UsagePart]) -> _Cost | None:
    """Price parts, each by its own model, tier and context; ``None`` where one has no price."""
    whole: _Cost | None = None
    for part in parts:
        model = part.model or request.model
        # the caller's own name may be an alias that the answer spells out
        names = (model,) if whole is not None else (model, request.model)
        cost = _part_cost(there, names, part)
        if cost is None:
            return None
        whole = cost if whole is None else _sum(whole, cost)
    return whole


def _sum(one: _Cost, other: _Cost) -> _Cost:
    return _Cost(
        one.hundredths + other.hundredths,
        one.price,
        one.is_unknown or other.is_unknown,
        one.is_highest or other.is_highest,
        one.is_at_least or other.is_at_least,
    )


def _part_cost(there: _Books, models: Sequence[str], part: UsagePart) -> _Cost | None:
    """Price one part.

    A call kept within the United States pays a tenth more for its tokens, and not for its fees; so
    does a call to another location of Vertex AI than the global one, where the price is that of it.
    A tier without a price of its own is bounded by a multiple of the usual one (PRC-8).

    Source:
        https://platform.claude.com/docs/en/manage-claude/data-residency ("a 1.1x pricing
        multiplier applies"), read 2026-11-24. LiteLLM 1.110.2 for Vertex AI
        (``regional_endpoint_uplift_multiplier`` 1.1), read 2026-11-28.
    """
    found = _tier_or_bound(there, models, part.service_tier)
    if found is None:
        return None
    price, times = found
    usage, is_unknown = part.usage, times is not None
    doubted = doubt(price, usage, states_modalities=part.states_modalities)
    if doubted is Doubt.UNKNOWN:
        usage, is_unknown = _bound_of(price, usage), True
    uses = {name: getattr(usage, name) for name in _FEE_COUNTS}
    tokens = replace(usage, **dict.fromkeys(uses, 0)) if any(uses.values()) else usage
    hundredths = (times or _PLAIN) * (_PLACED if _is_dearer_there(there, price, part) else _PLAIN)
    try:
        cost = millionths(tokens, price) * hundredths
    except UnpricedModel:
        return None
    fees, is_at_least = _fees(price, uses, usage.context_tokens)
    is_at_least |= doubted is Doubt.AT_LEAST
    total = cost + fees * _PLAIN * _PLAIN
    return _Cost(total, price, is_unknown, is_at_least=is_at_least)


def _is_dearer_there(there: _Books, price: Price, part: UsagePart) -> bool:
    """Return whether tokens cost a tenth more where the call was kept, or sent to."""
    is_elsewhere = part.location is not None and not there.books.holds_in(price, part.location)
    return part.inference_geo == "us" or is_elsewhere


def _bound_of(price: Price, usage: Usage) -> Usage:
    """Return the most expensive that tokens can be whose modality nobody knows."""
    read = usage.context_tokens
    written = usage.total_tokens - read
    most = most_expensive(price, read, written, _READ_KINDS, _WRITTEN_KINDS)
    return replace(most, **{name: getattr(usage, name) for name in _FEE_COUNTS})


def _fees(price: Price, uses: dict[str, int], context_tokens: int) -> tuple[int, bool]:
    """Return what searches and containers cost, in millionths, and whether one has no price."""
    rates = price.rates_for(context_tokens)
    total, is_left_out = 0, False
    for kind in FEES:
        if many := uses[COUNT_OF[kind]]:
            is_left_out |= kind not in rates
            total += many * rates.get(kind, 0)
    return total, is_left_out


def _tier_or_bound(
    there: _Books, models: Sequence[str], tier: str | None
) -> tuple[Price, int | None] | None:
    """Return the price of the first model that has any.

    Returns:
        With it, the tenths of it that bound a tier which has no price of its own; ``None`` where
        it is the price of the tier.
    """
    for model in models:
        if tier is None:
            if (price := there.find(model)) is not None:
                return price, None
            continue
        if (price := there.find(f"{model}-{tier}")) is not None:
            return price, None
        if (price := there.find(model)) is not None:
            return price, _TIER_TIMES.get(tier, _OTHER_TIER_TIMES)
    return None
