"""The administration of a SQLite store; a move must be alone with it (STO-5).

Whoever has a file in write-ahead mode open holds a shared lock on it, also while it is idle. In
SQLite's exclusive mode the first access asks for the whole lock, which is refused while anybody has
that share, and is kept until this connection is closed.

Source:
    https://sqlite.org/pragma.html#pragma_locking_mode, read 2026-11-29.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from corvus.base.errors import StoreError, StoreUnavailable
from corvus.store import statements
from corvus.store.api import Begun
from corvus.store.looks import Foreseen
from corvus.store.operations.sqlite_file import SqliteFile
from corvus.store.sqlite import SqliteBackend
from corvus.store.sqlite_files import identity

_PATIENCE_SECONDS = 2.0
"""How long somebody may have the file open who only looks at it."""


class SoleSqliteBackend(SqliteBackend):
    """Keeps everybody else out from its first transaction until it is closed.

    Args:
        path: The file; made with its folder when missing.

    Raises:
        StoreError: As for ``SqliteBackend``.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._is_alone = False

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        """Start a transaction.

        Raises:
            StoreUnavailable: Another process has the file open.
        """
        if not self._is_alone:
            self._shut_others_out()
        return super().begin(foreseen)

    def _shut_others_out(self) -> None:
        self._take()
        try:
            self._disconnect()  # the mode is to be set before the first access
            with self._explained():
                connection = sqlite3.connect(
                    self._path,
                    timeout=_PATIENCE_SECONDS,
                    isolation_level=None,
                    check_same_thread=False,
                )
                self._connection = connection
                self._exclude(connection)
        except BaseException:
            with suppress(StoreError):
                self._disconnect()
            raise
        finally:
            self._give_back()
        self._inode = identity(self._path)
        self._log_inode = identity(self._log)
        self._is_alone = True

    def _exclude(self, connection: sqlite3.Connection) -> None:
        try:
            for pragma in ("locking_mode = EXCLUSIVE", "synchronous = FULL", "fullfsync = 1"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as fault:
            if not fault.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise
            raise StoreUnavailable(
                f"another process has the store {self.name} open; end every agent, gateway and "
                "program that uses it, and try again: nothing was moved"
            ) from fault


class SqliteAdmin:
    """Administers a store in a file; implements ``corvus.store.operations.admin.StoreAdmin``.

    Args:
        path: The file; it need not exist.
    """

    newest_version = len(statements.MIGRATIONS)

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self) -> None:
        """Make the store, or bring it up to date."""
        SqliteBackend(self._path).close()

    def sole_backend(self) -> SoleSqliteBackend:
        """Open the store for one who must be alone with it; it is made when missing."""
        return SoleSqliteBackend(self._path)

    def server(self) -> None:
        """Return nothing: a file has no server."""

    def file(self) -> SqliteFile:
        """Return the file, for backups."""
        return SqliteFile(self._path)

    def let_go(self) -> None:
        """Do nothing: a look at a file leaves nothing open."""

    def script(self, role: str, since: int = 0) -> None:
        """Return nothing: a file is made by whoever may write its folder."""
