"""The events of a store on their way to the ledger, and how they and what is over are forgotten.

Where hosts share the store, each has a ledger of its own, and an event stays until all of them have
it (``corvus.store.replicas``). Else the one ledger has it, and it goes.

What is old is looked up next to the writer, and each transaction deletes a bounded part of it, so
that admissions never wait for long.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from corvus.base.ids import new_id
from corvus.base.time import Clock, microseconds
from corvus.model.outbox import OutboxEvent
from corvus.model.replica import Replica
from corvus.store import kinds
from corvus.store.place import StorePlace, open_store
from corvus.store.replicas import enrol, forgettable_seq, is_enrolled, report
from corvus.store.retention import (
    KEEP_SCOPES,
    KEEP_SETTLED,
    KEEP_WINDOWS,
    ForgettableScopes,
    forget_sessions,
)
from corvus.store.store import Store
from corvus.store.unit import Unit, state_of

_EVENTS_AT_ONCE = 20_000
_SESSIONS_AT_ONCE = 250
_SESSIONS_MAX = 50_000
"""Sessions that one drain forgets at most; the next goes on."""


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

    @property
    def is_shared(self) -> bool:
        """Whether other ledgers take over the same events."""
        return self._place.is_shared

    def drained_seq(self) -> int:
        """Return the number up to which events were handed over and forgotten; 0 at first."""
        with self._place.looking() as look:
            return state_of(look).drained_seq

    def newest_seq(self) -> int:
        """Return the number of the newest event; 0 without one."""
        with self._place.looking() as look:
            return state_of(look).next_seq - 1

    def pending(self, after_seq: int, limit: int) -> list[OutboxEvent]:
        """Return up to ``limit`` events with a greater number, ascending, without a gap."""
        with self._place.looking() as look:
            return look.find(kinds.EVENTS, after_seq, limit)

    def enrol(self, replica_id: str, watermark: int, host: str) -> str:
        """Have a shared store keep what a replica lacks, from now on.

        Args:
            replica_id: UUID text, which the file has.
            watermark: It has the events up to this number for good.
            host: Host and path of the file.

        Returns:
            The id under which it goes on; another one when the file is a copy, or was set back.
        """
        mine = Replica(replica_id, watermark, 0, host)
        with self._place.looking() as look:
            if is_enrolled(look, mine):
                return replica_id
        with self._opened() as store:
            return store.run(lambda unit: enrol(unit, mine)) or replica_id

    def forget(
        self, through_seq: int, replica_id: str | None = None, host: str | None = None
    ) -> None:
        """Forget events that no ledger lacks, durably, and what is over since long.

        Args:
            through_seq: The ledger has the events up to this number for good.
            replica_id: Its id, where it is a replica of a shared store.
            host: Host and path of its file.
        """
        with self._opened() as store:
            if self.is_shared and replica_id is not None:
                mine = Replica(replica_id, through_seq, 0, host or "")
                store.run(lambda unit: report(unit, mine))
            _forget(self._place, store, None if self.is_shared else through_seq)

    @contextmanager
    def _opened(self) -> Generator[Store]:
        if self._store is not None:
            yield self._store
            return
        store = open_store(self._place, self._clock)
        try:
            yield store
        finally:
            store.close()


def _forget(place: StorePlace, store: Store, through_seq: int | None) -> None:
    """Forget events that are in the ledger for good, durably, and what is over since long.

    Args:
        place: Where the store lies.
        store: The open store.
        through_seq: The event up to which; ``None`` follows the replicas.
    """

    def drop_events(unit: Unit) -> bool:
        """Forget some; return whether there are more."""
        drained = unit.state.drained_seq
        target = forgettable_seq(unit) if through_seq is None else through_seq
        seq = min(target, drained + _EVENTS_AT_ONCE)
        if seq > drained:
            unit.forget(seq, _before_us(unit))
        return target > seq

    while store.run(drop_events):
        pass
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
