"""The calls of a case that were made, and those of them that are not decided yet.

A call that waits holds its place as in a process of its own, but nobody waits in real time: it is
tried again when something may have changed, and when its time is over by the clock of the case.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from corvus.base.time import FrozenClock
from corvus.governor import calls
from corvus.governor.admission import Pause
from corvus.governor.engine import Constant, Retry, Transaction
from corvus.governor.governor import Governor
from corvus.governor.ladder.approvals import keep_alive
from corvus.governor.ladder.tries import Tries
from corvus.governor.ladder.waiting import renew
from corvus.governor.weighing import weigh
from corvus.model.budget import Rung
from corvus.model.decision import Decision
from corvus.model.request import Request
from corvus.store.unit import Unit


@dataclass(slots=True)
class MadeCall:
    """A call of a case.

    Attributes:
        request: As it was described.
        asked: What every budget said of it as it came, before anything was done about it.
        paused: The rung on which it stood first; ``None`` where it was decided at once.
        decision: What was decided; ``None`` while it waits.
    """

    request: Request
    asked: Decision
    paused: Rung | None = None
    decision: Decision | None = None


class _Waiting(NamedTuple):
    """A call that is not decided yet."""

    made: MadeCall
    tries: Tries
    finish: Callable[[Decision], Decision]


class Queue:
    """Makes the calls of one case.

    Args:
        governor: Decides about them.
        clock: What the time is.
    """

    def __init__(self, governor: Governor, clock: FrozenClock) -> None:
        self._governor = governor
        self._clock = clock
        self._start = clock.now()
        self._waiting: list[_Waiting] = []

    def make(self, request: Request) -> MadeCall:
        """Make a call, which may wait."""
        engine = self._governor.engine
        asked = engine.run(
            Transaction(
                lambda unit: (weigh(unit, engine.rules, engine.register, request).decision, [])
            )
        )
        made = MadeCall(request, asked)
        operation = calls.reserve(engine, request, stopwatch=self._seconds)
        if isinstance(operation, Constant):
            made.decision = operation.value
            return made
        assert isinstance(operation, Retry), "a governor in memory has no slices"
        waiting = _Waiting(made, operation.begin(), operation.finish)
        self._waiting.append(waiting)
        self._try(waiting)
        return made

    def try_again(self) -> None:
        """Try the calls that wait again, in the order in which they came."""
        for waiting in [*self._waiting]:
            self._try(waiting)

    def set(self, instant: datetime) -> None:
        """Set the clock to an instant; calls that wait are still there, and are tried again."""
        self._clock.set(instant)
        parked = [waiting.tries.approval_id for waiting in self._waiting]

        def stay(unit: Unit) -> None:
            renew(unit, self._governor.store.line.turns)
            for approval_id in parked:
                approval = unit.approval(approval_id) if approval_id is not None else None
                if approval is not None and approval.state.is_open:
                    keep_alive(unit, approval)

        if self._waiting:
            self._governor.store.run(stay)
        self.try_again()

    @property
    def next_over(self) -> datetime | None:
        """When the first of the calls that wait gives up; ``None`` where none waits."""
        ends = [waiting.tries.until_seconds for waiting in self._waiting]
        seconds = min((end for end in ends if end is not None), default=None)
        if seconds is None:
            return None
        return self._start + timedelta(microseconds=math.ceil(seconds * 1e6))

    def approval_of(self, made: MadeCall) -> str | None:
        """Return the approval of a call that asks; ``None`` where it does not."""
        parked = (each.tries.approval_id for each in self._waiting if each.made is made)
        return next(parked, None)

    def _seconds(self) -> float:
        return (self._clock.now() - self._start).total_seconds()

    def _try(self, waiting: _Waiting) -> None:
        made, tries = waiting.made, waiting.tries
        outcome = self._governor.engine.run(Transaction(tries.step))
        decision = tries.note(outcome)
        if decision is None:
            assert isinstance(outcome, Pause), "it was not decided"
            made.paused = made.paused or outcome.rung
            return
        tries.leave()
        made.decision = waiting.finish(decision)
        self._waiting.remove(waiting)
