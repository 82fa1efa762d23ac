"""Prices calls for the governor: an estimate before, the cost after (PRC-5, PRC-6, PRC-7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import NamedTuple, TypedDict

from policy.errors import UnpricedModel
from policy.model.price import Price
from policy.model.reservation import Outcome, Reservation, Settlement, Source
from policy.model.usage import TokenKind, Usage
from policy.money import NanoUSD
from policy.prices.cost import cost, estimate
from policy.prices.lookup import PriceBooks

UNKNOWN_PROVIDER = "unknown"


class CallOptions(TypedDict, total=False):
    """What may be said of a call beside its model.

    Attributes:
        session_id: Its session; without one, the governor's own.
        provider: Who bills it; without one, the price book says who makes the model.
        input_tokens: Upper bound of the input, >= 0.
        max_output_tokens: The request's own maximum; without one, the policy's default.
        expected: Upper bounds by kind, instead of the two above.
        estimate_usd: The cost expected, instead of a price.
        dispatched: ``False`` for a hold whose call has surely not left yet (RES-6).
    """

    session_id: str | None
    mission_id: str | None
    provider: str | None
    surface: str
    project: str | None
    user: str | None
    agent: str | None
    tags: Mapping[str, str]
    idempotency_key: str | None
    ttl_seconds: int | None
    input_tokens: int
    max_output_tokens: int | None
    expected: Usage
    estimate_usd: Decimal | int
    dispatched: bool


class Report(TypedDict, total=False):
    """What may be said of a call that is over, beside its usage.

    Attributes:
        cost_nano_usd: The cost that the provider itself reports.
        outcome: How it ended.
        settlement_key: Repeating a settlement with its key repeats the first answer.
        first_token_at: Aware UTC.
    """

    cost_nano_usd: NanoUSD | None
    outcome: Outcome
    answering_model: str | None
    provider_request_id: str | None
    service_tier: str | None
    first_token_at: datetime | None
    settlement_key: str | None


def refuse_unknown(given: Mapping[str, object], kind: type) -> None:
    """Refuse words that nothing would read: a misspelt bound would hold too little.

    Raises:
        TypeError: One is no key of ``CallOptions`` or ``Report``; it names the nearest one.
    """
    known = kind.__annotations__.keys()
    for name in given.keys() - known:
        near = get_close_matches(name, known, 1)
        meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
        raise TypeError(f"{name!r} is no option of a call{meant}")


class Estimate(NamedTuple):
    """What a call is expected to cost.

    Attributes:
        total_nano_usd: ``None`` when a kind that is expected has no price.
        input_nano_usd: The part of it that is not output.
        output_rate: Nano-USD per million output tokens.
    """

    total_nano_usd: NanoUSD | None
    input_nano_usd: int | None = None
    output_rate: int | None = None


def find_price(books: PriceBooks, model: str, provider: str | None, on: date) -> Price | None:
    """Return the price of a model on a UTC day; ``None`` also where several prices fit (PRC-4)."""
    try:
        return books.find(model, provider=provider, on=on)
    except UnpricedModel:
        return None


def estimated(price: Price | None, expected: Usage) -> Estimate:
    """Return what a call is expected to cost.

    Args:
        price: The price of its model, if it has one.
        expected: Upper bounds of what it will use.
    """
    if price is None:
        return Estimate(None)
    read = Usage(
        expected.input_tokens,
        0,
        expected.cache_read_tokens,
        expected.cache_write_5m_tokens,
        expected.cache_write_1h_tokens,
        0,
        expected.web_search_requests,
    )
    rate = price.rates_for(expected.context_tokens).get(TokenKind.OUTPUT)
    try:
        return Estimate(estimate(expected, price), estimate(read, price), rate)
    except UnpricedModel:
        return Estimate(None)


def settlement_of(
    books: PriceBooks, reservation: Reservation, usage: Usage | None, report: Report
) -> Settlement:
    """Return what is known of a call that is over, priced.

    The provider's own figure comes first, then its usage at the price of the day of admission. What
    it does not report is taken at what was held and marked so; where that is unknown too, the cost
    is unknown, never 0.
    """
    cost_nano_usd, source, price = _cost(books, reservation, usage, report)
    return Settlement(
        usage=usage or Usage(),
        cost_nano_usd=cost_nano_usd,
        source=source,
        outcome=report.get("outcome", Outcome.COMPLETED),
        answering_model=report.get("answering_model"),
        price=price,
        service_tier=report.get("service_tier"),
        provider_request_id=report.get("provider_request_id"),
        first_token_at=report.get("first_token_at"),
    )


def _cost(
    books: PriceBooks, reservation: Reservation, usage: Usage | None, report: Report
) -> tuple[NanoUSD | None, Source, Price | None]:
    request = reservation.request
    reported = report.get("cost_nano_usd")
    if reported is not None:
        return reported, Source.PROVIDER, None
    if usage is not None:
        model = report.get("answering_model") or request.model
        provider = None if request.provider == UNKNOWN_PROVIDER else request.provider
        on = reservation.admitted_at.date()
        price = find_price(books, model, provider, on) or find_price(
            books, request.model, provider, on
        )
        try:
            if price is not None:
                return cost(usage, price), Source.PRICED, price
        except UnpricedModel:
            pass  # a used kind has no price: what is held for the call stands in for its cost
    if request.estimate_nano_usd is None:
        return None, Source.UNKNOWN, None
    return reservation.hold_nano_usd, Source.ESTIMATED, None
