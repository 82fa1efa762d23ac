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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from corvus.base.errors import ResourceMissing
from corvus.prices.entry import KINDS, Entry, Line
from corvus.prices.match import How
from corvus.prices.names import region_of, respelled, stems, unregioned, unwrapped

BOOK_PATH = Path(__file__).with_name("book.json")
FORMAT = 2

_Families = dict[str, list[tuple[str, str]]]
"""By stem: what the suffix must start with, and the model."""

_LITERAL = re.compile(r"[A-Za-z0-9/-]*")


class Shop:
    """The models of one provider, by id, by family and by pattern.

    Args:
        provider: The book's id of the provider.
        lines: Its part of the book, by model.
    """

    def __init__(self, provider: str, lines: Mapping[str, Line]) -> None:
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
                entry = replace(self._entry(found[0]), how=found[1])
                return entry if entry.is_sold_in(region_of(self.provider, model)) else None
        return None

    def _entry(self, model: str) -> Entry:
        line = self._lines[model]
        return Entry(self.provider, model, "own" in line, line)

    def _declared(self, name: str) -> tuple[str, How] | None:
        if name in self._lines:
            return name, How.EXACT_ID
        ways = (
            (self._ids.get, How.ALIAS),
            (self._patterned, How.PATTERN),
            (partial(_member, self._families), How.FAMILY),
            (self._within_cloud, How.FAMILY),
        )
        return next(((found, how) for find, how in ways if (found := find(name))), None)

    def _patterned(self, name: str) -> str | None:
        for head, pattern, model in self._patterns:
            if name.startswith(head) and re.fullmatch(pattern, name):
                return model
        return None

    def _within_cloud(self, name: str) -> str | None:
        names = unregioned(name) if self.provider == "aws" else (name,)
        return next((found for name in names if (found := _member(self._anchored, name))), None)


@dataclass(frozen=True, slots=True)
class PinnedBook:
    """A file that stands in for the bundled book.

    Attributes:
        path: The file.
        sha256: The hash that it must have, of all of its bytes.
    """

    path: Path
    sha256: str


class BundledBook:
    """The whole book, read from ``book.json`` or from the file that is pinned in its place.

    Args:
        pinned: That file; ``None`` is the bundled book.

    Raises:
        ResourceMissing: The file is absent or was changed after it was compiled.
    """

    def __init__(self, pinned: PinnedBook | None = None) -> None:
        loaded = _read(pinned)
        header = loaded["book"]
        self.version = f"{header['package']} {header['package_version']}"
        self.sha256 = pinned.sha256 if pinned else str(header["sha256"])
        self.equal: Mapping[str, Mapping[str, Mapping[str, str | None]]] = loaded["equal"]
        """By host and maker, the models that cost the same, and the first day of that price."""
        self.unpriced: Mapping[str, Sequence[str]] = loaded["unpriced"]
        """By provider, ids that it sells by units that no record counts, such as hours."""
        models: Mapping[str, Mapping[str, Line]] = loaded["models"]
        self.shops: Mapping[str, Shop] = {
            provider: Shop(provider, models[provider]) for provider in sorted(models)
        }
        """All providers, alphabetically."""


def _read(pinned: PinnedBook | None) -> Mapping[str, Any]:
    path = pinned.path if pinned else BOOK_PATH
    remedy = "`corvus prices update` makes it again" if pinned else "reinstall corvus"
    try:
        data = path.read_bytes()
        if pinned and hashlib.sha256(data).hexdigest() != pinned.sha256:
            raise ValueError("it has another hash than governance.prices.sha256")
        return verified(data)
    except FileNotFoundError:
        raise ResourceMissing(f"the price book {path.name} is missing; {remedy}") from None
    except (OSError, ValueError) as fault:
        raise ResourceMissing(f"the price book {path.name}: {fault}; {remedy}") from None


def verified(data: bytes) -> Mapping[str, Any]:
    """Return a book whose first line states the hash of the lines below it.

    Raises:
        ValueError: It is no book, one of another format, or one that was changed.
    """
    try:
        loaded = json.loads(data)
        header = loaded["book"]
        form, stated = header["format"], header["sha256"]
        kinds = [str(kind) for kind in loaded["kinds"]]
        _ = [loaded[name].keys() for name in ("equal", "unpriced", "models")]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("it is no price book") from None
    if form != FORMAT:
        raise ValueError(f"it has the format {form}, and this version of corvus reads {FORMAT}")
    _, _, body = data.partition(b"\n")
    if hashlib.sha256(body).hexdigest() != stated:
        raise ValueError("it was changed after it was compiled")
    if kinds != [*KINDS][: len(kinds)]:
        raise ValueError("it prices what this version of corvus does not count")
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
