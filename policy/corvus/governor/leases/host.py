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
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal, TypeAlias, TypeVar

from corvus.base.errors import SteeringRefused, StoreError
from corvus.events import ApprovalDecided, BudgetOverride, Event, LadderUsed, Overrun
from corvus.governor.engine import Engine, Transaction
from corvus.governor.leases import desk
from corvus.governor.leases.desk import Answer, Want
from corvus.governor.leases.own import OwnRows, tie
from corvus.governor.leases.own_history import sums_of_sessions
from corvus.governor.leases.presence import Presence
from corvus.governor.leases.reports import take_over
from corvus.governor.leases.slices import (
    REFUSED_FOR_US,
    Elapsed,
    SliceNeeded,
    Slices,
    elapsed,
)
from corvus.governor.leases.terms import SharedClock, Terms
from corvus.governor.records import append_counted_refusals
from corvus.governor.recount import LedgerSums
from corvus.model.budget import Amounts, Budget, Measure
from corvus.model.outbox import OutboxEvent
from corvus.model.request import Request
from corvus.store.kinds import LEASE_HOST
from corvus.store.lease import LeaseKey
from corvus.store.store import Store
from corvus.store.unit import Unit

_CALLS_A_SLICE = 20
"""How many calls a slice is for, by what they held of late, …"""
_CALLS_A_SLICE_MAX = 1_280
"""… and on a host that would else ask more than once a second."""
_BUSY_US, _QUIET_US = 1_000_000, 10_000_000
_CALLS_SEEN = 200
_PERCENTILE = 95
_EVENTS_AT_ONCE = 500

_CLAIMED_MAX = 10_000

_CLOSE_SECONDS = 5.0
"""How long the end of a process waits for a renewal that is under way."""
_READ_AGAIN = 10
_AWAY_FOR_US = 5_000_000
"""How long no override is asked for after the shared store has not answered, microseconds."""

Result: TypeAlias = Literal["given", "refused", "unavailable"]
_T = TypeVar("_T")
_log = logging.getLogger("corvus.governor")


