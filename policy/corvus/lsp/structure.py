"""Where the keys of a text stand, also of one that cannot be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

import tomli

from corvus.config.toml.scan import scan
from corvus.config.toml.tokens import (
    STRING,
    Entry,
    Gap,
    Header,
    KeyToken,
    Statement,
    Value,
    opened,
    unquote,
)
from corvus.config.toml.values import Route

_HALF_HEADER: Final = re.compile(
    r"(?P<open>\[\[?)[ \t]*(?P<keys>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)"
)
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")


class Spot(NamedTuple):
    """One key as it is written once.

    Attributes:
        route: What it names; of a table of an array, with its index.
        key: Where the key token stands, the end exclusive.
        value: Its value; ``None`` for a key of a header, and for all but the last of a dotted key.
        is_nested: Whether it stands in an inline table.
    """

    route: Route
    key: tuple[int, int]
    value: Value | None = None
    is_nested: bool = False


class Section(NamedTuple):
    """A table with a header, and what stands below it.

    Attributes:
        route: The table, as far as its header can be read; ``None`` when it cannot.
        header: Where the header stands.
        end: Where the last of its entries ends.
    """

    route: Route | None
    header: tuple[int, int]
    end: int


class Structure:
    """The keys of a text.

    Args:
        text: Without a byte order mark.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Entries and headers that could be read, in order."""
        return scan(self.text).statements

    @cached_property
    def spots(self) -> tuple[Spot, ...]:
        """Every key token, in the order of the text."""
        return tuple(self._spots())

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Every table with a header, in the order of the text."""
        found: list[Section] = []
        sizes: dict[Route, int] = {}
        for statement in self.statements:
            match statement:
                case Header():
                    place = (statement.start, statement.end)
                    found.append(Section(opened(statement, sizes), place, statement.end))
                case Gap():
                    place = (statement.start, statement.start)
                    found.append(Section(self._half_read(statement, sizes), place, statement.start))
                case Entry():
                    if found:
                        found[-1] = found[-1]._replace(end=statement.value.end)
        return tuple(found)

    def table_at(self, offset: int) -> Route | None:
        """Return the table that an entry at an offset belongs to; ``None`` where nobody knows."""
        route: Route | None = ()
        for section in self.sections:
            if section.header[0] >= offset:
                break
            route = section.route
        return route

    def at(self, offset: int) -> Spot | None:
        """Return the innermost key that, or whose value, an offset is in."""
        found: Spot | None = None
        for spot in self.spots:
            start, end = spot.key
            if start <= offset <= end:
                return spot
            value = spot.value
            if value is not None and value.start <= offset <= value.end:
                found = spot
        return found

    def value(self, route: Route) -> tuple[int, int] | None:
        """Return where the value of a key stands; the last where it is defined twice."""
        found = [spot.value for spot in self.spots if spot.route == route and spot.value]
        return (found[-1].start, found[-1].end) if found else None

    def string(self, value: Value | None) -> str | None:
        """Return the string that a value is, in whichever way it is written."""
        if value is None or value.kind != "scalar":
            return None
        written = self.text[value.start : value.end]
        if STRING.fullmatch(written) is None:
            return None
        try:
            return tomli.loads(f"string = {written}")["string"]
        except ValueError:  # an escape that names no character
            return None

    def keys(self, table: Route) -> frozenset[str]:
        """Return the keys that a table has."""
        depth = len(table)
        return frozenset(
            str(spot.route[depth])
            for spot in self.spots
            if len(spot.route) > depth and spot.route[:depth] == table
        )

    def _half_read(self, gap: Gap, sizes: dict[Route, int]) -> Route | None:
        """Return the table that a header is most likely of while it is being written."""
        found = _HALF_HEADER.match(self.text, gap.start)
        if found is None:
            return None
        route: Route = tuple(map(unquote, _PART.findall(found["keys"])))
        return (*route, sizes.get(route, 0)) if found["open"] == "[[" else route

    def _spots(self) -> Iterator[Spot]:
        table: Route | None = ()
        sizes: dict[Route, int] = {}
        for statement in self.statements:
            match statement:
                case Header():
                    table = opened(statement, sizes)
                    yield from _of_header(statement, table)
                case Gap():
                    table = None
                case Entry():
                    if table is not None:
                        yield from _of_entry(statement, table)


def _of_header(header: Header, table: Route) -> Iterator[Spot]:
    route: Route = ()
    for key in header.keys:
        route += (key.name,)
        if table[len(route) : len(route) + 1] and isinstance(table[len(route)], int):
            route += (table[len(route)],)
        yield Spot(route, (key.start, key.end))


def _of_entry(entry: Entry, table: Route, *, is_nested: bool = False) -> Iterator[Spot]:
    *above, last = entry.keys
    for key in above:
        table += (key.name,)
        yield Spot(table, _place(key), is_nested=is_nested)
    table += (last.name,)
    yield Spot(table, _place(last), entry.value, is_nested)
    yield from _inside(entry.value, table)


def _inside(value: Value, route: Route) -> Iterator[Spot]:
    for entry in value.entries:
        yield from _of_entry(entry, route, is_nested=True)
    for index, item in enumerate(value.items):
        yield from _inside(item, (*route, index))


def _place(key: KeyToken) -> tuple[int, int]:
    return key.start, key.end
