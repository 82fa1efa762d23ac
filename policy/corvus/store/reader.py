"""Looks into the file of a store beside any writer: takes no lock of ours, and changes no byte.

SQLite itself may leave its ``-shm`` and an empty ``-wal`` beside the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from corvus.base.errors import StoreCorrupt
from corvus.base.time import microseconds
from corvus.store import bodies, rows, statements
from corvus.store.api import StoreState
from corvus.store.faults import explain
from corvus.store.spill import UNSETTLED, is_waiting
from corvus.store.sqlite import known_version


@contextmanager
def reading(path: Path) -> Generator[sqlite3.Connection]:
    """Open the file of a store, which exists, for reading.

    Raises:
        StoreUnavailable: It cannot be read.
        StoreTooNew: A newer corvus wrote it.
        StoreCorrupt: It is no store, or is damaged.
    """
    connection = None
    try:
        connection = _connect(path)
        known_version(connection, str(path))
        yield connection
    except sqlite3.Error as fault:
        raise explain(fault, path, str(path)) from fault
    finally:
        if connection is not None:
            connection.close()


def is_behind(path: Path, now: datetime) -> bool:
    """Say whether something waits to be booked: overdue holds, counted refusals, a spill file.

    Raises:
        StoreError: The file cannot be read.
    """
    real = Path(os.path.realpath(path))
    if is_waiting(real.with_name(f"{real.name}{UNSETTLED}")):
        return True
    with reading(path) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < len(statements.MIGRATIONS):
            return False  # the next who writes brings it up to date
        (has_counted,) = connection.execute(statements.READ_COUNTED_REFUSALS).fetchone()
        if has_counted:
            return True
        found = connection.execute(statements.READ_OVERDUE, (microseconds(now), 1)).fetchone()
    return found is not None


def latest_session(path: Path) -> str | None:
    """Return the session of the call that was admitted last; ``None`` when none is remembered.

    Raises:
        StoreError: The file cannot be read.
    """
    with reading(path) as connection:
        row = connection.execute(statements.READ_LATEST).fetchone()
    return None if row is None else bodies.reservation_of(row).request.session_id


def audit_head(path: Path) -> tuple[int, str]:
    """Return position and hash of the newest audit event; 0 and 64 zeros without one.

    Raises:
        StoreError: The file cannot be read.
    """
    with reading(path) as connection:
        state = own_row(connection, path)
    return state.audit_position, state.audit_head


def own_row(connection: sqlite3.Connection, path: Path) -> StoreState:
    """Return the store's own row.

    Raises:
        StoreCorrupt: It is lost.
    """
    row = connection.execute(statements.READ_STATE).fetchone()
    if row is None:
        raise StoreCorrupt(f"{path} has lost its own row; keep the file and start another")
    return rows.state(row)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a store for reading, also in a folder where nothing may be written."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        connection.execute(statements.COUNT_TABLES).fetchone()
    except sqlite3.OperationalError as fault:
        connection.close()
        wal = path.with_name(f"{path.name}-wal")
        is_quiet = not (os.path.exists(wal) and os.path.getsize(wal))
        if fault.sqlite_errorname != "SQLITE_CANTOPEN" or not is_quiet:
            raise
        return sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None)
    return connection