class HostLeases:
    """The slices of this host, and its conversation with the shared store.

    Args:
        shared: Runs steps in the shared store, under the policy of this host.
        local: The host's own store, under the clock.
        clock: Follows the clock of the shared store.
        terms: The name of the host, and how long it may use slices.
        now: Returns the time since the machine was started.
        presence: Says whether other processes of the host use the slices as well; ``None`` is none.

    Attributes:
        slices: What the host may use, as its governor sees it.
        host_id: Id of its own store.
        asked: How often this process has asked for slices, by what came of it.
        is_closed: Whether it has left.

    Raises:
        StoreError: The shared store cannot answer: without it nothing is admitted.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the one place that puts them together
        self,
        shared: Engine,
        local: Store,
        clock: SharedClock,
        terms: Terms,
        now: Callable[[], Elapsed] = elapsed,
        presence: Presence | None = None,
    ) -> None:
        self._shared = shared
        self._local = local
        self._clock = clock
        self._terms = terms
        self._now = now
        self._presence = presence
        self._lock = threading.RLock()
        self._seen: deque[Amounts] = deque(maxlen=_CALLS_SEEN)
        self._calls_a_slice = _CALLS_A_SLICE
        self._asked_us = -_QUIET_US
        self._used_then: dict[LeaseKey, int] = {}
        self._wake = threading.Event()
        self._is_early = False
        self.asked: Counter[Result] = Counter()
        self.is_closed = False
        self._thread: threading.Thread | None = None
        self.host_id = local.run(lambda unit: unit.state.store_id)
        shared_id = shared.store.run(lambda unit: unit.state.store_id)
        local.run(lambda unit: tie(unit, shared_id))
        self._own = OwnRows(self.host_id, terms.name)
        self.slices = Slices(self.host_id, now)
        self.renew()

    @property
    def engine(self) -> Engine:
        """Runs operations in the shared store, under the policy of this host."""
        return self._shared

    @property
    def renewal_seconds(self) -> float:
        """Within what time every host hears of a change in the shared store, seconds."""
        return self._terms.renewal_seconds

    def follow(self, shared: Engine) -> None:
        """Go by another policy from now on.

        Args:
            shared: Runs steps in the same shared store, under that policy.
        """
        with self._lock:
            self._shared = shared

    def seconds_left(self) -> float:
        """Return how long the host may still use its slices, seconds; 0 once it has to renew."""
        host = self._local.run(lambda unit: unit.get(LEASE_HOST, self.host_id))
        now = self._now()
        is_alive = host is not None and host.boot == now.boot
        return max(0.0, (host.until_us - now.us) / 1e6) if is_alive and host is not None else 0.0

    @contextmanager
    def history(
        self, budgets: Sequence[Budget], session_id: str | None = None
    ) -> Generator[LedgerSums]:
        """Stand for the ledger of the host's own store.

        What it has reported is recorded in the shared store: of the sessions that are at home here,
        their sums are read from there; what others share with it is counted there.
        """
        with self._lock:
            sums = self._sums(budgets)
            for _ in range(_READ_AGAIN):
                if sums.through_seq == self._local.run(lambda unit: unit.state.drained_seq):
                    break
                sums = self._sums(budgets)  # another process has just reported some more
        yield sums

    def _sums(self, budgets: Sequence[Budget]) -> LedgerSums:
        self.report()
        return sums_of_sessions(self._local, self._of_shared, self.host_id, budgets)

    def start(self) -> None:
        """Renew in the background from now on; it never keeps a process alive."""
        self._thread = threading.Thread(
            target=_serve,
            args=(weakref.ref(self), self._wake, self.renewal_seconds),
            name="corvus-lease",
            daemon=True,
        )
        self._thread.start()

    def hear(self, event: Event) -> None:
        """Have the shared store know soon of a call that may have used more than its slice."""
        is_ask = isinstance(event, LadderUsed) and event.rung == "ask"
        is_used = isinstance(event, BudgetOverride) and event.action == "consumed"
        if is_ask or is_used or isinstance(event, Overrun | ApprovalDecided):
            self._is_early = True
            self._wake.set()

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
            if fault.asks_override:
                self._ask_override(fault)
            self.slices.answers += 1

    def renew(self, *, is_early: bool = False) -> None:
        """Report what was used, give back what is not needed, and use the rest for another while.

        Args:
            is_early: Whether it comes out of turn: what was not used of late is kept.

        Raises:
            StoreError: A store cannot answer; what was done stands, and the rest is done next time.
        """
        self._renew(leaves=False, is_early=is_early)

    def renew_in_turn(self, *, is_logged: bool) -> bool:
        """Renew in the background; a fault never ends that, and is logged once.

        Args:
            is_logged: Whether the last renewal failed.

        Returns:
            Whether this one has.
        """
        is_early, self._is_early = self._is_early, False
        try:
            self.renew(is_early=is_early)
        except StoreError as fault:
            if not is_logged:
                _log.warning("the slices of this host were not renewed: %s", fault)
            return True
        except Exception:
            _log.exception("the slices of this host were not renewed")
            return True
        return False

    def report(self) -> None:
        """Have the shared store know of all that was recorded here so far.

        Raises:
            StoreError: A store cannot answer; the rest is reported next time.
        """
        with self._lock:
            next_seq = self._local.run(_next_seq)
            reported = self._local.run(lambda unit: self._own.host(unit).reported_seq)
            if reported + 1 < next_seq:
                self._report(self._join(next_seq).reported_seq, next_seq)

    def require_home(self, session_id: str, project: str | None) -> None:
        """Check that no other host counts a session.

        Raises:
            SteeringRefused: Another one does.
            StoreError: The shared store cannot answer.
        """
        other = self._of_shared(
            lambda unit: desk.other_home(unit, self.host_id, session_id, project)
        )
        if other is not None:
            raise SteeringRefused(f"session {session_id!r} is counted by {other}: steer it there")

    def close(self) -> None:
        """Report, and give back all that is not used; the holds of running calls stay held.

        While other processes of the host use the slices, they keep them. May be called again.
        """
        is_last = self._presence is None or self._presence.leave()
        self.is_closed = True
        self._wake.set()
        try:
            if is_last:
                self._renew(leaves=True)
            else:
                self.report()
        except StoreError as fault:
            _log.warning("what host %s has left stays held: %s", self._terms.name, fault)
        finally:
            if self._presence is not None:
                self._presence.close()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_CLOSE_SECONDS)

    def _join(self, next_seq: int) -> Answer:
        at = self._now()
        terms = self._terms
        answer = self._of_shared(
            lambda unit: desk.join(unit, self.host_id, terms.name, terms.ttl_us, next_seq)
        )
        self._clock.set(answer.now_us, at)
        return answer

    def _renew(self, *, leaves: bool, is_early: bool = False) -> None:
        with self._lock:
            if self.is_closed and not leaves:
                return  # it has left meanwhile
            at = self._now()
            next_seq = self._local.run(_next_seq)
            answer = self._join(next_seq)
            self._report(answer.reported_seq, next_seq)
            used_then = {} if is_early else self._used_then
            held, used_now = self._local.run(
                lambda unit: self._own.let_go(unit, answer.epoch, used_then, leaves=leaves),
                alone=True,
            )
            if not is_early:
                self._used_then = used_now
            slices = self._of_shared(
                lambda unit: desk.settle_slices(unit, self.host_id, answer.epoch, held)
            )
            until = Elapsed(0 if leaves else at.us + self._terms.usable_us, at.boot)
            self._local.run(
                lambda unit: self._own.take(unit, slices, (answer.epoch, until)), alone=True
            )
            if leaves:
                self._of_shared(lambda unit: desk.leave(unit, self.host_id))

    def _of_shared(self, step: Callable[[Unit], _T]) -> _T:
        return self._shared.run(Transaction(lambda unit: (step(unit), list[Event]())))

    def _report(self, reported_seq: int, until_seq: int) -> None:
        """Report events below a number, each once: the shared store says which it has."""
        seq = reported_seq
        self._local.run(lambda unit: self._own.forget_reported(unit, seq))
        while seq + 1 < until_seq:
            events = self._local.run(partial(_events_after, seq=seq), alone=True)
            if not events:
                return  # another process of this host was faster
            seq = self._report_some(events)

    def _report_some(self, events: Sequence[OutboxEvent]) -> int:
        def take(unit: Unit) -> tuple[int, list[Event]]:
            return take_over(unit, self._shared.in_force, self.host_id, events)

        seq = self._shared.run(Transaction(take))
        self._local.run(lambda unit: self._own.forget_reported(unit, seq))
        return seq

    def _claim(self, fault: SliceNeeded) -> None:
        """Have the session of a call belong to this host."""
        session = fault.request.session_id, fault.request.project
        other = self._of_shared(lambda unit: desk.claim(unit, self.host_id, *session))
        if other is not None:
            raise desk.elsewhere(session[0], other)
        if len(self.slices.claimed) >= _CLAIMED_MAX:
            self.slices.claimed.clear()
        self.slices.claimed.add(session)

    def _ask(self, fault: SliceNeeded) -> None:
        """Ask for the slices that a call lacks."""
        self._seen.append(fault.request.amounts)
        lacks = self._local.run(lambda unit: self._own.prepare(unit, fault.lacks), alone=True)
        self._pace()
        chunk = self._chunk(fault.request.amounts)
        wants = [
            Want(lack.sum, lack.used, lack.needed, chunk.of(Measure(lack.sum.measure)))
            for lack in lacks
        ]
        at = self._now()

        def ask(unit: Unit) -> tuple[Answer, list[Event]]:
            return desk.ask(unit, self._shared.in_force, self.host_id, fault.request, wants)

        try:
            answer = self._shared.run(Transaction(ask))
        except StoreError:
            self.asked["unavailable"] += 1
            raise
        self.asked["refused" if answer.is_refused else "given"] += 1
        self._clock.set(answer.now_us, at)
        self._note(answer, fault.request, [lack.key for lack in lacks])

    def _note(self, answer: Answer, request: Request, keys: Sequence[LeaseKey]) -> None:
        """Take note of what the shared store says to a question for slices."""

        def take(unit: Unit) -> int:
            self._own.take(unit, answer.slices, None)
            if answer.override is not None:
                unit.put_override(answer.override)
            return self._own.host(unit).epoch

        epoch = self._local.run(take, alone=True)
        until_us = self._now().us + REFUSED_FOR_US
        if answer.is_refused:
            self.slices.note_no_override(request, until_us)
        for key in keys:
            if answer.is_refused:
                self.slices.refused_until_us[key] = until_us
            else:
                self.slices.refused_until_us.pop(key, None)
        if answer.epoch > epoch:
            self._wake.set()

    def _ask_override(self, fault: SliceNeeded) -> None:
        """Ask for an override that lifts the refusal of a call; without an answer there is none."""
        try:
            override = self._of_shared(
                lambda unit: desk.lift(unit, self._shared.rules, fault.request, self.host_id)
            )
        except StoreError as error:
            _log.debug("whether there is an override cannot be known: %s", error)
            self.slices.note_no_override(fault.request, self._now().us + _AWAY_FOR_US)
            return
        if override is None:
            self.slices.note_no_override(fault.request, self._now().us + REFUSED_FOR_US)
            return
        self._local.run(lambda unit: unit.put_override(override), alone=True)

    def _pace(self) -> None:
        """Ask for more at once the busier this host is; near a limit less is given anyway."""
        now_us = self._now().us
        apart_us, self._asked_us = now_us - self._asked_us, now_us
        if apart_us < _BUSY_US:
            self._calls_a_slice = min(2 * self._calls_a_slice, _CALLS_A_SLICE_MAX)
        elif apart_us > _QUIET_US:
            self._calls_a_slice = _CALLS_A_SLICE

    def _chunk(self, call: Amounts) -> Amounts:
        """Return what so many calls like those of late hold."""
        return Amounts(
            *(
                self._calls_a_slice
                * _percentile([one[place] for one in self._seen] or [call[place]])
                for place in range(len(call))
            )
        )


def _events_after(unit: Unit, seq: int) -> list[OutboxEvent]:
    return [*unit.events(seq, _EVENTS_AT_ONCE)]


def _percentile(amounts: list[int]) -> int:
    ordered = sorted(amounts)
    return ordered[(len(ordered) - 1) * _PERCENTILE // 100]


def _next_seq(unit: Unit) -> int:
    """Have written what is only counted so far; return the number of the next event."""
    append_counted_refusals(unit)
    return unit.state.next_seq


def _serve(of: weakref.ref[HostLeases], wake: threading.Event, seconds: float) -> None:
    """Renew for as long as the host is there."""
    is_logged = False
    while True:
        wake.wait(seconds)
        wake.clear()
        host = of()
        if host is None or host.is_closed:
            return
        is_logged = host.renew_in_turn(is_logged=is_logged)
        del host
