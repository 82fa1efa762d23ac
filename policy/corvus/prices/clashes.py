"""Finds the keys of ``[cost.prices]`` that mean one model and ask different prices (PRC-4).

Two keys mean one model when they differ only in the spelling of the provider (``gemini/x`` and
``google/x``), or when one is bare and the other names the provider that makes the model
(``claude-sonnet-4-5`` and ``anthropic/claude-sonnet-4-5``). Refuses to call these a clash: a price
of another seller (``azure/gpt-4o`` and ``gpt-4o``), a dated id and an undated one, and
entries of one provider that follow each other by day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from corvus.model.price import Price
from corvus.prices.names import provider_id


@dataclass(frozen=True, slots=True)
class Clash:
    """Two keys of ``[cost.prices]`` for one model at different prices.

    Attributes:
        first: The key that stands first in the file, as written.
        second: The other one.
    """

    first: str
    second: str

    def __str__(self) -> str:
        return (
            f'[cost.prices."{self.first}"] and [cost.prices."{self.second}"] mean the same model '
            "and ask different prices; keep one of them"
        )


def find_clashes(prices: Sequence[Price], maker: Callable[[str], str | None]) -> Iterator[Clash]:
    """Yield every pair of entries that cannot both be meant, in file order.

    Args:
        prices: Entries of the author's own book, in file order.
        maker: Returns the provider that makes the model of a bare id, in the book's own spelling;
            called only where a bare key and one with a provider name the same id.
    """
    by_model: dict[str, list[Price]] = {}
    for price in prices:
        by_model.setdefault(price.model, []).append(price)
    for alike in by_model.values():
        for first, second in combinations(alike, 2):
            if first.terms() != second.terms() and _is_one_model(first, second, maker):
                yield Clash(first.key, second.key)


def _is_one_model(first: Price, second: Price, maker: Callable[[str], str | None]) -> bool:
    one, other = provider_id(first.provider), provider_id(second.provider)
    if one == other:
        return first.effective_from == second.effective_from
    return not (one and other) and (one or other) == maker(first.model)
