"""Stores that several ledgers share, in PostgreSQL and in a file; their time is a test's own."""

from __future__ import annotations

from pathlib import Path

from corvus.base.postgres_address import PostgresAddress
from corvus.store.postgres.backend import PostgresBackend
from corvus.store.postgres.place import PostgresPlace
from corvus.store.sqlite import SqliteBackend
from corvus.store.sqlite_place import SqlitePlace


class _Backend(SqliteBackend):
    """Has no clock of a file system, which a shared store has not: a test may move on by days."""

    def file_clock_us(self) -> None:
        return None


class SharedPlace(SqlitePlace):
    """A SQLite file whose events go to several ledgers."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = path

    @property
    def is_shared(self) -> bool:
        return True

    def backend(self, *, is_trusted: bool = False) -> SqliteBackend:
        return _Backend(self._file)


class SharedSchema(PostgresPlace):
    """A schema in PostgreSQL whose clock is that of the process."""

    def __init__(self, url: str, beside: Path) -> None:
        self._own_address = PostgresAddress.of(url)
        super().__init__(self._own_address, beside)

    def backend(self, *, is_trusted: bool = False) -> PostgresBackend:
        return PostgresBackend(self._own_address, server_time=False)

    def close(self) -> None:
        """Let go of the connections that wait for the next look."""
        self._looks.close()
