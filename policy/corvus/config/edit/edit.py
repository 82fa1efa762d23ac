"""Edits of a document by the places of its keys: renames and removals that touch nothing else.

Only the bytes of the key change; comments, blank lines, order, quoting and the spelling of numbers
stay (DEP-5). It decides nothing: which keys to change, and whether the result is right, is for
``migrate``. Refuses a removal that is more than one statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from corvus.config.toml.document import Document
from corvus.config.toml.tokens import Entry, Header, Statement, Value, opened
from corvus.config.toml.values import Route, quoted

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BEFORE_COMMENT = re.compile(r"[ \t]*(?=#)")
_REST_OF_LINE = re.compile(r"[ \t]*\r?(?:\n|\Z)")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_SPACES = re.compile(r"[ \t]*")


class Edit(NamedTuple):
    """Text that takes the place of what stands between two offsets, the end exclusive."""

    start: int
    end: int
    text: str


class NotEditable(Exception):
    """A key cannot be taken out without touching more than its own bytes."""


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return the text after all edits, which must not overlap."""
    parts: list[str] = []
    done = 0
    for edit in sorted(edits):
        assert edit.start >= done, "edits overlap"
        parts += (text[done : edit.start], edit.text)
        done = edit.end
    return "".join((*parts, text[done:]))


def rename(document: Document, route: Route, name: str) -> list[Edit]:
    """Rename a key or table wherever the document spells it; quotes stay as they are.

    Args:
        document: The document.
        route: The key, which the document has; its last part is a name.
        name: The new last part.
    """
    edits: list[Edit] = []
    for span in document.mentions(route):
        start, end = span.start.offset, span.end.offset
        quote = document.text[start]
        bare = _BARE.fullmatch(name) is not None
        if quote == "'" and "'" not in name and name.isprintable():
            written = f"'{name}'"
        else:
            written = name if bare and quote != '"' else quoted(name)
        edits.append(Edit(start, end, written))
    return edits


def remove(document: Document, route: Route) -> list[Edit]:
    """Take out a key with its value; a comment behind it stays, on a line of its own.

    Args:
        document: The document.
        route: The key, which the document has; its last part is a name.

    Raises:
        NotEditable: The key is a table that stands in several places.
    """
    found = [place for place in _entries(document.statements()) if place.route == route]
    if len(found) != 1:
        raise NotEditable(f"{route} is not one statement")
    place = found[0]
    if place.siblings is None:
        return [_without_line(document.text, place.entry)]
    return [without_item(document.text, place.entry, place.siblings, place.table)]


class _Place(NamedTuple):
    """An entry, its route, and the inline table that holds it, if any."""

    route: Route
    entry: Entry
    siblings: tuple[Entry, ...] | None
    table: Value | None


def _entries(statements: Iterable[Statement]) -> Iterator[_Place]:
    table: Route = ()
    sizes: dict[Route, int] = {}
    for statement in statements:
        match statement:
            case Header():
                table = opened(statement, sizes)
            case Entry():
                yield from _below(table, statement, None, None)
            case _:
                raise NotEditable("the document has a header that cannot be read")


def _below(
    table: Route, entry: Entry, siblings: tuple[Entry, ...] | None, holder: Value | None
) -> Iterator[_Place]:
    route = (*table, *(key.name for key in entry.keys))
    yield _Place(route, entry, siblings, holder)
    yield from _inside(route, entry.value)


def _inside(route: Route, value: Value) -> Iterator[_Place]:
    for entry in value.entries:
        yield from _below(route, entry, value.entries, value)
    for index, item in enumerate(value.items):
        yield from _inside((*route, index), item)


def _without_line(text: str, entry: Entry) -> Edit:
    """Take out a statement; its line goes too, unless a comment stands on it."""
    start, end = entry.keys[0].start, entry.value.end
    if comment := _BEFORE_COMMENT.match(text, end):
        return Edit(start, comment.end(), "")
    rest = _REST_OF_LINE.match(text, end)
    end = rest.end() if rest else end
    start = text.rfind("\n", 0, start) + 1
    if end == len(text) and not text.endswith("\n") and start:
        # The last line has no end: the one before becomes the last, and has none either.
        start -= 2 if text[start - 2 : start] == "\r\n" else 1
    return Edit(start, end, "")


def without_item(text: str, entry: Entry, siblings: tuple[Entry, ...], table: Value | None) -> Edit:
    """Return the edit that takes an entry out of braces, with one comma and its space."""
    start, end = entry.keys[0].start, entry.value.end
    if len(siblings) == 1 and table is not None:
        return Edit(table.start + 1, table.end - 1, "")
    if entry is not siblings[-1] and (comma := _COMMA.match(text, end)):
        return Edit(start, comma.end(), "")
    before = siblings[siblings.index(entry) - 1].value.end
    return Edit(before, end, "")
