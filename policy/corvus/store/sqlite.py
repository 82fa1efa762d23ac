"""The store in one SQLite file for any number of processes of one host, durable (STO-1).

Write-ahead log with ``synchronous=FULL``: what was committed survives a power cut. Only its owner
may read the file, for it says who did what and why. Refuses files that are something else, stores
of a newer version (both stay as they are), and a file that was replaced under its feet. Network
file systems cannot share a write-ahead log between hosts: the file belongs on a local disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from corvus.base.errors import StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable
from corvus.base.files import reserve_private
from corvus.base.ids import new_id
from corvus.model.budget import Budget
from corvus.model.outbox import OutboxEvent
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionRecord, Override, SessionRecord
from corvus.model.token import Token
from corvus.store import bodies, rows, statements
from corvus.store.api import (
    BalanceKey,
    Changes,
    IdempotencyKey,
    MissionKey,
    SessionKey,
    StoredBalance,
    StoreState,
    session_mark,
)
from corvus.store.faults import explain
from corvus.store.place import Identity, identity, make_folder, take, taken_lock
from corvus.store.rows import write
from corvus.store.spill import UNSETTLED

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long to wait for a program that holds SQLite's lock without ours."""
OPEN_SECONDS = 10.0
"""How long opening waits for the processes that are at work in the store."""

