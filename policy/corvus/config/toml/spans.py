"""Where the keys and values of a document stand, and the keys that are defined twice (DIA-3).

Built from the statements of the scanner only when a position is needed: a clean file needs none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Final, NamedTuple

from corvus.config.toml.bounds import MAX_PROBLEMS
from corvus.config.toml.finding import Stretch
from corvus.config.toml.tokens import Entry, Gap, Header, KeyToken, Statement, Value
from corvus.config.toml.values import Route
from corvus.diagnostics.model import Position, Span

_BOM_BYTES: Final = 3


class LineIndex:
    """The line starts of one text.

    Args:
        text: The text without its byte order mark.
        has_bom: Whether the file starts with one, which shifts byte offsets by three.
    """

    def __init__(self, text: str, *, has_bom: bool) -> None:
        self._text = text
        self._shift = _BOM_BYTES if has_bom else 0
        lines = text.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in lines[:-1])]
        self._bytes: list[int] | None = None
        if not text.isascii():
            self._bytes = [0, *accumulate(len(line.encode()) + 1 for line in lines[:-1])]

    def line_of(self, offset: int) -> int:
        """Return the 1-based line that holds an offset."""
        return bisect_right(self._starts, offset)

    def position(self, offset: int) -> Position:
        """Return the position of an offset; beyond the text it is that of its end."""
        offset = min(max(offset, 0), len(self._text))
        line = self.line_of(offset)
        start = self._starts[line - 1]
        byte = offset
        if self._bytes is not None:
            byte = self._bytes[line - 1] + len(self._text[start:offset].encode())
        return Position(offset, byte + self._shift, line, offset - start + 1)

    def span(self, start: int, end: int) -> Span:
        """Return the span of the half-open stretch ``start`` to ``end``."""
        return Span(self.position(start), self.position(max(start, end)))

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a 1-based line and column."""
        line = min(max(line, 1), len(self._starts))
        return min(self._starts[line - 1] + column - 1, len(self._text))


class _Node:
    """One key: ``kind`` says how it came to be, and so what may still be added to it."""

    __slots__ = ("children", "flat", "items", "key", "kind", "mentions", "value")

    def __init__(self, kind: str, key: Stretch, value: Stretch) -> None:
        self.kind = kind
        self.key = key
        self.value = value
        self.children: dict[str, _Node] = {}
        self.items: list[_Node] = []
        self.flat: tuple[Value, ...] = ()
        self.mentions: list[Stretch] = [key]


class Conflict(NamedTuple):
    """A key or table that is defined again.

    Attributes:
        path: The key or table.
        how: A ``"key"`` or ``"table"`` defined twice, or an ``"addition"`` to what is complete.
        first: The first definition: a key, or a header.
        again: The others, in order. Tables and keys that add to one value are one mistake.
    """

    path: Route
    how: str
    first: Stretch
    again: tuple[Stretch, ...]

    @property
    def place(self) -> Stretch:
        """Where the mistake is: a value that makes several others wrong, else the second one."""
        return self.again[0] if len(self.again) == 1 else self.first


