"""A host far from the shared store: it gets slices, reports what it used, and gives back (STO-3).

Three conversations, each in steps of one store at a time, so that a process may end between any two
of them: nothing is free that is not given back in both, and nothing is reported twice.

- It asks when a call does not fit: its own store first notes what it has used, the shared one
  gives, its own takes note of what it was given.
- It renews before its time is over: it reports, its own store first lets go of what it does not
  need, and only then hears the shared one of it.
- It leaves: so does it give back all.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from corvus.base.errors import SteeringRefused, StoreError
from corvus.base.period import Period
from corvus.base.time import instant_at, microseconds
from corvus.events import Event
from corvus.governor.engine import Engine, Transaction
from corvus.governor.leases import desk
from corvus.governor.leases.desk import Answer, Held, Slice, SumName, Want
from corvus.governor.leases.reports import take_over
from corvus.governor.leases.rows import sum_of
from corvus.governor.leases.slices import (
    REFUSED_FOR_US,
    Elapsed,
    Lack,
    SliceNeeded,
    Slices,
    elapsed,
    used_of,
)
from corvus.governor.records import append_counted_refusals
from corvus.governor.recount import (
    LedgerSums,
    events_after,
    recorded_amounts,
    recorded_call,
)
from corvus.governor.rules import Counting, Register
from corvus.governor.thresholds import is_open
from corvus.model.budget import Amounts, Budget, Measure
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.store.api import StoredBalance
from corvus.store.kinds import LEASE, LEASE_HOST, LEASES_OF, budget_key
from corvus.store.lease import Lease, LeaseHost, LeaseKey
from corvus.store.retention import KEEP_SETTLED
from corvus.store.store import Store
from corvus.store.unit import Unit

_CALLS_A_SLICE = 20
"""How many calls a slice is for, by what they held of late."""
_CALLS_SEEN = 200
_PERCENTILE = 95
_EVENTS_AT_ONCE = 500
_RENEWALS_A_TERM = 3
_MARGIN_PART = 10
_LONGEST_MARGIN_US = 5_000_000

_CLAIMED_MAX = 10_000

_T = TypeVar("_T")
_log = logging.getLogger("corvus.governor")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a host has slices.

    Attributes:
        name: What a person calls the host.
        ttl_seconds: How long it may use them without hearing of the shared store.
    """

    name: str
    ttl_seconds: float = 60.0

    @property
    def ttl_us(self) -> int:
        """The same, in microseconds."""
        return round(self.ttl_seconds * 1_000_000)

    @property
    def usable_us(self) -> int:
        """How long it does use them, counted from when it asked: a little less."""
        return self.ttl_us - min(_LONGEST_MARGIN_US, self.ttl_us // _MARGIN_PART)


class SharedClock:
    """The clock of the shared store, as a host keeps it: the host's own may be wrong.

    Args:
        clock: Returns the time since the machine was started.
    """

    def __init__(self, clock: Callable[[], Elapsed] = elapsed) -> None:
        self._clock = clock
        self._ahead_us: int | None = None

    def set(self, now_us: int, at: Elapsed) -> None:
        """Follow the shared store.

        Args:
            now_us: What its clock said, microseconds, …
            at: … when it was asked.
        """
        self._ahead_us = now_us - at.us

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        assert self._ahead_us is not None, "the shared store is asked first"
        return instant_at(self._clock().us + self._ahead_us)


def heard_clock(shared: Store, clock: Callable[[], Elapsed] = elapsed) -> SharedClock:
    """Ask a shared store what time it is, and return a clock that follows it.

    Raises:
        StoreError: It cannot answer.
    """
    at = clock()
    follows = SharedClock(clock)
    follows.set(shared.run(lambda unit: unit.now_us), at)
    return follows


class HostLeases:
    """The slices of this host, and its conversation with the shared store.

    Args:
        shared: Runs steps in the shared store, under the policy of this host.
        local: The host's own store, under the clock.
        clock: Follows the clock of the shared store.
        terms: The name of the host, and how long it may use slices.
        now: Returns the time since the machine was started.

    Attributes:
        slices: What the host may use, as its governor sees it.
        host_id: Id of its own store.
        is_closed: Whether it has left.

    Raises:
        StoreError: The shared store cannot answer: without it nothing is admitted.
    """

    def __init__(
        self,
        shared: Engine,
        local: Store,
        clock: SharedClock,
        terms: Terms,
        now: Callable[[], Elapsed] = elapsed,
    ) -> None:
        self._shared = shared
        self._local = local
        self._clock = clock
        self._terms = terms
        self._now = now
        self._lock = threading.RLock()
        self._register = Register()
        self._seen: deque[Amounts] = deque(maxlen=_CALLS_SEEN)
        self._used_then: dict[LeaseKey, int] = {}
        self._wake = threading.Event()
        self.is_closed = False
        self._thread: threading.Thread | None = None
        self.host_id = local.run(lambda unit: unit.state.store_id)
        self.slices = Slices(self.host_id, now)
        self.renew()

    @contextmanager
    def history(
        self, budgets: Sequence[Budget], session_id: str | None = None
    ) -> Generator[LedgerSums]:
        """Stand for the ledger of the host's own store: what was reported is counted elsewhere."""
        yield LedgerSums(through_seq=self._local.run(lambda unit: unit.state.drained_seq))

    def start(self) -> None:
        """Renew in the background from now on; it never keeps a process alive."""
        self._thread = threading.Thread(
            target=_serve,
            args=(weakref.ref(self), self._wake, self._terms.ttl_seconds / _RENEWALS_A_TERM),
            name="corvus-lease",
            daemon=True,
        )
        self._thread.start()

    def answer(self, fault: SliceNeeded) -> None:
        """Ask the shared store for what a call needs, unless another call has just done so.

        Raises:
            SteeringRefused: The session of the call belongs to another host.
            StoreError: The shared store cannot answer; nothing is admitted.
        """
        with self._lock:
            if fault.is_over and not self._local.run(self.slices.is_alive):
                self.renew()
            if fault.claims_session:
                self._claim(fault)
            if fault.answers != self.slices.answers:
                return
            if fault.lacks:
                self._ask(fault)
            self.slices.answers += 1

    def renew(self) -> None:
        """Report what was used, give back what is not needed, and use the rest for another while.

        Raises:
            StoreError: A store cannot answer; what was done stands, and the rest is done next time.
        """
        self._renew(leaves=False)

    def close(self) -> None:
        """Report, and give back all that is not used; the holds of running calls stay held."""
        self.is_closed = True
        self._wake.set()
        try:
            self._renew(leaves=True)
        except StoreError as fault:
            _log.warning("what host %s has left stays held: %s", self._terms.name, fault)

    def _renew(self, *, leaves: bool) -> None:
        with self._lock:
            at = self._now()
            next_seq = self._local.run(lambda unit: self._look(unit, leaves=leaves))
            answer = self._of_shared(
                lambda unit: desk.join(
                    unit, self.host_id, self._terms.name, self._terms.ttl_us, next_seq
                )
            )
            self._clock.set(answer.now_us, at)
            self._report(answer.reported_seq, next_seq)
            held, self._used_then = self._local.run(
                lambda unit: self._let_go(unit, answer.epoch, leaves=leaves), alone=True
            )
            slices = self._of_shared(
                lambda unit: desk.settle_slices(unit, self.host_id, answer.epoch, held)
            )
            until = Elapsed(at.us + (0 if leaves else self._terms.usable_us), at.boot)
            self._local.run(
                lambda unit: self._take(unit, slices, (answer.epoch, until)), alone=True
            )
            if leaves:
                self._of_shared(lambda unit: desk.leave(unit, self.host_id))

    def _of_shared(self, step: Callable[[Unit], _T]) -> _T:
        return self._shared.run(Transaction(lambda unit: (step(unit), list[Event]())))

    def _look(self, unit: Unit, *, leaves: bool) -> int:
        """Have written what is only counted so far; return the number of the next event."""
        if leaves:
            append_counted_refusals(unit)
        return unit.state.next_seq

    def _report(self, reported_seq: int, until_seq: int) -> None:
        """Report events below a number, each once: the shared store says which it has."""
        seq = reported_seq
        self._local.run(lambda unit: self._forget_reported(unit, seq))
        while seq + 1 < until_seq:
            events = self._local.run(partial(_events_after, seq=seq), alone=True)
            if not events:
                return  # another process of this host was faster
            seq = self._report_some(events)

    def _report_some(self, events: Sequence[OutboxEvent]) -> int:
        def take(unit: Unit) -> tuple[int, list[Event]]:
            return take_over(unit, self._shared.in_force, self.host_id, events)

        seq = self._shared.run(Transaction(take))
        self._local.run(lambda unit: self._forget_reported(unit, seq))
        return seq

    def _forget_reported(self, unit: Unit, seq: int) -> None:
        host = unit.get(LEASE_HOST, self.host_id) or LeaseHost(self.host_id, self._terms.name)
        if seq > host.reported_seq:
            unit.put(LEASE_HOST, replace(host, reported_seq=seq))
        elif unit.get(LEASE_HOST, self.host_id) is None:
            unit.put(LEASE_HOST, host)
        if seq > unit.state.drained_seq:
            unit.forget(seq, microseconds(unit.now - KEEP_SETTLED))

    def _let_go(
        self, unit: Unit, epoch: int, *, leaves: bool
    ) -> tuple[list[Held], dict[LeaseKey, int]]:
        """Let go of what the host does not need, in its own store; nothing was changed before."""
        host = unit.get(LEASE_HOST, self.host_id)
        is_behind = host is None or host.epoch < epoch
        is_reported = not unit.events(host.reported_seq if host else 0, 1)
        budgets = unit.budgets()
        counting = self._register.counting(unit)
        held: list[Held] = []
        used_now: dict[LeaseKey, int] = {}
        for row in unit.rows.find(LEASES_OF, self.host_id):
            lease, budget = unit.get(LEASE, row.key) or row, budgets[row.key.budget_id]
            stored = unit.balance(sum_of(row.key))
            used = used_of(lease, stored)
            is_over = _is_over(counting, budget, row.key.window_start_us, unit.now)
            is_idle = self._used_then.get(row.key) == used
            used_now[row.key] = used
            gives = leaves or is_behind or is_over or is_idle
            granted = used if gives else max(used, lease.granted)
            if granted != lease.granted:
                lease = replace(lease, granted=granted)
                unit.put(LEASE, lease)
            is_done = is_over and is_reported and not stored.held(Measure(row.key.measure))
            held.append(Held(_name(budget, row.key), lease.revision, granted, is_done))
        return held, used_now

    def _take(self, unit: Unit, slices: Sequence[Slice], term: tuple[int, Elapsed] | None) -> None:
        """Take note of what the shared store says, in the host's own."""
        ids = {budget_key(budget): budget_id for budget_id, budget in unit.budgets().items()}
        for one in slices:
            budget_id = ids[one.sum.budget_key]
            key = LeaseKey(self.host_id, budget_id, *one.sum[1:])
            if one.lease is None:
                if unit.get(LEASE, key) is not None:
                    unit.drop(LEASE, key)
                continue
            self._open_window(unit, key)
            lease = unit.get(LEASE, key) or Lease(key)
            if one.lease.revision < lease.revision:
                continue  # the answer to an earlier question
            granted = one.lease.granted if one.lease.revision > lease.revision else lease.granted
            heard = replace(
                lease,
                granted=granted,
                reported=one.lease.reported,
                revision=one.lease.revision,
                others_spent=one.spent - one.lease.reported,
                others_held=one.held - one.lease.outstanding,
            )
            unit.put(LEASE, heard)
        if term is not None:
            epoch, until = term
            host = unit.get(LEASE_HOST, self.host_id) or LeaseHost(self.host_id, self._terms.name)
            unit.put(LEASE_HOST, replace(host, epoch=epoch, until_us=until.us, boot=until.boot))

    def _open_window(self, unit: Unit, key: LeaseKey) -> None:
        """Have a window be open here that a call has opened in the shared store."""
        if unit.budgets()[key.budget_id].period is not Period.WINDOW:
            return
        place = sum_of(key)
        if not is_open(unit, place):
            unit.open_window(key.budget_id, key.part, key.window_start_us)
            unit.put_balance(unit.balance(place))

    def _claim(self, fault: SliceNeeded) -> None:
        """Have the session of a call belong to this host."""
        session = fault.request.session_id, fault.request.project
        other = self._of_shared(lambda unit: desk.claim(unit, self.host_id, *session))
        if other is not None:
            raise SteeringRefused(
                f"session {session[0]!r} is counted by host {other}, and a session belongs to one "
                "host: go on there, or name another session"
            )
        if len(self.slices.claimed) >= _CLAIMED_MAX:
            self.slices.claimed.clear()
        self.slices.claimed.add(session)

    def _ask(self, fault: SliceNeeded) -> None:
        """Ask for the slices that a call lacks."""
        self._seen.append(fault.request.amounts)
        lacks = self._local.run(lambda unit: self._prepare(unit, fault.lacks), alone=True)
        chunk = self._chunk(fault.request.amounts)
        wants = [
            Want(lack.sum, lack.used, lack.needed, chunk.of(Measure(lack.sum.measure)))
            for lack in lacks
        ]
        at = self._now()

        def ask(unit: Unit) -> tuple[Answer, list[Event]]:
            return desk.ask(unit, self._shared.in_force, self.host_id, fault.request, wants)

        answer = self._shared.run(Transaction(ask))
        self._clock.set(answer.now_us, at)

        def take(unit: Unit) -> int:
            self._take(unit, answer.slices, None)
            if answer.override is not None:
                unit.put_override(answer.override)
            host = unit.get(LEASE_HOST, self.host_id)
            return host.epoch if host is not None else 0

        epoch = self._local.run(take, alone=True)
        until_us = self._now().us + REFUSED_FOR_US
        for lack in lacks:
            if answer.is_refused:
                self.slices.refused_until_us[lack.key] = until_us
            else:
                self.slices.refused_until_us.pop(lack.key, None)
        if answer.epoch > epoch:
            self._wake.set()

    def _prepare(self, unit: Unit, lacks: Sequence[Lack]) -> list[Lack]:
        """Return what is lacking as it is now; what the host used before its slices is left out."""
        host = unit.get(LEASE_HOST, self.host_id)
        tail: list[OutboxEvent] | None = None
        new: list[Lease] = []
        now: list[Lack] = []
        for lack in lacks:
            stored = unit.balance(sum_of(lack.key))
            lease = unit.get(LEASE, lack.key)
            if lease is None:
                if unit.budgets()[lack.key.budget_id].period is Period.WINDOW:
                    now.append(lack._replace(used=None))
                    continue  # the shared store says when it opened
                if tail is None:
                    tail = events_after(unit, host.reported_seq if host is not None else 0)
                measure = Measure(lack.key.measure)
                base = stored.spent(measure) - self._in_tail(unit, tail, stored, measure)
                lease = Lease(lack.key, base=base)
                new.append(lease)
            now.append(lack._replace(used=used_of(lease, stored)))
        for lease in new:
            unit.put(LEASE, lease)
        return now

    def _in_tail(
        self, unit: Unit, tail: Sequence[OutboxEvent], stored: StoredBalance, measure: Measure
    ) -> int:
        """Return what a sum counts of records that are not reported yet."""
        counting = self._register.counting(unit)
        amount = 0
        for event in tail:
            if event.table is not LedgerTable.USAGE_RECORD:
                continue
            places = counting.of(recorded_call(event.row), unit.window_opened)
            settled: Any = event.row["settled_at"]
            if settled >= stored.since_us and any(place.key == stored.key for place in places):
                amount += recorded_amounts(event.row).of(measure)
        return amount

    def _chunk(self, call: Amounts) -> Amounts:
        """Return what twenty calls like those of late hold."""
        return Amounts(
            *(
                _CALLS_A_SLICE * _percentile([one[place] for one in self._seen] or [call[place]])
                for place in range(len(call))
            )
        )


def _events_after(unit: Unit, seq: int) -> list[OutboxEvent]:
    return [*unit.events(seq, _EVENTS_AT_ONCE)]


def _percentile(amounts: list[int]) -> int:
    ordered = sorted(amounts)
    return ordered[(len(ordered) - 1) * _PERCENTILE // 100]


def _name(budget: Budget, key: LeaseKey) -> SumName:
    return SumName(budget_key(budget), key.window_start_us, key.part, key.measure)


def _is_over(counting: Counting, budget: Budget, start_us: int, now: datetime) -> bool:
    """Return whether the window of a sum is over."""
    if not start_us:
        return False
    window = counting.window(budget, instant_at(start_us), start_us)
    return window is not None and window.end <= now


def _serve(of: weakref.ref[HostLeases], wake: threading.Event, seconds: float) -> None:
    """Renew for as long as the host is there."""
    while True:
        wake.wait(seconds)
        wake.clear()
        host = of()
        if host is None or host.is_closed:
            return
        try:
            host.renew()
        except StoreError as fault:
            _log.warning("the slices of this host were not renewed: %s", fault)
        del host
