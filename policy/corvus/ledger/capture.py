"""Keeps what an import would write aside, to be handed to a store that hosts share (STO-3).

The importer runs over the ledger as it stands with all that the store has, and sees what it has
added so far; the file is opened for reading alone, and no byte of it changes. What was kept aside
then goes into the store as events, and comes into every ledger from there.

The rows of one call go together, so that a process which dies after some of them leaves no call
that was taken back and not replaced; what is remembered of files goes last.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corvus.ledger.ledger import Ledger, empty_ledger, open_file, refuse_other_rows
from corvus.ledger.migrate import roll_back
from corvus.ledger.outbox import LEDGER_ITSELF, Outbox, batches, last_seq, refuse_lost_rows
from corvus.ledger.tails import Tails
from corvus.ledger.views import archived_files, qualified, reach, show
from corvus.model.outbox import NUMBERED, REMOVABLE, LedgerTable, Row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROWS_AT_ONCE = 2_000
"""Rows that are handed over in one transaction, unless more belong together."""

_CAPTURED = "captured"
_COLUMNS = """
SELECT column_name, data_type FROM duckdb_columns()
WHERE database_name = 'temp' AND table_name = ? ORDER BY column_index
"""
_ROWS = "SELECT {columns} FROM temp.captured_{table} {order}"
_CALLS_FIRST = """
ORDER BY min(admitted_at) OVER (PARTITION BY {call}), {call}, admitted_at, id
"""
_CALL = "coalesce(import_key, reservation_id, corrects_id, id)"

_OF_CALL = " of call"
"""Where a row has its call on the way; no column is called so."""

Rows = list[tuple[LedgerTable, Row]]


class CapturingLedger(Ledger):
    """A ledger that keeps aside what is written to it.

    Args:
        connection: To a ledger that is open for reading.
        path: The file.
        tails: What its tables show besides the rows of the file.
    """

    def __init__(self, connection: DuckDBPyConnection, path: Path, tails: Tails) -> None:
        super().__init__(connection, path)
        self._tails = tails
        self._removals: Rows = []

    def table(self, name: str) -> str:
        """Return where the new rows of a table go, as SQL writes it."""
        return self._tails.table(_CAPTURED, name)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Keep everything inside aside, or nothing."""
        removals = [*self._removals]
        with self.explaining():
            self.connection.execute("BEGIN TRANSACTION")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self._removals = removals
                roll_back(self.connection)
                raise

    def _roll_up(self, kind: LedgerTable, source: str, values: Mapping[str, object] | None) -> None:
        """Leave the roll-ups to the drain that brings the rows into the file."""

    def remove(self, removal: Row) -> None:
        """Show the rows no more that a removal names."""
        self._tails.remove(removal)
        self._removals.append((LedgerTable.REMOVAL, removal))

    def captured(self) -> Iterator[Rows]:
        """Yield what was kept aside, in batches, in the order in which it is to be handed over."""
        first = [*self._removals]
        for table in (*sorted(REMOVABLE), LedgerTable.RECONCILIATION):
            first += self._rows(table)
        if first:
            yield first  # a bill is small, and half of one would be another
        for table in sorted(NUMBERED):
            yield from _pages(self._rows(table))
        yield from _whole_calls(self._rows(LedgerTable.USAGE_RECORD))
        if files := [*self._rows(LedgerTable.IMPORT_FILE)]:
            yield files

    def _rows(self, table: LedgerTable) -> Iterator[tuple[LedgerTable, Row]]:
        """Yield the new rows of a table; of a call one after the other."""
        order = _CALLS_FIRST.format(call=_CALL) if table is LedgerTable.USAGE_RECORD else ""
        with self.explaining():
            columns = self.connection.execute(_COLUMNS, [f"{_CAPTURED}_{table}"]).fetchall()
            if not columns:
                return
            taken = ", ".join(_taken(name, kind) for name, kind in columns)
            if table is LedgerTable.USAGE_RECORD:
                taken += f", {_CALL}::VARCHAR AS of_call"
            statement = _ROWS.format(columns=taken, table=table, order=order)
            found = self.connection.execute(statement)
        names = [name for name, _ in columns]
        while page := found.fetchmany(ROWS_AT_ONCE):
            for values in page:
                row = _row(names, values)
                if table is LedgerTable.USAGE_RECORD:
                    row[_OF_CALL] = values[-1]
                yield table, row


def _row(names: Sequence[str], values: Sequence[Any]) -> Row:
    row: Row = {
        name: value for name, value in zip(names, values, strict=False) if value is not None
    }
    if row.get("store_id") == LEDGER_ITSELF:  # it becomes an event of the store
        del row["store_id"], row["seq"]
    return row


def _taken(name: str, kind: str) -> str:
    """Write how a column is taken, so that an event may have it."""
    if kind == "TIMESTAMP":
        return f"epoch_us({name})"
    if kind in ("UUID", "DATE"):
        return f"{name}::VARCHAR"
    return name


def _pages(rows: Iterator[tuple[LedgerTable, Row]]) -> Iterator[Rows]:
    page: Rows = []
    for row in rows:
        page.append(row)
        if len(page) == ROWS_AT_ONCE:
            yield page
            page = []
    if page:
        yield page


def _whole_calls(rows: Iterator[tuple[LedgerTable, Row]]) -> Iterator[Rows]:
    page: Rows = []
    before: object = None
    for table, row in rows:
        call = row.pop(_OF_CALL)
        if len(page) >= ROWS_AT_ONCE and call != before:
            yield page
            page = []
        page.append((table, row))
        before = call
    if page:
        yield page


@contextmanager
def capturing(path: Path, outbox: Outbox) -> Generator[CapturingLedger]:
    """Open a ledger with all that a store has, so that what is written to it is kept aside.

    Args:
        path: The ledger file; it need not exist.
        outbox: The events of the store.

    Raises:
        LedgerError: As for ``open_ledger``.
    """
    with ExitStack() as opened:
        is_file = os.path.isfile(path)
        ledger = opened.enter_context(open_file(path) if is_file else empty_ledger(path))
        connection, store_id = ledger.connection, outbox.store_id
        watermark = ledger.watermark(store_id)
        refuse_lost_rows(outbox, watermark, ledger.mark(store_id))
        refuse_other_rows(ledger, outbox, watermark)
        files = archived_files(connection, path) if is_file else {}
        with ledger.explaining():
            reach(connection, files, fenced=False)  # an import reads files of its own
            tails = Tails(connection, store_id, partial(qualified, connection))
            through = last_seq(outbox, watermark)
            tails.add(batches(outbox, watermark, through))
            for table in LedgerTable:
                if table is not LedgerTable.REMOVAL:
                    tails.table(_CAPTURED, table)
            for table in REMOVABLE:
                tails.track_removals(table)
            show(connection, tails, files)
        captured = CapturingLedger(connection, path, tails)
        captured.through_seq = through
        yield captured
