"""Edits of TOML text that touch no other byte: renames and removals (DEP-5).

Comments, blank lines, order, quoting and the spelling of numbers stay. It knows TOML and nothing of
settings, and decides nothing: what to edit, and whether the result is right, is for ``change`` and
``migrate``, which read the text again and compare (``same``).

NOTE: not tomlkit (0.15.2, tried 2026-11-28), which writes what is added: of 12 renames it leaves
10 with other bytes than the key changed, and with a table it takes the comments above the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from corvus.base.errors import EditRefused
from corvus.config.edit.blocks import (
    COMMENTS_BELOW,
    Block,
    blocks_of,
    find,
    line_end,
    line_start,
    route_of,
)
from corvus.config.toml.document import Document
from corvus.config.toml.tokens import Entry, Value
from corvus.config.toml.values import Route, as_items, is_table, kind, quoted, shown

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_BLANK = re.compile(r"[ \t]*\r?\n")
_LAST_BLANK = re.compile(r"(?<=\n)\r?\n\Z")


class Edit(NamedTuple):
    """Text that takes the place of what stands between two offsets, the end exclusive."""

    start: int
    end: int
    text: str


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
    """Take out a key or table.

    Comments on lines of their own stay, except those right above the header of a table and right
    below its last line.

    Args:
        document: A valid document, which has the key.
        route: The key; an item of an array has an index.

    Raises:
        EditRefused: The key is one item of an array in brackets.
    """
    text, blocks = document.text, blocks_of(document)
    found = find(blocks, route)
    if found is None:
        cuts = [cut for block in blocks for cut in _cuts(text, block, route)]
        return [Edit(_start_of_cut(text, start, end), end, "") for start, end in cuts]
    if found.entry is None:
        raise EditRefused(f"`{shown(route)}` is one item of an array: set the whole array")
    if found.braces is not None:
        return [_without_item(text, found.entry, found.siblings, found.braces)]
    start, end = _lines(text, found.entry.keys[0].start, found.entry.value.end)
    return [Edit(_start_of_cut(text, start, end), end, "")]


def remove_statement(document: Document, route: Route) -> list[Edit]:
    """Take out a key with its value, and a comment behind it, which is about nothing else.

    Args:
        document: A valid document, which has the key.
        route: The key; its last part is a name.

    Raises:
        EditRefused: The key is a table that stands in several places.
    """
    found = find(blocks_of(document), route)
    if found is None or found.entry is None:
        raise EditRefused(f"{route} is not one statement")
    if found.braces is not None:
        return [_without_item(document.text, found.entry, found.siblings, found.braces)]
    return [_without_line(document.text, found.entry)]


def same(value: object, other: object) -> bool:
    """Return whether two values are the same: types count, and ``nan`` equals itself."""
    if is_table(value) and is_table(other):
        return value.keys() == other.keys() and all(same(value[key], other[key]) for key in value)
    if kind(value) == kind(other) == "array":
        items, others = as_items(value), as_items(other)
        return len(items) == len(others) and all(map(same, items, others))
    if isinstance(value, Decimal) and isinstance(other, Decimal) and value.is_nan():
        return str(value) == str(other)
    return type(value) is type(other) and value == other


def _without_line(text: str, entry: Entry) -> Edit:
    """Take out a statement with its line."""
    start, end = entry.keys[0].start, entry.value.end
    rest = _REST_OF_LINE.match(text, end)
    end = rest.end() if rest else end
    start = text.rfind("\n", 0, start) + 1
    if end == len(text) and not text.endswith("\n") and start:
        # The last line has no end: the one before becomes the last, and has none either.
        start -= 2 if text[start - 2 : start] == "\r\n" else 1
    return Edit(start, end, "")


def _without_item(text: str, entry: Entry, siblings: tuple[Entry, ...], table: Value) -> Edit:
    """Return the edit that takes an entry out of braces, with one comma and its space."""
    start, end = entry.keys[0].start, entry.value.end
    if len(siblings) == 1:
        return Edit(table.start + 1, table.end - 1, "")
    if entry is not siblings[-1] and (comma := _COMMA.match(text, end)):
        return Edit(start, comma.end(), "")
    before = siblings[siblings.index(entry) - 1].value.end
    return Edit(before, end, "")


def _cuts(text: str, block: Block, route: Route) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a block that make up a table."""
    if block.header and block.table[: len(route)] == route:
        start, end = _lines(text, block.header.start, block.end)
        start = _start_of_banner(text, start)
        if comments := COMMENTS_BELOW.match(text, end):
            end = comments.end()
        if blank := _BLANK.match(text, end):
            end = blank.end()
        elif end == len(text) and (blank := _LAST_BLANK.search(text, 0, start)):
            start = blank.start()
        yield start, end
        return
    for entry in block.entries:
        if route_of(block, entry)[: len(route)] == route:
            yield _lines(text, entry.keys[0].start, entry.value.end)


def _start_of_cut(text: str, start: int, end: int) -> int:
    """Return where a cut begins: where the last line has no end, the one before gets none."""
    if end < len(text) or text.endswith("\n") or not start:
        return start
    return start - (2 if text[start - 2 : start] == "\r\n" else 1)


def _start_of_banner(text: str, start: int) -> int:
    """Return where the comment right above a header begins; that of the file is not its."""
    above = start
    while above and text[line_start(text, above - 1) : above].lstrip(" \t").startswith("#"):
        above = line_start(text, above - 1)
    return above or start


def _lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the whole lines of a stretch, with what stands behind it and the last line end."""
    return line_start(text, start), line_end(text, end)
