"""The one place that shows what of an event leaves the process, field by field (OBS-3).

Each event declares how much of its fields is shown (``corvus.events``). Names pass when a config or
a price book has them. What callers choose, such as sessions, missions and unknown models, leaves
only as a keyed hash: whoever has the key can see which lines belong together. Actors, reasons,
tokens and keys are in no event; free text of the log is scrubbed here, too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from corvus.base.money import usd_exact
from corvus.diagnostics.secrets import scrub
from corvus.events import Event, EventKind, Redaction, shown_fields
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.request import Surface
from corvus.prices.lookup import PriceBooks
from corvus.prices.names import provider_id

Value: TypeAlias = str | int | float | bool
OTHER = "other"
"""Stands for whatever is in no config, price book or closed set."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HASH_DIGITS = 16
_MODELS_MAX = 10_000
_SURFACES = frozenset(surface.value for surface in Surface)


class EventView(NamedTuple):
    """One event as every sink may show it.

    Attributes:
        fields: In the order of the declaration; what has no value is left out.
    """

    kind: EventKind
    fields: dict[str, Value]


class ListedModel(NamedTuple):
    """A model as the price book names it; both are ``other`` when no book knows it."""

    provider: str
    model: str


_UNLISTED = ListedModel(OTHER, OTHER)


class Redactor:
    """Turns events into what may be shown.

    Args:
        books: Price books; only what they know is shown by name.
        key: Of the hashes; a random one by default, which ends with the process.
    """

    def __init__(self, books: PriceBooks, key: bytes | None = None) -> None:
        self._books = books
        self._key = key or secrets.token_bytes(32)
        self._listed: dict[tuple[str, str], ListedModel] = {}

    def use(self, books: PriceBooks) -> None:
        """Go on with other price books."""
        self._books = books
        self._listed = {}

    def view(self, event: Event) -> EventView:
        """Return what may be shown of an event."""
        values = [*self._values(event)]
        values += [(name, getattr(event, name)) for name in event.kind.figures]
        return EventView(
            event.kind, {name: value for name, value in values if value not in (None, "")}
        )

    def labels(self, event: Event) -> dict[str, str]:
        """Return what the counter of an event distinguishes; empty without one."""
        counter = event.kind.counter
        if counter is None:
            return {}
        values = dict(self._values(event, counter.labels))
        return {name: str(values[name]) for name in counter.labels}

    def listed(self, model: str, provider: str) -> ListedModel:
        """Return a model as the books name it, whatever it was called by."""
        key = (model, provider)
        listed = self._listed.get(key)
        if listed is None:
            if len(self._listed) >= _MODELS_MAX:
                self._listed.clear()
            listed = self._listed[key] = self._look_up(model, provider)
        return listed

    def hashed(self, text: str) -> str:
        """Return a keyed hash of what a caller chose."""
        digest = hmac.new(self._key, text.encode(errors="replace"), hashlib.sha256)
        return digest.hexdigest()[:_HASH_DIGITS]

    def _values(
        self, item: object, only: tuple[str, ...] | None = None
    ) -> Iterator[tuple[str, Value | None]]:
        for attribute, name, redaction in shown_fields(type(item)):
            value = getattr(item, attribute)
            if redaction is Redaction.PARTS:
                yield from self._values(value, only)
            elif only is None or name in only:
                yield name, self._redacted(redaction, value, item)

    def _redacted(self, redaction: Redaction, value: Any, item: Any) -> Value | None:
        match redaction:
            case Redaction.USD:
                return None if value is None else usd_exact(value)
            case Redaction.HASH | Redaction.ID:
                is_own = not value or (redaction is Redaction.ID and _UUID.fullmatch(value))
                return value if is_own else self.hashed(value)
            case Redaction.SURFACE:
                return surface(value)
            case Redaction.PROVIDER | Redaction.MODEL:
                return self._listed_as(redaction, self.listed(item.model, item.provider), value)
            case _:
                return value

    def _listed_as(self, redaction: Redaction, listed: ListedModel, value: str) -> str:
        if redaction is Redaction.PROVIDER:
            return listed.provider
        return f"unlisted:{self.hashed(value)}" if listed is _UNLISTED else listed.model

    def _look_up(self, model: str, provider: str) -> ListedModel:
        for by in (provider, None):
            try:
                price = self._books.find(model, provider=by)
            except UnpricedModel:
                continue
            if price is not None:
                return ListedModel(self._biller(price, provider), price.model)
        return _UNLISTED

    def _biller(self, price: Price, provider: str) -> str:
        """Return who bills; an entry of the user's own book need not say so, but the call does."""
        if price.book == "user" and self._books.knows_provider(provider):
            return provider_id(provider)
        return price.provider or OTHER


def surface(word: str) -> str:
    """Return a surface of the closed set; any other word is ``other``."""
    return word if word in _SURFACES else OTHER


def clean(text: str) -> str:
    """Return free text of the log without what looks like a secret."""
    return scrub(text)
