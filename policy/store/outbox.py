"""The outbox of a store for the ledger: reads beside a busy writer, forgets through it (LED-2).

Refuses to create anything: reading what is not there is the caller's question to ask first.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from policy.clock import Clock, microseconds
from policy.model.outbox import OutboxEvent
from policy.store import rows, statements
from policy.store.reader import own_row, reading
from policy.store.sqlite import SqliteBackend
from policy.store.store import Store
from policy.store.unit import Unit

KEEP_SETTLED = timedelta(days=7)
"""How long a settled reservation and its idempotency key are remembered."""


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
        """Forget the events up to a number, durably, and what was settled long before them."""

        def step(unit: Unit) -> None:
            unit.forget(through_seq, microseconds(unit.now - KEEP_SETTLED))

        if self._store is not None:
            self._store.run(step)
            return
        store = Store(SqliteBackend(self._path), self._clock)
        try:
            store.run(step)
        finally:
            store.close()
