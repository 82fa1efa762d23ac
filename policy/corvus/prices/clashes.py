"""Finds the names of ``[cost.prices]`` that mean one model and ask different prices (PRC-4).

Two names mean one model when they differ only in the spelling of the provider (``gemini/x`` and
``google/x``), or when one is bare and the other names the provider that makes the model
(``claude-sonnet-4-5`` and ``anthropic/claude-sonnet-4-5``). An alias is a name like a key. Refuses
to call these a clash: a price of another seller (``azure/gpt-4o`` and ``gpt-4o``), a dated id and
an undated one, and entries of one provider that follow each other by day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from corvus.model.price import Price
from corvus.prices.names import provider_id


@dataclass(frozen=True, slots=True)
class Name:
    """A name that an entry of ``[cost.prices]`` answers to.

    Attributes:
        key: The entry's key, as written.
        alias: Which of its aliases it is; ``None`` is the key itself.
        text: The name.
    """

    key: str
    alias: int | None
    text: str

    def __str__(self) -> str:
        entry = f'[cost.prices."{self.key}"]'
        return entry if self.alias is None else f'the alias "{self.text}" of {entry}'

    @property
    def route(self) -> tuple[str | int, ...]:
        """Where it stands below ``cost.prices``."""
        return (self.key,) if self.alias is None else (self.key, "aliases", self.alias)


@dataclass(frozen=True, slots=True)
class Clash:
    """Two names of ``[cost.prices]`` for one model at different prices.

    Attributes:
        first: The name that stands first in the file.
        second: The other one.
    """

    first: Name
    second: Name

    def __str__(self) -> str:
        return (
            f"{self.first} and {self.second} mean the same model and ask different prices; keep "
            "one of them"
        )


class _Spelling(NamedTuple):
    """A name as a lookup reads it."""

    name: Name
    provider: str
    price: Price


def find_clashes(prices: Sequence[Price], maker: Callable[[str], str | None]) -> Iterator[Clash]:
    """Yield every pair of names that cannot both be meant, in file order.

    Args:
        prices: Entries of the author's own book, in file order.
        maker: Returns the provider that makes the model of a bare id, in the book's own spelling;
            called only where a bare name and one with a provider have the same id.
    """
    by_model: dict[str, list[_Spelling]] = {}
    for price in prices:
        for name in _names(price):
            provider, slash, model = name.text.partition("/")
            spelling = _Spelling(name, provider_id(provider) if slash else "", price)
            by_model.setdefault(model if slash else name.text, []).append(spelling)
    for model, alike in by_model.items():
        for first, second in combinations(alike, 2):
            if first.price.terms() == second.price.terms() or first.price is second.price:
                continue
            if _is_one_model(model, first, second, maker):
                yield Clash(first.name, second.name)


def _names(price: Price) -> Iterator[Name]:
    yield Name(price.key, None, price.key)
    for index, alias in enumerate(price.aliases):
        yield Name(price.key, index, alias)


def _is_one_model(
    model: str, first: _Spelling, second: _Spelling, maker: Callable[[str], str | None]
) -> bool:
    one, other = first.provider, second.provider
    if one == other:
        is_history = _entry(first.price) == _entry(second.price)
        return not is_history or first.price.effective_from == second.price.effective_from
    return not (one and other) and (one or other) == maker(model)


def _entry(price: Price) -> tuple[str, str]:
    """Return what the entries of one history have in common."""
    return provider_id(price.provider), price.model
