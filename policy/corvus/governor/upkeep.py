"""What is done without a call: overdue holds, settlements that were left, holds that live on.

The hold of a process that died is presumed at its deadline by whoever uses the store next (RES-6).
Where nobody does, a thread of each process that serves does it, and every report does it first. A
process that could not write its settlements leaves them next to the store (RES-9): whoever opens
it next takes them in, each by its settlement key, so that nothing counts twice. While a call runs,
its hold is extended (RES-7).
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MethodType

from corvus.base.errors import PolicyError, ReservationError, StoreError, StoreUnavailable
from corvus.events import Event
from corvus.governor import settlement
from corvus.governor.records import append_counted_refusals
from corvus.governor.rules import InForce, Register
from corvus.store.spill import SpilledLine, keep_aside, rejected_path, shown, taking_in, waiting
from corvus.store.store import Store
from corvus.store.unit import Unit

_BEATS_PER_LIFE = 3
PAUSE_SECONDS = 2.0
"""How often a process that serves looks for what is overdue."""

_log = logging.getLogger("corvus.governor")


def keep_up(store: Store) -> None:
    """Expire what is overdue and take in what is unsettled, without a policy to judge it by.

    Raises:
        StoreError: The store cannot be written.
    """
    in_force = InForce(None, Register())
    take_in(store, in_force)

    def step(unit: Unit) -> None:
        settlement.upkeep(unit, in_force)
        append_counted_refusals(unit)

    store.run(step)


@contextmanager
def keeping_up(
    keep_up: Callable[[], object], pause_seconds: float = PAUSE_SECONDS
) -> Generator[None]:
    """Keep up from time to time while a process serves; a fault never ends it.

    Args:
        keep_up: Keeps up once, by the policy in force.
        pause_seconds: Between two looks, > 0.
    """
    over = threading.Event()

    def serve() -> None:
        logged = ""
        while not over.wait(pause_seconds):
            try:
                keep_up()
            except PolicyError as fault:
                if str(fault) != logged:
                    _log.warning("what is overdue cannot be booked now: %s", fault)
                logged = str(fault)
            else:
                if logged:
                    _log.warning("what is overdue is booked again")
                logged = ""

    thread = threading.Thread(target=serve, name="corvus-upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def take_in(
    store: Store,
    in_force: InForce,
    keep: Callable[[Unit, Sequence[Event]], object] = lambda unit, events: None,
) -> list[Event]:
    """Settle what processes that ended could not, before anything else is decided.

    A store that cannot be written now leaves the file to whoever opens it next. What cannot be
    applied is kept in a file of its own, and logged.

    Args:
        store: Where they are settled.
        in_force: What they are judged by.
        keep: Called with what happened, in the transaction that made it true.

    Returns:
        What happened, for listeners.
    """
    path = store.backend.unsettled_path
    if path is None:
        return []
    events: list[Event] = []
    for file in waiting(path):
        try:
            with taking_in(file) as lines:
                if lines:
                    events += _settle(store, in_force, path, lines, keep)
        except (OSError, StoreError) as fault:
            if not isinstance(fault, StoreUnavailable):  # which whoever opened the store hears of
                _log.warning("the settlements in %s wait on: %s", file, fault)
    return events


def _settle(
    store: Store,
    in_force: InForce,
    path: Path,
    lines: Sequence[SpilledLine],
    keep: Callable[[Unit, Sequence[Event]], object],
) -> list[Event]:
    def step(unit: Unit) -> tuple[list[Event], list[str]]:
        events, refused = list[Event](), list[str]()
        for line in lines:
            if line.pending is None:
                refused.append(line.text)
                continue
            try:
                events += settlement.apply(unit, in_force, line.pending)[1]
            except (ReservationError, ValueError) as fault:
                _log.error("reservation %s: %s", shown(line.text), fault)
                refused.append(line.text)
        keep(unit, events)
        return events, refused

    events, refused = store.run(step, alone=True)
    if refused:
        keep_aside(path, refused)
        _log.error(
            "settlements that could not be applied are kept in %s (%d), and count nowhere: "
            "`corvus ledger settle` books them",
            rejected_path(path),
            len(refused),
        )
    return events


class _Beat:
    """A hold to be kept alive.

    Attributes:
        due: When to extend it, on the monotonic clock.
    """

    __slots__ = ("due", "reservation_id", "ttl_seconds")

    def __init__(self, reservation_id: str, ttl_seconds: float) -> None:
        self.reservation_id = reservation_id
        self.ttl_seconds = ttl_seconds
        self.due = time.monotonic() + ttl_seconds / _BEATS_PER_LIFE


class Heartbeat:
    """The holds of one governor that are to be kept alive (RES-7).

    One thread for all calls of a governor, made with the first of them; it extends what has lived a
    third of its life since the last time, all in one transaction. It never keeps a process alive,
    holds no governor that nobody else holds, and takes no lock that a forked child could find
    taken.

    Args:
        renew: A method that extends holds by so many seconds, by reservation id; held weakly.
    """

    def __init__(self, renew: Callable[[Mapping[str, float]], object]) -> None:
        assert isinstance(renew, MethodType), "a function is held by nobody else"
        self._renew = weakref.WeakMethod(renew)
        self._live: dict[str, _Beat] = {}
        self._wake = threading.Event()
        self._wake_at = float("inf")
        self._thread: threading.Thread | None = None

    def start(self, reservation_id: str, ttl_seconds: float) -> bool:
        """Keep a hold alive from now on.

        Args:
            reservation_id: Whose hold.
            ttl_seconds: Its life, which each beat begins again, > 0.

        Returns:
            Whether nobody here had kept it alive before: it is the caller's then.
        """
        beat = _Beat(reservation_id, ttl_seconds)
        if self._live.setdefault(reservation_id, beat) is not beat:
            return False
        if self._thread is None or not self._thread.is_alive():
            self._wake_at = beat.due
            self._thread = threading.Thread(
                target=_serve, args=(weakref.ref(self), self._wake), name="corvus-beat", daemon=True
            )
            self._thread.start()
        elif beat.due < self._wake_at:
            self._wake.set()
        return True

    def stop(self, reservation_id: str) -> None:
        """Let a hold be; may be called again."""
        self._live.pop(reservation_id, None)

    def beat(self) -> float:
        """Extend what is due; return the seconds until the next is, at most an hour."""
        now = time.monotonic()
        due = [beat for beat in [*self._live.values()] if beat.due <= now]
        renew = self._renew()
        if due and renew is not None:
            try:
                renew({beat.reservation_id: beat.ttl_seconds for beat in due})
            except PolicyError as fault:
                _log.warning("%d holds were not extended: %s", len(due), fault)
        for beat in due:
            beat.due = now + beat.ttl_seconds / _BEATS_PER_LIFE
        self._wake_at = min([beat.due for beat in [*self._live.values()]], default=now + 3600)
        return max(0.0, self._wake_at - time.monotonic())


def _serve(of: weakref.ref[Heartbeat], wake: threading.Event) -> None:
    """Beat for as long as there is somebody to beat for."""
    seconds = 0.0
    while True:
        wake.wait(seconds)
        wake.clear()
        heartbeat = of()
        if heartbeat is None:
            return
        seconds = heartbeat.beat()
        del heartbeat
