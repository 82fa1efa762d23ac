"""The store in one SQLite file next to the ledger, for any number of processes of a host (STO-1).

Write-ahead log with ``synchronous=FULL``: what was committed survives a power cut. Only its owner
may read the file, for it says who did what and why. Refuses files that are something else, stores
of a newer version (both stay as they are), and a file that was replaced under its feet. Network
file systems cannot share a write-ahead log between hosts: the file belongs on a local disk.

A store in memory is SQLite too, without a file: for tests and trials, and where governance is off.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from corvus.base.errors import StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable
from corvus.base.ids import new_id
from corvus.base.private_files import reserve_private
from corvus.store import statements
from corvus.store.api import (
    Begun,
    Changes,
    Look,
    StoreState,
    session_mark,
)
from corvus.store.codec import Kind, Query, values_of
from corvus.store.kinds import STATE, budget_of, longer_us
from corvus.store.looks import Fetched, Foreseen, Wanted
from corvus.store.spill import UNSETTLED
from corvus.store.sqlite_files import Identity, explain, identity, make_folder, take, taken_lock

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long to wait for a program that holds SQLite's lock without ours."""
OPEN_SECONDS = 10.0
"""How long opening waits for the processes that are at work in the store."""

_LOG_KEPT_BYTES = 64 * 1024 * 1024
"""Size to which the write-ahead log shrinks again after somebody kept it from being emptied."""


