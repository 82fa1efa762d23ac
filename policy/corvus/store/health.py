"""Says how a store is, and what is under way in it, without changing anything (CLI-6)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from corvus.base.errors import StoreError
from corvus.base.money import NOTHING, NanoUSD
from corvus.base.period import window_at
from corvus.base.time import instant_at, microseconds
from corvus.model.refusals import Refusals
from corvus.model.steering import Override
from corvus.store import bodies, statements
from corvus.store.faults import explain
from corvus.store.place import taken_lock
from corvus.store.reader import own_row, reading
from corvus.store.sqlite import known_version

_PATIENCE_SECONDS = 2.0
"""How long others may hold the store before it counts as unusable."""
_ROOM_BYTES = 64 * 1024
"""What a disk must have free for a call to be held and settled: some pages and their log."""
_SIDES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Holds:
    """The reservations that are open.

    Attributes:
        held_nano_usd: What they hold together.
        oldest_at: When the oldest was admitted, aware UTC; ``None`` when there is none.
        overdue: Those past their deadline; the next call settles them.
    """

    count: int = 0
    held_nano_usd: NanoUSD = NOTHING
    oldest_at: datetime | None = None
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Blocking:
    """A sum of a budget that refuses calls at present.

    Attributes:
        budget: Name of the budget, which may be of another policy than the one in force.
        session_id: Where it counts sessions or missions.
        mission_id: Where it counts missions.
    """

    budget: str
    session_id: str | None
    mission_id: str | None
    refusals: Refusals


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How a store is.

    Attributes:
        exists: Whether the file is there; the first governed call makes it.
        is_writable: Whether this user may write it, or make it.
        problem: Why it cannot be used, in words; ``None`` when it can.
        size_bytes: Of the file and of what SQLite keeps beside it.
        version: How many migrations it has seen.
        undrained_events: Events that the ledger may not have yet.
        recount_due: Whether balances will be counted anew by the next governed call.
        audit_position: Number of the newest audit event; 0 without one.
        audit_head: Its hash.
        overrides: Those that are active and have not expired, the oldest first.
        blocking: Sums that refuse calls in the present window, those that did last first.
    """

    path: Path
    exists: bool = False
    is_writable: bool = False
    problem: str | None = None
    size_bytes: int = 0
    version: int = 0
    store_id: str | None = None
    undrained_events: int = 0
    recount_due: bool = False
    audit_position: int = 0
    audit_head: str | None = None
    holds: Holds = Holds()
    open_sessions: int = 0
    overrides: tuple[Override, ...] = ()
    blocking: tuple[Blocking, ...] = ()


def store_health(path: Path, now: datetime, *, writable: bool) -> StoreHealth:
    """Examine a store.

    Args:
        path: The file; it need not exist.
        now: The present instant, aware.
        writable: Whether this user may write it, or make it.
    """
    exists = os.path.lexists(path)
    if not exists:
        problem = None if writable else f"{path} cannot be made; name another ledger with --ledger"
        return StoreHealth(path, is_writable=writable, problem=problem)
    size = sum(os.path.getsize(side) for side in _beside(path) if os.path.isfile(side))
    if not os.path.isfile(path):
        problem = f"{path} is no file; name another ledger with --ledger"
        return StoreHealth(path, exists=True, problem=problem, size_bytes=size)
    try:
        with reading(path) as connection:
            found = _examined(connection, path, now, writable=writable, size_bytes=size)
            if found.problem is None:
                found = replace(found, problem=_writing_problem(path))
            return found
    except StoreError as fault:
        return StoreHealth(
            path, exists=True, is_writable=writable, problem=str(fault), size_bytes=size
        )


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


def _examined(
    connection: sqlite3.Connection, path: Path, now: datetime, *, writable: bool, size_bytes: int
) -> StoreHealth:
    connection.execute("BEGIN")  # all of it is of one instant
    version = known_version(connection, str(path))
    if version == 0:
        return StoreHealth(path, exists=True, is_writable=writable, size_bytes=size_bytes)
    state = own_row(connection, path)
    active = connection.execute(statements.READ_ACTIVE_OVERRIDES).fetchall()
    overrides = [bodies.override_of(body) for (body,) in active]
    (open_sessions,) = connection.execute(statements.COUNT_OPEN_SESSIONS).fetchone()
    return StoreHealth(
        path,
        exists=True,
        is_writable=writable,
        problem=None if writable else f"no permission to write {path}: no call can be admitted",
        size_bytes=size_bytes,
        version=version,
        store_id=state.store_id,
        undrained_events=state.next_seq - 1 - state.drained_seq,
        recount_due=state.recount_due,
        audit_position=state.audit_position,
        audit_head=state.audit_head if state.audit_position else None,
        holds=_holds(connection, now),
        open_sessions=open_sessions,
        overrides=tuple(one for one in overrides if one.expires_at > now),
        blocking=_blocking(connection, now) if version == len(statements.MIGRATIONS) else (),
    )


def _blocking(connection: sqlite3.Connection, now: datetime) -> tuple[Blocking, ...]:
    found: list[Blocking] = []
    for key, start_us, session_id, mission_id, body in connection.execute(statements.READ_BLOCKING):
        budget, refusals = bodies.budget_of(key), bodies.refusals_of(body)
        window = window_at(budget.period, now, budget.timezone)
        is_present = window is None or microseconds(window.start) == start_us
        if is_present and refusals is not None:
            about = session_id or None, mission_id or None
            found.append(Blocking(budget.name, *about, refusals))
    return tuple(found)


def _holds(connection: sqlite3.Connection, now: datetime) -> Holds:
    row = connection.execute(statements.SUM_HELD, (microseconds(now),)).fetchone()
    count, held, oldest_us, overdue = row
    oldest = None if oldest_us is None else instant_at(oldest_us)
    return Holds(count, NanoUSD(held), oldest, overdue)


def _beside(path: Path) -> list[str]:
    return [f"{path}{side}" for side in _SIDES]
