"""Shows a ledger whole: views over the rows of the file, of the archive and of a store's outbox.

A view has the name of the table it stands before, so that no report needs to know (LED-2, LED-4).
It is temporary, as everything here. Without rows elsewhere there is no view: reports read the table
itself.

NOTE: DuckDB 2.0 takes a temporary view before a table of its name, also where the table is named
with its schema, and inside the file's own views. Only the name of the database leads past it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import LedgerError
from corvus.ledger.outbox import Staging, by_table
from corvus.model.outbox import OutboxEvent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DATABASE = "SELECT current_database()"
_FILES = "SELECT table_name, file FROM ledger_archive ORDER BY table_name, month, file"
_TAIL = "CREATE TEMP TABLE tail_{name} AS SELECT * FROM {table} LIMIT 0"
_SHOW = "CREATE TEMP VIEW {name} AS {parts}"
_ROWS = "SELECT * FROM {source}"


def qualified(connection: DuckDBPyConnection, name: str) -> str:
    """Return a table of the ledger's file as SQL writes it, past the view that shadows it."""
    row = connection.execute(_DATABASE).fetchone()
    assert row is not None, "every connection has a database"
    database = str(row[0]).replace('"', '""')
    return f'"{database}".main.{name}'


def quoted(file: Path) -> str:
    """Return the full name of a file as SQL writes it."""
    return "'" + str(file.absolute()).replace("'", "''") + "'"


def archive_folder(path: Path) -> Path:
    """Return the folder next to a ledger that holds its archive."""
    return path.with_name(f"{path.name}.archive")


def archived_files(connection: DuckDBPyConnection, path: Path) -> dict[str, list[Path]]:
    """Return the archive of each table that has one.

    Raises:
        LedgerError: A file is missing: what a report would answer without it were wrong.
    """
    found: dict[str, list[Path]] = {}
    for table, name in connection.execute(_FILES).fetchall():
        file = archive_folder(path) / str(name)
        if not os.path.isfile(file):
            raise LedgerError(
                f"{file} is missing, a part of the ledger {path}; put it back, from a copy if need "
                "be: no report is right without it"
            )
        found.setdefault(str(table), []).append(file)
    return found


def fence(connection: DuckDBPyConnection, files: Mapping[str, Sequence[Path]]) -> None:
    """Let a connection reach the ledger and its archive, and nothing else."""
    if files:
        allowed = ", ".join(quoted(file) for some in files.values() for file in some)
        connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")


def show_all(
    connection: DuckDBPyConnection,
    store_id: str,
    batches: Iterable[list[OutboxEvent]],
    files: Mapping[str, Sequence[Path]],
) -> None:
    """Put views before the tables that have rows in the outbox or in the archive.

    Args:
        connection: To a migrated ledger.
        store_id: The store of the events.
        batches: Its events that the ledger does not have.
        files: The archive, by table.
    """
    staging = Staging(connection, store_id)
    tails: set[str] = set()
    for batch in batches:
        for table, events in by_table(batch).items():
            if table not in tails:
                tails.add(table.value)
                whole = qualified(connection, table)
                connection.execute(_TAIL.format(name=table, table=whole))
            staging.insert(table, f"temp.tail_{table}", events)
    shown = sorted(tails | files.keys())
    for name in shown:
        sources = [qualified(connection, name)]
        if name in files:
            listed = ", ".join(map(quoted, files[name]))
            sources.append(f"read_parquet([{listed}], union_by_name = true)")
        if name in tails:
            sources.append(f"temp.tail_{name}")
        parts = " UNION ALL BY NAME ".join(_ROWS.format(source=source) for source in sources)
        connection.execute(_SHOW.format(name=name, parts=parts))