class SqliteBackend:
    """Keeps the state in a SQLite file.

    Args:
        path: The file; made with its folder when missing.
        busy_seconds: How long to wait for strangers that lock the file, >= 0.
        open_seconds: How long to wait for our own kind while opening, > 0.

    Raises:
        StoreUnavailable: The file cannot be made, opened or written.
        StoreTooNew: A newer corvus wrote it.
        StoreCorrupt: It is no store, or is damaged.
    """

    def __init__(
        self,
        path: Path,
        busy_seconds: float = BUSY_SECONDS,
        *,
        open_seconds: float = OPEN_SECONDS,
    ) -> None:
        self.name = str(path)
        self._path = path.absolute()  # the program may change its folder
        real = Path(os.path.realpath(path))
        self.unsettled_path: Path | None = real.with_name(f"{real.name}{UNSETTLED}")
        self._busy_seconds = busy_seconds
        make_folder(path)
        self._connection: sqlite3.Connection | None = None
        self._inode: Identity = None
        self._log_inode: Identity = None
        self._data_version = -1
        self._lock = taken_lock(real, open_seconds)
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise
        self._lock.give_back()

    def file_clock_us(self) -> int | None:
        """Return what the clock of the file system says, microseconds; ``None`` without one."""
        return self._lock.touch_us()

    def looking(self) -> AbstractContextManager[Look] | None:
        """Open the rows for reading next to the writer."""
        from corvus.store.sqlite_place import SqlitePlace  # which knows this module

        return SqlitePlace(self._path).looking()

    policy = ""
    is_far = False
    fetched = Fetched()

    def present_us(self) -> None:
        """Return nothing: the clock of the process stamps."""

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        """Start a transaction, alone among all processes."""
        self._take()
        try:
            with self._explained():
                self._refuse_replaced()
                connection = self._connection or self._open()
                connection.execute("BEGIN IMMEDIATE")
                (version,) = connection.execute("PRAGMA data_version").fetchone()
        except BaseException:
            with suppress(StoreError):  # what went wrong first is raised instead
                self.roll_back()
            raise
        stale = version != self._data_version
        self._data_version = version
        return Begun(stale, stale)

    def fetch(self, wanted: Wanted) -> None:
        """Do nothing: looks are cheap."""

    def commit(self, changes: Changes) -> None:
        """Make the changes durable, all or none."""
        with self._explained():
            connection = self._connected
            write(connection, changes)
            connection.execute("COMMIT")
        self._give_back()

    def roll_back(self) -> None:
        """End the transaction without a change; does nothing when none is open."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                with self._explained():
                    self._connection.execute("ROLLBACK")
        finally:
            self._give_back()

    def close(self) -> None:
        """Let go of the file."""
        self._disconnect()
        self._lock.close()

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key."""
        for row in self.find(kind.by_key, *values_of(key)):
            return row
        return None

    def find(self, query: Query[T], *values: object) -> list[T]:
        """Return what a look finds."""
        with self._explained():
            rows = self._connected.execute(query.sql, values).fetchall()
        try:
            return [query.read(row) for row in rows]
        except _UNREADABLE as fault:
            raise self._unreadable_row(fault, query, values) from fault

    def _take(self) -> None:
        take(self._lock)

    def _give_back(self) -> None:
        self._lock.give_back()

    @property
    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:  # a fault before has closed it
            raise StoreUnavailable(f"the store {self.name} failed just now; try again")
        return self._connection

    def _unreadable_row(
        self, fault: Exception, query: Query[Any], values: tuple[object, ...]
    ) -> StoreError:
        """Read rows once more, over a connection of its own, before they are called damaged."""
        self._disconnect()
        try:
            with self._explained(), closing(sqlite3.connect(self._path)) as connection:
                for row in connection.execute(query.sql, values):
                    query.read(row)
        except _UNREADABLE:
            return StoreCorrupt(
                f"a row of {self.name} is damaged ({fault}); keep the file and its -wal, "
                "move them away, and the next start counts again from the ledger"
            )
        except StoreError as other:
            return other
        return StoreUnavailable(
            f"a row of {self.name} could not be read just now ({fault}), but is whole; nothing was "
            "admitted: look at the disk and try again"
        )

    def _open(self) -> sqlite3.Connection:
        """Open the file, bring it to the present shape and remember which file it is."""
        # SQLite gives what it puts next to it the same permissions.
        reserve_private(os.path.realpath(self._path))
        with self._explained():
            connection = sqlite3.connect(
                self._path,
                timeout=self._busy_seconds,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                _migrate(connection, self.name)
            except BaseException:
                connection.close()
                raise
        self._connection = connection
        self._inode = identity(self._path)
        self._log_inode = identity(self._log)
        self._data_version = -1
        return connection

    @property
    def _log(self) -> str:
        """The write-ahead log; SQLite puts it next to the file itself, not to a link to it."""
        return f"{os.path.realpath(self._path)}-wal"

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _refuse_replaced(self) -> None:
        """Refuse to go on with a file that is no longer there: what is written would be lost.

        Nor with another one as long as the log of the old one lies next to it: SQLite would take
        that log for its own.
        """
        inode = identity(self._path)
        if inode == self._inode:
            return
        was_open = self._connection is not None
        self._disconnect()
        if inode is not None and identity(self._log) == self._log_inode is not None:
            raise StoreUnavailable(
                f"the store {self.name} was replaced while it was in use, and the log of the old "
                f"one, {self._log}, lies next to it; end every program that uses the store, delete "
                "the log and the -shm next to it, and start again"
            )
        if was_open:
            raise StoreUnavailable(
                f"the store {self.name} was deleted or replaced while it was in use; "
                "what it held is not lost if the ledger has it: try again to go on with a new one"
            )

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Turn SQLite's faults into ours, in words that say what to do."""
        try:
            yield
        except sqlite3.Error as fault:
            if getattr(fault, "sqlite_errorname", "").startswith(_UNUSABLE):
                self._disconnect()  # the next transaction opens it again
            raise explain(fault, self._path, self.name) from fault


class MemoryBackend(SqliteBackend):
    """Keeps the state in memory, as long as this object lives: a later store may go on with it."""

    def __init__(self) -> None:  # pyright: ignore[reportMissingSuperCall] - there is no file
        self.name = "in memory"
        self.unsettled_path = None
        self._path = Path(":memory:")
        self._connection = None
        self._data_version = -1
        self._kept = b""

    def file_clock_us(self) -> int | None:
        """Return nothing: there are no files."""
        return None

    def looking(self) -> None:
        """Return nothing: only the writer sees what is in memory."""
        return

    def close(self) -> None:
        """Let go of the connection, and keep what it held."""
        if self._connection is not None:
            self._kept = self._connection.serialize()
        self._disconnect()

    def _take(self) -> None:
        pass

    def _give_back(self) -> None:
        pass

    def _refuse_replaced(self) -> None:
        pass

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if self._kept:
            connection.deserialize(self._kept)
        _migrate(connection, self.name)
        self._connection = connection
        return connection


_UNREADABLE = (ValueError, LookupError, TypeError, OverflowError)
_UNUSABLE = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CANTOPEN")


def known_version(connection: sqlite3.Connection, name: str) -> int:
    """Return the version of a store; 0 for an empty database.

    Raises:
        StoreCorrupt: It is the database of another program.
        StoreTooNew: A newer corvus wrote it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute(statements.COUNT_TABLES).fetchone()
    if tables and application != statements.APPLICATION_ID:
        raise StoreCorrupt(
            f"{name} is a SQLite database, but no store; name another ledger with --ledger"
        )
    newest = len(statements.MIGRATIONS)
    if version > newest:
        raise StoreTooNew(
            f"the store {name} has version {version}, this corvus knows up to {newest}; "
            "upgrade corvus (pip install --upgrade corvus-policy)"
        )
    return version


def _migrate(connection: sqlite3.Connection, name: str) -> None:
    version = known_version(connection, name)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "fullfsync = 1",
        f"journal_size_limit = {_LOG_KEPT_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    newest = len(statements.MIGRATIONS)
    if version == newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    for script in statements.MIGRATIONS[version:]:
        for statement in statements.split(script):
            connection.execute(statement)
    if version == 0:
        state = StoreState(store_id=new_id(0))
        connection.execute(statements.add(STATE), STATE.stored(state))
    connection.execute(f"PRAGMA application_id = {statements.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {newest}")
    connection.execute("COMMIT")


def write(connection: sqlite3.Connection, changes: Changes) -> None:
    """Write all changes of a transaction; it is committed by the caller."""
    for kind, keys in changes.dropped.items():
        connection.executemany(statements.drop(kind), map(values_of, keys))
    for kind, rows in changes.changed.items():
        row_values = [statements.values(kind, row) for row in rows.values()]
        connection.executemany(statements.put(kind), row_values)
    for kind, rows in changes.new.items():
        connection.executemany(statements.add(kind), map(kind.stored, rows.values()))
    if changes.state is not None:
        connection.execute(statements.put(STATE), STATE.changed(changes.state))
    if changes.forgets:
        _forget(connection, changes)


def _forget(connection: sqlite3.Connection, changes: Changes) -> None:
    """Delete what is over (``corvus.store.retention``)."""
    many = connection.executemany
    actions = changes.forgotten_actions.items()
    many(statements.FORGET_ACTIONS, [(principal, *span) for principal, span in actions])
    if changes.forgotten_seq:
        connection.execute(statements.FORGET_EVENTS, (changes.forgotten_seq,))
    if before_us := changes.forgotten_reservations_us:
        connection.execute(statements.FORGET_RESERVATIONS, (new_id(before_us), before_us))
    sessions, windows_us = changes.forgotten_sessions, changes.forgotten_windows_us
    budgets: dict[int, str] = {}
    if sessions or windows_us:
        budgets = dict(connection.execute(statements.READ_BUDGETS).fetchall())
    many(statements.FORGET_SESSION, [(name,) for name in sessions])
    many(statements.FORGET_MISSIONS, [(name,) for name in sessions])
    many(statements.FORGET_BALANCES, [(budget, name) for budget in budgets for name in sessions])
    many(statements.MARK_FORGOTTEN, [(session_mark(name),) for name in sessions])
    recalled = [(session_mark(name),) for name in changes.recalled_sessions]
    many(statements.UNMARK_FORGOTTEN, recalled)
    if windows_us:
        before = [(each, windows_us - longer_us(budget_of(key))) for each, key in budgets.items()]
        many(statements.FORGET_WINDOWS, before)
    if before_us := changes.forgotten_overrides_us:
        connection.execute(statements.FORGET_OVERRIDES, (new_id(before_us),))
    if before_us := changes.forgotten_notices_us:
        connection.execute(statements.FORGET_NOTICES, (before_us,))
    if seq := changes.forgotten_notice_seq:
        connection.execute(statements.FORGET_NOTICES_THROUGH, (seq,))
