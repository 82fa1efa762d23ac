"""Finds the price of a model: the author's book first, then the bundled one (PRC-3, PRC-4).

A name is found by what the books declare, in this order: the exact id, the id behind the name of
its provider, a declared alias. Case counts in names of models, not in those of providers. A bare id
that several providers sell means the one that makes the model; without such a one it is ambiguous,
unless all ask the same. Refuses to match parts of names, to guess a provider, and to merge an entry
of the author's with a bundled one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cached_property

from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price
from corvus.prices.book import BundledBook, Entry, Shop
from corvus.prices.clashes import Clash, find_clashes
from corvus.prices.names import LONG_CONTEXT, provider_id, variant
from corvus.prices.nearest import Nearest
from corvus.prices.own import OwnBook

_Key = tuple[str, str | None]


class PriceBooks:
    """Both price books as one. Answers are remembered; the bundled book is read when needed.

    Args:
        user: Entries of ``[cost.prices]``, in any order.
    """

    def __init__(self, user: Sequence[Price] = ()) -> None:
        self._user = tuple(user)
        self._own = OwnBook(user)
        self._known: dict[_Key, tuple[Price, ...]] = {}

    def find(
        self, model: str, *, provider: str | None = None, on: date | None = None
    ) -> Price | None:
        """Return the price of a model.

        Args:
            model: The id as the caller, the log or the config names it, such as
                ``claude-sonnet-4-5-20250929`` or ``openai/gpt-4o``.
            provider: Who bills, if known; then no other provider's price is taken.
            on: UTC day of the call; ``None`` takes the last entry, also one still to come.

        Returns:
            The entry in force, or ``None``: the model has no price then.

        Raises:
            AmbiguousModel: Several providers sell the model at different prices.
        """
        history = self.history(model, provider=provider)
        if on is None:
            return history[-1] if history else None
        for price in reversed(history):
            if price.effective_from is None or price.effective_from <= on:
                return price
        return None

    def history(self, model: str, *, provider: str | None = None) -> tuple[Price, ...]:
        """Return all entries of a model, ascending by ``effective_from``; nothing if unpriced.

        Before the first day of a dated entry of the author's, the bundled entries hold.

        Raises:
            AmbiguousModel: Several providers sell the model at different prices.
        """
        key = (model, provider)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._history(model, provider)
        return found

    def resembling(self, model: str) -> tuple[str, ...]:
        """Return up to three ``provider/model`` names that are close to a name, closest first."""
        by_name, nearest = self._whole_names if "/" in model else self._bare_names
        return tuple(dict.fromkeys(by_name[name] for name in nearest.find(model, 3)))

    @cached_property
    def _whole_names(self) -> tuple[dict[str, str], Nearest]:
        return self._names(is_whole=True)

    @cached_property
    def _bare_names(self) -> tuple[dict[str, str], Nearest]:
        return self._names(is_whole=False)

    def _names(self, *, is_whole: bool) -> tuple[dict[str, str], Nearest]:
        by_name = {name: name for name in self._own.names()}
        sold = [entry for shop in self._bundled.shops.values() for entry in shop.models()]
        for entry in sorted(sold, key=lambda entry: not entry.own):
            name = f"{entry.provider}/{entry.model}"
            by_name.setdefault(name if is_whole else entry.model, name)
        return by_name, Nearest(by_name)

    def knows_provider(self, name: str) -> bool:
        """Return whether a name is that of a provider in either book."""
        known = provider_id(name)
        return self._is_provider(name) or any(
            provider_id(price.provider) == known for price in self._user
        )

    def clashes(self) -> tuple[Clash, ...]:
        """Return the pairs of own keys that mean one model and differ in price (PRC-4)."""
        return tuple(find_clashes(self._user, self._maker))

    def _maker(self, model: str) -> str | None:
        try:
            entry = self._sold_by_anyone(model)
        except AmbiguousModel:
            return None
        return entry.provider if entry is not None and entry.own else None

    @property
    def version(self) -> str:
        """SHA-256 of all prices, the author's and the bundled ones, in hexadecimal."""
        own = sorted((price.entry, price.version, price.terms()) for price in self._user)
        return hashlib.sha256(f"{self.bundled_sha256} {own}".encode()).hexdigest()

    @property
    def bundled_version(self) -> str:
        """Package and version that the bundled book was compiled from."""
        return self._bundled.version

    @property
    def bundled_sha256(self) -> str:
        """SHA-256 of the bundled book's content, in hexadecimal."""
        return self._bundled.sha256

    @cached_property
    def _bundled(self) -> BundledBook:
        return BundledBook()

    def _history(self, model: str, provider: str | None) -> tuple[Price, ...]:
        plain = model.removesuffix(LONG_CONTEXT)
        own = self._own.history(model, provider, self._is_provider) or self._own.history(
            plain, provider, self._is_provider
        )
        if not own:
            return self._bundled_history(model, provider)
        start = own[0].effective_from
        if start is None:
            return own
        try:
            earlier = self._bundled_history(model, provider)
        except AmbiguousModel:
            return own  # the author named a price; only the days before it stay without one
        return (
            *(old for old in earlier if old.effective_from is None or old.effective_from < start),
            *own,
        )

    def _is_provider(self, name: str) -> bool:
        return provider_id(name) in self._bundled.shops

    def _bundled_history(self, model: str, provider: str | None) -> tuple[Price, ...]:
        entry = self._entry(model, provider)
        if entry is not None:
            return entry.history()
        split = variant(model)
        if split is None:
            return ()
        entry = self._entry(split[0], provider)
        return entry.history(split[1]) if entry is not None else ()

    def _entry(self, model: str, provider: str | None) -> Entry | None:
        if provider is not None:
            return self._sold_by(provider, model)
        prefix, slash, rest = model.partition("/")
        if slash and (entry := self._sold_by(prefix, rest)):
            return entry
        return self._sold_by_anyone(model)

    def _sold_by(self, provider: str, model: str) -> Entry | None:
        """Return what a provider, or one whose prices it charges, declares for a name."""
        name = provider_id(provider)
        entry = self._in_shop(name, model)
        prefix, _, rest = model.partition("/")
        if entry is None and rest and provider_id(prefix) == name:
            entry = self._in_shop(name, rest)
        for other in self._bundled.fallbacks.get(name, ()):
            entry = entry or self._in_shop(other, model)
        return entry

    def _in_shop(self, provider: str, model: str) -> Entry | None:
        shop = self._bundled.shops.get(provider)
        return (shop.exact(model) or shop.aliased(model)) if shop else None

    def _sold_by_anyone(self, model: str) -> Entry | None:
        exact = self._offers(model, Shop.exact)
        aliased = self._offers(model, Shop.aliased)
        makers = [entry for entry in (*exact, *aliased) if entry.own]
        return _agreed(model, makers or exact or aliased)

    def _offers(self, model: str, ask: Callable[[Shop, str], Entry | None]) -> list[Entry]:
        found = (ask(shop, model) for shop in self._bundled.shops.values())
        return [entry for entry in found if entry is not None]


def _agreed(model: str, offers: Iterable[Entry]) -> Entry | None:
    """Return the alphabetically first offer if all cost the same."""
    first, *others = sorted(offers, key=lambda entry: entry.provider) or (None,)
    if first is None or all(first.costs_as(other) for other in others):
        return first
    names = [f"{entry.provider}/{model}" for entry in (first, *others)]
    names = list(dict.fromkeys(names))
    raise AmbiguousModel(
        f"{model} is sold by several providers at different prices; write one of "
        f"{', '.join(names)}, or state the provider",
        model,
    )
