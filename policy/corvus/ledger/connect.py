"""Connects to a ledger file with the settings every connection needs, and explains DuckDB's faults.

Refuses extensions, downloads and files that DuckDB would open as something else.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TypeAlias

import duckdb

from corvus.base.errors import LedgerCorrupt, LedgerError, LedgerLocked

STORAGE_VERSION = "v1.5.0"
"""The file format: readable by every DuckDB from 1.5 on."""

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "1GB",  # the default would be 80 % of the machine
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}
_THREADS_MAX = 4
_ARCHIVE_FAULT = re.compile(r"^(?:[\w.]+\.)?ArchiveF(?:ault|ileMissing): (.*)$", re.MULTILINE)
"""What DuckDB says when our file system raises (``corvus.ledger.archives.place``)."""
_FILE = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"

Connection: TypeAlias = duckdb.DuckDBPyConnection
"""A connection to a ledger, for rooms that do not know DuckDB."""


def connect_to_file(path: Path, *, write: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    """Connect to a ledger file.

    Args:
        path: The file; a writer creates it.
        write: Whether the connection may write.
        deadline: Until when to wait for another DuckDB program, on the monotonic clock.

    Raises:
        LedgerError: The file cannot be opened, or is no DuckDB database.
    """
    config = _config()
    if write:
        config["storage_compatibility_version"] = STORAGE_VERSION
    while True:
        try:
            # In full, so that no name is taken for `:memory:` or the address of a service.
            connection = duckdb.connect(path.absolute(), read_only=not write, config=config)
            return _kept_in_the_file(connection, path)
        except duckdb.Error as fault:
            refusal = explained(fault, path)
            # Another DuckDB client knows nothing of our lock; wait for it as well.
            if not isinstance(refusal, LedgerLocked) or time.monotonic() >= deadline:
                raise refusal from fault
            time.sleep(0.05)


def connect_to_memory() -> duckdb.DuckDBPyConnection:
    """Connect to an empty database that is gone with the connection."""
    return duckdb.connect(":memory:", config=_config())


def _config() -> dict[str, str | bool | int | float | list[str]]:
    return _CONFIG | {"threads": min(os.cpu_count() or 1, _THREADS_MAX)}


def _kept_in_the_file(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> duckdb.DuckDBPyConnection:
    """Refuse a CSV or JSON file, which DuckDB opens as a view in memory: nothing would be kept."""
    row = connection.execute(_FILE).fetchone()
    if row is not None and row[0] is not None:
        return connection
    connection.close()
    raise LedgerCorrupt(f"{path} is no ledger; name another with --ledger")


_MEANT = ("Did you mean", "Candidate bindings")


def clean_message(error: duckdb.Error) -> str:
    """Return the first line of a DuckDB error: what is wrong, without the statement.

    With what DuckDB takes for meant, where a name is wrong. Of an archive that cannot be reached,
    the words of that fault.
    """
    text = str(error).strip()
    if (fault := _ARCHIVE_FAULT.search(text)) is not None:
        return fault[1].strip()
    first, _, rest = text.partition("\n")
    meant = rest.partition("\n")[0]
    return f"{first} {meant}" if meant.startswith(_MEANT) else first or type(error).__name__


def explained(fault: duckdb.Error, path: Path) -> LedgerError:
    """Turn DuckDB's fault into ours, in words that say what to do."""
    text = str(fault).replace(str(path.absolute()), path.name)
    if _ARCHIVE_FAULT.search(text):
        return LedgerError(clean_message(fault))
    if "Could not set lock" in text or "different configuration" in text:
        return LedgerLocked(f"the ledger {path} is open in another program; close it and try again")
    if "Permission denied" in text or "read-only" in text.lower():
        return LedgerError(f"no permission for the ledger {path}; name another with --ledger")
    if "No space left" in text:
        return LedgerError(f"the disk of the ledger {path} is full; nothing of this was recorded")
    if any(sign in text for sign in _DAMAGE):
        return LedgerCorrupt(
            f"{path} is no ledger, or is damaged: {_first_line(text)}; "
            "keep it and its .wal file, and name another with --ledger"
        )
    return LedgerError(f"the ledger {path} failed: {_first_line(text)}")


_DAMAGE = (
    "not a valid DuckDB database file",
    "version number",
    "Corrupt",
    "corrupt",
    "WAL file",
    "sqlite",
    "extension",
)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else "no reason given"
