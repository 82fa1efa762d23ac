"""What a writer remembers of a store between its transactions, as long as nobody else writes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, TypeVar

from corvus.base.time import microseconds
from corvus.model.budget import Budget
from corvus.model.reservation import Reservation, ReservationState
from corvus.store.api import Changes, IdempotencyKey, Rows, StoreState, Table
from corvus.store.codec import Kind, Query
from corvus.store.kinds import BALANCE, MISSION, NOTICE, OVERRIDE, RESERVATION, SESSION

T = TypeVar("T")

_ROWS_MAX = 50_000
"""Rows of a kind that are kept in memory between transactions."""
_PRINCIPALS_MAX = 1_000
"""Principals whose actions are; each has no more of them than its limit."""


@dataclass(slots=True)
class Cache:
    """What was loaded from or written to the backend, valid until somebody else writes.

    Attributes:
        tables: Rows by kind and key; ``None`` is known not to be there.
        lists: All rows that certain looks find, by key.
        budgets: The registered budgets by id.
        keys: The reservation to which an idempotency key points.
        actions: When the actions of a principal were admitted, ascending.
        present: Ids of sessions that were not forgotten.
        windows: When the latest window of a sum opened, by budget and part, microseconds.
        has_reports: Whether a call that a client has reported may stand; ``None`` is not known.
        stale: Rows by kind and key as they were before others wrote: good for guesses alone.
    """

    state: StoreState | None = None
    tables: dict[Kind[Any], Table] = field(default_factory=dict[Kind[Any], Table])
    lists: dict[Query[Any], Table] = field(default_factory=dict[Query[Any], Table])
    budgets: dict[int, Budget] | None = None
    keys: dict[IdempotencyKey, str] = field(default_factory=dict[IdempotencyKey, str])
    actions: dict[str, deque[int]] = field(default_factory=dict[str, deque[int]])
    present: set[str] = field(default_factory=set[str])
    windows: dict[tuple[int, str], int] = field(default_factory=dict[tuple[int, str], int])
    has_reports: bool | None = None
    stale: dict[Kind[Any], Table] = field(default_factory=dict[Kind[Any], Table])

    def table(self, kind: Kind[T]) -> dict[Any, T | None]:
        """Return the rows of a kind that are remembered."""
        found = self.tables.get(kind)
        if found is None:
            found = self.tables[kind] = {}
        return found

    def list(self, kind: Kind[T], backend: Rows, query: Query[T]) -> dict[Any, T]:
        """Return all rows of a kind that a look finds, by key; they are loaded once."""
        rows = self.lists.get(query)
        if rows is None:
            rows = self.lists[query] = {kind.key_of(row): row for row in backend.find(query)}
        return rows

    def outlast(self, *, rare: bool) -> Cache:
        """Return what stands though others wrote.

        Args:
            rare: Whether they wrote rows of rare kinds, too.
        """
        for kind, rows in self.tables.items():
            self.stale.setdefault(kind, {}).update(rows)
        if rare:
            return Cache(stale=self.stale)
        return Cache(
            stale=self.stale,
            tables={kind: rows for kind, rows in self.tables.items() if kind.is_rare},
            lists={
                query: rows
                for query, rows in self.lists.items()
                if query.kind is not None and query.kind.is_rare
            },
            budgets=self.budgets,
            present=self.present,
        )

    def forget_settled(self, before_us: int) -> None:
        """Forget reservations that were settled before an instant, with their keys."""
        reservations = self.table(RESERVATION)
        for row in [*reservations.values()]:
            settled_at = row.settled_at if row is not None else None
            if row is None or settled_at is None or microseconds(settled_at) >= before_us:
                continue
            del reservations[row.id]
            key = key_of(row)
            if key is not None and self.keys.get(key) == row.id:
                del self.keys[key]

    def forget_scopes(self) -> None:
        """Forget what may be over, in a transaction that changed none of it."""
        for kind in (BALANCE, SESSION, MISSION, OVERRIDE, NOTICE):
            self.tables.pop(kind, None)
        self.present.clear()
        self.windows.clear()

    def trim(self, written: Changes) -> None:
        """Forget reservations that have ended, and kinds of which too much is remembered.

        Args:
            written: What was committed just now.
        """
        reservations = self.table(RESERVATION)
        stale = self.stale.get(RESERVATION, {})
        for row in written.changed_of(RESERVATION).values():
            if row.state is not ReservationState.HELD:
                reservations.pop(row.id, None)
                stale.pop(row.id, None)
        remembered = (*self.tables.values(), *self.stale.values())
        for rows in (*remembered, self.keys, self.present, self.windows):
            if len(rows) > _ROWS_MAX:
                rows.clear()
        if len(self.actions) > _PRINCIPALS_MAX:
            self.actions.clear()


def key_of(reservation: Reservation) -> IdempotencyKey | None:
    """Return the idempotency key of a reservation, within its project."""
    request = reservation.request
    if request.idempotency_key is None:
        return None
    return IdempotencyKey(request.idempotency_key, request.project)
