"""Finds the price of a model: the author's book first, then the bundled one (PRC-3, PRC-4).

A name is found by what the books declare, in this order: the exact id, the id behind the name of
its provider, a declared alias; then the same in lower case, as the source compares ids. A bare id
that several providers sell means the one that makes the model; without such a one it is ambiguous,
unless all ask the same. Refuses to match parts of names, to guess a provider, and to merge an entry
of the author's with a bundled one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property

from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price
from corvus.prices.book import BundledBook, PinnedBook, Shop
from corvus.prices.clashes import Clash, find_clashes
from corvus.prices.entry import Entry
from corvus.prices.match import How, Match
from corvus.prices.names import LONG_CONTEXT, provider_id, unversioned, unwrapped, variant
from corvus.prices.nearest import Nearest
from corvus.prices.own import OwnBook

_Key = tuple[str, str | None]


class PriceBooks:
    """Both price books as one. Answers are remembered; the bundled book is read when needed.

    Args:
        user: Entries of ``[cost.prices]``, in any order.
        pinned: The file of a book that stands in for the bundled one.
    """

    def __init__(self, user: Sequence[Price] = (), *, pinned: PinnedBook | None = None) -> None:
        self._user = tuple(user)
        self._pinned = pinned
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
            The entry in force, or ``None``: the model has no price then, or none that is known.

        Raises:
            AmbiguousModel: Several providers sell the model at different prices.
        """
        history = self.history(model, provider=provider)
        in_force = (
            price
            for price in reversed(history)
            if on is None or price.effective_from is None or price.effective_from <= on
        )
        price = next(in_force, None)
        if price is not None and price.book != "user" and not price.rates:
            return None  # from that day on the book does not know
        return price

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

    def explain(self, model: str, *, provider: str | None = None, on: date | None = None) -> Match:
        """Return what answers a name, and why; arguments are those of :meth:`find`.

        Raises:
            AmbiguousModel: Several providers sell the model at different prices.
        """
        price = self.find(model, provider=provider, on=on)
        history = self.history(model, provider=provider)
        if not history:
            return Match(None, None, nearest=self.resembling(model))
        answering = price or history[-1]
        if answering.book == "user":
            spelled = {model, model.partition("/")[2], model.removesuffix(LONG_CONTEXT)}
            is_alias = not spelled & {answering.model, answering.key}
            return Match(price, How.OWN_ALIAS if is_alias else How.OWN_KEY, history)
        entry = self._entry(model, provider)
        if entry is not None:
            return Match(price, entry.how, history, entry.variants())
        split = variant(model)
        entry = self._entry(split[0], provider) if split else None
        return Match(price, entry.how if entry else None, history)

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

    def holds_in(self, price: Price, region: str) -> bool:
        """Return whether a price that the books gave is that of a region, too (PRC-8).

        What the author states holds wherever the call was sent.
        """
        shop = self._bundled.shops.get(price.provider) if price.book != "user" else None
        split = variant(price.model)
        entry = (
            shop.exact(price.model) or (shop.exact(split[0]) if split else None) if shop else None
        )
        return entry is None or entry.is_sold_in(region)

    def in_force(self, on: date) -> Iterator[Price]:
        """Yield the price of every model on a UTC day: the author's in file order, then others."""
        for key in dict.fromkeys((price.provider, price.model) for price in self._user):
            dated = [price for price in self._user if (price.provider, price.model) == key]
            yield from _last(dated, on)
        for shop in self._bundled.shops.values():
            for entry in shop.models():
                yield from _last(self._labelled(entry.history()), on)

    def without_own(self) -> PriceBooks:
        """Return the bundled or pinned book alone."""
        return PriceBooks(pinned=self._pinned)

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
        own = sorted(
            (price.entry, price.version, price.terms(), price.aliases) for price in self._user
        )
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
        return BundledBook(self._pinned)

    def _history(self, model: str, provider: str | None) -> tuple[Price, ...]:
        own = self._own_history(model, provider)
        if own:
            return (*self._bundled_before(own[0], model, provider), *own)
        split = variant(model)
        usual = self._own_history(split[0], provider) if split else ()
        if not usual:
            return self._bundled_history(model, provider)
        # The author's price answers alone: what it asks in another tier is the author's to say.
        earlier = self._bundled_before(usual[0], model, provider)
        start = usual[0].effective_from
        ends = [replace(old, rates={}, tiers=(), hours=(), effective_from=start) for old in earlier]
        return (*earlier, *ends[-1:])

    def _own_history(self, model: str, provider: str | None) -> tuple[Price, ...]:
        """Return the author's entries for a name, or for the model that the book knows it as.

        Answers spell models out, as ``gpt-5-2025-08-07`` for ``gpt-5``: where the book says that
        both are one model, the author's price of the one is that of the other.
        """
        if not self._user:
            return ()
        for name in dict.fromkeys((model, model.removesuffix(LONG_CONTEXT), unversioned(model))):
            if own := self._own.history(name, provider, self._is_provider):
                return own
        entry = self._entry_or_none(model, provider)
        if entry is None:
            return ()
        keys = self._own_by_entry.get((entry.provider, entry.model), ())
        fitting = [
            (seller, name)
            for seller, name in keys
            if not seller or provider is None or provider_id(seller) == provider_id(provider)
        ]
        same = [key for key in fitting if key[1] == entry.model] or fitting
        if len(same) != 1:
            return ()  # none, or several that only their own names tell apart
        seller, name = same[0]
        return self._own.history(name, seller or provider, self._is_provider)

    @cached_property
    def _own_by_entry(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """The author's keys by the entry of the book that is the same model."""
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for price in {price.key: price for price in self._user}.values():
            entry = self._entry_or_none(price.key, None)
            if entry is not None:
                key = (entry.provider, entry.model)
                found.setdefault(key, []).append((price.provider, price.model))
        return found

    def _entry_or_none(self, model: str, provider: str | None) -> Entry | None:
        try:
            return self._entry(model, provider)
        except AmbiguousModel:
            return None

    def _bundled_before(self, first: Price, model: str, provider: str | None) -> tuple[Price, ...]:
        """Return the bundled entries that hold before the author's first one."""
        start = first.effective_from
        if start is None:
            return ()
        try:
            earlier = self._bundled_history(model, provider)
        except AmbiguousModel:
            return ()  # the author named a price; only the days before it stay without one
        return tuple(
            old for old in earlier if old.effective_from is None or old.effective_from < start
        )

    def _is_provider(self, name: str) -> bool:
        return provider_id(name) in self._bundled.shops

    def _bundled_history(self, model: str, provider: str | None) -> tuple[Price, ...]:
        return self._labelled(self._listed(model, provider))

    def _labelled(self, prices: tuple[Price, ...]) -> tuple[Price, ...]:
        """Say of prices of a pinned book that they are no bundled ones (PRC-4)."""
        if self._pinned is None:
            return prices
        return tuple(
            replace(price, book="pinned", entry=f"pinned:{price.entry.partition(':')[2]}")
            for price in prices
        )

    def _listed(self, model: str, provider: str | None) -> tuple[Price, ...]:
        entry = self._entry(model, provider)
        if entry is not None:
            return entry.history()
        split = variant(model)
        if split is None:
            return ()
        entry = self._entry(split[0], provider)
        return entry.history(split[1]) if entry is not None else ()

    def _entry(self, model: str, provider: str | None) -> Entry | None:
        entry = self._spelled(model, provider)
        lowered = model.lower()
        if entry is None and lowered != model:
            return self._spelled(lowered, provider)  # the source compares ids in lower case
        return entry

    def _spelled(self, model: str, provider: str | None) -> Entry | None:
        if provider is not None:
            return self._sold_by(provider, model)
        prefix, slash, rest = model.partition("/")
        if slash and (entry := self._sold_by(prefix, rest)):
            return entry
        if slash and rest in self._bundled.unpriced.get(provider_id(prefix), ()):
            return None  # no seller of the same id stands in for it
        return self._sold_by_anyone(model)

    def _sold_by(self, provider: str, model: str) -> Entry | None:
        """Return what a provider, or one whose prices it charges, declares for a name."""
        name = provider_id(provider)
        entry = self._in_shop(name, model)
        prefix, _, rest = model.partition("/")
        if entry is None and rest and provider_id(prefix) == name:
            entry = self._in_shop(name, rest)
        return entry or self._equal_elsewhere(name, model)

    def _equal_elsewhere(self, host: str, model: str) -> Entry | None:
        """Return the maker's entry where a host was found to ask the same for the model (PRC-8)."""
        for maker, models in self._bundled.equal.get(host, {}).items():
            entry = self._in_shop(maker, unwrapped(host, model))
            if entry is not None and entry.model in models:
                since = models[entry.model]
                return entry.at_price_of_maker(date.fromisoformat(since) if since else None)
        return None

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
        return [entry for entry in found if entry is not None and entry.answers_anyone]


def _last(history: Sequence[Price], on: date) -> tuple[Price, ...]:
    """Return the last price that is in force on a day, or nothing."""
    begun = [one for one in history if one.effective_from is None or one.effective_from <= on]
    return (begun[-1],) if begun and begun[-1].rates else ()


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
