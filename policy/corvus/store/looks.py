"""Looks at a store that are taken together, and their answers (STO-4)."""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple, TypeVar

from corvus.store.codec import Kind, Present, Query, Row

T = TypeVar("T")

PRESENT = "present"
"""Stands in front of the difference to the present, microseconds, in place of an instant."""


class Wanted:
    """Looks that a transaction is expected to take.

    Attributes:
        gets: Keys by their kind.
        finds: Queries with their values, of which those counted from the present are pairs of
            ``PRESENT`` and the difference, microseconds.
    """

    __slots__ = ("finds", "gets")

    def __init__(self) -> None:
        self.gets: dict[Kind[Any], set[Any]] = {}
        self.finds: set[tuple[Query[Any], tuple[object, ...]]] = set()

    def __bool__(self) -> bool:
        return bool(self.gets or self.finds)

    def get(self, kind: Kind[Any], key: Any) -> None:
        """Want the row of a key."""
        self.gets.setdefault(kind, set()).add(key)

    def find(self, query: Query[Any], values: tuple[object, ...], now_us: int) -> None:
        """Want what a look finds."""
        self.finds.add((query, from_present(values, now_us)))


def from_present(values: tuple[object, ...], now_us: int) -> tuple[object, ...]:
    """Return the values of a look, those counted from the present as the difference to it."""
    return tuple(
        (PRESENT, int(value) - now_us) if type(value) is Present else value for value in values
    )


class Foreseen(NamedTuple):
    """The looks that a transaction is expected to take.

    Attributes:
        unknown: Those to which nothing that is remembered is the answer.
        remembered: Those to which it is, unless others wrote.
        rare: Those to which it is, unless others wrote rows of a rare kind.
        now_us: The present, as far as it is known before the transaction, microseconds.
        is_blind: Whether too little was remembered to foresee any.
    """

    unknown: Wanted
    remembered: Wanted
    rare: Wanted
    now_us: int
    is_blind: bool = False


class Fetched:
    """The answers to looks that were taken together; valid until the transaction ends."""

    __slots__ = ("_finds", "_gets")

    def __init__(self) -> None:
        self._gets: dict[Kind[Any], dict[Any, Any]] = {}
        self._finds: dict[tuple[Query[Any], tuple[object, ...]], list[Row]] = {}

    def keep_gets(self, kind: Kind[T], rows: dict[Any, T | None]) -> None:
        """Keep the rows of some keys; ``None`` is known not to be there."""
        self._gets.setdefault(kind, {}).update(rows)

    def keep_find(self, query: Query[Any], values: tuple[object, ...], rows: list[Row]) -> None:
        """Keep what a look found, under its values as ``Wanted`` has them."""
        self._finds[query, values] = rows

    def has(self, kind: Kind[Any], key: Any) -> bool:
        """Return whether the answer for a key is here."""
        return key in self._gets.get(kind, ())

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key whose answer is here."""
        return copy(self._gets[kind][key])  # whoever gets it may change it

    def find(self, query: Query[T], values: tuple[object, ...], now_us: int) -> list[T] | None:
        """Return what a look found; ``None`` when it is not here."""
        rows = self._finds.get((query, from_present(values, now_us)))
        return None if rows is None else [query.read(row) for row in rows]
