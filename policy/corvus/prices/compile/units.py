"""What genai-prices counts, in the kinds that corvus counts (PRC-2, PRC-8).

A model with a unit that no count of a record can express, such as hours of audio, is left out: at
its other rates it would be far too cheap.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from corvus.model.usage import TokenKind
from corvus.prices.compile.entries import Rates
from corvus.prices.compile.records import ModelPrice, TieredPrices

UNITS = {
    "input_mtok": (TokenKind.INPUT, 1),
    "output_mtok": (TokenKind.OUTPUT, 1),
    "cache_read_mtok": (TokenKind.CACHE_READ, 1),
    "cache_write_mtok": (TokenKind.CACHE_WRITE_5M, 1),
    "cache_write_5m_mtok": (TokenKind.CACHE_WRITE_5M, 1),
    "cache_write_1h_mtok": (TokenKind.CACHE_WRITE_1H, 1),
    "output_reasoning_mtok": (TokenKind.REASONING, 1),
    "input_audio_mtok": (TokenKind.INPUT_AUDIO, 1),
    "input_image_mtok": (TokenKind.INPUT_IMAGE, 1),
    "input_video_mtok": (TokenKind.INPUT_VIDEO, 1),
    "cache_audio_read_mtok": (TokenKind.CACHE_READ_AUDIO, 1),
    "cache_image_read_mtok": (TokenKind.CACHE_READ_IMAGE, 1),
    "output_audio_mtok": (TokenKind.OUTPUT_AUDIO, 1),
    "output_image_mtok": (TokenKind.OUTPUT_IMAGE, 1),
    "output_video_mtok": (TokenKind.OUTPUT_VIDEO, 1),
    "web_searches_kcount": (TokenKind.WEB_SEARCH, 1000),
    "storage_searches_kcount": (TokenKind.FILE_SEARCH, 1000),
}
"""Price keys of the source that corvus counts, and how many of their units make a million."""

NANO = 1_000_000_000
_FLOAT_DIGITS = 15


@dataclass
class Tally:
    """What the compile met, for the report it prints."""

    counts: Counter[str] = field(default_factory=Counter[str])
    rounded: list[str] = field(default_factory=list[str])


def uncounted(prices: ModelPrice) -> list[str]:
    """Return the units that a model asks money for and that no record counts."""
    return [key for key, value in vars(prices).items() if value is not None and key not in UNITS]


def tier_starts(prices: ModelPrice) -> list[int]:
    """Return the bounds of the context, exclusive, ascending."""
    tiered = [value for value in vars(prices).values() if isinstance(value, TieredPrices)]
    return sorted({tier.start for value in tiered for tier in value.tiers})


def rates_of(prices: ModelPrice, context: int, model: str, tally: Tally) -> Rates:
    """Return what holds for a length of context; reasoning costs as output (PRC-2)."""
    found: Rates = {}
    for key, value in vars(prices).items():
        if value is None or key not in UNITS:
            continue
        kind, units = UNITS[key]
        if isinstance(value, TieredPrices):
            passed = [tier.price for tier in value.tiers if context > tier.start]
            value = passed[-1] if passed else value.base
        found[kind] = whole(value * units, f"{model} {key} {value}", tally)
    if TokenKind.OUTPUT in found:
        found.setdefault(TokenKind.REASONING, found[TokenKind.OUTPUT])
    return found


def whole(usd: Decimal, what: str, tally: Tally) -> int:
    """Return nano-USD per million of a price in USD per million.

    Raises:
        ValueError: It is no whole number, nor a binary float written out.
    """
    nano = usd * NANO
    rounded = nano.to_integral_value(ROUND_HALF_EVEN)
    if rounded == nano:
        return int(rounded)
    if len(usd.normalize().as_tuple().digits) < _FLOAT_DIGITS:
        raise ValueError(f"{what}: not a whole number of nano-USD per million")
    if what not in tally.rounded:
        tally.rounded.append(what)
    return int(rounded)
