"""Cost of a call: exact integers, rounded once (PRC-6). Refuses to take an unknown price for 0."""

from __future__ import annotations

from corvus.base.money import NanoUSD, divide_half_even, divide_up
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.usage import TokenKind, Usage

_PER = 1_000_000


def cost(usage: Usage, price: Price) -> NanoUSD:
    """Price one call.

    Args:
        usage: What the call used, by disjoint kind.
        price: The price in force at the time of the call.

    Returns:
        Nano-USD: the sum over all kinds, rounded once, half to even. The rates of the highest tier
        below the call's context apply to the whole call.

    Raises:
        UnpricedModel: A used kind has no rate in ``price`` (PRC-2); the message names it.
    """
    return NanoUSD(divide_half_even(millionths(usage, price), _PER))


def estimate(usage: Usage, price: Price) -> NanoUSD:
    """Price a call that is still to be made: like :func:`cost`, but rounded up.

    Returns:
        Nano-USD, never below the cost of the same usage and less than one nano-USD above the exact
        sum.

    Raises:
        UnpricedModel: A used kind has no rate in ``price`` (PRC-2).
    """
    return NanoUSD(divide_up(millionths(usage, price), _PER))


def millionths(usage: Usage, price: Price) -> int:
    """Sum counts times rates, in millionths of a nano-USD: for costs that are rounded elsewhere.

    Raises:
        UnpricedModel: A used kind has no rate in ``price`` (PRC-2).
    """
    rates = price.rates_for(usage.context_tokens)
    total = 0
    for kind, count in usage.by_kind().items():
        rate = rates.get(kind)
        if rate is None:
            raise UnpricedModel(
                f"{price.entry} has no price for {kind.value}, and the call used {count:,}; "
                "a kind without a price is never free" + _advice(kind, price),
                price.model,
            )
        total += count * rate
    return total


def _advice(kind: TokenKind, price: Price) -> str:
    return f'; state {kind.value} in [cost.prices."{price.key}"], 0 if it costs nothing'
