"""What the ledger asks of a store: its undrained events, in order and without a gap (LED-2).

They become rows of the ledger's tables by one statement per table and batch. A batch travels as one
JSON parameter, which is the fast way in (one row at a time costs DuckDB a millisecond each). A
column that the table lacks is refused, and so is a value that does not fit its column.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.model.outbox import REMOVABLE, LedgerTable, OutboxEvent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH_EVENTS = 10_000
"""How many events are taken over at a time."""
LEDGER_ITSELF = "00000000-0000-0000-0000-000000000000"
"""Stands for the store of a row that no store handed over."""


class Outbox(Protocol):
    """The events of a store that the ledger may not have yet."""

    @property
    def store_id(self) -> str:
        """UUID text, fixed for the life of a store."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other ledgers take over the same events, each a replica of its own (STO-3)."""
        ...

    def drained_seq(self) -> int:
        """Return the number up to which events were handed over and forgotten; 0 at first."""
        ...

    def newest_seq(self) -> int:
        """Return the number of the newest event; 0 without one."""
        ...

    def pending(self, after_seq: int, limit: int) -> list[OutboxEvent]:
        """Return up to ``limit`` events with a greater number, ascending, without a gap."""
        ...

    def enrol(self, replica_id: str, watermark: int, host: str) -> str:
        """Have a shared store keep what a replica lacks; return the id under which it goes on."""
        ...

    def forget(
        self, through_seq: int, replica_id: str | None = None, host: str | None = None
    ) -> None:
        """Forget, durably, events that the ledger has for good, and that no other lacks.

        Args:
            through_seq: The ledger has the events up to this number for good. Where it is the only
                one, ``drained_seq`` answers it from then on.
            replica_id: Its id, where it is a replica of a shared store.
            host: Host and path of its file.
        """
        ...


def last_seq(outbox: Outbox, after_seq: int) -> int:
    """Return the number of the newest event; ``after_seq`` when there is none after it."""
    return max(after_seq, outbox.newest_seq())


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


def refuse_lost_rows(outbox: Outbox, watermark: int, mark: str | None = None) -> None:
    """Check that ledger and store agree on what was handed over.

    Args:
        outbox: The events of the store.
        watermark: Number of the newest event of this store that the ledger has.
        mark: What the ledger has kept of that event (``OutboxEvent.mark``), if it has.

    Raises:
        LedgerCorrupt: The ledger lacks rows that the store has forgotten, or the store was set
            back to an earlier state: its next events would be taken for ones the ledger has.
    """
    drained = outbox.drained_seq()
    if watermark < drained:
        behind = _BEHIND if watermark else _NEW
        words = behind if outbox.is_shared else _LOST
        raise LedgerCorrupt(words.format(watermark, drained, watermark + 1))
    if watermark > drained:
        known = outbox.pending(watermark - 1, 1)
        if not known or known[0].seq != watermark:
            raise LedgerCorrupt(_OLDER.format(watermark))
        if outbox.is_shared and mark is not None and known[0].mark != mark:
            raise LedgerCorrupt(_ANOTHER.format(watermark))


_BEHIND = (
    "this ledger has the events of the store up to {0}, and the store, which hosts share, keeps "
    "those after {1}: copy the ledger of another host here and take over what is missing with "
    "`corvus ledger seed FILE`"
)
_NEW = (
    "this host is new to the store, which hosts share and which keeps the events after {1}: calls "
    "are governed here all the same; for reports bring the ledger of another host, as `corvus "
    "store status` names them, and take over what is missing with `corvus ledger seed FILE`, once"
)
_LOST = (
    "the ledger has lost events {2} to {1} of the store: it has them up "
    "to {0}, the store handed them over up to {1}; put back a copy of the "
    "ledger that has them, or run `corvus ledger verify --rebuild` to go on without"
)
_OLDER = (
    "the store is older than the ledger, which has its events up to {0}; put "
    "the newer store back, or move this one away so that a new one is made"
)
_ANOTHER = (
    "the store was set back and went on since: its event {0} is another one than the ledger has. "
    "Move this ledger away, and seed a new one from that of a host that agrees with the store "
    "(`corvus ledger seed FILE`)"
)


_COLUMNS = """
SELECT column_name, data_type, column_default FROM duckdb_columns()
WHERE database_name = current_database() AND table_name = ? ORDER BY column_index
"""
_INSERT = """
INSERT INTO {target} BY NAME
SELECT {columns}
FROM (SELECT unnest(from_json_strict($rows, $shape)) AS line){ordering}
"""


class _Kind(NamedTuple):
    """Type of a column, and the SQL of its default, if it has one."""

    type: str
    default: str | None


class Staging:
    """Knows the columns of the tables of one open ledger.

    Args:
        connection: Its connection.
        store_id: Stands in front of every row of the governor's tables.
    """

    def __init__(self, connection: DuckDBPyConnection, store_id: str) -> None:
        self._connection = connection
        self._store_id = store_id
        self._columns: dict[LedgerTable, dict[str, _Kind]] = {}

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
            if "seq" in columns and line["seq"] is None:  # a merged row has that of its own store
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
                # Usage lies in order of admission (see Ledger.append).
                ordering=" ORDER BY admitted_at, id" if "admitted_at" in columns else "",
            ),
            {"rows": _text(lines), "shape": _shape(columns)},
        )

    def _columns_of(self, table: LedgerTable) -> dict[str, _Kind]:
        if table not in self._columns:
            rows = self._connection.execute(_COLUMNS, [table.value]).fetchall()
            self._columns[table] = {name: _Kind(kind, default) for name, kind, default in rows}
        return self._columns[table]


def by_table(events: Sequence[OutboxEvent]) -> Iterator[tuple[LedgerTable, list[OutboxEvent]]]:
    """Yield events by their table, keeping their order, and apart where a removal is in between."""
    sorted_out: dict[LedgerTable, list[OutboxEvent]] = {}
    for event in events:
        if (event.table is LedgerTable.REMOVAL) != (LedgerTable.REMOVAL in sorted_out):
            yield from sorted_out.items()
            sorted_out = {}
        sorted_out.setdefault(event.table, []).append(event)
    yield from sorted_out.items()


def removing(target: str, row: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """Return the statement that removes the rows that a removal names, and its values.

    Args:
        target: The table, as SQL writes it, or one of its shape.
        row: Of the removal.
    """
    names = REMOVABLE[LedgerTable(str(row["table"]))]
    matches = " AND ".join(f"{name}::VARCHAR = ${name}" for name in names)
    return f"DELETE FROM {target} WHERE {matches}", {name: row[name] for name in names}  # noqa: S608 - names of our tables


def _taken(name: str, kind: _Kind) -> str:
    """Write how a column is taken from a line; instants come as microseconds since 1970.

    What an older corvus has left in a store lacks the columns that came later: it gets their
    default.
    """
    value = f"make_timestamp(line.{name})" if kind.type == "TIMESTAMP" else f"line.{name}"
    if kind.default is not None:
        value = f"coalesce({value}, {kind.default})"
    return f"{value} AS {name}"


def _shape(columns: dict[str, _Kind]) -> str:
    kinds = {
        name: "BIGINT" if kind.type == "TIMESTAMP" else kind.type for name, kind in columns.items()
    }
    return json.dumps([kinds])


def _text(lines: list[dict[str, object]]) -> str:
    """Write lines as JSON; half a surrogate pair, which is no text, becomes a question mark."""
    return json.dumps(lines, ensure_ascii=False).encode("utf-8", "replace").decode()
