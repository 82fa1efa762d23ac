"""Foresees which rows a batch of steps will look for, so that a far store is asked once for all.

A step changes nothing but its unit and may run again. So it is rehearsed over what is remembered,
where what is not remembered counts as absent: the looks that it takes are those that it will take
in the transaction, or nearly. Where it takes others all the same, it waits a little longer for
them; nothing else depends on this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, TypeVar, cast

from corvus.store.api import IdempotencyKey, StoredBalance, session_mark
from corvus.store.cache import Cache
from corvus.store.codec import Kind, Query
from corvus.store.kinds import (
    ACTIONS,
    BUDGETS,
    FORGOTTEN_SESSION,
    PART_WINDOW_OPENED,
    RESERVATION,
    RESERVATION_OF_KEY,
    STANDING_REPORT,
    WINDOW_OPENED,
    AdmittedAction,
)
from corvus.store.looks import Fetched, Foreseen, Wanted
from corvus.store.unit import Unit

T = TypeVar("T")
_ABSENT = object()


class Rehearsal:
    """The rows that are remembered, as rows of a store; notes what is looked for.

    Args:
        name: The store.
        cache: What is remembered; it is not changed.
        fetched: What was fetched in the present transaction.
        now_us: The present, microseconds.
    """

    def __init__(self, name: str, cache: Cache, fetched: Fetched, now_us: int) -> None:
        self.name = name
        self._cache = cache
        self._fetched = fetched
        self._now_us = now_us
        self.unknown, self.remembered, self.rare = Wanted(), Wanted(), Wanted()

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key, if it is remembered."""
        row = self._cache.tables.get(kind, {}).get(key, _ABSENT)
        if row is _ABSENT:
            if self._fetched.has(kind, key):
                return self._fetched.get(kind, key)
            self.unknown.get(kind, key)
            row = self._cache.stale.get(kind, {}).get(key)
        else:
            (self.rare if kind.is_rare else self.remembered).get(kind, key)
        return cast("T", copy(row)) if isinstance(row, StoredBalance) else cast("T | None", row)

    def find(self, query: Query[T], *values: object) -> list[T]:
        """Return what a look finds, if it is remembered."""
        found = self._remembered(query, values)
        if found is not None:
            is_rare = query.kind is not None and query.kind.is_rare
            wanted = self.rare if is_rare else self.remembered
            wanted.find(query, values, self._now_us)
            return found
        fetched = self._fetched.find(query, values, self._now_us)
        if fetched is not None:
            return fetched
        self.unknown.find(query, values, self._now_us)
        return []

    def _remembered(self, query: Query[Any], values: tuple[Any, ...]) -> list[Any] | None:
        """Return what is remembered of a look; ``None`` if nothing is."""
        cache = self._cache
        if query in cache.lists:
            return [*cache.lists[query].values()]
        if query is RESERVATION_OF_KEY:
            project, key = values
            known = cache.keys.get(IdempotencyKey(key, project or None))
            row = known and cache.tables.get(RESERVATION, {}).get(known)
            return [row] if row else None
        if query in (WINDOW_OPENED, PART_WINDOW_OPENED):
            budget_id, part, by_us = values
            opened = cache.windows.get((budget_id, part))
            return None if opened is None or opened > by_us else [opened]
        if query is STANDING_REPORT and cache.has_reports is not None:
            return [1] if cache.has_reports else []
        if query is ACTIONS and (instants := cache.actions.get(values[0])) is not None:
            return [AdmittedAction(values[0], instant) for instant in instants]
        return None


class _Present(set[Any]):
    """Sessions known not to be forgotten: those added here, over others that are not copied.

    Args:
        others: Those that are remembered.
        rare: Takes the looks for their marks, should others have forgotten sessions since.
    """

    def __init__(self, others: set[Any], rare: Wanted) -> None:
        super().__init__()
        self._others, self._rare = others, rare

    def __contains__(self, session_id: object) -> bool:
        if super().__contains__(session_id):
            return True
        if session_id in self._others:
            self._rare.get(FORGOTTEN_SESSION, session_mark(str(session_id)))
            return True
        return False


def foresee(
    steps: Iterable[Callable[[Unit], object]],
    cache: Cache,
    now_us: int,
    *,
    name: str,
    fetched: Fetched | None = None,
) -> Foreseen:
    """Foresee the looks of a batch.

    Args:
        steps: The batch.
        cache: What is remembered.
        now_us: The present, as far as it is known, microseconds.
        name: The store.
        fetched: What was fetched in the transaction, if it has begun.
    """
    if cache.state is None or cache.budgets is None:
        return Foreseen(Wanted(), Wanted(), Wanted(), now_us, is_blind=True)
    now_us = max(now_us, cache.state.last_us)  # as the unit has it
    rows = Rehearsal(name, cache, fetched or Fetched(), now_us)
    rows.rare.find(BUDGETS, (), now_us)
    present = _Present(cache.present, rows.rare)
    scratch = Cache(state=copy(cache.state), budgets=cache.budgets, present=present)
    unit = Unit(rows, scratch, now_us)
    for step in steps:
        try:
            step(unit)
        except Exception:  # the transaction itself will say what is wrong
            continue
    return Foreseen(rows.unknown, rows.remembered, rows.rare, now_us)
