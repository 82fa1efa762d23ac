"""Brings a replica up to date from that of another host, where the store has forgotten (STO-3).

What this ledger has of the store is the beginning of what the other one has, so that what is
missing is known by ids and numbers, and comes once however often it is asked for. All of it is one
transaction with the watermark. What is written as a whole each time, as bills are, is taken as the
other ledger has it. The other one is only read.

Refuses a ledger that the store does not feed, one that lacks events itself, and one that says
otherwise than the store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from corvus.base.errors import LedgerError
from corvus.base.files import sync
from corvus.base.time import Clock
from corvus.ledger.ledger import Ledger, mark_drained, open_file
from corvus.ledger.other_ledgers import refuse_itself
from corvus.ledger.outbox import Outbox, refuse_lost_rows
from corvus.ledger.replica import enrolled, host_of
from corvus.ledger.roll_ups import ROLLED_UP
from corvus.ledger.views import archived_files, quoted, reach, show_all
from corvus.model.outbox import NUMBERED, LedgerTable

_COPY = "COPY (FROM {table}) TO {file} (FORMAT parquet)"
_NEW_CALLS = """
(SELECT theirs.* FROM read_parquet({file}) AS theirs
ANTI JOIN {table} AS ours ON ours.id = theirs.id)
"""
_NEW_NUMBERED = """
(SELECT theirs.* FROM read_parquet({file}) AS theirs
ANTI JOIN {table} AS ours ON ours.store_id = theirs.store_id AND ours.seq = theirs.seq)
"""
_TAKE_NUMBERED = "INSERT INTO {target} BY NAME SELECT * FROM {source} ORDER BY store_id, seq"
_CLEAR = "DELETE FROM {target}"
_TAKE_ALL = "INSERT INTO {target} BY NAME FROM read_parquet({file})"

_SEEDED = tuple(sorted(frozenset(LedgerTable) - {LedgerTable.REMOVAL}))
"""Every table that a store feeds."""


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """What a ledger took over from that of another host.

    Attributes:
        events: How many events of the store it lacked.
        rows: Rows by table, of those that have any.
        through_seq: Number of the newest event that it has now.
    """

    events: int
    rows: Mapping[str, int]
    through_seq: int


@dataclass(frozen=True, slots=True)
class _Copy:
    files: Mapping[LedgerTable, Path]
    watermark: int
    mark: str | None


def seed(
    path: Path, source: Path, outbox: Outbox, clock: Clock, *, archive: Path | None = None
) -> SeedSummary:
    """Take over what a ledger lacks of its store from the ledger of another host.

    Args:
        path: The ledger; it is made when missing.
        source: The ledger of another host, or a copy of it.
        outbox: The events of the store.
        clock: Stamps the watermark.
        archive: The folder with the archive of ``source``; next to it by default. What it has at a
            URL is read there.

    Raises:
        LedgerError: One of the two cannot be opened, or ``source`` is no use; nothing was taken.
        StoreError: The store cannot be read or written.
    """
    refuse_itself(path, source)
    with tempfile.TemporaryDirectory(prefix="corvus-seed-") as folder:
        copy = _copied(source, Path(folder), outbox, archive)
        with open_file(path, write=True, clock=clock) as ledger:
            own = ledger.watermark(outbox.store_id)
            replica_id = enrolled(ledger, outbox, own, clock) if outbox.is_shared else None
            if own >= copy.watermark:
                refuse_lost_rows(outbox, own, ledger.mark(outbox.store_id))
                return SeedSummary(0, {}, own)
            rows = _taken_over(ledger, copy, outbox.store_id, own, clock)
            with ledger.explaining():
                ledger.connection.execute("CHECKPOINT")
            sync(path.absolute().parent)
        if replica_id is not None:
            outbox.forget(copy.watermark, replica_id, host_of(path))
    return SeedSummary(copy.watermark - own, rows, copy.watermark)


def _copied(source: Path, folder: Path, outbox: Outbox, archive: Path | None) -> _Copy:
    """Copy what another ledger has, of one moment."""
    files: dict[LedgerTable, Path] = {}
    try:
        with open_file(source) as ledger, ledger.explaining():
            watermark, mark = ledger.watermark(outbox.store_id), ledger.mark(outbox.store_id)
            if watermark == 0:
                raise LedgerError("it has no event of this store, so no host keeps it")
            refuse_lost_rows(outbox, watermark, mark)
            archived = archived_files(ledger.connection, source, folder=archive)
            reach(ledger.connection, archived, fenced=False)
            show_all(ledger.connection, "", [], archived)
            for table in _SEEDED:
                file = files[table] = folder / f"{table}.parquet"
                ledger.connection.execute(_COPY.format(table=table, file=quoted(file)))
    except LedgerError as fault:
        if str(source) in str(fault):
            raise
        raise type(fault)(f"{source}: {fault}") from fault
    return _Copy(files, watermark, mark)


def _taken_over(
    ledger: Ledger, copy: _Copy, store_id: str, own: int, clock: Clock
) -> dict[str, int]:
    """Write what is missing and the watermark in one transaction."""
    archived = archived_files(ledger.connection, ledger.path)
    with ledger.explaining():
        reach(ledger.connection, archived, fenced=False)
        show_all(ledger.connection, "", [], archived)
    rows: dict[str, int] = {}
    with ledger.transaction():
        for table, file in copy.files.items():
            values = {"target": ledger.table(table), "table": table, "file": quoted(file)}
            new = _NEW_CALLS if table is LedgerTable.USAGE_RECORD else _NEW_NUMBERED
            source = new.format(**values)
            if table in ROLLED_UP:
                count = ledger.append(table, source)
            elif table in NUMBERED:
                count = _count(ledger, _TAKE_NUMBERED.format(**values, source=source))
            else:
                ledger.connection.execute(_CLEAR.format(**values))
                count = _count(ledger, _TAKE_ALL.format(**values))
            if count:
                rows[table.value] = count
        events = copy.watermark - own
        mark_drained(ledger, store_id, copy.watermark, events, clock, mark=copy.mark)
    return rows


def _count(ledger: Ledger, statement: str) -> int:
    """Return how many rows a statement has written."""
    written = ledger.connection.execute(statement).fetchone()
    return int(written[0]) if written else 0
