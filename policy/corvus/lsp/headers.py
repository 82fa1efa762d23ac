"""The headers that may be written at the cursor: those that define nothing a second time."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from corvus.config.toml.tokens import Header
from corvus.config.toml.values import Route, header, shown
from corvus.lsp import knowledge
from corvus.lsp.cursor import Cursor
from corvus.lsp.offers import Offer, model_offer, models
from corvus.lsp.view import View


def headers(view: View, cursor: Cursor) -> Iterator[Offer]:
    """Offer the headers of tables that a text does not have yet, and those of arrays."""
    taken = _Taken(view, cursor)
    yield from _arrays(taken)
    if cursor.word.startswith("[["):
        return
    yield from _tables(taken)
    yield from _below_items(taken)
    if (cursor.table or ())[:2] == ("cost", "prices"):
        for model in models(cursor.word.rpartition('"')[2]):
            text = header(("cost", "prices", model.name))
            yield model_offer(model, text, text)


def _arrays(taken: _Taken) -> Iterator[Offer]:
    for route, many in knowledge.tables():
        if many and taken.leaves(route, many=True):
            yield _offer(route, f"[[{shown(route)}]]")


def _tables(taken: _Taken) -> Iterator[Offer]:
    for route, many in knowledge.tables():
        if not many and taken.leaves(route):
            yield _offer(route, f"[{shown(route)}]")


def _below_items(taken: _Taken) -> Iterator[Offer]:
    """Offer what is a table of the item before the cursor, such as ``[cost.budgets.match]``."""
    for array in (route for route, many in knowledge.tables() if many):
        item = taken.last_item(array)
        if item is None:
            continue
        for key in knowledge.tables_of_items(array):
            if taken.leaves((*array, item, key)):
                yield _offer((*array, 0, key), f"[{shown((*array, key))}]")


def _offer(route: Route, text: str) -> Offer:
    facts = knowledge.facts(route)
    return Offer(text, text, types.CompletionItemKind.Module, about=facts.meaning if facts else "")


class _Taken:
    """What a text defines, but for the header that is being written."""

    def __init__(self, view: View, cursor: Cursor) -> None:
        structure = view.structure
        written = [each for each in structure.sections if each.header[0] != cursor.start]
        self._before = [each.route for each in written if each.header[0] < cursor.start]
        of_headers = {
            key.start
            for each in structure.statements
            if isinstance(each, Header)
            for key in each.keys
        }
        entries = [spot for spot in structure.spots if spot.key[0] not in of_headers]
        self._tables = {each.route for each in written} | {spot.route for spot in entries}
        self._values = {spot.route for spot in entries if spot.value is not None}

    def leaves(self, route: Route, *, many: bool = False) -> bool:
        """Return whether a header of a table, or of one more item of an array, is valid."""
        above = (route[:depth] for depth in range(1, len(route) + 1))
        return not self._values.intersection(above) and (many or route not in self._tables)

    def last_item(self, array: Route) -> int | None:
        """Return the item of an array that a header below it is about: the one before it."""
        found = [each[-1] for each in self._before if each and each[:-1] == array]
        return next((each for each in reversed(found) if isinstance(each, int)), None)
