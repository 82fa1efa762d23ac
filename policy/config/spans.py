"""The place of every key and value of a document, and the keys that are defined twice (DIA-3).

Built from the statements of the scanner only when a position is asked for: a clean file needs none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from policy.config.toml_tokens import Entry, Gap, Header, KeyToken, Statement, Value

KeyPath = tuple[str | int, ...]
Place = tuple[int, int]


class Conflict(NamedTuple):
    """A second definition of the same key or table.

    Attributes:
        path: Names of the key, without indices.
        place: The second definition.
        first: The first one.
        is_table: Whether both are headers of a table.
    """

    path: tuple[str, ...]
    place: Place
    first: Place
    is_table: bool


class _Node:
    """One key: ``kind`` says how it came to be, and so what may still be added to it."""

    __slots__ = ("children", "items", "key", "kind", "mentions", "value")

    def __init__(self, kind: str, key: Place, value: Place) -> None:
        self.kind = kind
        self.key = key
        self.value = value
        self.children: dict[str, _Node] = {}
        self.items: list[_Node] = []
        self.mentions: list[Place] = [key]


class SpanIndex:
    """Places by path.

    Args:
        statements: What ``toml_scan.scan`` read.

    Attributes:
        conflicts: Keys and tables that are defined twice, in the order of the text.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.conflicts: list[Conflict] = []
        self._root = _Node("header", (0, 0), (0, 0))
        self._table = self._root
        self._names: tuple[str, ...] = ()
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
            if found is None:
                break
            node = found
        return node

    def _add(self, statement: Statement) -> None:
        match statement:
            case Entry():
                self._entry(self._table, self._names, statement)
            case Header():
                self._names = tuple(key.name for key in statement.keys)
                self._table = self._enter(statement)
            case Gap():
                # Keys below an unreadable header are compared with one another only.
                self._names = ()
                self._table = _Node("header", (statement.start,) * 2, (statement.start,) * 2)

    def _enter(self, header: Header) -> _Node:
        place = (header.start, header.end)
        node = self._root
        for key in header.keys[:-1]:
            child = node.children.get(key.name)
            if child is None:
                child = node.children[key.name] = _Node("implicit", key[1:], place)
            else:
                child.mentions.append(key[1:])
            if child.kind == "closed":
                return self._clash(child, place, key)
            node = child.items[-1] if child.kind == "tables" else child
        return self._open(node, header)

    def _open(self, parent: _Node, header: Header) -> _Node:
        place, last = (header.start, header.end), header.keys[-1]
        known = parent.children.get(last.name)
        if known is not None:
            known.mentions.append(last[1:])
        if header.is_array:
            if known is None:
                known = parent.children[last.name] = _Node("tables", last[1:], place)
            elif known.kind != "tables":
                return self._clash(known, place, last)
            known.items.append(_Node("header", last[1:], place))
            return known.items[-1]
        if known is None:
            known = parent.children[last.name] = _Node("header", last[1:], place)
        elif known.kind == "implicit":
            known.kind, known.key, known.value = "header", last[1:], place
        else:
            return self._clash(known, place, last)
        return known

    def _clash(self, known: _Node, place: Place, key: KeyToken) -> _Node:
        by_header = known.kind in {"header", "tables", "implicit"}
        first = known.value if by_header else known.key
        self.conflicts.append(Conflict(self._names, place, first, is_table=by_header))
        return _Node("header", key[1:], place)

    def _entry(self, table: _Node, names: tuple[str, ...], entry: Entry) -> None:
        node = table
        for depth, key in enumerate(entry.keys):
            child = node.children.get(key.name)
            is_last = depth == len(entry.keys) - 1
            if child is None:
                child = _Node("dotted", key[1:], key[1:])
                if is_last:
                    child = self._build(key[1:], entry.value, names + _names(entry.keys))
                node.children[key.name] = child
            else:
                child.mentions.append(key[1:])
                if is_last or child.kind not in {"dotted", "implicit"}:
                    self._collide(child, names + _names(entry.keys[: depth + 1]), key)
                    return
            node = child

    def _collide(self, known: _Node, names: tuple[str, ...], key: KeyToken) -> None:
        first = known.value if known.kind in {"header", "tables"} else known.key
        self.conflicts.append(Conflict(names, key[1:], first, is_table=False))

    def _build(self, key: Place, value: Value, names: tuple[str, ...]) -> _Node:
        node = _Node("closed", key, (value.start, value.end))
        for entry in value.entries:
            self._entry(node, names, entry)
        for item in value.items:
            node.items.append(self._build((item.start, item.end), item, names))
        return node


def _names(keys: Iterable[KeyToken]) -> tuple[str, ...]:
    return tuple(key.name for key in keys)
