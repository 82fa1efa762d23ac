"""The one editor of TOML text: renames, settings and removals that touch no other byte (DEP-5).

Comments, blank lines, order, quoting and the spelling of numbers stay. It knows TOML and nothing of
settings, and decides nothing: what to edit, and whether the result is right, is for ``change`` and
``migrate``, which read the text again and compare (``same``). A new table goes behind its
relatives, a new key behind the last one of its table, written the way the table is written: below a
header, in braces, or dotted.

NOTE: not tomlkit (0.15.2, tried 2026-11-28): with it as the setter 21 of the 180 tests of
``change`` fail, because it writes new keys in other places and moves tables of a host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from corvus.base.errors import EditRefused
from corvus.config.toml.document import Document
from corvus.config.toml.tokens import Entry, Header, Statement, Value, opened
from corvus.config.toml.values import Route, as_items, header, is_table, kind, quoted, shown

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BEFORE_COMMENT = re.compile(r"[ \t]*(?=#)")
_REST_OF_LINE = re.compile(r"[ \t]*\r?(?:\n|\Z)")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_LINE = re.compile(r"[^\n]*\n?")
_COMMENTS = re.compile(r"(?:[ \t]*#[^\n]*(?:\n|\Z))+(?=[ \t]*\r?(?:\n|\Z))")
"""Comment lines that no header follows, and so belong to what stands above them."""
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


def put(document: Document, route: Route, spelling: str) -> Edit:
    """Set a value.

    Args:
        document: A valid document.
        route: The key; items of an array have an index.
        spelling: The value as TOML.

    Raises:
        EditRefused: The key is a table with a header, or an item that is not there.
    """
    blocks = _blocks(document.statements())
    found = _find(blocks, route)
    if found:
        return Edit(found.value.start, found.value.end, spelling)
    if document.has(route):
        raise EditRefused(f"`{header(route)}` is a table of its own: set its keys one by one")
    at, added = _addition(document, blocks, route, spelling)
    return Edit(at, at, added)


def remove(document: Document, route: Route) -> list[Edit]:
    """Take out a key or table; comments on lines of their own stay.

    Args:
        document: A valid document, which has the key.
        route: The key; an item of an array has an index.

    Raises:
        EditRefused: The key is one item of an array in brackets.
    """
    text, blocks = document.text, _blocks(document.statements())
    found = _find(blocks, route)
    if found is None:
        cuts = [cut for block in blocks for cut in _cuts(text, block, route)]
        return [Edit(start, end, "") for start, end in cuts]
    if found.entry is None:
        raise EditRefused(f"`{shown(route)}` is one item of an array: set the whole array")
    if found.braces is not None:
        return [_without_item(text, found.entry, found.siblings, found.braces)]
    start, end = _lines(text, found.entry.keys[0].start, found.entry.value.end)
    return [Edit(start, end, "")]


def remove_statement(document: Document, route: Route) -> list[Edit]:
    """Take out a key with its value; a comment behind it stays, on a line of its own.

    Args:
        document: A valid document, which has the key.
        route: The key; its last part is a name.

    Raises:
        EditRefused: The key is a table that stands in several places.
    """
    found = _find(_blocks(document.statements()), route)
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


class _Block(NamedTuple):
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


class _Place(NamedTuple):
    """A value; for one that a key in braces names also that key and its neighbours."""

    value: Value
    entry: Entry | None
    siblings: tuple[Entry, ...] = ()
    braces: Value | None = None


def _blocks(statements: Iterable[Statement]) -> list[_Block]:
    blocks: list[_Block] = []
    table: Route = ()
    above: Header | None = None
    entries: list[Entry] = []
    sizes: dict[Route, int] = {}
    for statement in statements:
        if isinstance(statement, Entry):
            entries.append(statement)
            continue
        assert isinstance(statement, Header), "a valid document has no header that cannot be read"
        blocks.append(_Block(table, above, tuple(entries)))
        table, above, entries = opened(statement, sizes), statement, []
    return [*blocks, _Block(table, above, tuple(entries))]


def _route(block: _Block, entry: Entry) -> Route:
    return (*block.table, *(key.name for key in entry.keys))


def _find(blocks: Iterable[_Block], route: Route) -> _Place | None:
    """Find the value that stands behind ``key =``, or inside such a value."""
    for block in blocks:
        for entry in block.entries:
            above = _route(block, entry)
            if route[: len(above)] == above:
                return _inside(_Place(entry.value, entry), route[len(above) :])
    return None


def _inside(place: _Place, rest: Route) -> _Place | None:
    if not rest:
        return place
    value = place.value
    if isinstance(rest[0], int):
        items = value.items[rest[0] : rest[0] + 1]
        return _inside(_Place(items[0], None), rest[1:]) if items else None
    for entry in value.entries:
        names = tuple(key.name for key in entry.keys)
        if rest[: len(names)] == names:
            inner = _Place(entry.value, entry, value.entries, value)
            return _inside(inner, rest[len(names) :])
    return None


def _addition(
    document: Document, blocks: list[_Block], route: Route, spelling: str
) -> tuple[int, str]:
    """Return where a key that is not there goes, and the text to insert."""
    known = next(end for end in range(len(route) - 1, -1, -1) if document.has(route[:end]))
    table, rest = route[:known], route[known:]
    if any(isinstance(part, int) for part in rest):
        raise EditRefused(f"there is no `{header(route[: known + 1])}`: set the whole array")
    braces = _find(blocks, table) if table else None
    if braces:
        return _into_braces(braces.value, f"{shown(rest)} = {spelling}")
    own = next((block for block in blocks if block.table == table and block.header), None)
    if own and len(rest) == 1:
        return _below(document.text, own, f"{shown(rest)} = {spelling}")
    dotted = _last_dotted(blocks, table) if table and not own else None
    if dotted:
        block, entry = dotted
        relative = route[len(block.table) :]
        upto = block._replace(entries=block.entries[: block.entries.index(entry) + 1])
        return _below(document.text, upto, f"{shown(relative)} = {spelling}")
    return _new_table(document.text, blocks, route, spelling)


def _last_dotted(blocks: Iterable[_Block], table: Route) -> tuple[_Block, Entry] | None:
    """Return the last entry whose dotted key makes a table, and its block."""
    found = None
    for block in blocks:
        for entry in block.entries:
            if len(block.table) < len(table) and _route(block, entry)[: len(table)] == table:
                found = block, entry
    return found


def _into_braces(table: Value, entry: str) -> tuple[int, str]:
    if table.entries:
        return table.entries[-1].value.end, f", {entry}"
    return table.start + 1, f" {entry}" if table.end - table.start > 2 else f" {entry} "


def _below(text: str, block: _Block, entry: str) -> tuple[int, str]:
    """Insert a line behind the last one of a block, indented like that one."""
    last = block.entries[-1].keys[0].start if block.entries else block.end - 1
    line = text.rfind("\n", 0, last) + 1
    indent = text[line : len(text) - len(text[line:].lstrip(" \t"))]
    at = _line_end(text, block.end)
    return at, f"{_break(text, at)}{indent}{entry}{_newline(text)}"


def _new_table(text: str, blocks: list[_Block], route: Route, spelling: str) -> tuple[int, str]:
    """Insert a header with one key: before its own subtables, behind its relatives, or last."""
    table, newline = route[:-1], _newline(text)
    lines = f"{header(table)}{newline}{shown(route[-1:])} = {spelling}{newline}"
    below = [block for block in blocks if block.header and block.table[: len(table)] == table]
    if below and below[0].header:
        return text.rfind("\n", 0, below[0].header.start) + 1, f"{lines}{newline}"
    related = [block for block in blocks if block.header and block.table[:1] == table[:1]]
    if related:
        nearest = max(related, key=lambda block: (_common(block.table, table), block.end))
        at = _line_end(text, nearest.end)
        comments = _COMMENTS.match(text, at)
        at = comments.end() if comments else at
    else:
        at = len(text)
    return at, f"{_break(text, at)}{newline if text.strip() else ''}{lines}"


def _common(route: Route, other: Route) -> int:
    """Count the parts that two routes begin with alike."""
    pairs = enumerate(zip(route, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(route), len(other)))


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


def _without_item(text: str, entry: Entry, siblings: tuple[Entry, ...], table: Value) -> Edit:
    """Return the edit that takes an entry out of braces, with one comma and its space."""
    start, end = entry.keys[0].start, entry.value.end
    if len(siblings) == 1:
        return Edit(table.start + 1, table.end - 1, "")
    if entry is not siblings[-1] and (comma := _COMMA.match(text, end)):
        return Edit(start, comma.end(), "")
    before = siblings[siblings.index(entry) - 1].value.end
    return Edit(before, end, "")


def _cuts(text: str, block: _Block, route: Route) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a block that make up a table."""
    if block.header and block.table[: len(route)] == route:
        start, end = _lines(text, block.header.start, block.end)
        if blank := _BLANK.match(text, end):
            end = blank.end()
        elif end == len(text) and (blank := _LAST_BLANK.search(text, 0, start)):
            start = blank.start()
        yield start, end
        return
    for entry in block.entries:
        if _route(block, entry)[: len(route)] == route:
            yield _lines(text, entry.keys[0].start, entry.value.end)


def _lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the whole lines of a stretch, with what stands behind it and the last line end."""
    return text.rfind("\n", 0, start) + 1, _line_end(text, end)


def _line_end(text: str, pos: int) -> int:
    line = _LINE.match(text, pos)
    return line.end() if line else len(text)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _break(text: str, at: int) -> str:
    """Return the line end that is missing before an offset."""
    return _newline(text) if at and text[at - 1] != "\n" else ""
