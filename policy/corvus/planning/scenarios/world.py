"""One case under way: a governor in memory, a clock, and what may happen there."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta

from corvus.autonomy.decide import SHELL, Action, ActionAnswer
from corvus.base.money import nano_usd
from corvus.base.time import FrozenClock
from corvus.config.model.case_tables import (
    ActTable,
    ApproveTable,
    CallTable,
    EndMissionTable,
    MissionTable,
    ResetTable,
    SettleTable,
)
from corvus.events import Event
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions, CallReport
from corvus.model.approval import ApprovalRequest
from corvus.model.decision import Decision
from corvus.model.policy import Policy
from corvus.model.request import LOCAL, Request
from corvus.model.steering import (
    MissionOutcome,
    MissionRequest,
    OverrideRequest,
    ResetRequest,
)
from corvus.model.usage import Usage
from corvus.planning.memory import memory_governor
from corvus.planning.scenarios.queue import MadeCall, Queue
from corvus.prices.lookup import PriceBooks

SESSION = "test"
"""The session of calls that name none."""
_ACTOR = "policy test"


class StepRefused(Exception):
    """A step cannot be taken; the message says why."""


class World:
    """One case under way; a context, which ends with it.

    Args:
        policy: What is under test.
        books: Its prices.
        start: The instant at which it begins, aware.
    """

    def __init__(self, policy: Policy, books: PriceBooks, start: datetime) -> None:
        self._open = ExitStack()
        self._clock = FrozenClock(start)
        self._events: list[Event] = []
        governor = memory_governor(
            policy, self._clock, books=books, listeners=(self._events.append,)
        )
        self.governor: Governor = self._open.enter_context(governor)
        self._queue = Queue(self.governor, self._clock)

    def __enter__(self) -> World:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget everything."""
        self._open.close()

    def take_events(self) -> list[Event]:
        """Return what happened since the last time."""
        events = [*self._events]
        self._events.clear()
        return events

    def describe(self, call: CallTable) -> Request:
        """Describe a call.

        Raises:
            ValueError: A figure or a text of it is out of range.
            PolicyError: Its model is ambiguous.
        """
        options = CallOptions(session_id=call.session or SESSION)
        if call.mission is not None:
            options["mission_id"] = call.mission
        stated = call.model_dump(exclude_none=True, exclude={"model", "session", "mission"})
        options.update(stated)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return self.governor.request(call.model or "", **options)

    def make(self, request: Request) -> MadeCall:
        """Make a call, which may wait."""
        return self._queue.make(request)

    def settle(self, made: MadeCall, settle: SettleTable) -> None:
        """End a call that was allowed.

        Raises:
            StepRefused: It was not, or waits.
            PolicyError: It is over already.
        """
        report = CallReport()
        usage = None
        if settle.cost_usd is not None:
            report["cost_nano_usd"] = nano_usd(settle.cost_usd)
        if settle.input_tokens is not None or settle.output_tokens is not None:
            usage = Usage(settle.input_tokens or 0, settle.output_tokens or 0)
        decision = self._allowed(made)
        if decision.reservation is not None:  # while governance is off nothing is held
            self.governor.commit(decision.reservation, usage, **report)
        self._queue.try_again()

    def release(self, made: MadeCall) -> None:
        """Free the hold of a call that was allowed and not made.

        Raises:
            StepRefused: It was not allowed, or waits.
            PolicyError: It is over already.
        """
        decision = self._allowed(made)
        if decision.reservation is not None:
            self.governor.release(decision.reservation)
        self._queue.try_again()

    def advance(self, by: timedelta) -> None:
        """Let time pass; calls that wait are given up when their time is over."""
        self.move(self._clock.now() + by)

    def move(self, instant: datetime) -> None:
        """Set the clock to a later instant.

        Raises:
            StepRefused: It is an earlier one.
        """
        if instant < self._clock.now():
            raise StepRefused(f"the clock stands at {self._clock.now():%Y-%m-%dT%H:%M:%SZ} already")
        while (over := self._queue.next_over) is not None and over < instant:
            self._queue.set(over)
        self._queue.set(instant)

    def finish(self) -> None:
        """Let time pass until no call waits any more."""
        while (over := self._queue.next_over) is not None:
            self._queue.set(over)

    def reset(self, reset: ResetTable, request: Request | None) -> None:
        """Have a sum start again.

        Raises:
            PolicyError: There is no such sum.
        """
        about = (None, None, None)
        if request is not None:
            about = (request.session_id, request.mission_id, request.project)
        session, mission, project = about
        self.governor.reset(
            ResetRequest(
                reset.budget,
                _ACTOR,
                session_id=session or SESSION,
                mission_id=mission,
                project=project,
                part=reset.part,
            )
        )
        self._queue.try_again()

    def override(self, session: str | None = None) -> None:
        """Lift the next block.

        Raises:
            PolicyError: The policy does not allow it.
        """
        self.governor.override(OverrideRequest(_ACTOR, session_id=session))
        self._queue.try_again()

    def approve(self, made: MadeCall, approve: ApproveTable) -> None:
        """Let a call pass that asks.

        Raises:
            StepRefused: It does not ask.
        """
        amount = None if approve.amount_usd is None else nano_usd(approve.amount_usd)
        self._decide(ApprovalRequest(self._approval(made), _ACTOR, True, amount_nano_usd=amount))

    def deny(self, made: MadeCall) -> None:
        """Refuse a call that asks.

        Raises:
            StepRefused: It does not ask.
        """
        self._decide(ApprovalRequest(self._approval(made), _ACTOR, False))

    def start_mission(self, mission: MissionTable, project: str | None) -> None:
        """Begin a mission.

        Raises:
            PolicyError: It had begun.
        """
        limit = None if mission.limit_usd is None else nano_usd(mission.limit_usd)
        self.governor.start_mission(
            MissionRequest(
                mission.session or SESSION,
                mission.mission,
                limit,
                mission.max_steps,
                project=project,
            )
        )

    def end_mission(self, mission: EndMissionTable, project: str | None) -> None:
        """End a mission.

        Raises:
            PolicyError: There is none of this name.
        """
        outcome = MissionOutcome(mission.outcome)
        self.governor.end_mission(mission.session or SESSION, mission.mission, outcome, project)

    def close_session(self, session: str, project: str | None) -> None:
        """End a session.

        Raises:
            PolicyError: It has ended.
        """
        self.governor.close_session(session, project)

    def act(self, act: ActTable) -> ActionAnswer:
        """Say what follows for an action, and count it if it may be done.

        Raises:
            ValueError: It is no action.
        """
        action = Action(act.command, act.tool or SHELL, tuple(act.paths or ()), act.reads_only)
        return self.governor.act(action, LOCAL, approved=act.approved)

    def _approval(self, made: MadeCall) -> str:
        approval_id = self._queue.approval_of(made)
        if approval_id is None:
            raise StepRefused(f"the call does not ask anybody: {_standing(made)}")
        return approval_id

    def _decide(self, request: ApprovalRequest) -> None:
        self.governor.decide_approval(request)
        self._queue.try_again()

    def _allowed(self, made: MadeCall) -> Decision:
        if made.decision is None or not made.decision.allowed:
            raise StepRefused(f"there is no hold to settle: {_standing(made)}")
        return made.decision


def _standing(made: MadeCall) -> str:
    if made.decision is None:
        return "the call still waits"
    return "it was allowed" if made.decision.allowed else "it was refused"
