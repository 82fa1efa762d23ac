"""What the price books know that a check asks: config itself may not import them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from corvus.config.check.subject import PriceFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corvus.config.toml.values import Table
    from corvus.prices.lookup import PriceBooks


def has_price(model: str) -> bool:
    """Tell whether the bundled book prices a model; an ambiguous name has a price, just not one."""
    from corvus.model.decision import AmbiguousModel

    try:
        return _bundled_book().find(model) is not None
    except AmbiguousModel:
        return True


def price_clashes(prices: Table) -> Iterator[tuple[str, str, str]]:
    """Yield two keys of valid own prices that mean one model, and why that is wrong (PRC-4)."""
    from corvus.compile import compile_prices
    from corvus.config.model.settings import Settings
    from corvus.prices.lookup import PriceBooks

    own = compile_prices(Settings.model_validate({"cost": {"prices": prices}}))
    for clash in PriceBooks(own).clashes():
        yield clash.first, clash.second, str(clash)


PRICE_FACTS = PriceFacts(has_price, price_clashes)
"""The answers for a check; the books are read when one is asked for."""


@cache
def _bundled_book() -> PriceBooks:
    from corvus.prices.lookup import PriceBooks

    return PriceBooks(())