class SpanIndex:
    """Places by path.

    Args:
        statements: What ``scan`` read.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._conflicts: dict[_Node | Stretch, Conflict] = {}
        self._root = _Node("header", Stretch(0, 0), Stretch(0, 0))
        self._table = self._root
        self._path: Route = ()
        for statement in statements:
            self._add(statement)

    @property
    def conflicts(self) -> list[Conflict]:
        """Keys and tables that are defined twice, at most ``MAX_PROBLEMS``."""
        return [*self._conflicts.values()]

    def key(self, path: Route) -> Stretch:
        """Return the place of the last key token of a path, or of its nearest known ancestor."""
        return self._find(path).key

    def value(self, path: Route) -> Stretch:
        """Return the place of the value of a path, or of its nearest known ancestor."""
        return self._find(path).value

    def mentions(self, path: Route) -> tuple[Stretch, ...]:
        """Return every key token that spells the last part of a path, in headers too."""
        return tuple(self._find(path).mentions)

    def _find(self, path: Route) -> _Node:
        node = self._root
        for part in path:
            found: _Node | None = None
            if isinstance(part, str):
                found = node.children.get(part)
            elif 0 <= part < len(node.items):
                found = node.items[part]
            elif 0 <= part < len(node.flat):
                place = Stretch(node.flat[part].start, node.flat[part].end)
                found = _Node("closed", place, place)
            if found is None:
                break
            node = found
        return node

    def _add(self, statement: Statement) -> None:
        match statement:
            case Entry():
                self._entry(self._table, self._path, statement)
            case Header():
                self._table = self._enter(statement)
            case Gap():
                # Keys below an unreadable header are compared with one another only.
                self._path = ()
                place = Stretch(statement.start, statement.start)
                self._table = _Node("header", place, place)

    def _enter(self, header: Header) -> _Node:
        place = Stretch(header.start, header.end)
        node = self._root
        self._path = ()
        for key in header.keys[:-1]:
            self._path += (key.name,)
            child = node.children.get(key.name)
            if child is None:
                child = node.children[key.name] = _Node("implicit", key.place, place)
            else:
                child.mentions.append(key.place)
            if child.kind == "closed":
                return self._clash(child, place, "addition")
            node = child
            if child.kind == "tables":
                node = child.items[-1]
                self._path += (len(child.items) - 1,)
        return self._open(node, header)

    def _open(self, parent: _Node, header: Header) -> _Node:
        place, last = Stretch(header.start, header.end), header.keys[-1]
        self._path += (last.name,)
        known = parent.children.get(last.name)
        if known is not None:
            known.mentions.append(last.place)
        if header.is_array:
            if known is None:
                known = parent.children[last.name] = _Node("tables", last.place, place)
            elif known.kind != "tables":
                return self._clash(known, place, "table", is_array=True)
            self._path += (len(known.items),)
            known.items.append(_Node("header", last.place, place))
            return known.items[-1]
        if known is None:
            known = parent.children[last.name] = _Node("header", last.place, place)
        elif known.kind == "implicit":
            known.kind, known.key, known.value = "header", last.place, place
        else:
            return self._clash(known, place, "table")
        return known

    def _clash(self, known: _Node, place: Stretch, how: str, *, is_array: bool = False) -> _Node:
        """Record the conflict; the keys that follow go to a table of their own."""
        if how == "table" and known.kind == "closed":
            how = "key"
        is_one = how != "table" or (known.kind == "header" and is_array)
        self._conflict(self._path, place, known, how, is_one=is_one)
        return _Node("header", place, place)

    def _entry(self, table: _Node, above: Route, entry: Entry) -> None:
        node = table
        for depth, key in enumerate(entry.keys):
            child = node.children.get(key.name)
            is_last = depth == len(entry.keys) - 1
            if child is None:
                child = _Node("dotted", key.place, key.place)
                if is_last:
                    child = self._build(key.place, entry.value, above + _names(entry.keys))
                node.children[key.name] = child
            else:
                child.mentions.append(key.place)
                if is_last or child.kind not in {"dotted", "implicit"}:
                    path = above + _names(entry.keys[: depth + 1])
                    how = "key" if is_last else "addition"
                    self._conflict(path, key.place, child, how, is_one=not is_last)
                    return
            node = child

    def _conflict(
        self, path: Route, place: Stretch, known: _Node, how: str, *, is_one: bool
    ) -> None:
        """Record a second definition; what adds to one value over and over is one conflict."""
        mark = known if is_one else place
        before = self._conflicts.get(mark)
        if before is not None:
            self._conflicts[mark] = before._replace(again=(*before.again, place))
        elif len(self._conflicts) < MAX_PROBLEMS:
            self._conflicts[mark] = Conflict(path, how, _definition(known), (place,))

    def _build(self, key: Stretch, value: Value, path: Route) -> _Node:
        node = _Node("closed", key, Stretch(value.start, value.end))
        for entry in value.entries:
            self._entry(node, path, entry)
        if all(item.kind == "scalar" for item in value.items):
            node.flat = value.items  # no nodes for what is most of a long array
            return node
        for number, item in enumerate(value.items):
            node.items.append(self._build(Stretch(item.start, item.end), item, (*path, number)))
        return node


def _definition(known: _Node) -> Stretch:
    return known.value if known.kind in {"header", "tables", "implicit"} else known.key


def _names(keys: Iterable[KeyToken]) -> tuple[str, ...]:
    return tuple(key.name for key in keys)
