"""Prices as an author states them in ``[cost.prices]``: decimal USD, by key (PRC-2).

Tokens are priced by the million, tools by the use. No amount passes through a float.
"""

from __future__ import annotations

from decimal import Decimal

from corvus.model.price import Price, Rates
from corvus.model.usage import FEES, TokenKind

_NANO_USD_PLACES = 9
_USES_PLACES = 6


def rate_usd(kind: TokenKind, rate: int) -> Decimal:
    """Return a rate as its key states it: USD per million tokens, or USD for one use of a tool.

    Args:
        kind: What is priced.
        rate: Nano-USD per million tokens, or per million uses.
    """
    places = _NANO_USD_PLACES + (_USES_PLACES if kind in FEES else 0)
    exact = Decimal(rate).scaleb(-places)
    whole = exact.to_integral_value()
    return Decimal(int(whole)) if exact == whole else exact.normalize()


def rate_text(kind: TokenKind, rate: int) -> str:
    """Return a rate as decimal text, exact and as short as can be: ``2.5``, ``10``, ``0.0025``."""
    return f"{rate_usd(kind, rate):f}"


def keys_of(rates: Rates, *, fees: bool = True) -> dict[str, Decimal]:
    """Return rates by their key; reasoning that costs what output does is left out, as it may be.

    Args:
        rates: The rates.
        fees: Whether to include what is priced by the use.
    """
    shown = {kind: rate for kind, rate in rates.items() if fees or kind not in FEES}
    if shown.get(TokenKind.REASONING) == shown.get(TokenKind.OUTPUT):
        shown.pop(TokenKind.REASONING, None)
    return {kind.value: rate_usd(kind, rate) for kind, rate in shown.items()}


def entry_of(price: Price) -> dict[str, object]:
    """Return what an author would write to state a price: its rates, fees and tiers."""
    entry: dict[str, object] = dict(keys_of(price.rates))
    if price.tiers:
        entry["tiers"] = [
            {"above_tokens": tier.above_tokens, **keys_of(tier.rates, fees=False)}
            for tier in price.tiers
        ]
    return entry
