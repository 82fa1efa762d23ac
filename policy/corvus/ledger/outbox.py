"""What the ledger asks of a store: its undrained events, in order and without a gap (LED-2).

They become rows of the ledger's tables by one statement per table and batch. A batch travels as one
JSON parameter, which is the fast way in (one row at a time costs DuckDB a millisecond each). A
column that the table lacks is refused, and so is a value that does not fit its column.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.model.outbox import LedgerTable, OutboxEvent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH_EVENTS = 10_000
"""How many events are taken over at a time."""


class Outbox(Protocol):
    """The events of a store that the ledger may not have yet."""

    @property
    def store_id(self) -> str:
        """UUID text, fixed for the life of a store."""
        ...

    def drained_seq(self) -> int:
        """Return the number up to which events were handed over and forgotten; 0 at first."""
        ...

    def pending(self, after_seq: int, limit: int) -> list[OutboxEvent]:
        """Return up to ``limit`` events with a greater number, ascending, without a gap."""
        ...

    def forget(self, through_seq: int) -> None:
        """Forget the events up to a number, durably; ``drained_seq`` answers it from then on."""
        ...


def last_seq(outbox: Outbox, after_seq: int) -> int:
    """Return the number of the newest event; ``after_seq`` when there is none after it.

    As numbers have no gap, doubling and halving steps find it with few looks at single events.
    """
    step = 1
    while outbox.pending(after_seq + step - 1, 1):
        step *= 2
    known, unknown = after_seq + step // 2, after_seq + step
    while unknown - known > 1:
        middle = (known + unknown) // 2
        if outbox.pending(middle - 1, 1):
            known = middle
        else:
            unknown = middle
    return known


def batches(outbox: Outbox, after_seq: int, through_seq: int) -> Iterator[list[OutboxEvent]]:
    """Yield the events after one number and up to another, in batches.

    Raises:
        LedgerCorrupt: A number is missing; nothing after it may be taken over.
    """
    while after_seq < through_seq:
        events = outbox.pending(after_seq, min(BATCH_EVENTS, through_seq - after_seq))
        wanted = range(after_seq + 1, after_seq + 1 + len(events))
        for seq, event in zip(wanted, events, strict=True):
            if event.seq != seq:
                raise LedgerCorrupt(_GAP.format(store=outbox.store_id, seq=seq, got=event.seq))
        if not events:
            raise LedgerCorrupt(
                _GAP.format(store=outbox.store_id, seq=after_seq + 1, got="nothing")
            )
        yield events
        after_seq = events[-1].seq


_GAP = (
    "the store {store} has lost event {seq} (found {got} in its place); nothing from there on was "
    "taken over; keep the store and run `corvus ledger verify`"
)


def refuse_lost_rows(outbox: Outbox, watermark: int) -> None:
    """Check that ledger and store agree on what was handed over.

    Args:
        outbox: The events of the store.
        watermark: Number of the newest event of this store that the ledger has.

    Raises:
        LedgerCorrupt: The ledger has lost rows that the store has forgotten, or the store was set
            back to an earlier state: its next events would be taken for ones the ledger has.
    """
    drained = outbox.drained_seq()
    if watermark < drained:
        raise LedgerCorrupt(
            f"the ledger has lost events {watermark + 1} to {drained} of the store: it has them up "
            f"to {watermark}, the store handed them over up to {drained}; put back a copy of the "
            "ledger that has them, or run `corvus ledger verify --rebuild` to go on without"
        )
    if watermark > drained:
        known = outbox.pending(watermark - 1, 1)
        if not known or known[0].seq != watermark:
            raise LedgerCorrupt(
                f"the store is older than the ledger, which has its events up to {watermark}; put "
                "the newer store back, or move this one away so that a new one is made"
            )


_COLUMNS = """
SELECT column_name, data_type FROM duckdb_columns()
WHERE database_name = current_database() AND table_name = ? ORDER BY column_index
"""
_INSERT = """
INSERT INTO {target} BY NAME
SELECT {columns}
FROM (SELECT unnest(from_json_strict($rows, $shape)) AS line){ordering}
"""


class Staging:
    """Knows the columns of the tables of one open ledger.

    Args:
        connection: Its connection.
        store_id: Stands in front of every row of the governor's tables.
    """

    def __init__(self, connection: DuckDBPyConnection, store_id: str) -> None:
        self._connection = connection
        self._store_id = store_id
        self._columns: dict[LedgerTable, dict[str, str]] = {}

    def insert(self, table: LedgerTable, target: str, events: Sequence[OutboxEvent]) -> None:
        """Insert the rows of events of one table.

        Args:
            table: The table that gives the columns.
            target: Where the rows go, as SQL writes it: the table itself, or one of its shape.
            events: Events of this table, ascending.

        Raises:
            LedgerError: A row has a column that the ledger does not know.
        """
        columns = self._columns_of(table)
        blank: dict[str, object] = {name: None for name in columns}
        if "store_id" in columns:
            blank["store_id"] = self._store_id
        lines = [blank | event.row for event in events]
        for event, line in zip(events, lines, strict=True):
            if "seq" in columns:
                line["seq"] = event.seq
            if len(line) > len(columns):
                raise LedgerError(
                    f"event {event.seq} of the store has {', '.join(sorted(line.keys() - columns))}"
                    f", which the table {table} of this corvus lacks; upgrade corvus"
                )
        self._connection.execute(
            _INSERT.format(
                target=target,
                columns=", ".join(_taken(name, kind) for name, kind in columns.items()),
                # Usage lies in order of admission (see Ledger.append_usage).
                ordering=" ORDER BY admitted_at, id" if "admitted_at" in columns else "",
            ),
            {"rows": _text(lines), "shape": _shape(columns)},
        )

    def _columns_of(self, table: LedgerTable) -> dict[str, str]:
        if table not in self._columns:
            rows = self._connection.execute(_COLUMNS, [table.value]).fetchall()
            self._columns[table] = {str(name): str(kind) for name, kind in rows}
        return self._columns[table]


def by_table(events: Sequence[OutboxEvent]) -> dict[LedgerTable, list[OutboxEvent]]:
    """Sort events by their table, keeping their order."""
    sorted_out: dict[LedgerTable, list[OutboxEvent]] = {}
    for event in events:
        sorted_out.setdefault(event.table, []).append(event)
    return sorted_out


def _taken(name: str, kind: str) -> str:
    """Write how a column is taken from a line; instants come as microseconds since 1970."""
    value = f"make_timestamp(line.{name})" if kind == "TIMESTAMP" else f"line.{name}"
    return f"{value} AS {name}"


def _shape(columns: dict[str, str]) -> str:
    kinds = {name: "BIGINT" if kind == "TIMESTAMP" else kind for name, kind in columns.items()}
    return json.dumps([kinds])


def _text(lines: list[dict[str, object]]) -> str:
    """Write lines as JSON; half a surrogate pair, which is no text, becomes a question mark."""
    return json.dumps(lines, ensure_ascii=False).encode("utf-8", "replace").decode()
