"""Prices calls before they are made: what is held for them (PRC-5, PRC-7, PRC-11)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from corvus.base.money import NanoUSD
from corvus.governor.options import Bound
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price, Rates
from corvus.model.usage import CONTEXT, COUNT_OF, TOKENS, TokenKind, Usage
from corvus.prices.cost import estimate
from corvus.prices.lookup import PriceBooks
from corvus.prices.modality import OUTPUT_MODALITIES
from corvus.prices.names import tier_of

UNKNOWN_PROVIDER = "unknown"
_OUTPUT = (TokenKind.OUTPUT, TokenKind.REASONING)
_WRITTEN = tuple(name for name in TOKENS if name not in CONTEXT)
_CHEAPER = ("batch", "flex")


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
    """Return the price to hold for a model in a tier that may have prices of its own.

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
    output_kinds: Collection[TokenKind] = (),
) -> Usage:
    """Return the most expensive usage that a call allows: what is to be held for it (PRC-7).

    A provider may bill input as a write to its cache or as sound, and output as reasoning or as
    pictures. The bound takes the most expensive of the kinds that are possible, so that no mix of
    them costs more. What is billed next to tokens, such as searches, is not bounded: nothing in a
    request says how many there will be.

    Args:
        price: Of the model; without one all input is ``input``, all output ``output``.
        input_tokens: Upper bound.
        output_tokens: Upper bound, reasoning included.
        input_kinds: How input may be billed, other than plainly; those without a price are not.
        output_kinds: How output may be billed, other than plainly and as reasoning, likewise.
    """
    plain = Usage(input_tokens=input_tokens)
    rates: Rates = price.rates_for(plain.context_tokens) if price else {}
    read = max((TokenKind.INPUT, *input_kinds), key=lambda kind: rates.get(kind, -1))
    written = max((*_OUTPUT, *output_kinds), key=lambda kind: rates.get(kind, -1))
    return Usage(**{COUNT_OF[read]: input_tokens, COUNT_OF[written]: output_tokens})


def stated_bound(usage: Usage) -> Bound:
    """Return the bound of a call whose caller states plain counts, and nothing of modalities.

    A model that writes sound or pictures at rates of their own may write nothing else.
    """

    def bound(price: Price | None) -> Usage:
        rates: Rates = price.rates_for(usage.context_tokens) if price is not None else {}
        kinds = [kind for kind in OUTPUT_MODALITIES if kind in rates]
        if not kinds:
            return usage
        return most_expensive(price, usage.input_tokens, usage.output_tokens, (), kinds)

    return bound


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
    if usage.total_tokens - usage.context_tokens <= output_tokens:
        return usage
    kept: dict[str, int] = {}
    for name in reversed(_WRITTEN):  # plain output comes last
        kept[name] = min(getattr(usage, name), output_tokens)
        output_tokens -= kept[name]
    return replace(usage, **kept)


def estimated(price: Price | None, expected: Usage) -> Estimate:
    """Return what a call is expected to cost.

    Args:
        price: The price of its model, if it has one.
        expected: Upper bounds of what it will use.
    """
    tokens = expected.total_tokens
    if price is None:
        return Estimate(None, tokens=tokens)
    read = replace(expected, **dict.fromkeys(_WRITTEN, 0))
    rate = price.rates_for(expected.context_tokens).get(TokenKind.OUTPUT)
    try:
        return Estimate(estimate(expected, price), estimate(read, price), rate, tokens)
    except UnpricedModel:
        return Estimate(None, tokens=tokens)
