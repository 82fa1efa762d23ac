"""A document as blocks: a header with the entries below it, each with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from corvus.config.toml.document import Document
from corvus.config.toml.tokens import Entry, Header, Value, opened
from corvus.config.toml.values import Route

COMMENTS_BELOW = re.compile(r"(?:[ \t]*#[^\n]*(?:\n|\Z))+(?=[ \t]*\r?(?:\n|\Z))")
"""Comment lines that no header follows, and so belong to what stands above them."""
_LINE = re.compile(r"[^\n]*\n?")


class Block(NamedTuple):
    """A header and the entries below it; the entries before the first header have none."""

    table: Route
    header: Header | None
    entries: tuple[Entry, ...]

    @property
    def end(self) -> int:
        """The offset behind the last entry, or behind the header."""
        if self.entries:
            return self.entries[-1].value.end
        return self.header.end if self.header else 0


class Place(NamedTuple):
    """A value; for one that a key in braces names also that key and its neighbours."""

    value: Value
    entry: Entry | None
    siblings: tuple[Entry, ...] = ()
    braces: Value | None = None


def blocks_of(document: Document) -> list[Block]:
    """Return the blocks of a valid document in their order."""
    blocks: list[Block] = []
    table: Route = ()
    above: Header | None = None
    entries: list[Entry] = []
    sizes: dict[Route, int] = {}
    for statement in document.statements():
        if isinstance(statement, Entry):
            entries.append(statement)
            continue
        assert isinstance(statement, Header), "a valid document has no header that cannot be read"
        blocks.append(Block(table, above, tuple(entries)))
        table, above, entries = opened(statement, sizes), statement, []
    return [*blocks, Block(table, above, tuple(entries))]


def route_of(block: Block, entry: Entry) -> Route:
    """Return the key of an entry from the top of the document."""
    return (*block.table, *(key.name for key in entry.keys))


def find(blocks: Iterable[Block], route: Route) -> Place | None:
    """Find the value that stands behind ``key =``, or inside such a value."""
    for block in blocks:
        for entry in block.entries:
            above = route_of(block, entry)
            if route[: len(above)] == above:
                return _inside(Place(entry.value, entry), route[len(above) :])
    return None


def _inside(place: Place, rest: Route) -> Place | None:
    if not rest:
        return place
    value = place.value
    if isinstance(rest[0], int):
        items = value.items[rest[0] : rest[0] + 1]
        return _inside(Place(items[0], None), rest[1:]) if items else None
    for entry in value.entries:
        names = tuple(key.name for key in entry.keys)
        if rest[: len(names)] == names:
            inner = Place(entry.value, entry, value.entries, value)
            return _inside(inner, rest[len(names) :])
    return None


def line_start(text: str, pos: int) -> int:
    """Return the offset of the line that an offset is in."""
    return text.rfind("\n", 0, pos) + 1


def line_end(text: str, pos: int) -> int:
    """Return the offset behind the line that an offset is in, with its line end."""
    line = _LINE.match(text, pos)
    return line.end() if line else len(text)
