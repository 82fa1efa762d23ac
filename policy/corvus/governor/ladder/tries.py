"""The tries of one call until it is decided (EVA-14).

A call that must wait is tried again when somebody has settled, or after a while; between two tries
it holds nothing, neither a transaction nor a lock nor money. How long it may wait is real time,
whatever the clock of the store says, but where nobody really waits. Whoever leaves gives up his
place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from corvus.events import Event
from corvus.governor import admission
from corvus.governor.admission import Pause
from corvus.governor.ladder.approvals import let_go
from corvus.governor.ladder.rungs import Attempt
from corvus.governor.ladder.waiting import renew
from corvus.governor.rules import Register, Rules
from corvus.model.approval import ApprovalState
from corvus.model.budget import Rung
from corvus.model.decision import Decision
from corvus.model.ladder import Offers
from corvus.model.request import Request
from corvus.store.store import Store
from corvus.store.unit import Unit

Stopwatch: TypeAlias = Callable[[], float]
"""Returns seconds that never run backwards."""
InForceNow: TypeAlias = Callable[[], tuple[Rules, Register]]
"""Returns the rules and the registered budgets, as they are when a try is made."""


class Bell:
    """Wakes one caller that waits: a thread, or a task of an event loop."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._wake: Callable[[], None] | None = None

    def clear(self) -> None:
        """Forget earlier rings."""
        self._rung.clear()

    def ring(self) -> None:
        """Wake the caller, from any thread."""
        self._rung.set()
        if (wake := self._wake) is not None:
            wake()

    def wait(self, seconds: float) -> None:
        """Wait for a ring, at most so long."""
        self._rung.wait(seconds)

    async def await_ring(self, seconds: float) -> None:
        """Do what ``wait`` does, without keeping the event loop waiting."""
        import asyncio

        loop, rung = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(rung.set)

        self._wake = wake
        if self._rung.is_set():  # it rang before it could be heard
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await rung.wait()


class Tries:
    """One call, tried until it is decided.

    Args:
        store: Where it is decided.
        in_force: What it is decided by.
        request: The call.
        offers: What can be changed about it.
        reservation_id: Id for its reservation; made by default.
        stopwatch: By what it is measured how long the call waits.
    """

    def __init__(  # noqa: PLR0913 - what a call is, and where and by what it is decided
        self,
        store: Store,
        in_force: InForceNow,
        request: Request,
        offers: Offers,
        *,
        reservation_id: str | None = None,
        stopwatch: Stopwatch = time.monotonic,
    ) -> None:
        self._seconds = stopwatch
        self._store = store
        self._in_force = in_force
        self._request = request
        self._offers = offers
        self._reservation_id = reservation_id
        self._began = 0.0
        self._until: dict[Rung, float] = {}
        self._turn: int | None = None
        self._standing: int | None = None
        self._approval_id: str | None = None
        self._is_decided = False
        self._bell = Bell()

    def step(self, unit: Unit) -> tuple[Decision | Pause, list[Event]]:
        """Try once, in a transaction; rings from before it are of no interest any more."""
        self._bell.clear()
        rules, register = self._in_force()
        if self._standing != self._turn:  # a try that came to nothing has left a place
            self._give_up_place()
        attempt = self._attempt(unit, rules)
        outcome, events = admission.reserve(unit, rules, register, attempt)
        if isinstance(outcome, Pause):
            self._wait_for(unit, outcome)
        return outcome, events

    def note(self, outcome: Decision | Pause) -> Decision | None:
        """Take note of what a try came to, once it is durable; return the decision if it is one."""
        if not isinstance(outcome, Pause):
            self._is_decided = True
            return outcome
        if self._turn is None:
            self._began = self._seconds()
        self._turn, self._approval_id = outcome.turn, outcome.approval_id or self._approval_id
        if outcome.rung not in self._until:
            policy = self._in_force()[0].policy
            longest = policy.wait_seconds if outcome.rung is Rung.WAIT else policy.ask_seconds
            self._until[outcome.rung] = self._seconds() + longest
        return None

    def rest(self) -> None:
        """Wait for the next try; Ctrl-C ends it."""
        self._bell.wait(self._pause_seconds)

    async def arest(self) -> None:
        """Do what ``rest`` does, without keeping the event loop waiting."""
        await self._bell.await_ring(self._pause_seconds)

    @property
    def until_seconds(self) -> float | None:
        """When it stops waiting, by its stopwatch; ``None`` where it does not wait."""
        now = self._seconds()
        return min((until for until in self._until.values() if until > now), default=None)

    @property
    def turn(self) -> int | None:
        """Its place in the queue: when it arrived, microseconds; ``None`` without one."""
        return self._turn

    @property
    def approval_id(self) -> str | None:
        """Its approval, where it is parked."""
        return self._approval_id

    def leave(self, pause: Pause | None = None) -> Callable[[Unit], Sequence[Event]] | None:
        """Give up what the call has in the queue; may be called again.

        Args:
            pause: What a try came to whose caller was gone by then.

        Returns:
            What is left to do for a parked call; people have heard of it, and hear of its end.
        """
        if pause is not None:
            self._turn, self._approval_id = pause.turn, pause.approval_id or self._approval_id
        turn, approval_id, line = self._turn, self._approval_id, self._store.line
        if self._is_decided or turn is None:
            self._give_up_place()
            return None

        def give_up(unit: Unit) -> list[Event]:
            unit.drop_waiter(turn)
            events = [] if approval_id is None else let_go(unit, approval_id)
            line.leave(turn)  # who comes next looks after this was written
            return events

        if approval_id is not None:
            return give_up
        self._store.post(give_up)
        return None

    @property
    def _pause_seconds(self) -> float:
        """How long to wait for the bell before the next try."""
        assert self._turn is not None, "only a call that has a place pauses"
        now = self._seconds()
        left = [until - now for until in self._until.values() if until > now]
        return max(0.0, min([self._store.line.pause_seconds(self._turn), *left]))

    def _attempt(self, unit: Unit, rules: Rules) -> Attempt:
        request, policy = self._request, rules.policy
        waits = {Rung.WAIT: policy.wait_seconds, Rung.ASK: policy.ask_seconds}
        now = self._seconds()
        rungs = [
            rung
            for rung in request.rungs
            if waits.get(rung, 1) and self._until.get(rung, float("inf")) > now
        ]
        approval = None
        if self._approval_id is not None:
            approval = unit.approval(self._approval_id)
            if approval is not None and approval.state is ApprovalState.EXPIRED:
                rungs = [rung for rung in rungs if rung is not Rung.ASK]
        return Attempt(
            request,
            self._offers,
            rungs,
            turn=self._turn,
            waited_us=max(1, round((now - self._began) * 1e6)) if self._turn is not None else 0,
            has_queued=Rung.WAIT in self._until,
            reservation_id=self._reservation_id,
            approval=approval,
        )

    def _wait_for(self, unit: Unit, pause: Pause) -> None:
        """Be woken by what the call waits for, from this transaction on."""
        line = self._store.line
        self._standing = pause.turn
        line.attach(pause.turn, self._bell.ring)
        line.want(pause.turn, pause.things)
        renew(unit, line.turns)

    def _give_up_place(self) -> None:
        if self._standing is not None:
            self._store.line.leave(self._standing)
            self._standing = None
