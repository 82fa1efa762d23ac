"""The bundled price book: read, verified by its hash, indexed by id (PRC-3).

``book.json`` is written by ``python -m tools generate`` and never by hand. Nothing is read until a
price is asked for, and a line becomes objects only when its model is. Refuses a file whose content
does not have the hash that its header states.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from corvus.base.errors import ResourceMissing
from corvus.model.price import Price, Rates, Tier
from corvus.model.usage import TokenKind
from corvus.prices.names import respelled, stems, unregioned, unwrapped

BOOK_PATH = Path(__file__).with_name("book.json")
FORMAT = 1
KINDS = tuple(TokenKind)

_Line = Mapping[str, Any]
_Families = dict[str, list[tuple[str, str]]]
"""By stem: what the suffix must start with, and the model."""

_LITERAL = re.compile(r"[A-Za-z0-9/-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the bundled book.

    Attributes:
        provider: The book's id of the provider.
        model: Canonical id of the model.
        own: The provider made the model, so that the bare id means this entry.
    """

    provider: str
    model: str
    own: bool
    line: _Line = field(repr=False, compare=False)

    def history(self, variant: str = "") -> tuple[Price, ...]:
        """Return the dated prices, ascending; nothing when there is no such variant."""
        if not variant:
            return _history(self.provider, self.model, self.line["prices"])
        offers = self.line.get("variants", {})
        return _history(self.provider, f"{self.model}-{variant}", offers.get(variant, ()))

    def costs_as(self, other: Entry) -> bool:
        """Return whether the two ask the same for everything, at any time."""
        mine, theirs = self.line, other.line
        return mine["prices"] == theirs["prices"] and mine.get("variants") == theirs.get("variants")


class Shop:
    """The models of one provider, by id, by family and by pattern.

    Args:
        provider: The book's id of the provider.
        lines: Its part of the book, by model.
    """

    def __init__(self, provider: str, lines: Mapping[str, _Line]) -> None:
        self.provider = provider
        self._lines = lines
        self._ids: dict[str, str] = {}
        self._families: _Families = {}
        self._anchored: _Families = {}
        self._patterns: list[tuple[str, str, str]] = []
        for model, line in lines.items():
            for name in line.get("ids", ()):
                self._ids[name] = model
            for text in line.get("families", ()):
                _declare(self._families, text, model)
            for text in line.get("anchored", ()):
                _declare(self._anchored, text, model)
            for pattern in line.get("patterns", ()):
                self._patterns.append((_head(pattern), pattern, model))

    def models(self) -> Iterator[Entry]:
        """Yield all entries."""
        return (self._entry(model) for model in self._lines)

    def exact(self, model: str) -> Entry | None:
        """Return the entry with this id."""
        return self._entry(model) if model in self._lines else None

    def aliased(self, model: str) -> Entry | None:
        """Return the entry that this name is declared for, by the most specific declaration."""
        plain = unwrapped(self.provider, model)
        for name in respelled(plain):
            if found := self._declared(name):
                return self._entry(found)
        return None

    def _entry(self, model: str) -> Entry:
        line = self._lines[model]
        return Entry(self.provider, model, "own" in line, line)

    def _declared(self, name: str) -> str | None:
        if name in self._lines:
            return name
        return (
            self._ids.get(name)
            or self._patterned(name)
            or _member(self._families, name)
            or self._within_cloud(name)
        )

    def _patterned(self, name: str) -> str | None:
        for head, pattern, model in self._patterns:
            if name.startswith(head) and re.fullmatch(pattern, name):
                return model
        return None

    def _within_cloud(self, name: str) -> str | None:
        names = unregioned(name) if self.provider == "aws" else (name,)
        return next((found for name in names if (found := _member(self._anchored, name))), None)


class BundledBook:
    """The whole book, read from ``book.json``.

    Raises:
        ResourceMissing: The file is absent or was changed after it was compiled.
    """

    def __init__(self) -> None:
        loaded = _read()
        header = loaded["book"]
        self.version = f"{header['package']} {header['package_version']}"
        self.sha256 = str(header["sha256"])
        self.fallbacks: Mapping[str, Sequence[str]] = loaded["fallbacks"]
        models: Mapping[str, Mapping[str, _Line]] = loaded["models"]
        self.shops: Mapping[str, Shop] = {
            provider: Shop(provider, models[provider]) for provider in sorted(models)
        }
        """All providers, alphabetically."""


def _read() -> Mapping[str, Any]:
    try:
        data = BOOK_PATH.read_bytes()
    except FileNotFoundError:
        raise ResourceMissing(
            f"corvus was installed without {BOOK_PATH.name}; reinstall it"
        ) from None
    loaded = json.loads(data)
    _, _, body = data.partition(b"\n")
    if hashlib.sha256(body).hexdigest() != loaded["book"]["sha256"]:
        raise ResourceMissing(f"{BOOK_PATH.name} was changed after it was compiled; reinstall it")
    return loaded


def _declare(index: _Families, text: str, model: str) -> None:
    stem, _, required = text.partition("|")
    index.setdefault(stem, []).append((required, model))


def _member(index: _Families, name: str) -> str | None:
    if not index:
        return None
    for stem, suffix in stems(name):
        fitting = [item for item in index.get(stem, ()) if suffix.startswith(item[0])]
        if fitting:
            return max(fitting, key=lambda one: len(one[0]))[1]
    return None


def _head(pattern: str) -> str:
    """Return what every match starts with, so that most patterns need not be compiled."""
    literal = _LITERAL.match(pattern)
    return literal[0][:-1] if literal else ""  # a quantifier may stand behind the last character


def _history(provider: str, model: str, entries: Sequence[Sequence[Any]]) -> tuple[Price, ...]:
    return tuple(_price(provider, model, *entry) for entry in entries)


def _price(
    provider: str,
    model: str,
    day: str | None,
    rates: Sequence[int | None],
    tiers: Sequence[tuple[int, Sequence[int | None]]] = (),
) -> Price:
    return Price(
        provider=provider,
        model=model,
        book="bundled",
        entry=f"bundled:{provider}/{model}" + (f"@{day}" if day else ""),
        rates=_rates(rates),
        tiers=tuple(Tier(above, _rates(above_rates)) for above, above_rates in tiers),
        effective_from=date.fromisoformat(day) if day else None,
    )


def _rates(listed: Sequence[int | None]) -> Rates:
    return {kind: rate for kind, rate in zip(KINDS, listed, strict=False) if rate is not None}
