"""Shows a ledger whole: views over the rows of the file, of the archive and of a store's outbox.

A view has the name of the table it stands before, so that no report needs to know (LED-2, LED-4).
It is temporary, as everything here. Without rows elsewhere there is no view: reports read the table
itself.

NOTE: DuckDB 2.0 takes a temporary view before a table of its name, also where the table is named
with its schema, and inside the file's own views. Only the name of the database leads past it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import LedgerError
from corvus.ledger.archives.place import is_url
from corvus.ledger.roll_ups import ROLL_UPS, ROLLED_UP, sums_of
from corvus.ledger.tails import Tails
from corvus.model.outbox import LedgerTable, OutboxEvent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from corvus.ledger.archives.reading import ArchivedFile

_DATABASE = "SELECT current_database()"
_FILES = """
SELECT table_name, file, size_bytes, tail FROM ledger_archive ORDER BY table_name, month, file
"""
_SHOW = "CREATE TEMP VIEW {name} AS {parts}"
_ROWS = "SELECT * FROM {source}"
_WITH_DEFAULTS = "SELECT * {values} FROM ({parts})"
_DEFAULTS = """
SELECT column_name, column_default FROM duckdb_columns()
WHERE database_name = current_database() AND NOT internal AND schema_name = 'main'
    AND table_name = ? AND column_default IS NOT NULL
ORDER BY column_index
"""


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


def archived_files(
    connection: DuckDBPyConnection,
    path: Path,
    *,
    folder: Path | None = None,
    may_be_missing: bool = False,
) -> dict[str, list[ArchivedFile]]:
    """Return the archive of each table that has one; nothing at a URL is looked at.

    Args:
        connection: To the ledger.
        path: Its file.
        folder: Where what is not at a URL lies; the folder next to the ledger by default.
        may_be_missing: Leave out files next to the ledger that are missing.

    Raises:
        LedgerError: A file next to the ledger is missing: what a report would answer without it
            were wrong.
    """
    rows = connection.execute(_FILES).fetchall()
    if not rows:
        return {}
    from corvus.ledger.archives.reading import ArchivedFile

    folder = folder or archive_folder(path)
    found: dict[str, list[ArchivedFile]] = {}
    for table, name, size_bytes, tail in rows:
        if is_url(name):
            one = ArchivedFile(name, size_bytes, tail)
        elif may_be_missing and not os.path.isfile(folder / str(name)):
            continue
        else:
            one = ArchivedFile(str(_present(folder / str(name), path).absolute()))
        found.setdefault(str(table), []).append(one)
    return found


def places(files: Mapping[str, Sequence[ArchivedFile]]) -> tuple[str, ...]:
    """Return where the files of an archive are: URLs, and the folder next to the ledger."""
    found = {
        file.place.rsplit("/", 3)[0] if file.is_remote else os.path.dirname(file.place)
        for some in files.values()
        for file in some
    }
    return tuple(sorted(found))


def _present(file: Path, path: Path) -> Path:
    if not os.path.isfile(file):
        raise LedgerError(
            f"{file} is missing, a part of the ledger {path}; put it back, from a copy if need "
            "be: no report is right without it"
        )
    return file


def reach(
    connection: DuckDBPyConnection,
    files: Mapping[str, Sequence[ArchivedFile]],
    *,
    fenced: bool,
) -> None:
    """Let a connection reach the files of the archive.

    Args:
        connection: To a ledger.
        files: The archive, by table.
        fenced: Whether it may reach nothing else but the ledger.
    """
    if remote := [file for some in files.values() for file in some if file.is_remote]:
        from corvus.ledger.archives.reading import ArchiveFileSystem

        connection.register_filesystem(ArchiveFileSystem(remote))
    if not fenced:
        return
    if files:
        allowed = ", ".join(file.source for some in files.values() for file in some)
        connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")


@contextmanager
def shown_for_a_moment(
    connection: DuckDBPyConnection, files: Mapping[str, Sequence[ArchivedFile]]
) -> Generator[None]:
    """Show the archive of a ledger, and afterwards its file alone again."""
    if not files:
        yield
        return
    from corvus.ledger.archives.reading import SCHEME

    reach(connection, files, fenced=False)
    show(connection, Tails(connection, "", partial(qualified, connection)), files)
    try:
        yield
    finally:
        for name in files:
            connection.execute(f"DROP VIEW IF EXISTS temp.{name}")
        if any(file.is_remote for some in files.values() for file in some):
            connection.unregister_filesystem(SCHEME)


def show_all(
    connection: DuckDBPyConnection,
    store_id: str,
    batches: Iterable[list[OutboxEvent]],
    files: Mapping[str, Sequence[ArchivedFile]],
) -> None:
    """Put views before the tables that have rows in the outbox or in the archive.

    Args:
        connection: To a migrated ledger.
        store_id: The store of the events.
        batches: Its events that the ledger does not have.
        files: The archive, by table.
    """
    tails = Tails(connection, store_id, partial(qualified, connection))
    tails.add(batches)
    show(connection, tails, files)


def show(
    connection: DuckDBPyConnection, tails: Tails, files: Mapping[str, Sequence[ArchivedFile]]
) -> None:
    """Put views before the tables that have other rows than those of the file."""
    for roll_up in ROLL_UPS:
        sums = [
            sums_of(roll_up, LedgerTable(name), source, qualified(connection, "usage_record"))
            for name in sorted(tails.names & ROLLED_UP.keys())
            for source in tails.sources(name)[1:]
        ]
        if parts := [f"({one})" for one in sums if one is not None]:
            rows = [
                _ROWS.format(source=one) for one in (qualified(connection, roll_up.table), *parts)
            ]
            connection.execute(
                _SHOW.format(name=roll_up.table, parts=" UNION ALL BY NAME ".join(rows))
            )
    for name in sorted(tails.names | files.keys()):
        sources = tails.sources(name)
        if name in files:
            listed = ", ".join(file.source for file in files[name])
            sources.insert(1, f"read_parquet([{listed}], union_by_name = true)")
        parts = " UNION ALL BY NAME ".join(_ROWS.format(source=source) for source in sources)
        if name in files:
            parts = _WITH_DEFAULTS.format(parts=parts, values=_defaults(connection, name))
        connection.execute(_SHOW.format(name=name, parts=parts))


def _defaults(connection: DuckDBPyConnection, table: str) -> str:
    """Write the values of columns that older files of the archive lack."""
    rows = connection.execute(_DEFAULTS, [table]).fetchall()
    values = ", ".join(f"coalesce({name}, {default}) AS {name}" for name, default in rows)
    return f"REPLACE ({values})" if values else ""
