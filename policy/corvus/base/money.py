"""Money as integers of nano-USD (PRC-1): 1 USD = 1,000,000,000 nano-USD. No float ever takes part.

``Decimal`` USD exists only at human edges: reading a config, printing an amount.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import NewType

NanoUSD = NewType("NanoUSD", int)

NOTHING = NanoUSD(0)
NANO_USD_PER_USD = 1_000_000_000
MAX_LIMIT_USD = Decimal(9_000_000_000)
"""Largest limit a config may state, inclusive; it keeps every sum inside int64 (CFG-4)."""


def nano_usd(amount_usd: Decimal | int) -> NanoUSD:
    """Convert USD to nano-USD exactly.

    Args:
        amount_usd: An amount in USD, finite, with at most 9 decimal places.

    Returns:
        The same amount in nano-USD.

    Raises:
        ValueError: The amount is a float, not finite, or finer than one nano-USD.
    """
    if isinstance(amount_usd, float):
        raise ValueError(
            f'{amount_usd!r} is a float, which is no exact amount; pass Decimal("{amount_usd!r}")'
        )
    with localcontext() as context:
        context.prec = 60
        scaled = Decimal(amount_usd) * NANO_USD_PER_USD
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"{amount_usd} USD is not a whole number of nano-USD")
        return NanoUSD(int(scaled))


def usd(amount_nano_usd: int) -> Decimal:
    """Convert nano-USD to exact ``Decimal`` USD."""
    return Decimal(amount_nano_usd).scaleb(-9)


def usd_text(amount_nano_usd: int | None, places: int = 4) -> str:
    """Write an amount in USD with a fixed number of decimals, rounded half-even.

    Args:
        amount_nano_usd: The amount in nano-USD; ``None`` means unknown and is written ``unknown``.
        places: Decimals to write, 0..=9.
    """
    if amount_nano_usd is None:
        return "unknown"
    rounded = usd(amount_nano_usd).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return f"{rounded:f}"


def usd_short(amount_nano_usd: int, least: int = 2) -> str:
    """Write an amount in USD for a person: exact, grouped, with as few decimals as hold it.

    Args:
        amount_nano_usd: The amount in nano-USD.
        least: Fewest decimals, 1..=9.
    """
    whole, _, decimals = f"{usd(amount_nano_usd):,.9f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(least, '0')}"


def usd_exact(amount_nano_usd: int) -> str:
    """Write an amount in USD for a program: exact, with at least 4 decimals."""
    return usd_short(amount_nano_usd, 4).replace(",", "")


def divide_half_even(numerator: int, denominator: int) -> int:
    """Divide two non-negative integers, rounding half to even (PRC-6)."""
    quotient, rest = divmod(numerator, denominator)
    double = 2 * rest
    if double > denominator or (double == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def divide_up(numerator: int, denominator: int) -> int:
    """Divide two non-negative integers, rounding up: an estimate is never below cost (PRC-6)."""
    return -(-numerator // denominator)
