"""Every effective setting with where it came from (CFG-5).

It reads what ``load`` made of all layers and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from corvus.config.check.documents import LoadedConfig, dialect_of
from corvus.config.layers.assignment import SET, Assignment
from corvus.config.layers.order import Layer
from corvus.config.model.aliases import ALIASES, Alias
from corvus.config.toml.document import Document
from corvus.config.toml.values import Route, as_items, is_table, shown
from corvus.diagnostics.secrets import MASK, any_secret, secret_ranges

_CREDENTIALS = re.compile(r"(?<=://)\S+(?=@)")
"""What stands before the last ``@`` of a URL: a password may hold a slash."""
_NO_LEAVES = ("match",)
"""Tables that are one value: a budget has what it matches, or has it not."""


class Origin(NamedTuple):
    """One place that states a value.

    Attributes:
        layer: Its kind.
        place: In words: ``corvus.toml:12:1``, ``env CORVUS_COST__ENABLED``, ``--set``,
            ``default``.
    """

    layer: Layer
    place: str


class EffectiveSetting(NamedTuple):
    """One setting in force.

    Attributes:
        route: Its key; items of an array of tables have an index.
        value: What holds; ``None`` when the key is optional and nothing sets it.
        origin: The place that decided it.
        shadowed: Places of lower layers that state it in vain, highest first.
    """

    route: Route
    value: object
    origin: Origin
    shadowed: tuple[Origin, ...] = ()

    @property
    def is_default(self) -> bool:
        """Whether nobody set it."""
        return self.origin.layer is Layer.DEFAULT


_DEFAULT = Origin(Layer.DEFAULT, "default")


def effective(loaded: LoadedConfig) -> tuple[EffectiveSetting, ...]:
    """Return all governed settings in the order of the model.

    Args:
        loaded: Layers without an error.
    """
    assert loaded.settings is not None, "layers with errors have no settings"
    values: dict[str, object] = loaded.settings.model_dump()
    return tuple(
        EffectiveSetting(route, value, *_origins(route, loaded.documents))
        for route, value in _leaves((), values)
    )


def above(route: Route, documents: Sequence[Document]) -> str | None:
    """Return the layer above the files that decides a setting; ``None`` when none does.

    Args:
        route: The key; of an item of an array, the layer that states the array decides.
        documents: All layers, lowest first.
    """
    array = next((route[:place] for place, part in enumerate(route) if isinstance(part, int)), None)
    highest = next(_stated(array or route, documents), None)
    if highest is None or not isinstance(highest[0], Assignment):
        return None
    return highest[0].origin


def layer_of(document: Document) -> Layer:
    """Return the kind of layer that a document is."""
    if not isinstance(document, Assignment):
        return Layer.FILE
    return Layer.COMMAND_LINE if document.origin == SET else Layer.ENVIRONMENT


def stated_at(route: Route, documents: Sequence[Document]) -> Origin | None:
    """Return the highest place that states a key; ``None`` when none does.

    Unlike ``effective``, it knows the entries of tables that are one value.
    """
    return next((_origin(*place) for place in _stated(route, documents)), None)


def deprecated(loaded: LoadedConfig) -> tuple[tuple[str, Origin], ...]:
    """Return the deprecated keys in use, and where each is stated."""
    return tuple(
        (shown(alias.old), _origin(document, alias.old))
        for document in loaded.documents
        for alias in ALIASES
        if document.has(alias.old) and _is_ours(document, alias)
    )


def masked(route: Route, value: object) -> object:
    """Return a value in which what may be a secret is ``***``; numbers and booleans never are."""
    if is_table(value):
        return {key: masked((*route, key), inner) for key, inner in value.items()}
    items = as_items(value)
    if items:
        return [masked(route, item) for item in items]
    if not isinstance(value, str):
        return value
    if any_secret(route):
        return MASK
    value = _CREDENTIALS.sub(MASK, value)
    for start, end in reversed(secret_ranges(value)):
        value = value[:start] + MASK + value[end:]
    return value


def _leaves(route: Route, value: object) -> Iterator[tuple[Route, object]]:
    if is_table(value) and route[-1:] != _NO_LEAVES:
        for key, inner in value.items():
            yield from _leaves((*route, key), inner)
        return
    items = as_items(value)
    if items and is_table(items[0]):
        for index, item in enumerate(items):
            yield from _leaves((*route, index), item)
        return
    yield route, value


def _origins(route: Route, documents: Sequence[Document]) -> tuple[Origin, tuple[Origin, ...]]:
    """Return the place that decides a setting, and those that it overrules."""
    array = next((route[:place] for place, part in enumerate(route) if isinstance(part, int)), None)
    found = list(_stated(array or route, documents))
    if array is None:
        places = [_origin(*place) for place in found]
        return (places[0], tuple(places[1:])) if places else (_DEFAULT, ())
    # An array replaces the one below as a whole: its items shadow nothing.
    holder = found[0][0]
    return (_origin(holder, route) if holder.has(route) else _DEFAULT), ()


def _stated(route: Route, documents: Sequence[Document]) -> Iterator[tuple[Document, Route]]:
    """Yield the documents that state a setting, highest layer first, and the key they use."""
    renamed = next((alias for alias in ALIASES if alias.new == route), None)
    for document in reversed(documents):
        if document.has(route):
            yield document, route
        elif renamed and document.has(renamed.old) and _is_ours(document, renamed):
            yield document, renamed.old


def _is_ours(document: Document, alias: Alias) -> bool:
    """Return whether a deprecated key is read here, and not left to the host of the file."""
    if isinstance(document, Assignment):
        return True
    return alias.reading(dialect_of(document).dialect) is None


def _origin(document: Document, route: Route) -> Origin:
    if isinstance(document, Assignment):
        return Origin(layer_of(document), document.origin)
    start = document.key(route).start
    return Origin(layer_of(document), f"{document.file}:{start.line}:{start.column}")
