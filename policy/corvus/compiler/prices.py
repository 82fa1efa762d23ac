"""``[cost.prices]`` to the author's own price book (PRC-2, PRC-3)."""

from __future__ import annotations

from corvus.base.money import nano_usd
from corvus.config.model.settings import PriceSettings, Settings
from corvus.model.price import Price
from corvus.model.usage import TokenKind


def compile_prices(settings: Settings) -> tuple[Price, ...]:
    """Return the author's entries in file order, in nano-USD per million tokens (PRC-6)."""
    return tuple(_price(name, entry) for name, entry in settings.cost.prices.items())


def _price(name: str, entry: PriceSettings) -> Price:
    asked = {
        TokenKind.INPUT: entry.input,
        TokenKind.OUTPUT: entry.output,
        TokenKind.CACHE_READ: entry.cache_read,
        TokenKind.CACHE_WRITE_5M: entry.cache_write_5m,
        TokenKind.CACHE_WRITE_1H: entry.cache_write_1h,
        TokenKind.REASONING: entry.output if entry.reasoning is None else entry.reasoning,
    }
    provider, slash, model = name.partition("/")
    dated = f"@{entry.effective_from.isoformat()}" if entry.effective_from else ""
    return Price(
        provider=provider if slash else "",
        model=model if slash else name,
        book="user",
        entry=f"user:{name}{dated}",
        rates={kind: int(nano_usd(amount)) for kind, amount in asked.items() if amount is not None},
        effective_from=entry.effective_from,
        source=entry.source,
    )
