"""Looks at a store in PostgreSQL next to any writer: of one instant, and without a lock."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg

from corvus.base.errors import StoreCorrupt
from corvus.base.postgres_address import PostgresAddress
from corvus.store.codec import Kind, Query, Row, values_of
from corvus.store.postgres.connection import LOOK_ANSWER_SECONDS, connect, local_settings
from corvus.store.postgres.faults import explain
from corvus.store.postgres.packing import given_row, parameters
from corvus.store.postgres.pipeline import pipelined
from corvus.store.postgres.queries import translated
from corvus.store.postgres.schema import MIGRATIONS, known_version

T = TypeVar("T")

_IDLE_MAX = 4
"""Connections that wait for the next look."""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_UNREADABLE = (ValueError, LookupError, TypeError, OverflowError)


class PostgresLook:
    """The rows of a store at one instant; implements ``corvus.store.api.Look``."""

    def __init__(self, connection: psycopg.Connection[Row], address: PostgresAddress) -> None:
        self._connection = connection
        self.name = address.shown
        self.version = known_version(connection, address)
        self.is_current = self.version == len(MIGRATIONS)

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key."""
        for row in self.find(kind.by_key, *values_of(key)):
            return row
        return None

    def find(self, query: Query[T], *values: object) -> list[T]:
        """Return what a look finds."""
        plain = [int(value) if isinstance(value, int) else value for value in values]
        cursor = self._connection.execute(translated(query).encode(), parameters(plain))
        try:
            return [query.read(given_row(row)) for row in cursor.fetchall()]
        except _UNREADABLE as fault:
            raise StoreCorrupt(
                f"a row of the store {self.name} is damaged ({fault}); restore a backup"
            ) from fault

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Return the rows of a statement that only PostgreSQL has."""
        return self._connection.execute(sql.encode(), values).fetchall()

    def hold_still(self) -> None:
        """Do nothing: a look is of one instant from its beginning."""


class Looks:
    """Opens looks at a store, over connections that are kept for the next ones.

    Args:
        address: The store.
    """

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._idle: list[psycopg.Connection[Row]] = []
        self._entry = threading.Lock()
        weakref.finalize(self, _close_own, self._idle, os.getpid())

    @contextmanager
    def looking(self) -> Generator[PostgresLook]:
        """Open a look.

        Raises:
            StoreUnavailable: The server cannot be reached.
            StoreTooNew: A newer corvus wrote the schema.
            StoreCorrupt: It is no store, or is damaged.
        """
        with self.connection() as connection:
            yield PostgresLook(connection, self._address)

    @contextmanager
    def connection(self) -> Generator[psycopg.Connection[Row]]:
        """Open a transaction that reads one instant.

        Raises:
            StoreUnavailable: The server cannot be reached.
        """
        connection = None
        try:
            connection = self._begun()
            yield connection
            connection.execute("ROLLBACK")
        except psycopg.Error as fault:
            raise explain(fault, self._address) from fault
        finally:
            if connection is not None:
                self._give_back(connection)

    def close(self) -> None:
        """Let go of the connections that wait."""
        with self._entry:
            _close_own(self._idle, os.getpid())

    def _begun(self) -> psycopg.Connection[Row]:
        with self._entry:
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            try:
                return self._begin(idle)
            except psycopg.Error:
                _close(idle)  # the server was started again since
        connection = connect(self._address, LOOK_ANSWER_SECONDS)
        try:
            return self._begin(connection)
        except BaseException:
            _close(connection)
            raise

    def _begin(self, connection: psycopg.Connection[Row]) -> psycopg.Connection[Row]:
        sql, values = local_settings(self._address, looking=True)
        with pipelined(connection):
            connection.execute(_BEGIN)
            connection.execute(sql.encode(), values)
        return connection

    def _give_back(self, connection: psycopg.Connection[Row]) -> None:
        is_whole = (
            not connection.closed
            and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        )
        if is_whole:
            with self._entry:
                if len(self._idle) < _IDLE_MAX:
                    self._idle.append(connection)
                    return
        _close(connection)


def _close_own(connections: list[psycopg.Connection[Row]], process: int) -> None:
    """Close connections, unless they are those of the process that this one was forked from."""
    while connections:
        connection = connections.pop()
        if process == os.getpid():
            _close(connection)


def _close(connection: psycopg.Connection[Row]) -> None:
    with suppress(psycopg.Error):
        connection.close()
