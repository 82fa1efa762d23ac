"""Takes the events of a store over into the ledger: in order, exactly once (LED-2).

Each batch and its watermark are one transaction of DuckDB. The store forgets a batch only after a
checkpoint has put it into the file itself, as a damaged write-ahead log can lose rows without a
word. So whatever step a process dies at, an event is in the store, in the ledger, or in both, and
the watermark tells which. A record that the ledger has from an export stands once all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from corvus.base.errors import LedgerOutdated
from corvus.base.files import sync
from corvus.base.time import Clock, SystemClock
from corvus.ledger.ledger import (
    LOCK_TIMEOUT_SECONDS,
    Ledger,
    mark_drained,
    open_file,
    upgrade,
)
from corvus.ledger.outbox import (
    Outbox,
    Staging,
    batches,
    by_table,
    last_seq,
    refuse_lost_rows,
)
from corvus.ledger.replica import enrolled, host_of, watermark_of
from corvus.ledger.roll_ups import ROLLED_UP
from corvus.model.outbox import LedgerTable, OutboxEvent

_KNOWN = """
SELECT id::VARCHAR FROM {table}
WHERE admitted_at BETWEEN make_timestamp($first_us) AND make_timestamp($last_us)
    AND id IN (SELECT unnest($ids::UUID[]))
"""
"""Instants first: they lie in order, so that only the newest rows are looked at."""
_STAGE = "CREATE OR REPLACE TEMP TABLE drained_{name} AS SELECT * FROM {table} LIMIT 0"

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
    drained = _handed_over(path, outbox)
    if outbox.newest_seq() == drained:
        return DrainSummary(0, {}, drained)
    clock = clock or SystemClock()
    with open_file(path, write=True, timeout_seconds=timeout_seconds, clock=clock) as ledger:
        watermark = ledger.watermark(outbox.store_id)
        replica_id = enrolled(ledger, outbox, watermark, clock) if outbox.is_shared else None
        refuse_lost_rows(outbox, watermark, ledger.mark(outbox.store_id))
        if not outbox.is_shared and watermark > outbox.drained_seq():
            _forget(ledger, outbox)  # the drain before died between its commit and this
        through = last_seq(outbox, watermark)
        rows: Counter[LedgerTable] = Counter()
        staging = Staging(ledger.connection, outbox.store_id)
        for events in batches(outbox, watermark, through):
            rows += _take_over(ledger, staging, outbox.store_id, events, clock)
            if on_progress is not None:
                on_progress(rows.total(), through - watermark)
        if through > watermark:
            ledger.merge_roll_ups(clock)
            _forget(ledger, outbox, replica_id)
    return DrainSummary(rows.total(), dict(rows), through)


def _handed_over(path: Path, outbox: Outbox) -> int:
    """Return the number up to which the ledger has the events."""
    if not outbox.is_shared:
        return outbox.drained_seq()
    try:
        return watermark_of(path, outbox)
    except LedgerOutdated:
        upgrade(path)
        return watermark_of(path, outbox)


def _take_over(
    ledger: Ledger, staging: Staging, store_id: str, events: list[OutboxEvent], clock: Clock
) -> Counter[LedgerTable]:
    """Write one batch and its watermark in one transaction."""
    last, count = events[-1], len(events)
    recorded = [event for event in events if event.table is LedgerTable.USAGE_RECORD]
    if known := _known(ledger, recorded):
        events = [
            event
            for event in events
            if event.table is not LedgerTable.USAGE_RECORD or event.row["id"] not in known
        ]
    rows: Counter[LedgerTable] = Counter()
    with ledger.transaction():
        for table, some in by_table(events):
            rows[table] += len(some)
            if table is LedgerTable.REMOVAL:
                for event in some:
                    ledger.remove(event.row)
            elif table in ROLLED_UP:
                staged = _stage(ledger, table)
                staging.insert(table, staged, some)
                ledger.append(table, staged)
            else:
                staging.insert(table, ledger.table(table), some)
        mark_drained(ledger, store_id, last.seq, count, clock, mark=last.mark)
    return rows


def _stage(ledger: Ledger, table: LedgerTable) -> str:
    """Return an empty temporary table of the shape of a table, as SQL writes it."""
    ledger.connection.execute(_STAGE.format(name=table, table=ledger.table(table)))
    return f"temp.drained_{table}"


def _known(ledger: Ledger, recorded: list[OutboxEvent]) -> set[object]:
    """Return the ids of records that have come already by another way, as from an export."""
    if not recorded:
        return set()
    at_us = [cast("int", event.row["admitted_at"]) for event in recorded]
    values = {
        "first_us": min(at_us),
        "last_us": max(at_us),
        "ids": [event.row["id"] for event in recorded],
    }
    with ledger.explaining():
        statement = _KNOWN.format(table=ledger.table("usage_record"))
        return {id_ for (id_,) in ledger.connection.execute(statement, values).fetchall()}


def _forget(ledger: Ledger, outbox: Outbox, replica_id: str | None = None) -> None:
    """Let the store forget what the file of the ledger has for certain."""
    with ledger.explaining():
        ledger.connection.execute("CHECKPOINT")
    sync(ledger.path.absolute().parent)  # DuckDB does not, for a file that is new there
    watermark = ledger.watermark(outbox.store_id)
    if replica_id is None:
        outbox.forget(watermark)
    else:
        outbox.forget(watermark, replica_id, host_of(ledger.path))