_LOG_KEPT_BYTES = 64 * 1024 * 1024
"""Size to which the write-ahead log shrinks again after somebody kept it from being emptied."""
_Parse: TypeAlias = Callable[[tuple[Any, ...]], T]


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

    def begin(self) -> bool:
        """Start a transaction, alone among all processes; tell whether others wrote since."""
        take(self._lock)
        try:
            with self._explained():
                self._refuse_replaced()
                connection = self._connection or self._open()
                connection.execute("BEGIN IMMEDIATE")
                (version,) = connection.execute("PRAGMA data_version").fetchone()
        except BaseException:
            with suppress(StoreError):  # what went wrong first is told instead
                self.roll_back()
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
        state = self._one(rows.state, statements.READ_STATE)
        if state is None:
            raise StoreCorrupt(f"{self.name} has lost its own row; keep the file and start another")
        return state

    def budgets(self) -> Mapping[int, Budget]:
        """Return the registered budgets by id."""
        return dict(self._all(rows.budget, statements.READ_BUDGETS))

    def reservation(self, reservation_id: str) -> Reservation | None:
        """Return a reservation by id."""
        return self._one(bodies.reservation_of, statements.READ_RESERVATION, reservation_id)

    def reservation_by_key(self, key: IdempotencyKey) -> Reservation | None:
        """Return the newest reservation with an idempotency key."""
        wanted = (key.project or "", key.key)
        return self._one(bodies.reservation_of, statements.READ_RESERVATION_BY_KEY, *wanted)

    def overdue(self, now_us: int, limit: int) -> Sequence[Reservation]:
        """Return held reservations with ``expires_at <= now``, the oldest first."""
        return self._all(bodies.reservation_of, statements.READ_OVERDUE, now_us, limit)

    def held(self) -> Sequence[Reservation]:
        """Return every held reservation."""
        return self._all(bodies.reservation_of, statements.READ_HELD)

    def balance(self, key: BalanceKey) -> StoredBalance | None:
        """Return one balance."""
        return self._one(rows.balance, statements.READ_BALANCE, *key)

    def balances(self, budget_id: int) -> Sequence[StoredBalance]:
        """Return every balance of a budget."""
        return self._all(rows.balance, statements.READ_BALANCES, budget_id)

    def active_overrides(self) -> Sequence[Override]:
        """Return every active override, the oldest first."""
        return self._all(_body(bodies.override_of), statements.READ_ACTIVE_OVERRIDES)

    def override(self, override_id: str) -> Override | None:
        """Return an override by id."""
        return self._one(_body(bodies.override_of), statements.READ_OVERRIDE, override_id)

    def session(self, key: SessionKey) -> SessionRecord | None:
        """Return a session."""
        parse = _body(bodies.session_of)
        return self._one(parse, statements.READ_SESSION, key.id, key.project or "")

    def sessions_named(self, session_id: str) -> Sequence[SessionRecord]:
        """Return the sessions of one id, of whatever project."""
        return self._all(_body(bodies.session_of), statements.READ_SESSIONS_NAMED, session_id)

    def sessions(self, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of all projects, those opened last first."""
        return self._all(_body(bodies.session_of), statements.READ_SESSIONS, limit)

    def sessions_of(self, project: str | None, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of a project, those opened last first."""
        wanted = (project or "", limit)
        return self._all(_body(bodies.session_of), statements.READ_SESSIONS_OF, *wanted)

    def mission(self, key: MissionKey) -> MissionRecord | None:
        """Return a mission."""
        wanted = (key.session_id, key.id, key.project or "")
        return self._one(_body(bodies.mission_of), statements.READ_MISSION, *wanted)

    def open_missions(self, key: SessionKey) -> Sequence[MissionRecord]:
        """Return the missions of a session that run, the oldest first."""
        wanted = (key.id, key.project or "")
        found = self._all(_body(bodies.mission_of), statements.READ_OPEN_MISSIONS, *wanted)
        return sorted(found, key=lambda one: one.started_at)

    def missions_named(self, session_id: str) -> Sequence[MissionRecord]:
        """Return the missions of the sessions of one id, of whatever project."""
        return self._all(_body(bodies.mission_of), statements.READ_MISSIONS_NAMED, session_id)

    def is_forgotten(self, session_id: str) -> bool:
        """Return whether sessions of this id may have been forgotten."""
        return bool(self._all(bool, statements.READ_MARK, session_mark(session_id)))

    def forgotten_marks(self) -> Sequence[str]:
        """Return the marks of all forgotten sessions."""
        return self._all(lambda row: str(row[0]), statements.READ_MARKS)

    def has_price(self, version: str) -> bool:
        """Tell whether a price was told to the ledger already."""
        return self._one(bool, statements.READ_PRICE_ENTRY, version) is not None

    def limits(self, origin: str) -> str | None:
        """Return the limits of the policy of one origin when it was last in force."""
        return self._one(_body(str), statements.READ_LIMITS, origin)

    def tokens(self) -> Sequence[Token]:
        """Return every access token, the oldest first."""
        return self._all(_body(bodies.token_of), statements.READ_TOKENS)

    def actions(self, principal: str, after_us: int, until_us: int) -> Sequence[int]:
        """Return the instants in ``(after, until]`` of a principal's actions, the oldest first."""
        return self._all(
            lambda row: int(row[0]), statements.READ_ACTIONS, principal, after_us, until_us
        )

    def events(self, after_seq: int, limit: int) -> Sequence[OutboxEvent]:
        """Return outbox events with a greater number, ascending."""
        return self._all(rows.event, statements.READ_EVENTS, after_seq, limit)

    @property
    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:  # a fault before has closed it
            raise StoreUnavailable(f"the store {self.name} failed just now; try again")
        return self._connection

    def _one(self, parse: _Parse[T], statement: str, *values: object) -> T | None:
        found = self._all(parse, statement, *values)
        return found[0] if found else None

    def _all(self, parse: _Parse[T], statement: str, *values: object) -> list[T]:
        with self._explained():
            found = self._connected.execute(statement, values).fetchall()
        try:
            return [parse(row) for row in found]
        except _UNREADABLE as fault:
            raise self._unreadable_row(fault, parse, statement, values) from fault

    def _unreadable_row(
        self, fault: Exception, parse: _Parse[Any], statement: str, values: tuple[object, ...]
    ) -> StoreError:
        """Read rows once more, over a connection of its own, before they are called damaged."""
        self._disconnect()
        try:
            with self._explained(), closing(sqlite3.connect(self._path)) as connection:
                for row in connection.execute(statement, values):
                    parse(row)
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
        """The write-ahead log; SQLite puts it beside the file itself, not beside a link to it."""
        return f"{os.path.realpath(self._path)}-wal"

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _refuse_replaced(self) -> None:
        """Refuse to go on with a file that is no longer there: what is written would be lost.

        Nor with another one as long as the log of the old one lies beside it: SQLite would take
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
                f"one, {self._log}, lies beside it; end every program that uses the store, delete "
                "the log and the -shm beside it, and start again"
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


def _body(parse: Callable[[str], T]) -> _Parse[T]:
    return lambda row: parse(row[0])


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
        connection.execute(statements.NEW_STATE, rows.state_row(state))
    connection.execute(f"PRAGMA application_id = {statements.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {newest}")
    connection.execute("COMMIT")
