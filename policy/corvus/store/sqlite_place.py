"""Looks at the file of a store next to any writer: takes no lock of ours, and changes no byte.

SQLite itself may leave its ``-shm`` and an empty ``-wal`` next to the file.
"""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from corvus.base.errors import StoreError
from corvus.base.permissions import may_write
from corvus.store import statements
from corvus.store.codec import Kind, Query, values_of
from corvus.store.health import StoreHealth, examined
from corvus.store.operations.admin import StoreAdmin
from corvus.store.spill import UNSETTLED
from corvus.store.sqlite import SqliteBackend, known_version
from corvus.store.sqlite_files import explain, taken_lock

T = TypeVar("T")

_PATIENCE_SECONDS = 2.0
"""How long others may hold the store before it counts as unusable."""
_ROOM_BYTES = 64 * 1024
"""What a disk must have free for a call to be held and settled: some pages and their log."""
_SIDES = ("", "-wal", "-shm")


class SqliteLook:
    """The rows of a store as they are now; implements ``corvus.store.api.Look``."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self.name = name
        self.version = known_version(connection, name)
        self.is_current = self.version == len(statements.MIGRATIONS)

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key."""
        for row in self.find(kind.by_key, *values_of(key)):
            return row
        return None

    def find(self, query: Query[T], *values: object) -> list[T]:
        """Return what a look finds."""
        return [*map(query.read, self._connection.execute(query.sql, values))]

    def hold_still(self) -> None:
        """Let all that follows be of one instant."""
        self._connection.execute("BEGIN")


class SqlitePlace:
    """A path as the place of a store; implements ``corvus.store.place.StorePlace``.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    @property
    def full_name(self) -> str:
        """The place as it is known in every folder, on every host."""
        return f"{os.path.realpath(self._path)} of the host {socket.gethostname()}"

    @property
    def exists(self) -> bool:
        """Whether a store was ever made there."""
        return os.path.isfile(self._path)

    @property
    def is_shared(self) -> bool:
        """Whether several hosts use the store: a file belongs to one."""
        return False

    @property
    def unsettled_path(self) -> Path | None:
        """Where settlements wait that could not be written."""
        real = Path(os.path.realpath(self._path))
        return real.with_name(f"{real.name}{UNSETTLED}")

    @property
    def lease_path(self) -> None:
        """Where this host's own store lies, should it have slices: a file gives none."""
        return

    def backend(self, *, is_trusted: bool = False) -> SqliteBackend:
        """Open the store for a writer; it is made when missing."""
        return SqliteBackend(self._path)

    @property
    def admin(self) -> StoreAdmin:
        """What an operator does with it besides using it."""
        from corvus.store.operations.sqlite_admin import SqliteAdmin  # for commands alone

        return SqliteAdmin(self._path)

    @contextmanager
    def looking(self) -> Generator[SqliteLook]:
        """Open the store, which exists, for a look.

        Raises:
            StoreUnavailable: It cannot be read.
            StoreTooNew: A newer corvus wrote it.
            StoreCorrupt: It is no store, or is damaged.
        """
        connection = None
        try:
            connection = _connect(self._path)
            yield SqliteLook(connection, self.name)
        except sqlite3.Error as fault:
            raise explain(fault, self._path, self.name) from fault
        finally:
            if connection is not None:
                connection.close()

    def health(self, now: datetime) -> StoreHealth:
        """Examine the store, which need not exist.

        Args:
            now: The present instant, aware.
        """
        path, writable = self._path, may_write(self._path)
        if not os.path.lexists(path):
            problem = f"{path} cannot be made; name another ledger with --ledger"
            return StoreHealth(
                self.name, is_writable=writable, problem=None if writable else problem
            )
        sides = [f"{path}{side}" for side in _SIDES]
        seen = StoreHealth(
            self.name,
            exists=True,
            is_writable=writable,
            size_bytes=sum(os.path.getsize(side) for side in sides if os.path.isfile(side)),
        )
        if not os.path.isfile(path):
            problem = f"{path} is no file; name another ledger with --ledger"
            return replace(seen, is_writable=False, problem=problem)
        try:
            with self.looking() as look:
                seen = examined(seen, look, now)
                if seen.problem is None:
                    seen = replace(seen, problem=_writing_problem(path))
                return seen
        except StoreError as fault:
            return replace(seen, problem=str(fault))


def _writing_problem(path: Path) -> str | None:
    """Return what keeps everybody from writing a store that this user may write; nothing changes.

    The caller has it open for reading, so that no connection here is the last to leave: that one
    would write the log back.
    """
    real = Path(os.path.realpath(path))
    if _is_full(real.parent):
        return f"the disk of the store {path} is full, so no call can be admitted: make room"
    if not os.path.exists(f"{real}-shm"):
        return None  # nobody has it open, so nobody holds it
    address = f"{real.absolute().as_uri()}?mode=rw"
    try:
        with closing(taken_lock(real, _PATIENCE_SECONDS)):
            connection = sqlite3.connect(
                address, uri=True, isolation_level=None, timeout=_PATIENCE_SECONDS
            )
            with closing(connection):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
    except StoreError as fault:
        return str(fault)
    except sqlite3.Error as fault:
        return str(explain(fault, path, str(path)))
    return None


def _is_full(folder: Path) -> bool:
    if not hasattr(os, "statvfs"):
        return False  # Windows: the next write tells
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    free = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail  # the rest is for root
    return disk.f_blocks > 0 and free * disk.f_frsize < _ROOM_BYTES


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
