"""The author's own price book, ``[cost.prices]`` (PRC-3).

A key is compared whole before it is split: who writes ``anthropic/claude-sonnet-4`` means the model
of that id, whoever bills it (PRC-10). Only a key that names the biller, too, is more specific.
Refuses aliases: an entry answers the model that its key spells out, and no other. Two keys for one
model that differ in price are found by ``corvus.prices.clashes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price
from corvus.prices.names import provider_id


class OwnBook:
    """Entries of the author, found by their keys.

    Args:
        prices: Entries in any order; an empty provider stands for any provider.
    """

    def __init__(self, prices: Sequence[Price]) -> None:
        self._by_key: dict[tuple[str, str], list[Price]] = {}
        self._whole: dict[str, tuple[str, str]] = {}
        self._by_model: dict[str, list[tuple[str, str]]] = {}
        for price in sorted(prices, key=lambda price: price.effective_from or date.min):
            key = (provider_id(price.provider), price.model)
            if key not in self._by_key:
                self._by_model.setdefault(price.model, []).append(key)
            self._by_key.setdefault(key, []).append(price)
            self._whole[price.key] = key

    def names(self) -> Iterator[str]:
        """Yield the key of each model, as the author wrote it but for the provider's spelling."""
        for provider, model in self._by_key:
            yield f"{provider}/{model}" if provider else model

    def history(
        self, model: str, provider: str | None, is_provider: Callable[[str], bool]
    ) -> tuple[Price, ...]:
        """Return the author's entries of a model, ascending by date; nothing if there are none.

        Args:
            model: The id as asked for.
            provider: Who bills, if known.
            is_provider: Returns whether the first part of ``a/b`` names a provider.

        Raises:
            AmbiguousModel: The bare id stands in entries of several providers that differ.
        """
        if not self._by_key:
            return ()
        for key in self._keys(model, provider):
            if key in self._by_key:
                return tuple(self._by_key[key])
        prefix, slash, rest = model.partition("/")
        if provider is None and slash:
            bare = self._by_key.get(("", rest))
            return tuple(bare) if bare and is_provider(prefix) else ()
        return () if provider else self._any_provider(model)

    def _any_provider(self, model: str) -> tuple[Price, ...]:
        offers = sorted(self._by_model.get(model, ()))
        if not offers:
            return ()
        terms = {tuple(price.terms() for price in self._by_key[key]) for key in offers}
        if len(terms) > 1:
            names = ", ".join(f"{provider}/{model}" for provider, model in offers)
            raise AmbiguousModel(
                f"[cost.prices] has different prices for {model}; write one of {names}, or state "
                "the provider",
                model,
            )
        return tuple(self._by_key[offers[0]])

    def _keys(self, model: str, provider: str | None) -> Iterator[tuple[str, str]]:
        """Yield the keys that spell a model out, the most specific first."""
        if provider is not None:
            yield provider_id(provider), model
        if model in self._whole:
            yield self._whole[model]
        yield from _split_keys(model, provider)


def _split_keys(model: str, provider: str | None) -> Iterator[tuple[str, str]]:
    prefix, slash, rest = model.partition("/")
    if provider is not None:
        biller = provider_id(provider)
        if slash and provider_id(prefix) == biller:
            yield biller, rest
            yield "", rest
    if slash and provider is None:
        yield provider_id(prefix), rest
    yield "", model
