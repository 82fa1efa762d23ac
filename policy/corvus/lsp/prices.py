"""The bundled price book for an editor: which models there are, and what they cost."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from corvus.config.toml.values import quoted, written
from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price
from corvus.model.usage import FEES
from corvus.prices.book import BundledBook
from corvus.prices.lookup import PriceBooks
from corvus.prices.stated import entry_of, keys_of


class KnownModel(NamedTuple):
    """A model of the bundled book.

    Attributes:
        name: What a config calls it: its id, with its provider where only that tells it apart.
        provider: Who bills.
    """

    name: str
    provider: str


@cache
def models() -> tuple[KnownModel, ...]:
    """Return the models of the book: those of their makers by bare id first, then all others."""
    entries = [entry for shop in BundledBook().shops.values() for entry in shop.models()]
    own = [KnownModel(entry.model, entry.provider) for entry in entries if entry.own]
    all_ = [KnownModel(f"{entry.provider}/{entry.model}", entry.provider) for entry in entries]
    return (*sorted(own), *sorted(all_))


@cache
def providers() -> tuple[str, ...]:
    """Return the providers of the book."""
    return tuple(BundledBook().shops)


def bundled_price(model: str) -> Price | None:
    """Return the bundled price of a model that is in force last; ``None`` without exactly one."""
    try:
        return _book().find(model)
    except AmbiguousModel:
        return None


def rates(price: Price) -> dict[str, Decimal]:
    """Return what a price asks by key of ``[cost.prices]``; see ``corvus.prices.stated``."""
    return keys_of(price.rates)


def inline(price: Price, known: Collection[str]) -> str:
    """Write a price with its tiers as a value of ``[cost.prices]``: ``{ input = 3, output = 15 }``.

    Args:
        price: The price.
        known: The keys that the file may have.
    """
    return written({key: value for key, value in entry_of(price).items() if key in known})


def words(price: Price) -> str:
    """Write a price for a person."""
    each = ", ".join(f"{key} {value:f}" for key, value in rates(price).items())
    since = f", from {price.effective_from}" if price.effective_from else ""
    long = "; more for long contexts" if price.tiers else ""
    fees = "; of searches and containers USD for one use" if {*FEES} & {*price.rates} else ""
    return f"{each} (USD per million tokens{fees}, {price.provider}/{price.model}{since}{long})"


def key(model: str) -> str:
    """Write the name of a model as a key of TOML: always in quotes, as most need them."""
    return quoted(model)


@cache
def _book() -> PriceBooks:
    return PriceBooks(())
