"""The author's own price book, ``[cost.prices]`` (PRC-3).

A key is compared whole before it is split: who writes ``anthropic/claude-sonnet-4`` means the model
of that id, whoever bills it (PRC-10). Only a key that names the biller, too, is more specific. What
no key spells out may be an alias, which is compared whole as well. Two names for one model that
differ in price are found by ``corvus.prices.clashes``.
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
        self._aliased: dict[str, tuple[str, str]] = {}
        for price in sorted(prices, key=lambda price: price.effective_from or date.min):
            key = (provider_id(price.provider), price.model)
            if key not in self._by_key:
                self._by_model.setdefault(price.model, []).append(key)
            self._by_key.setdefault(key, []).append(price)
            self._whole[price.key] = key
            self._aliased |= dict.fromkeys(price.aliases, key)

    def names(self) -> Iterator[str]:
        """Yield the key of each model, as the author wrote it but for the provider's spelling.

        Aliases follow the keys.
        """
        for provider, model in self._by_key:
            yield f"{provider}/{model}" if provider else model
        yield from self._aliased

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
        if provider is None and slash and ("", rest) in self._by_key and is_provider(prefix):
            return tuple(self._by_key["", rest])
        if provider is None and not slash and (found := self._any_provider(model)):
            return found
        key = self._key_of_alias(model, provider, is_provider)
        return tuple(self._by_key[key]) if key else ()

    def _key_of_alias(
        self, model: str, provider: str | None, is_provider: Callable[[str], bool]
    ) -> tuple[str, str] | None:
        """Return the key that an alias stands for, also behind the name of who bills it."""
        if key := self._aliased.get(model):
            return key
        prefix, _, rest = model.partition("/")
        key = self._aliased.get(rest)
        if key is None or (provider is not None and provider_id(provider) != provider_id(prefix)):
            return None
        is_its_own = provider_id(prefix) == key[0]
        is_anyones = not key[0] and (provider is not None or is_provider(prefix))
        return key if is_its_own or is_anyones else None

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
