"""A store in memory that behaves as if each look took a round trip."""

from __future__ import annotations

from typing import Any, TypeVar

from corvus.store.api import Begun, Changes
from corvus.store.codec import Kind, Query, values_of
from corvus.store.kinds import STATE, THE_STATE
from corvus.store.looks import PRESENT, Fetched, Foreseen, Wanted
from corvus.store.sqlite import MemoryBackend

T = TypeVar("T")


class FarBackend(MemoryBackend):
    """Answers from what was foreseen, and counts what was not.

    Attributes:
        trips: Round trips so far.
        missed: The tables, or the SQL, of looks that nobody foresaw.
        others_wrote: What the next transactions find: whether others wrote, and rare rows too.
    """

    is_far = True

    def __init__(self) -> None:
        super().__init__()
        self.trips = 0
        self.missed: list[str] = []
        self.others_wrote: tuple[bool, bool] = (False, False)
        self._now_us = 0

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        self.fetched = Fetched()
        begun = super().begin()
        self.trips += 1
        state = self._connected.execute(THE_STATE.sql).fetchall()
        self.fetched.keep_find(THE_STATE, (), state)  # it comes with the lock
        last_us = STATE.read(state[0]).last_us
        self._now_us = max(last_us, 0 if foreseen is None else foreseen.now_us)
        others, rare = self.others_wrote
        if foreseen is not None:
            stale = [foreseen.remembered] if others else []
            stale += [foreseen.rare] if rare else []
            for wanted in (foreseen.unknown, *stale):
                self._answer(wanted, foreseen.now_us)
        return Begun(others or begun.others_wrote, rare or begun.others_wrote_rare)

    def fetch(self, wanted: Wanted) -> None:
        self.trips += 1
        self._answer(wanted, self._now_us)

    def commit(self, changes: Changes) -> None:
        super().commit(changes)
        self.trips += 1
        self.fetched = Fetched()

    def roll_back(self) -> None:
        super().roll_back()
        self.fetched = Fetched()

    def _answer(self, wanted: Wanted, now_us: int) -> None:
        for kind, keys in wanted.gets.items():
            rows = {key: self._first(kind, key) for key in keys}
            self.fetched.keep_gets(kind, rows)
        for query, given in wanted.finds:
            values = [_value(one, now_us) for one in given]
            rows = self._connected.execute(query.sql, values).fetchall()
            self.fetched.keep_find(query, given, rows)

    def _first(self, kind: Kind[T], key: Any) -> T | None:
        return next(iter(super().find(kind.by_key, *values_of(key))), None)

    def get(self, kind: Kind[T], key: Any) -> T | None:
        if self.fetched.has(kind, key):
            return self.fetched.get(kind, key)
        self.missed.append(kind.table)
        return self._first(kind, key)

    def find(self, query: Query[T], *values: object) -> list[T]:
        found = self.fetched.find(query, values, self._now_us)
        if found is not None:
            return found
        self.missed.append(query.sql)
        return super().find(query, *values)


def _value(value: object, now_us: int) -> Any:
    match value:
        case (str(mark), int(difference)) if mark == PRESENT:
            return now_us + difference
        case _:
            return value
