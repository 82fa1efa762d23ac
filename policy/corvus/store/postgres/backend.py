"""The store in PostgreSQL, for any number of hosts (STO-1, STO-3).

A batch of steps is one transaction under the lock of one row, and takes two round trips: the first
takes the lock and brings what was foreseen, the second writes and commits. A commit whose answer
was lost is resolved by asking, with the lock: whoever has it knows that the lost transaction is
over. The clock of the server stamps everything, so that those of the hosts do not matter.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psycopg

from corvus.base.errors import OutcomeUnknown, StoreCorrupt, StoreUnavailable
from corvus.base.ids import new_id
from corvus.base.postgres_address import PostgresAddress
from corvus.store.api import Begun, Changes, Look, StoreState
from corvus.store.codec import Kind, Query, Row, values_of
from corvus.store.kinds import BUDGETS, STATE, THE_STATE
from corvus.store.looks import PRESENT, Fetched, Foreseen, Wanted
from corvus.store.postgres import statements
from corvus.store.postgres.answers import TimedConnection
from corvus.store.postgres.connection import ANSWER_SECONDS, connect, local_settings
from corvus.store.postgres.faults import explain
from corvus.store.postgres.forgetting import forgetting
from corvus.store.postgres.generation import SeenGeneration
from corvus.store.postgres.look import Looks
from corvus.store.postgres.packing import given_row, packed, parameters
from corvus.store.postgres.pipeline import pipelined
from corvus.store.postgres.queries import translated
from corvus.store.postgres.schema import known_version, migrate, refuse_other
from corvus.store.spill import UNSETTLED
from corvus.store.statements import values

T = TypeVar("T")

RESOLVE_SECONDS = 10.0
"""How long the server is asked what became of a commit whose answer was lost."""
_PAUSE_SECONDS = 0.1
_WRITER_SECONDS = 24 * 3600
"""How long after its last batch the row of a writer is kept."""
_UNREADABLE = (ValueError, LookupError, TypeError, OverflowError)

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LOCK = "SELECT generation, rare_generation, version FROM store_lock FOR UPDATE"
# Its own statement: only one that begins when the lock is there sees what was committed before.
_NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_STATE = f"SELECT {_NOW_US}, {', '.join(STATE.columns)} FROM store_state"  # noqa: S608 - constants
_SET_LOCK = "UPDATE store_lock SET generation = %s, rare_generation = %s"
_SET_WRITER = """
INSERT INTO writer (host_run, batch, seen_us, host, policy) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (host_run) DO UPDATE
SET batch = excluded.batch, seen_us = excluded.seen_us, policy = excluded.policy
"""
_UNPREPARED = (_BEGIN, _LOCK, "COMMIT")
"""Nothing is planned for them: they stay readable on the wire, for faults that wait for them."""
_FORGET_WRITERS = "DELETE FROM writer WHERE seen_us < %s"
_WRITTEN = "SELECT batch FROM writer WHERE host_run = %s"


class Statement(NamedTuple):
    """A statement and its values."""

    sql: str
    values: Sequence[Any] | None = None


class PostgresBackend:
    """Keeps the state in a schema of a PostgreSQL database.

    Args:
        address: The database and the schema, which is made when missing.
        server_time: Whether the clock of the server stamps; else that of the process does.
        beside: A path with which the names of files begin that this host keeps: settlements that
            wait, and which state of the store was seen last, so that a standby that was behind is
            not taken for the store. ``None`` keeps none.
        policy: The hash of the policy that is in force here, for others.
        is_trusted: Whether the server is right, whatever this host has seen.

    Raises:
        StoreUnavailable: The server cannot be reached, or is not safe.
        StoreTooNew: A newer corvus wrote the schema.
        StoreCorrupt: It is no store, or is damaged.
    """

    is_far = True
    _answer_seconds: float | None = ANSWER_SECONDS
    """How long one round trip may take; ``None`` waits without end."""
    _takes_any_store = False
    """Whether another store than the one that this host has used may be there."""

    def __init__(
        self,
        address: PostgresAddress,
        *,
        server_time: bool = True,
        beside: Path | None = None,
        policy: str = "",
        is_trusted: bool = False,
    ) -> None:
        self.name = address.shown
        self.unsettled_path = beside and beside.with_name(f"{beside.name}{UNSETTLED}")
        self.fetched = Fetched()
        self._address = address
        self._settings = Statement(*local_settings(address))
        self._has_server_time = server_time
        self._run_id = new_id(time.time_ns() // 1000)
        self._host, self.policy = socket.gethostname(), policy
        self._batch = 0
        self._generation = self._rare_generation = -1
        self._seen = SeenGeneration(beside)
        self._is_trusted = is_trusted
        if is_trusted:
            self._seen.forget()
        self._expects_others = True
        self._store_us: int | None = None
        self._base_us = 0
        self._store_us_at_ns = 0
        self._looks = Looks(address)
        self._connection: TimedConnection | None = None
        connection = self._connect()
        connection.answer_seconds = None  # large tables may take long to be brought further
        with self._explained():
            if self._seen.knows_a_store and not self._takes_any_store:
                self._refuse_absence(connection)
            migrate(connection, address)
        connection.answer_seconds = self._answer_seconds

    def file_clock_us(self) -> int | None:
        """Return nothing: the server has a clock of its own."""
        return None

    def looking(self) -> AbstractContextManager[Look]:
        """Open the rows for reading next to the writer."""
        return self._looks.looking()

    def present_us(self) -> int | None:
        """Estimate what the clock of the server says, microseconds."""
        if self._store_us is None:
            return None
        return self._store_us + (time.monotonic_ns() - self._store_us_at_ns) // 1000

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        """Start a transaction, alone among all hosts, with the rows that are foreseen."""
        self.fetched = Fetched()
        wanted = [foreseen.unknown] if foreseen is not None else []
        if foreseen is not None and self._expects_others:
            wanted.append(foreseen.remembered)
        present_us = foreseen.now_us if foreseen is not None else 0
        try:
            begun = self._begin_anyhow(wanted, present_us)
            if foreseen is not None:
                self._fetch_stale(begun, foreseen)
        except BaseException:
            self.roll_back()
            raise
        self._expects_others = begun.others_wrote
        return begun

    def _begin_anyhow(self, wanted: Sequence[Wanted], present_us: int) -> Begun:
        """Start a transaction; where the connection was lost since the last one, over another."""
        was_connected = self._connection is not None and not self._connection.closed
        try:
            return self._begin(wanted, present_us)
        except StoreUnavailable:
            is_lost = self._connection is None or self._connection.closed
            if not was_connected or not is_lost:
                raise
        self._disconnect()
        return self._begin(wanted, present_us)

    def _begin(self, wanted: Sequence[Wanted], present_us: int) -> Begun:
        looks = _Looks(wanted, present_us)
        head = [Statement(_BEGIN), self._settings, Statement(_LOCK), Statement(_STATE)]
        _, _, lock, state, *answers = self._ask([*head, *looks.statements])
        if not lock or not state:
            raise StoreCorrupt(f"the store {self.name} has lost its own row; restore a backup")
        ((generation, rare_generation, version),), ((now_us, *columns),) = lock, state
        refuse_other(version, self._address)
        self._refuse_older(generation, columns[0])
        if self._has_server_time:
            self._store_us, self._store_us_at_ns = now_us, time.monotonic_ns()
        row: StoreState = STATE.read(given_row(columns))
        self.fetched.keep_find(THE_STATE, (), [given_row(columns)])
        self._base_us = max(now_us if self._has_server_time else present_us, row.last_us)
        self._keep(looks, answers)
        begun = Begun(
            generation != self._generation,
            rare_generation != self._rare_generation,
            self._store_us,
        )
        self._generation, self._rare_generation = generation, rare_generation
        return begun

    def _fetch_stale(self, begun: Begun, foreseen: Foreseen) -> None:
        """Fetch in a further round trip what is remembered, but was changed by others."""
        stale: list[Wanted] = []
        if begun.others_wrote and not self._expects_others:
            stale.append(foreseen.remembered)
        if begun.others_wrote_rare:
            stale.append(foreseen.rare)
        if any(stale):
            self._fetch(stale, foreseen.now_us)

    def fetch(self, wanted: Wanted) -> None:
        """Take looks together that the transaction will take."""
        self._fetch([wanted], self._base_us)

    def _fetch(self, wanted: Iterable[Wanted], present_us: int) -> None:
        looks = _Looks(wanted, present_us)
        self._keep(looks, self._ask(looks.statements))

    def _keep(self, looks: _Looks, answers: list[list[Row]]) -> None:
        with self._readable():
            looks.keep(self.fetched, answers)

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key."""
        if self.fetched.has(kind, key):
            return self.fetched.get(kind, key)
        for row in self.find(kind.by_key, *values_of(key)):
            return row
        return None

    def find(self, query: Query[T], *given: object) -> list[T]:
        """Return what a look finds."""
        with self._readable():
            found = self.fetched.find(query, given, self._base_us)
            if found is not None:
                return found
        plain = [int(value) if isinstance(value, int) else value for value in given]
        (rows,) = self._ask([Statement(translated(query), parameters(plain))])
        with self._readable():
            return [query.read(given_row(row)) for row in rows]

    def commit(self, changes: Changes) -> None:
        """Make the changes durable, all or none."""
        self._batch += 1
        seen_us = self._base_us if changes.state is None else changes.state.last_us
        generation = self._generation + 1
        if self._is_trusted:  # past whatever any host has seen of a state that is lost
            generation = max(generation, seen_us)
        rare = self._rare_generation + int(changes.has_rare or self._is_trusted)
        try:
            signed = self._signed(seen_us, Statement(_SET_LOCK, [generation, rare]))
            done = self._ask_raw([*self._written(changes), *signed, Statement("COMMIT")])
        except psycopg.Error as fault:
            self._judge_commit(fault)
            generation = -1  # others may have written since
        else:
            if done[-1].statusmessage != "COMMIT":
                raise StoreUnavailable(f"the store {self.name} did not commit; nothing was changed")
        self.fetched = Fetched()
        self._generation, self._rare_generation = generation, rare
        if changes.state is not None and self._takes_any_store:
            self._seen.follow(changes.state.store_id)
        # A move that is cut off leaves the file as it was: what it brings may not have arrived.
        self._seen.note(self._generation, may_wait=self._takes_any_store)

    @property
    def run_id(self) -> str:
        """What tells this writer from all others."""
        return self._run_id

    def rows(self, sql: str, given: Sequence[object]) -> list[Row]:
        """Return the rows of a statement that only PostgreSQL has, in the transaction."""
        (rows,) = self._ask([Statement(sql, given)])
        return rows

    def roll_back(self) -> None:
        """End the transaction without a change; does nothing when none is open."""
        self.fetched = Fetched()
        connection = self._connection
        if connection is None:
            return
        if connection.closed:
            self._disconnect()
        elif connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            try:
                connection.execute("ROLLBACK")
            except psycopg.Error:
                self._disconnect()  # the server ends the transaction with its connection

    def close(self) -> None:
        """Let go of the connections."""
        self._seen.close()
        self._disconnect()
        self._looks.close()

    def _written(self, changes: Changes) -> list[Statement]:
        """Return what writes the changes, in the order in which they are to be written."""
        written = [
            Statement(statements.drop(kind), packed(map(values_of, keys)))
            for kind, keys in changes.dropped.items()
            if keys
        ]
        changed = dict(changes.changed)
        if changes.state is not None:
            changed[STATE] = {None: changes.state}
        written += (
            Statement(statements.put(kind), packed(values(kind, row) for row in rows.values()))
            for kind, rows in changed.items()
            if rows
        )
        written += (
            Statement(statements.add(kind), packed(map(kind.stored, rows.values())))
            for kind, rows in changes.new.items()
            if rows
        )
        if changes.forgets:
            written += (Statement(*one) for one in forgetting(changes, self._registered))
        return written

    def _registered(self) -> dict[int, str]:
        """Return the keys of all budgets that were in force once, by id."""
        return {row.id: row.key for row in self.find(BUDGETS)}

    def _signed(self, seen_us: int, set_lock: Statement) -> list[Statement]:
        """Return what says that this batch was written, and by whom."""
        forgotten = [Statement(_FORGET_WRITERS, [seen_us - _WRITER_SECONDS * 10**6])]
        writer = [self._run_id, self._batch, seen_us, self._host, self.policy]
        signed = [set_lock, Statement(_SET_WRITER, writer)]
        return (forgotten if self._batch == 1 else []) + signed

    def _judge_commit(self, fault: psycopg.Error) -> None:
        """Return if the changes are durable all the same.

        Raises:
            StoreError: They are not.
            OutcomeUnknown: Nobody could be asked.
        """
        connection = self._connection
        if connection is not None and not connection.closed:
            self.roll_back()
            raise explain(fault, self._address) from fault
        self._disconnect()
        if not self._has_landed(fault):
            raise StoreUnavailable(
                f"the connection to the store {self.name} was lost while it wrote; nothing was "
                "admitted or changed: try again"
            ) from fault

    def _has_landed(self, lost: psycopg.Error) -> bool:
        """Ask whether the batch whose commit was not answered was committed.

        The lost transaction may still run at the server; it has the lock, so whoever gets the lock
        after it knows that it is over.
        """
        until = time.monotonic() + RESOLVE_SECONDS
        while True:
            try:
                asked = [Statement(_BEGIN), self._settings, Statement(_LOCK)]
                written = Statement(_WRITTEN, [self._run_id])
                *_, lock, rows, _ = self._ask([*asked, written, Statement("ROLLBACK")])
            except StoreUnavailable as fault:
                self._disconnect()
                if time.monotonic() >= until:
                    raise OutcomeUnknown(
                        f"the connection to the store {self.name} was lost while it wrote "
                        f"({explain(lost, self._address)}), and it could not be asked whether the "
                        f"change is kept: {fault}. A call may be held; its hold ends in time"
                    ) from fault
                time.sleep(_PAUSE_SECONDS)
            else:
                self._refuse_older(lock[0][0] if lock else -1, None)
                return bool(rows) and rows[0][0] == self._batch

    def _refuse_older(self, generation: int, store_id: str | None) -> None:
        """Refuse a server that has lost what this host has seen: a standby that was behind."""
        if self._takes_any_store and store_id is not None:
            self._seen.follow(store_id)
        self._seen.judge(self.name, generation, store_id)

    def _refuse_absence(self, connection: psycopg.Connection[Row]) -> None:
        """Refuse to make a store again that this host has used."""
        try:
            if known_version(connection, self._address) == 0:
                self._seen.judge_absence(self.name)
        except BaseException:
            self._disconnect()
            raise

    def _connect(self) -> TimedConnection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._disconnect()
        self._connection = connect(self._address, self._answer_seconds)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _ask(self, asked: Sequence[Statement]) -> list[list[Row]]:
        """Run statements in one round trip, and return their rows."""
        with self._explained():
            cursors = self._ask_raw(asked)
            return [
                cursor.fetchall() if cursor.description is not None else [] for cursor in cursors
            ]

    def _ask_raw(self, asked: Sequence[Statement]) -> list[psycopg.Cursor[Row]]:
        if self._connection is None and asked[0].sql != _BEGIN:
            raise StoreUnavailable(f"the store {self.name} failed just now; try again")
        connection = self._connect()
        cursors: list[psycopg.Cursor[Row]] = []
        with pipelined(connection):
            for statement in asked:
                cursor = connection.cursor()
                prepare = False if statement.sql in _UNPREPARED else None
                cursor.execute(statement.sql.encode(), statement.values, prepare=prepare)
                cursors.append(cursor)
        return cursors

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Turn the faults of psycopg into ours, in words that say what to do."""
        try:
            yield
        except psycopg.Error as fault:
            raise explain(fault, self._address) from fault

    @contextmanager
    def _readable(self) -> Generator[None]:
        try:
            yield
        except _UNREADABLE as fault:
            raise StoreCorrupt(
                f"a row of the store {self.name} is damaged ({fault}); restore a backup"
            ) from fault


class _Looks:
    """Looks that are taken in one round trip.

    Args:
        wanted: The looks.
        present_us: The present, microseconds, as far as it is known.
    """

    def __init__(self, wanted: Iterable[Wanted], present_us: int) -> None:
        self._gets: dict[Kind[Any], list[Any]] = {}
        finds: dict[tuple[Query[Any], tuple[object, ...]], None] = {}
        for one in wanted:
            for kind, keys in one.gets.items():
                self._gets.setdefault(kind, []).extend(keys)
            finds |= dict.fromkeys(one.finds)
        self._finds = list(finds)
        self.statements = [
            Statement(statements.get_many(kind), packed(map(values_of, keys)))
            for kind, keys in self._gets.items()
        ]
        self.statements += (
            Statement(translated(query), parameters(_at(given, present_us)))
            for query, given in self._finds
        )

    def keep(self, fetched: Fetched, answers: Sequence[list[Row]]) -> None:
        """Keep the answers, which come in the order of the statements."""
        for (kind, keys), rows in zip(self._gets.items(), answers, strict=False):
            found: dict[Any, Any] = dict.fromkeys(keys)
            for row in rows:
                one = kind.read(given_row(row))
                found[kind.key_of(one)] = one
            fetched.keep_gets(kind, found)
        for (query, given), rows in zip(self._finds, answers[len(self._gets) :], strict=True):
            fetched.keep_find(query, given, [given_row(row) for row in rows])


def _at(given: tuple[Any, ...], present_us: int) -> list[object]:
    """Return values of which those counted from the present are instants."""
    return [
        present_us + value[1] if isinstance(value, tuple) and value[0] == PRESENT else value
        for value in given
    ]
