"""Takes the events of a store over into the ledger: in order, exactly once (LED-2).

Each batch and its watermark are one transaction of DuckDB. The store forgets a batch only after a
checkpoint has put it into the file itself, as a damaged write-ahead log can lose rows without a
word. So whatever step a process dies at, an event is in the store, in the ledger, or in both, and
the watermark tells which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corvus.base.files import sync
from corvus.base.time import Clock, SystemClock
from corvus.ledger.ledger import LOCK_TIMEOUT_SECONDS, Ledger, mark_drained, open_file
from corvus.ledger.outbox import (
    Outbox,
    Staging,
    batches,
    by_table,
    last_seq,
    refuse_lost_rows,
)
from corvus.model.outbox import LedgerTable, OutboxEvent

Progress = Callable[[int, int], None]
"""Called with how many events are taken over, and how many there are."""


@dataclass(frozen=True, slots=True)
class DrainSummary:
    """What a drain took over.

    Attributes:
        events: How many events.
        rows: … and of which tables.
        through_seq: Number of the newest event that the ledger has.
    """

    events: int
    rows: dict[LedgerTable, int]
    through_seq: int


def drain(
    path: Path,
    outbox: Outbox,
    *,
    on_progress: Progress | None = None,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    clock: Clock | None = None,
) -> DrainSummary:
    """Take over the events that the store has now; what comes meanwhile waits for the next drain.

    Args:
        path: The ledger file; it is made if there are events.
        outbox: The events of the store.
        on_progress: Called after each batch.
        timeout_seconds: How long to wait while others hold the ledger, >= 0.
        clock: Stamps the watermark; the machine's by default.

    Raises:
        LedgerError: The ledger cannot be opened or written; every event is still in the store, or
            in the ledger, and the next drain goes on.
        LedgerLocked: Others held the ledger all the time.
        LedgerCorrupt: Ledger and store contradict each other, or an event is missing.
    """
    drained = outbox.drained_seq()
    if not outbox.pending(drained, 1):
        return DrainSummary(0, {}, drained)
    clock = clock or SystemClock()
    with open_file(path, write=True, timeout_seconds=timeout_seconds, clock=clock) as ledger:
        watermark = ledger.watermark(outbox.store_id)
        refuse_lost_rows(outbox, watermark)
        if watermark > outbox.drained_seq():
            _forget(ledger, outbox)  # the drain before died between its commit and this
        through = last_seq(outbox, watermark)
        rows: Counter[LedgerTable] = Counter()
        staging = Staging(ledger.connection, outbox.store_id)
        for events in batches(outbox, watermark, through):
            rows += _take_over(ledger, staging, outbox.store_id, events, clock)
            if on_progress is not None:
                on_progress(rows.total(), through - watermark)
        if through > watermark:
            _forget(ledger, outbox)
    return DrainSummary(rows.total(), dict(rows), through)


def _take_over(
    ledger: Ledger, staging: Staging, store_id: str, events: list[OutboxEvent], clock: Clock
) -> Counter[LedgerTable]:
    """Write one batch and its watermark in one transaction."""
    sorted_out = by_table(events)
    with ledger.transaction():
        for table, some in sorted_out.items():
            staging.insert(table, ledger.table(table), some)
        mark_drained(ledger, store_id, events[-1].seq, len(events), clock)
    return Counter({table: len(some) for table, some in sorted_out.items()})


def _forget(ledger: Ledger, outbox: Outbox) -> None:
    """Let the store forget what the file of the ledger has for certain."""
    with ledger.explaining():
        ledger.connection.execute("CHECKPOINT")
    sync(ledger.path.absolute().parent)  # DuckDB does not, for a file that is new there
    outbox.forget(ledger.watermark(outbox.store_id))
