"""The place of every key and value of a document, and the keys that are defined twice (DIA-3).

Built from the statements of the scanner only when a position is asked for: a clean file needs none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from corvus.config.toml.limits import MAX_PROBLEMS
from corvus.config.toml.positions import KeyPath
from corvus.config.toml.tokens import Entry, Gap, Header, KeyToken, Statement, Value

Place = tuple[int, int]


class Conflict(NamedTuple):
    """A second definition of the same key or table.

    Attributes:
        path: The key or table.
        place: The second definition.
        first: The first one.
        how: A ``"key"`` or ``"table"`` defined twice, or an ``"addition"`` to what is complete.
    """

    path: KeyPath
    place: Place
    first: Place
    how: str


class _Node:
    """One key: ``kind`` says how it came to be, and so what may still be added to it."""

    __slots__ = ("children", "flat", "items", "key", "kind", "mentions", "value")

    def __init__(self, kind: str, key: Place, value: Place) -> None:
        self.kind = kind
        self.key = key
        self.value = value
        self.children: dict[str, _Node] = {}
        self.items: list[_Node] = []
        self.flat: tuple[Value, ...] = ()
        self.mentions: list[Place] = [key]


class SpanIndex:
    """Places by path.

    Args:
        statements: What ``toml_scan.scan`` read.

    Attributes:
        conflicts: Keys and tables that are defined twice, in the order of the text, at most
            ``MAX_PROBLEMS``.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.conflicts: list[Conflict] = []
        self._root = _Node("header", (0, 0), (0, 0))
        self._table = self._root
        self._path: KeyPath = ()
        for statement in statements:
            self._add(statement)

    def key(self, path: KeyPath) -> Place:
        """Return the place of the last key token of a path, or of its nearest known ancestor."""
        return self._find(path).key

    def value(self, path: KeyPath) -> Place:
        """Return the place of the value of a path, or of its nearest known ancestor."""
        return self._find(path).value

    def mentions(self, path: KeyPath) -> tuple[Place, ...]:
        """Return every key token that spells the last part of a path, in headers too."""
        return tuple(self._find(path).mentions)

    def _find(self, path: KeyPath) -> _Node:
        node = self._root
        for part in path:
            found: _Node | None = None
            if isinstance(part, str):
                found = node.children.get(part)
            elif 0 <= part < len(node.items):
                found = node.items[part]
            elif 0 <= part < len(node.flat):
                place = (node.flat[part].start, node.flat[part].end)
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
                place = (statement.start, statement.start)
                self._table = _Node("header", place, place)

    def _enter(self, header: Header) -> _Node:
        place = (header.start, header.end)
        node = self._root
        self._path = ()
        for key in header.keys[:-1]:
            self._path += (key.name,)
            child = node.children.get(key.name)
            if child is None:
                child = node.children[key.name] = _Node("implicit", key[1:], place)
            else:
                child.mentions.append(key[1:])
            if child.kind == "closed":
                return self._clash(child, place, "addition")
            node = child
            if child.kind == "tables":
                node = child.items[-1]
                self._path += (len(child.items) - 1,)
        return self._open(node, header)

    def _open(self, parent: _Node, header: Header) -> _Node:
        place, last = (header.start, header.end), header.keys[-1]
        self._path += (last.name,)
        known = parent.children.get(last.name)
        if known is not None:
            known.mentions.append(last[1:])
        if header.is_array:
            if known is None:
                known = parent.children[last.name] = _Node("tables", last[1:], place)
            elif known.kind != "tables":
                return self._clash(known, place, "table")
            self._path += (len(known.items),)
            known.items.append(_Node("header", last[1:], place))
            return known.items[-1]
        if known is None:
            known = parent.children[last.name] = _Node("header", last[1:], place)
        elif known.kind == "implicit":
            known.kind, known.key, known.value = "header", last[1:], place
        else:
            return self._clash(known, place, "table")
        return known

    def _clash(self, known: _Node, place: Place, how: str) -> _Node:
        """Record the conflict; the keys that follow go to a table of their own."""
        how = "key" if how == "table" and known.kind == "closed" else how
        self._conflict(Conflict(self._path, place, _definition(known), how))
        return _Node("header", place, place)

    def _entry(self, table: _Node, above: KeyPath, entry: Entry) -> None:
        node = table
        for depth, key in enumerate(entry.keys):
            child = node.children.get(key.name)
            is_last = depth == len(entry.keys) - 1
            if child is None:
                child = _Node("dotted", key[1:], key[1:])
                if is_last:
                    child = self._build(key[1:], entry.value, above + _names(entry.keys))
                node.children[key.name] = child
            else:
                child.mentions.append(key[1:])
                if is_last or child.kind not in {"dotted", "implicit"}:
                    path = above + _names(entry.keys[: depth + 1])
                    how = "key" if is_last else "addition"
                    self._conflict(Conflict(path, key[1:], _definition(child), how))
                    return
            node = child

    def _conflict(self, conflict: Conflict) -> None:
        if len(self.conflicts) < MAX_PROBLEMS:
            self.conflicts.append(conflict)

    def _build(self, key: Place, value: Value, path: KeyPath) -> _Node:
        node = _Node("closed", key, (value.start, value.end))
        for entry in value.entries:
            self._entry(node, path, entry)
        if all(item.kind == "scalar" for item in value.items):
            node.flat = value.items  # no nodes for what is most of a long array
            return node
        for number, item in enumerate(value.items):
            node.items.append(self._build((item.start, item.end), item, (*path, number)))
        return node


def _definition(known: _Node) -> Place:
    return known.value if known.kind in {"header", "tables", "implicit"} else known.key


def _names(keys: Iterable[KeyToken]) -> tuple[str, ...]:
    return tuple(key.name for key in keys)
