"""Where a value that is set stands in a document; how it is written there is for ``addition``.

A value that is there keeps its place and takes the spelling that is given. A new key goes behind
the last one of its table, which is written as it is written: below a header, in braces, or dotted.
A new table goes behind its relatives, and has a header; the comments above the next one stay there.
"""

from __future__ import annotations

from corvus.base.errors import EditRefused
from corvus.config.edit.addition import Insertion, into_braces, into_lines, new_table
from corvus.config.edit.blocks import (
    COMMENTS_BELOW,
    Block,
    blocks_of,
    find,
    line_end,
    line_start,
    route_of,
)
from corvus.config.edit.edit import Edit
from corvus.config.toml.document import Document
from corvus.config.toml.tokens import Value
from corvus.config.toml.values import Route, header, shown


def put(document: Document, route: Route, value: str) -> Edit:
    """Set a value.

    Args:
        document: A valid document.
        route: The key; items of an array have an index.
        value: The value as TOML.

    Raises:
        EditRefused: The key is a table with lines of its own, an item that is not there, or below
            what is no table.
    """
    blocks = blocks_of(document)
    found = find(blocks, route)
    if found:
        return Edit(found.value.start, found.value.end, value)
    if document.has(route):
        raise EditRefused(f"`{header(route)}` is a table of its own: set its keys one by one")
    at, added = _addition(document, blocks, route, value)
    if at == len(document.text) and not document.text.endswith("\n"):
        added = added.removesuffix("\n") if document.text else added
    return Edit(at, at, added.replace("\n", _newline(document.text)))


def is_spread(document: Document, route: Route) -> bool:
    """Return whether a table has lines of its own, below a header or dotted."""
    return document.has(route) and find(blocks_of(document), route) is None


def _addition(document: Document, blocks: list[Block], route: Route, value: str) -> Insertion:
    """Return what to insert for a key that is not there; its line ends are plain."""
    text = document.text
    known = next(end for end in range(len(route) - 1, -1, -1) if document.has(route[:end]))
    table, rest = route[:known], route[known:]
    for end in range(known, len(route)):
        if isinstance(route[end], int):
            raise EditRefused(f"there is no `{header(route[: end + 1])}`: set the whole array")
    braces = _braces_above(blocks, route)
    if braces:
        end, place = braces
        held = text[place.start : place.end]
        if not held.startswith("{"):
            raise EditRefused(f"`{shown(route[:end])}` is no table: it has no place for a key")
        return _moved(into_braces(held, _names(route[end:]), value), place.start)
    lines = _lines_of(text, blocks, table, rest)
    if lines:
        start, end, inside = lines
        return _moved(into_lines(text[start:end], inside, _names(rest), value), start)
    return _new_table(text, blocks, route, value)


def _braces_above(blocks: list[Block], route: Route) -> tuple[int, Value] | None:
    """Return the value that a key is to stand in, and how many parts of the key lead to it."""
    for end in range(len(route) - 1, 0, -1):
        if place := find(blocks, route[:end]):
            return end, place.value
    return None


def _lines_of(
    text: str, blocks: list[Block], table: Route, rest: Route
) -> tuple[int, int, tuple[str | int, ...]] | None:
    """Return the lines of a table that a key can be added to, and what leads to it in them.

    A table in a table gets a header of its own, except in an array of tables.
    """
    is_item = any(isinstance(part, int) for part in table)
    for block in blocks:
        if block.table == table and block.header and (len(rest) == 1 or is_item):
            names = tuple(key.name for key in block.header.keys)
            inside = (*names, 0) if block.header.is_array else names
            return line_start(text, block.header.start), line_end(text, block.end), inside
        if block.table == table and block.header:
            return None
    found = None
    for block in blocks:
        for entry in block.entries:
            if len(block.table) < len(table) and route_of(block, entry)[: len(table)] == table:
                inside = table[len(block.table) :]
                start, end = entry.keys[0].start, entry.value.end
                found = line_start(text, start), line_end(text, end), inside
    return found


def _new_table(text: str, blocks: list[Block], route: Route, value: str) -> Insertion:
    """Insert a header: before its own subtables, behind its relatives, or last."""
    table, key = (route, ()) if value.startswith("{") else (route[:-1], route[-1:])
    lines = new_table(_names(table), _names(key), value)
    below = [block for block in blocks if block.header and block.table[: len(table)] == table]
    if below and below[0].header:
        return Insertion(line_start(text, below[0].header.start), f"{lines}\n")
    related = [block for block in blocks if block.header and block.table[:1] == table[:1]]
    at = len(text)
    if related:
        nearest = max(related, key=lambda block: (_common(block.table, table), block.end))
        at = line_end(text, nearest.end)
        comments = COMMENTS_BELOW.match(text, at)
        at = comments.end() if comments else at
    is_broken = at and text[at - 1] != "\n"
    return Insertion(at, ("\n" if is_broken else "") + ("\n" if text.strip() else "") + lines)


def _common(route: Route, other: Route) -> int:
    """Count the parts that two routes begin with alike."""
    pairs = enumerate(zip(route, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(route), len(other)))


def _moved(insertion: Insertion, start: int) -> Insertion:
    return insertion._replace(at=start + insertion.at)


def _names(route: Route) -> tuple[str, ...]:
    return tuple(part for part in route if isinstance(part, str))


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
