"""The ledger: one DuckDB file with every usage record (LED-1), opened for moments, never held.

Who may open it is decided by ``policy.ledger.lock``; its shape is the work of
``policy.ledger.migrate``. Refuses: files that are something else, ledgers of a newer version, use
after a fork, and any network or extension download. Nothing here reads the ``.duckdb`` or ``.wal``
file itself (see the lock).
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from policy.clock import Clock, SystemClock
from policy.errors import LedgerCorrupt, LedgerError, LedgerLocked
from policy.ledger.lock import ledger_lock
from policy.ledger.migrate import migrate, roll_back, shipped_migrations, verify

LOCK_TIMEOUT_SECONDS = 30.0
"""How long to wait for another process before giving up."""

STORAGE_VERSION = "v1.5.0"
"""The file format: readable by every DuckDB from 1.5 on."""

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "1GB",  # the default would be 80 % of the machine
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}
_THREADS_MAX = 4
_FILE = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
_APPEND = """
INSERT INTO usage_record BY NAME
SELECT * FROM temp.usage_staged ORDER BY admitted_at, id
"""


class Ledger:
    """An open ledger.

    Attributes:
        path: The file.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._connection = connection
        self._process = os.getpid()
        self.path = path

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection; consume every result, an unread one pins a transaction.

        Raises:
            LedgerError: The process has forked since: what a child writes would vanish.
        """
        if os.getpid() != self._process:
            raise LedgerError("a ledger cannot be used after a fork; open it again in the child")
        return self._connection

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Make everything inside one transaction: all of it is kept, or nothing.

        Raises:
            LedgerError: DuckDB could not do it, for instance because the disk is full.
        """
        connection = self.connection
        connection.execute("BEGIN TRANSACTION")
        try:
            yield
            connection.execute("COMMIT")
        except duckdb.Error as fault:
            roll_back(connection)
            raise _explained(fault, self.path) from fault
        except BaseException:
            roll_back(connection)
            raise

    def append_usage(self) -> int:
        """Append the rows of the temporary table ``usage_staged``, in order of admission.

        Its columns are columns of ``usage_record``; absent ones become NULL.

        Returns:
            How many rows were appended.
        """
        counted = self.connection.execute(_APPEND).fetchone()
        return int(counted[0]) if counted else 0


@contextmanager
def open_ledger(
    path: Path,
    *,
    write: bool = False,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    clock: Clock | None = None,
) -> Generator[Ledger]:
    """Open a ledger for a moment.

    Args:
        path: The ledger file.
        write: Open for writing, alone: creates folder and file, applies missing migrations. Else
            open for reading, together with other readers: creates and changes nothing.
        timeout_seconds: How long to wait while others hold the ledger, >= 0.
        clock: Stamps applied migrations; the machine's by default.

    Yields:
        The open ledger; it is closed on leaving.

    Raises:
        LedgerError: The file is missing (when reading), or cannot be opened, created or written.
        LedgerLocked: Others held it all the time.
        LedgerTooNew: A newer corvus wrote it.
        LedgerCorrupt: The file is no ledger, or is damaged.
    """
    # NOTE: os.path answers False where Path raises, as below a folder one may not enter.
    if not path.name or os.path.isdir(path):
        raise LedgerError(f"{path} is a folder, no ledger; name a file with --ledger")
    if write:
        _make_folder(path)
    elif not os.path.isfile(path) or os.path.getsize(path) == 0:
        raise LedgerError(
            f"there is no ledger at {path} yet; make one with `corvus usage import PATH`"
        )
    migrations = shipped_migrations()
    deadline = time.monotonic() + timeout_seconds
    with ledger_lock(path, write=write, timeout_seconds=timeout_seconds):
        connection = _connect(path, write=write, deadline=deadline)
        try:
            try:
                connection.execute("SET TimeZone = 'UTC'")
                if write:
                    migrate(connection, migrations, clock or SystemClock())
                else:
                    verify(connection, migrations)
            except duckdb.Error as fault:
                raise _explained(fault, path) from fault
            yield Ledger(connection, path)
        finally:
            connection.close()


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise LedgerError(
            f"cannot create the folder {path.parent}: {fault.strerror}; "
            "name another ledger with --ledger"
        ) from fault


def _connect(path: Path, *, write: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    config = _CONFIG | {"threads": min(os.cpu_count() or 1, _THREADS_MAX)}
    if write:
        config["storage_compatibility_version"] = STORAGE_VERSION
    else:
        config["enable_external_access"] = "false"  # a report reads the ledger and nothing else
    while True:
        try:
            # In full, so that no name is taken for `:memory:` or the address of a service.
            connection = duckdb.connect(path.absolute(), read_only=not write, config=config)
            return _kept_in_the_file(connection, path)
        except duckdb.Error as fault:
            explained = _explained(fault, path)
            # Another DuckDB client knows nothing of our lock; wait for it as well.
            if not isinstance(explained, LedgerLocked) or time.monotonic() >= deadline:
                raise explained from fault
            time.sleep(0.05)


def _kept_in_the_file(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> duckdb.DuckDBPyConnection:
    """Refuse a CSV or JSON file, which DuckDB opens as a view in memory: nothing would be kept."""
    row = connection.execute(_FILE).fetchone()
    if row is not None and row[0] is not None:
        return connection
    connection.close()
    raise LedgerCorrupt(f"{path} is no ledger; name another with --ledger")


def _explained(fault: duckdb.Error, path: Path) -> LedgerError:
    """Turn DuckDB's fault into ours, in words that say what to do."""
    text = str(fault).replace(str(path.absolute()), path.name)
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
