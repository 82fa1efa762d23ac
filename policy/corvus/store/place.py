"""Where a store lies: how it is opened, and what can be said of it next to any writer.

Everybody outside this room names a store by its place, and no backend by its class. Looks create
nothing; whether there is a store is the caller's question to ask first.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from corvus.base.ids import new_id
from corvus.base.time import Clock, microseconds
from corvus.model.outbox import OutboxEvent
from corvus.store import kinds
from corvus.store.api import Backend, Look
from corvus.store.health import StoreHealth
from corvus.store.retention import (
    KEEP_SCOPES,
    KEEP_SETTLED,
    KEEP_WINDOWS,
    ForgettableScopes,
    forget_sessions,
)
from corvus.store.spill import is_waiting
from corvus.store.sqlite import MemoryBackend
from corvus.store.sqlite_place import SqlitePlace
from corvus.store.store import WAIT_SECONDS, Store
from corvus.store.unit import Unit, state_of

_EVENTS_AT_ONCE = 20_000
_SESSIONS_AT_ONCE = 250
_SESSIONS_MAX = 50_000
"""Sessions that one drain forgets at most; the next goes on."""


class StorePlace(Protocol):
    """Where a store lies. A look at it changes no byte.

    Every method may raise ``StoreUnavailable``, ``StoreTooNew`` or ``StoreCorrupt``.
    """

    name: str

    @property
    def exists(self) -> bool:
        """Whether a store was ever made there."""
        ...

    @property
    def unsettled_path(self) -> Path | None:
        """Where settlements wait that could not be written; ``None`` keeps none."""
        ...

    def backend(self) -> Backend:
        """Open the store for a writer; it is made when missing."""
        ...

    def looking(self) -> AbstractContextManager[Look]:
        """Open the store, which exists, for a look."""
        ...

    def health(self, now: datetime, *, writable: bool) -> StoreHealth:
        """Examine the store, which need not exist, and whether it could be written."""
        ...


def place_at(path: Path) -> StorePlace:
    """Return the place that a path names."""
    return SqlitePlace(path)


def open_store(
    place: StorePlace | None,
    clock: Clock | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
    trust_clock: bool = False,
) -> Store:
    """Open a store; it is made when missing.

    Args:
        place: Where it lies; ``None`` is in memory, gone when it is closed.
        clock: As for ``Store``.
        wait_seconds: As for ``Store``.
        trust_clock: As for ``Store``.

    Raises:
        StoreError: It cannot be opened or made.
    """
    backend = MemoryBackend() if place is None else place.backend()
    return Store(backend, clock, wait_seconds=wait_seconds, trust_clock=trust_clock)


def is_behind(place: StorePlace, now: datetime) -> bool:
    """Return whether something waits to be booked: overdue holds, counted refusals, a spill file.

    Raises:
        StoreError: The store cannot be read.
    """
    if place.unsettled_path is not None and is_waiting(place.unsettled_path):
        return True
    with place.looking() as look:
        if not look.is_current:
            return False  # the next who writes brings it up to date
        return bool(state_of(look).refusals or look.find(kinds.OVERDUE, microseconds(now), 1))


def latest_session(place: StorePlace) -> str | None:
    """Return the session of the call that was admitted last; ``None`` when none is remembered.

    Raises:
        StoreError: The store cannot be read.
    """
    with place.looking() as look:
        return next(iter(look.find(kinds.LATEST_SESSION)), None)


def audit_head(place: StorePlace) -> tuple[int, str]:
    """Return position and hash of the newest audit event; 0 and 64 zeros without one.

    Raises:
        StoreError: The store cannot be read.
    """
    with place.looking() as look:
        state = state_of(look)
    return state.audit_position, state.audit_head


class StoreOutbox:
    """The events of a store that the ledger may not have yet (LED-2).

    They are read next to a busy writer, and forgotten through it.

    Args:
        place: Where the store lies, which exists.
        store: The open store of this process, if it has one.
        clock: Stamps what is forgotten, where there is none; the machine's by default.

    Raises:
        StoreError: The store cannot be read.
    """

    def __init__(
        self, place: StorePlace, store: Store | None = None, clock: Clock | None = None
    ) -> None:
        self._place = place
        self._store = store
        self._clock = clock
        with place.looking() as look:
            self._store_id = state_of(look).store_id

    @property
    def store_id(self) -> str:
        """UUID text, fixed for the life of a store."""
        return self._store_id

    def drained_seq(self) -> int:
        """Return the number up to which events were handed over and forgotten; 0 at first."""
        with self._place.looking() as look:
            return state_of(look).drained_seq

    def pending(self, after_seq: int, limit: int) -> list[OutboxEvent]:
        """Return up to ``limit`` events with a greater number, ascending, without a gap."""
        with self._place.looking() as look:
            return look.find(kinds.EVENTS, after_seq, limit)

    def forget(self, through_seq: int) -> None:
        """Forget the events up to a number, durably, and what is over since long."""
        if self._store is not None:
            _forget(self._place, self._store, through_seq)
            return
        store = open_store(self._place, self._clock)
        try:
            _forget(self._place, store, through_seq)
        finally:
            store.close()


def _forget(place: StorePlace, store: Store, through_seq: int) -> None:
    """Forget events that the ledger has for good, durably, and what is over since long."""
    drained = store.run(lambda unit: unit.state.drained_seq)
    steps = [*range(drained + _EVENTS_AT_ONCE, through_seq, _EVENTS_AT_ONCE), through_seq]
    for seq in steps if through_seq > drained else ():
        store.run(lambda unit, seq=seq: unit.forget(seq, _before_us(unit)))
    while _has_settled(place, store):
        store.run(lambda unit: unit.forget(0, _before_us(unit)))
    old = _look(place, store)
    _forget_sessions(store, old)
    if old.has_more:
        store.run(
            lambda unit: unit.forget_over((), old.windows_before_us, old.before_us, unit.now_us),
            alone=True,
        )


def _forget_sessions(store: Store, old: ForgettableScopes) -> None:
    seen: ForgettableScopes | None = old
    for start in range(0, len(old.session_ids), _SESSIONS_AT_ONCE):
        some, latest = old.session_ids[start : start + _SESSIONS_AT_ONCE], seen
        seen = store.run(partial(forget_sessions, session_ids=some, old=latest), alone=True)
        if seen is None:
            return


def _before_us(unit: Unit) -> int:
    return microseconds(unit.now - KEEP_SETTLED)


def _has_settled(place: StorePlace, store: Store) -> bool:
    before_us = store.run(_before_us)
    with place.looking() as look:
        return bool(look.find(kinds.FORGETTABLE_RESERVATION, new_id(before_us), before_us))


def _look(place: StorePlace, store: Store) -> ForgettableScopes:
    now = store.run(lambda unit: unit.now)
    before_us = microseconds(now - KEEP_SCOPES)
    windows_us = microseconds(now - KEEP_WINDOWS)
    with place.looking() as look:
        look.hold_still()
        state = state_of(look)
        (first_us,) = look.find(kinds.FIRST_ADMITTED)
        if first_us is not None:  # what was admitted long ago may still be settled
            windows_us = min(windows_us, first_us - KEEP_WINDOWS // timedelta(microseconds=1))
        sessions = look.find(kinds.OLD_SESSIONS, before_us, _SESSIONS_MAX)
        overrides = new_id(before_us)
        more = look.find(kinds.FORGETTABLE_MORE, windows_us, overrides, microseconds(now))
    return ForgettableScopes(
        sessions, before_us, state.next_seq - 1, windows_us, has_more=bool(more)
    )
