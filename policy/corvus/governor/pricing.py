"""Prices calls for the governor: an estimate before, the cost after (PRC-5, PRC-6, PRC-7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from corvus.base.money import NanoUSD, divide_half_even
from corvus.governor.options import Bound, CallReport
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price, Rates
from corvus.model.request import Request
from corvus.model.reservation import Outcome, Reservation, Settlement, Source
from corvus.model.usage import TokenKind, Usage, UsagePart
from corvus.prices.cost import estimate, millionths
from corvus.prices.lookup import PriceBooks
from corvus.prices.names import tier_of

UNKNOWN_PROVIDER = "unknown"
_OUTPUT = (TokenKind.OUTPUT, TokenKind.REASONING)
_CHEAPER = ("batch", "flex")
_PLAIN, _KEPT_IN_US = 10, 11
_UNPRICED_TIER_TIMES = {"fast": 60}
_OTHER_TIER_TIMES = 25
"""Tenths of the usual price that a tier without a price of its own is bounded by.

Source:
    OpenAI asks at most 2.5 times its usual price for priority, Anthropic 6 times for fast mode;
    their pages of prices, read 2026-11-28.
"""


class Estimate(NamedTuple):
    """What a call is expected to cost.

    Attributes:
        total_nano_usd: ``None`` when a kind that is expected has no price.
        input_nano_usd: The part of it that is not output.
        output_rate: Nano-USD per million output tokens.
        tokens: Tokens of all kinds; known also without a price.
    """

    total_nano_usd: NanoUSD | None
    input_nano_usd: int | None = None
    output_rate: int | None = None
    tokens: int = 0


def find_price(books: PriceBooks, model: str, provider: str | None, on: date) -> Price | None:
    """Return the price of a model on a UTC day; ``None`` also where several prices fit (PRC-4)."""
    try:
        return books.find(model, provider=provider, on=on)
    except UnpricedModel:
        return None


def find_tier_price(
    books: PriceBooks, model: str, tier: str | None, provider: str | None, on: date
) -> Price | None:
    """Return the price of a model in a tier that may have prices of its own.

    Args:
        books: Where prices are.
        model: As the caller or the answer names it.
        tier: ``None`` for the usual one.
        provider: Who bills; ``None`` where it is not known.
        on: UTC day of the call.

    Returns:
        The price in force. A tier that is cheaper by its nature and has no price of its own is
        taken at the usual one; any other is unpriced then, ``None``.
    """
    if tier is None:
        return find_price(books, model, provider, on)
    own = find_price(books, f"{model}-{tier}", provider, on)
    if own is None and tier in _CHEAPER:
        return find_price(books, model, provider, on)
    return own


def possible_prices(
    books: PriceBooks, models: Sequence[str], tier: str | None, provider: str | None, on: date
) -> list[Price | None]:
    """Return every price that a call may be billed at, that of the first model first (PRC-7).

    A provider may serve a call in the usual tier although the request names another, or by another
    model. ``None`` stands for a model, or a tier of it, without a price.
    """
    prices: list[Price | None] = []
    for model in models:
        own = find_tier_price(books, model, tier_of(tier), provider, on)
        usual = find_price(books, model, provider, on) if tier_of(tier) else None
        prices += [own] if usual is None or own is None else [own, usual]
    return prices


def most_expensive(
    price: Price | None,
    input_tokens: int,
    output_tokens: int,
    input_kinds: Collection[TokenKind] = (),
) -> Usage:
    """Return the most expensive usage that a call allows: what is to be held for it (PRC-7).

    A provider may bill input as a write to its cache and output as reasoning. The bound takes the
    most expensive of the kinds that are possible, so that no mix of them costs more. What is billed
    next to tokens, such as searches, is not bounded: nothing in a request says how many there will
    be.

    Args:
        price: Of the model; without one all input is ``input``, all output ``output``.
        input_tokens: Upper bound.
        output_tokens: Upper bound, reasoning included.
        input_kinds: How input may be billed, other than plainly; those without a price are not.
    """
    plain = Usage(input_tokens=input_tokens)
    rates: Rates = price.rates_for(plain.context_tokens) if price else {}
    read = max((TokenKind.INPUT, *input_kinds), key=lambda kind: rates.get(kind, -1))
    written = max(_OUTPUT, key=lambda kind: rates.get(kind, -1))
    if read is not TokenKind.INPUT:
        plain = Usage(**{f"{read.value}_tokens": input_tokens})
    return replace(plain, **{f"{written.value}_tokens": output_tokens})


def highest_estimate(prices: Sequence[Price | None], expected: Usage | Bound) -> Estimate:
    """Return the largest estimate of all prices; unknown where one of them is (PRC-5)."""
    estimates = [
        estimated(price, expected(price) if callable(expected) else expected) for price in prices
    ]
    unknown = next((each for each in estimates if each.total_nano_usd is None), None)
    highest = unknown or max(estimates, key=lambda each: each.total_nano_usd or 0)
    return highest._replace(tokens=max(each.tokens for each in estimates))


def lowered(usage: Usage, output_tokens: int) -> Usage:
    """Return a usage with no more output than so many tokens, reasoning included."""
    if usage.output_tokens + usage.reasoning_tokens <= output_tokens:
        return usage
    reasoning = min(usage.reasoning_tokens, output_tokens)
    return replace(usage, output_tokens=output_tokens - reasoning, reasoning_tokens=reasoning)


def estimated(price: Price | None, expected: Usage) -> Estimate:
    """Return what a call is expected to cost.

    Args:
        price: The price of its model, if it has one.
        expected: Upper bounds of what it will use.
    """
    tokens = expected.total_tokens
    if price is None:
        return Estimate(None, tokens=tokens)
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
        return Estimate(estimate(expected, price), estimate(read, price), rate, tokens)
    except UnpricedModel:
        return Estimate(None, tokens=tokens)


def settlement_of(
    books: PriceBooks, reservation: Reservation, usage: Usage | None, report: CallReport
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
    books: PriceBooks, reservation: Reservation, usage: Usage | None, report: CallReport
) -> tuple[NanoUSD | None, Source, Price | None]:
    request = reservation.request
    reported = report.get("cost_nano_usd")
    if reported is not None:
        return reported, Source.PROVIDER, None
    on = reservation.admitted_at.date()
    parts = report.get("parts") or ()
    if usage is not None and not parts:
        tier = tier_of(report.get("service_tier"))
        parts = (UsagePart(report.get("answering_model"), usage, tier),)
    if parts and (priced := _highest_cost(books, request, parts, report.get("models", ()), on)):
        amount, price, is_bound = priced
        return _marked(amount, price, {**report, "is_estimated": True} if is_bound else report)
    if request.estimate_nano_usd is None:
        return None, Source.UNKNOWN, None
    return reservation.hold_nano_usd, Source.ESTIMATED, None


def _highest_cost(
    books: PriceBooks,
    request: Request,
    parts: Sequence[UsagePart],
    models: Sequence[str],
    on: date,
) -> tuple[NanoUSD, Price, bool] | None:
    """Price parts; where any of some models may have answered, as the most expensive of them."""
    if not models:
        return _parts_cost(books, request, parts, on)
    forms = [[replace(part, model=model) for part in parts] for model in models]
    priced = [_parts_cost(books, request, form, on) for form in forms]
    known = [each for each in priced if each is not None]
    if len(known) < len(priced):
        return None
    amount, price, _ = max(known, key=lambda each: each[0])
    return amount, price, True


def _marked(
    amount: NanoUSD, price: Price, report: CallReport
) -> tuple[NanoUSD | None, Source, Price | None]:
    source = Source.ESTIMATED if report.get("is_estimated") else Source.PRICED
    return amount, source, price


def _parts_cost(
    books: PriceBooks, request: Request, parts: Sequence[UsagePart], on: date
) -> tuple[NanoUSD, Price, bool] | None:
    """Price parts, each by its own model, tier and context; rounded once, half to even (PRC-6).

    A call kept within the United States pays a tenth more for its tokens, and not for its searches.
    A tier without a price of its own is bounded by a multiple of the usual one (PRC-8).

    Returns:
        The cost, the price of the first part, and whether the cost is such a bound; ``None`` when
        one of them has no price.

    Source:
        https://platform.claude.com/docs/en/manage-claude/data-residency ("a 1.1x pricing
        multiplier applies"), read 2026-11-24.
    """
    provider = _provider_of(request)
    total = 0
    first: Price | None = None
    is_bound = False
    for part in parts:
        model = part.model or request.model
        # the caller's own name may be an alias that the answer spells out
        names = (model,) if first is not None else (model, request.model)
        priced = _tier_or_bound(books, names, part.service_tier, (provider, on))
        if priced is None:
            return None
        price, times = priced
        is_bound |= times != _PLAIN
        hundredths = times * (_KEPT_IN_US if part.inference_geo == "us" else _PLAIN)
        try:
            total += _hundredths(part.usage, price, hundredths)
        except UnpricedModel:
            return None
        first = first or price
    if first is None:
        return None
    return NanoUSD(divide_half_even(total, 1_000_000 * _PLAIN * _PLAIN)), first, is_bound


def _tier_or_bound(
    books: PriceBooks, models: Sequence[str], tier: str | None, where: tuple[str | None, date]
) -> tuple[Price, int] | None:
    """Return the price of the first model that has any, and the tenths of it that bound a tier."""
    provider, on = where
    for model in models:
        if (price := find_tier_price(books, model, tier, provider, on)) is not None:
            return price, _PLAIN
        if tier is not None and (price := find_price(books, model, provider, on)) is not None:
            return price, _UNPRICED_TIER_TIMES.get(tier, _OTHER_TIER_TIMES)
    return None


def _hundredths(usage: Usage, price: Price, hundredths: int) -> int:
    """Return a hundred times the cost: tokens at so many hundredths, searches at all of them.

    Raises:
        UnpricedModel: A used kind has no price.
    """
    if not usage.web_search_requests:
        return millionths(usage, price) * hundredths
    searches = Usage(web_search_requests=usage.web_search_requests)
    tokens = replace(usage, web_search_requests=0)
    return millionths(tokens, price) * hundredths + millionths(searches, price) * _PLAIN * _PLAIN


def _provider_of(request: Request) -> str | None:
    return None if request.provider == UNKNOWN_PROVIDER else request.provider
