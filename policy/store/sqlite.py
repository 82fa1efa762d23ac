"""The store in one SQLite file beside the ledger: durable, for any number of processes of one host.

Write-ahead log with ``synchronous=FULL``: what was committed survives a power cut. Refuses files
that are something else, stores of a newer version, and a file that was replaced under its feet.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from policy.errors import StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable
from policy.ids import new_id
from policy.model.budget import Budget
from policy.model.outbox import OutboxEvent
from policy.model.reservation import Reservation
from policy.model.steering import MissionRecord, Override, SessionRecord
from policy.store import bodies, rows, statements
from policy.store.api import BalanceKey, Changes, StoredBalance, StoreState
from policy.store.lock import StoreLock
from policy.store.rows import write

BUSY_SECONDS = 5.0
"""How long to wait for a program that holds SQLite's lock without ours."""


class SqliteBackend:
    """Keeps the state in a SQLite file.

    Args:
        path: The file; made with its folder when missing.
        busy_seconds: How long to wait for strangers that lock the file, >= 0.

    Raises:
        StoreUnavailable: The file cannot be made, opened or written.
        StoreTooNew: A newer corvus wrote it.
        StoreCorrupt: It is no store, or is damaged.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self.name = str(path)
        self._path = path
        self._busy_seconds = busy_seconds
        _make_folder(path)
        self._lock = StoreLock(path)
        self._connection: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._data_version = -1
        self._lock.take()
        try:
            self._open()
        finally:
            self._lock.give_back()

    def begin(self) -> bool:
        """Start a transaction, alone among all processes; tell whether others wrote since."""
        self._lock.take()
        try:
            with self._explained():
                connection = self._connection or self._open()
                self._refuse_replaced()
                connection.execute("BEGIN IMMEDIATE")
                (version,) = connection.execute("PRAGMA data_version").fetchone()
        except BaseException:
            self._lock.give_back()
            raise
        stale = version != self._data_version
        self._data_version = version
        return stale

    def commit(self, changes: Changes) -> None:
        """Make the changes durable, all or none."""
        with self._explained():
            connection = self._connected
            write(connection, changes)
            connection.execute("COMMIT")
        self._lock.give_back()

    def roll_back(self) -> None:
        """End the transaction without a change; does nothing when none is open."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                with self._explained():
                    self._connection.execute("ROLLBACK")
        finally:
            self._lock.give_back()

    def close(self) -> None:
        """Let go of the file."""
        self._disconnect()
        self._lock.close()

    def state(self) -> StoreState:
        """Return the store's own row."""
        row = self._one(statements.READ_STATE)
        if row is None:
            raise StoreCorrupt(f"{self.name} has lost its own row; keep the file and start another")
        return rows.state(row)

    def budgets(self) -> Mapping[int, Budget]:
        """Return the registered budgets by id."""
        return {row[0]: bodies.budget_of(row[1]) for row in self._all(statements.READ_BUDGETS)}

    def reservation(self, reservation_id: str) -> Reservation | None:
        """Return a reservation by id."""
        row = self._one(statements.READ_RESERVATION, reservation_id)
        return bodies.reservation_of(row) if row is not None else None

    def reservation_by_key(self, idempotency_key: str) -> Reservation | None:
        """Return a reservation by the idempotency key of its request."""
        row = self._one(statements.READ_RESERVATION_BY_KEY, idempotency_key)
        return bodies.reservation_of(row) if row is not None else None

    def overdue(self, now_us: int, limit: int) -> Sequence[Reservation]:
        """Return held reservations with ``expires_at <= now``, the oldest first."""
        return [*map(bodies.reservation_of, self._all(statements.READ_OVERDUE, now_us, limit))]

    def held(self) -> Sequence[Reservation]:
        """Return every held reservation."""
        return [*map(bodies.reservation_of, self._all(statements.READ_HELD))]

    def balance(self, key: BalanceKey) -> StoredBalance | None:
        """Return one balance."""
        row = self._one(statements.READ_BALANCE, *key)
        return rows.balance(row) if row is not None else None

    def balances(self, budget_id: int) -> Sequence[StoredBalance]:
        """Return every balance of a budget."""
        return [*map(rows.balance, self._all(statements.READ_BALANCES, budget_id))]

    def active_overrides(self) -> Sequence[Override]:
        """Return every active override, the oldest first."""
        return [bodies.override_of(row[0]) for row in self._all(statements.READ_ACTIVE_OVERRIDES)]

    def override(self, override_id: str) -> Override | None:
        """Return an override by id."""
        row = self._one(statements.READ_OVERRIDE, override_id)
        return bodies.override_of(row[0]) if row is not None else None

    def session(self, session_id: str) -> SessionRecord | None:
        """Return a session by id."""
        row = self._one(statements.READ_SESSION, session_id)
        return bodies.session_of(row[0]) if row is not None else None

    def mission(self, session_id: str, mission_id: str) -> MissionRecord | None:
        """Return a mission by its session and id."""
        row = self._one(statements.READ_MISSION, session_id, mission_id)
        return bodies.mission_of(row[0]) if row is not None else None

    def open_missions(self, session_id: str) -> Sequence[MissionRecord]:
        """Return the missions of a session that run, the oldest first."""
        found = self._all(statements.READ_OPEN_MISSIONS, session_id)
        return sorted((bodies.mission_of(row[0]) for row in found), key=lambda one: one.started_at)

    def has_price_entry(self, entry: str) -> bool:
        """Tell whether a price entry was told to the ledger already."""
        return self._one(statements.READ_PRICE_ENTRY, entry) is not None

    def limits(self, origin: str) -> str | None:
        """Return the limits of the policy of one origin when it was last in force."""
        row = self._one(statements.READ_LIMITS, origin)
        return row[0] if row is not None else None

    def events(self, after_seq: int, limit: int) -> Sequence[OutboxEvent]:
        """Return outbox events with a greater number, ascending."""
        return [*map(rows.event, self._all(statements.READ_EVENTS, after_seq, limit))]

    @property
    def _connected(self) -> sqlite3.Connection:
        assert self._connection is not None, "rows are read inside a transaction"
        return self._connection

    def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        with self._explained():
            return self._connected.execute(statement, values).fetchone()

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._connected.execute(statement, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        """Open the file, bring it to the present shape and remember which file it is."""
        with self._explained():
            connection = sqlite3.connect(
                self._path,
                timeout=self._busy_seconds,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection = connection
            _migrate(connection, self.name)
        stat = os.stat(self._path)
        self._inode = (stat.st_dev, stat.st_ino)
        self._data_version = -1
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _refuse_replaced(self) -> None:
        """Refuse to go on with a file that is no longer there: what is written would be lost."""
        try:
            stat = os.stat(self._path)
        except OSError:
            stat = None
        if stat is None or (stat.st_dev, stat.st_ino) != self._inode:
            self._disconnect()
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
            explained = explain(fault, self.name)
            if getattr(fault, "sqlite_errorname", "").startswith(_UNUSABLE):
                self._disconnect()  # the next transaction opens it anew
            raise explained from fault


_UNUSABLE = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CANTOPEN")


def explain(fault: sqlite3.Error, name: str) -> StoreError:
    """Turn a fault of SQLite into ours.

    Args:
        fault: What SQLite raised.
        name: The store, as the user knows it.
    """
    kind = getattr(fault, "sqlite_errorname", "")
    match kind.split("_")[1] if "_" in kind else "":
        case "FULL":
            return StoreUnavailable(f"the disk of the store {name} is full; nothing was changed")
        case "BUSY" | "LOCKED":
            return StoreUnavailable(
                f"another program holds the store {name}; close it and try again"
            )
        case "READONLY" | "PERM" | "CANTOPEN" | "AUTH":
            return StoreUnavailable(
                f"no permission for the store {name}, or its folder is missing; "
                "name another ledger with --ledger"
            )
        case "NOTADB" | "CORRUPT":
            return StoreCorrupt(
                f"{name} is no store, or is damaged: {fault}; keep the file and its -wal, "
                "move them away, and the next start counts anew from the ledger"
            )
        case _:
            return StoreUnavailable(f"the store {name} failed: {fault}")


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


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StoreUnavailable(
            f"cannot create the folder {path.parent}: {fault.strerror}; "
            "name another ledger with --ledger"
        ) from fault


def _migrate(connection: sqlite3.Connection, name: str) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = 1"):
        connection.execute(f"PRAGMA {pragma}")
    version = known_version(connection, name)
    newest = len(statements.MIGRATIONS)
    if version == newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    for script in statements.MIGRATIONS[version:]:
        for statement in _statements(script):
            connection.execute(statement)
    if version == 0:
        state = StoreState(store_id=new_id(0))
        connection.execute(statements.NEW_STATE, rows.state_row(state))
    connection.execute(f"PRAGMA application_id = {statements.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {newest}")
    connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    """Split a script; ``executescript`` would commit before it."""
    found: list[str] = []
    begun = ""
    for line in script.splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            found.append(begun)
            begun = ""
    return found
