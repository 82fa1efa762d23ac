"""The outbox of a store for the ledger: reads beside a busy writer, forgets through it (LED-2).

Refuses to create anything: reading what is not there is the caller's question to ask first.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from functools import partial
from pathlib import Path

from corvus.base.ids import new_id
from corvus.base.time import Clock, microseconds
from corvus.model.outbox import OutboxEvent
from corvus.store import rows, statements
from corvus.store.forgetting import KEEP_SCOPES, KEEP_SETTLED, KEEP_WINDOWS, Old, forget_sessions
from corvus.store.reader import own_row, reading
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from corvus.store.unit import Unit

_EVENTS_AT_ONCE = 20_000
_SESSIONS_AT_ONCE = 250
_SESSIONS_MAX = 50_000
"""Sessions that one drain forgets at most; the next goes on."""


class StoreOutbox:
    """The events of a store that the ledger may not have yet.

    Args:
        path: The file of the store, which exists.
        store: The open store of this process, if it has one.
        clock: Stamps what is forgotten, where there is none; the machine's by default.

    Raises:
        StoreError: The file cannot be read.
    """

    def __init__(self, path: Path, store: Store | None = None, clock: Clock | None = None) -> None:
        self._path = path
        self._store = store
        self._clock = clock
        with reading(self._path) as connection:
            self._store_id = own_row(connection, path).store_id

    @property
    def store_id(self) -> str:
        """UUID text, fixed for the life of a store."""
        return self._store_id

    def drained_seq(self) -> int:
        """Return the number up to which events were handed over and forgotten; 0 at first."""
        with reading(self._path) as connection:
            return own_row(connection, self._path).drained_seq

    def pending(self, after_seq: int, limit: int) -> list[OutboxEvent]:
        """Return up to ``limit`` events with a greater number, ascending, without a gap."""
        with reading(self._path) as connection:
            found = connection.execute(statements.READ_EVENTS, (after_seq, limit))
            return [*map(rows.event, found)]

    def forget(self, through_seq: int) -> None:
        """Forget the events up to a number, durably, and what is over since long."""
        if self._store is not None:
            _forget(self._path, self._store, through_seq)
            return
        store = Store(SqliteBackend(self._path), self._clock)
        try:
            _forget(self._path, store, through_seq)
        finally:
            store.close()


def _forget(path: Path, store: Store, through_seq: int) -> None:
    """Forget events that the ledger has for good, durably, and what is over since long."""
    drained = store.run(lambda unit: unit.state.drained_seq)
    steps = [*range(drained + _EVENTS_AT_ONCE, through_seq, _EVENTS_AT_ONCE), through_seq]
    for seq in steps if through_seq > drained else ():
        store.run(lambda unit, seq=seq: unit.forget(seq, _before_us(unit)))
    while _has_settled(path, store):
        store.run(lambda unit: unit.forget(0, _before_us(unit)))
    old = _look(path, store)
    _forget_sessions(store, old)
    if old.has_more:
        store.run(
            lambda unit: unit.forget_over((), old.windows_before_us, old.before_us), alone=True
        )


def _forget_sessions(store: Store, old: Old) -> None:
    seen: Old | None = old
    for start in range(0, len(old.session_ids), _SESSIONS_AT_ONCE):
        some, known = old.session_ids[start : start + _SESSIONS_AT_ONCE], seen
        seen = store.run(partial(forget_sessions, session_ids=some, old=known), alone=True)
        if seen is None:
            return


def _before_us(unit: Unit) -> int:
    return microseconds(unit.now - KEEP_SETTLED)


def _has_settled(path: Path, store: Store) -> bool:
    before_us = store.run(_before_us)
    with reading(path) as connection:
        found = connection.execute(
            statements.READ_FORGETTABLE_RESERVATION, (new_id(before_us), before_us)
        )
        return found.fetchone() is not None


def _look(path: Path, store: Store) -> Old:
    now = store.run(lambda unit: unit.now)
    before_us = microseconds(now - KEEP_SCOPES)
    windows_us = microseconds(now - KEEP_WINDOWS)
    with reading(path) as connection:
        connection.execute("BEGIN")  # what follows is as of one instant
        state = rows.state(connection.execute(statements.READ_STATE).fetchone())
        (first_us,) = connection.execute(statements.READ_FIRST_ADMITTED).fetchone()
        if first_us is not None:  # what was admitted long ago may still be settled
            windows_us = min(windows_us, first_us - KEEP_WINDOWS // timedelta(microseconds=1))
        found = _old_sessions(connection, before_us)
        more = connection.execute(
            statements.READ_FORGETTABLE_MORE, (windows_us, new_id(before_us))
        ).fetchone()
    return Old(found, before_us, state.next_seq - 1, windows_us, has_more=more is not None)


def _old_sessions(connection: sqlite3.Connection, before_us: int) -> list[str]:
    found = connection.execute(statements.READ_OLD_SESSIONS, (before_us, _SESSIONS_MAX))
    return [str(name) for (name,) in found]
