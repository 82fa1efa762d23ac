"""Writes outbox events as rows of the ledger's tables: one statement per table and batch.

A batch travels as one JSON parameter, which is the fast way in (one row at a time costs DuckDB a
millisecond each). Refuses a column that the table lacks, and a value that does not fit its column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from corvus.base.errors import LedgerError
from corvus.model.outbox import LedgerTable, OutboxEvent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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
                columns=", ".join(_read(name, kind) for name, kind in columns.items()),
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


def _read(name: str, kind: str) -> str:
    """Write how a column is taken from a line; instants come as microseconds since 1970."""
    value = f"make_timestamp(line.{name})" if kind == "TIMESTAMP" else f"line.{name}"
    return f"{value} AS {name}"


def _shape(columns: dict[str, str]) -> str:
    kinds = {name: "BIGINT" if kind == "TIMESTAMP" else kind for name, kind in columns.items()}
    return json.dumps([kinds])


def _text(lines: list[dict[str, object]]) -> str:
    """Write lines as JSON; half a surrogate pair, which is no text, becomes a question mark."""
    return json.dumps(lines, ensure_ascii=False).encode("utf-8", "replace").decode()
