"""Puts usage that was recorded elsewhere into a store that hosts share, exactly once (STO-3).

One process of all hosts imports at a time, and has seen every event before it says what is new. It
may have been stopped meanwhile, and another may be at work: each batch asks in its own transaction
whether the office is still its own. A call that was recorded in the meantime under an id or key of
the import ends it; what was written by then stays, and importing again adds what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from corvus.base.errors import StoreUnavailable
from corvus.model.outbox import LedgerTable, OutboxEvent, Row
from corvus.store.election import holds
from corvus.store.kinds import EVENTS
from corvus.store.store import Store
from corvus.store.unit import Unit

IMPORT = "import"
"""The office of who imports, or takes bills over."""
_PAGE = 1_000
"""Events that are looked through inside a transaction at most."""
_KEYS = ("id", "import_key", "reservation_id")

_STOPPED = (
    "the import was stopped for so long that another process took its place; what it had written "
    "by then stays: run it again, and it adds what is missing"
)
_OVERTAKEN = (
    "a call that the import brings was recorded while it ran; what it had written by then stays: "
    "run it again, and it adds what is missing"
)


class Imported:
    """An import on its way into a store.

    Args:
        store: The store that hosts share.
        office: The name under which this process holds ``IMPORT``.
        seen_seq: The newest event that the import has seen.
        counts: Whether its usage counts against budgets, which are to be counted again.
    """

    def __init__(self, store: Store, office: str, seen_seq: int, *, counts: bool) -> None:
        self._store = store
        self._office = office
        self._seen_seq = seen_seq
        self._counts = counts
        self._recorded: set[str] = set()

    def append(self, batches: Iterable[Sequence[tuple[LedgerTable, Row]]]) -> int:
        """Append rows, each batch in a transaction.

        Args:
            batches: Rows; those of one call are in one batch.

        Returns:
            How many rows were appended.

        Raises:
            StoreUnavailable: Another import took over, or a call was recorded meanwhile.
            StoreError: The store cannot be written.
        """
        rows = 0
        for batch in batches:
            while not self._append(batch):
                self._look_through()
            rows += len(batch)
        return rows

    def _append(self, batch: Sequence[tuple[LedgerTable, Row]]) -> bool:
        """Append a batch; return whether it was, or too much has happened since the last look."""
        keys = _keys(batch)

        def step(unit: Unit) -> int | None:
            if not holds(unit, IMPORT, self._office):
                raise StoreUnavailable(_STOPPED)
            events = unit.events(self._seen_seq, _PAGE)
            if len(events) == _PAGE:
                return None
            if not keys.isdisjoint(self._recorded | _keys_of(events)):
                raise StoreUnavailable(_OVERTAKEN)
            for table, row in batch:
                unit.append(table, row)
            if self._counts:
                unit.touch().recount_due = True
            return unit.state.next_seq - 1

        # What comes between now and then is seen in the next transaction, and is not ours.
        seq = self._store.run(step, alone=True)
        if seq is None:
            return False
        self._look_through(seq - len(batch))
        self._seen_seq = seq
        return True

    def _look_through(self, until_seq: int | None = None) -> None:
        """Remember the calls that others have recorded, next to the writer."""
        while True:
            events = self._store.look(lambda rows: rows.find(EVENTS, self._seen_seq, _PAGE))
            if until_seq is not None:
                events = [event for event in events if event.seq <= until_seq]
            self._recorded |= _keys_of(events)
            if events:
                self._seen_seq = events[-1].seq
            if len(events) < _PAGE:
                return


def _keys_of(events: Sequence[OutboxEvent]) -> set[str]:
    return _keys((event.table, event.row) for event in events)


def _keys(rows: Iterable[tuple[LedgerTable, Row]]) -> set[str]:
    """Return what calls are known by."""
    usage = (row for table, row in rows if table is LedgerTable.USAGE_RECORD)
    return {str(row[name]) for row in usage for name in _KEYS if row.get(name) is not None}
