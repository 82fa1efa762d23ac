"""The governor: every question and every change about token spend, for every surface.

It holds no state of its own; what is true lies in the store. Each operation is one step of the
store, durable when it returns, and listeners hear of it only then. Refuses to admit anything when
the store cannot answer: the store's error reaches the caller (EVA-13).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar, Unpack

from corvus.autonomy.decide import Action, ActionAnswer
from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.diagnostics.secrets import scrub
from corvus.governor import actions, audit, overrides, resets, scopes, settlement
from corvus.governor.call import Call
from corvus.governor.engine import Step, Told
from corvus.governor.fitting import Fitting
from corvus.governor.pricing import CallOptions
from corvus.governor.resets import Named, Resettable
from corvus.governor.session import Session
from corvus.governor.status import report_status
from corvus.model.decision import BudgetState, Decision
from corvus.model.request import Request
from corvus.model.reservation import Reservation
from corvus.model.status import StatusReport
from corvus.model.steering import (
    MissionOutcome,
    MissionRecord,
    MissionRequest,
    Override,
    OverrideRequest,
    ResetRequest,
    ResetResult,
    SessionRecord,
)
from corvus.store.unit import Unit

T = TypeVar("T")
_log = logging.getLogger("corvus.governor")


class Governor(Fitting):
    """Budgets that hold: evaluate, reserve, commit, and everything operators may do about them.

    Args:
        policy: What is enforced.
        store: Where it is kept; closed by whoever opened it.
        books: Prices; by default those of the policy over the bundled book.
        listeners: Told of events after they are durable. What they raise is logged.
        history: Reads what the ledger has recorded, for budgets that were not counted so far.

    Raises:
        StoreUnavailable: The store cannot be read or written.
    """

    _origin: str | None = None

    def call(self, model: str, **options: Unpack[CallOptions]) -> Call:
        """Return a context that admits a call on entry and settles it on every way out.

        ::

            with governor.call("claude-sonnet-4-5", input_tokens=900) as call:
                answer = client.messages.create(...)
                call.used(Usage(input_tokens=..., output_tokens=...))

        Raises:
            BudgetExceeded: On entry: the call is refused.
        """
        return Call(self, self.request(model, **options))

    def session(self, session_id: str | None = None, *, project: str | None = None) -> Session:
        """Return a session to make calls in: the one named, or a new one (SES-1).

        Args:
            session_id: Its id; made when ``None``.
            project: The project that it, its calls and its missions are of; the same id in
                another project is another session (RES-8).
        """
        named = session_id or new_id(microseconds(self.store.clock.now()))
        return Session(self, named, project or None, is_made=not session_id)

    def act(self, action: Action, principal: str, *, approved: bool = False) -> ActionAnswer:
        """Say whether an agent may act, and count the action if it may (ACT-2).

        No budget is read or changed, and none needs to be enabled.

        Args:
            action: What is about to be done.
            principal: Who does it; each has the whole rate for itself, in all processes together.
            approved: Whether a person has approved it.
        """
        step = actions.step(self.policy, action, principal, approved=approved)
        return self.run_step(lambda unit: (step(unit), []))

    def status(
        self,
        session_id: str | None = None,
        mission_id: str | None = None,
        *,
        project: str | None = None,
    ) -> StatusReport:
        """Say where every budget stands now, by the rule that enforces (EVA-12).

        Args:
            session_id: Whose session budgets are shown.
            mission_id: Whose mission budget is shown; ``None`` takes the latest that runs.
            project: Of the session. ``None`` means the session's own where only one project has a
                session of that id, else no project.
        """
        asked = Named(session_id, mission_id, project)

        def step(unit: Unit) -> Told[StatusReport]:
            events = settlement.upkeep(unit, self.in_force)
            report = report_status(unit, self.rules, self.register, asked)
            return report, events

        return self.run_step(step)

    async def astatus(
        self,
        session_id: str | None = None,
        mission_id: str | None = None,
        *,
        project: str | None = None,
    ) -> StatusReport:
        """Do what ``status`` does, without keeping the event loop waiting."""
        return await _aside(partial(self.status, session_id, mission_id, project=project))

    async def aoverride(self, wish: OverrideRequest) -> Override:
        """Do what ``override`` does, without keeping the event loop waiting."""
        return await _aside(partial(self.override, wish))

    async def areset(self, wish: ResetRequest) -> ResetResult:
        """Do what ``reset`` does, without keeping the event loop waiting."""
        return await _aside(partial(self.reset, wish))

    async def aevaluate(self, request: Request) -> Decision:
        """Do what ``evaluate`` does, without keeping the event loop waiting."""
        return await _aside(partial(self.evaluate, request))

    async def adispatch(self, reservation: Reservation) -> Reservation:
        """Do what ``dispatch`` does, without keeping the event loop waiting."""
        return await _aside(partial(self.dispatch, reservation))

    def project_of(self, session_id: str | None) -> str | None:
        """Return the project of a session that one project alone has; ``None`` when it is unclear.

        For operators at hand, who see which session they steer.
        """
        return self.status(session_id).project if session_id else None

    def override(self, wish: OverrideRequest) -> Override:
        """Lift the next block, once (OVR-1).

        Raises:
            SteeringRefused: The policy allows no override.
        """
        overrides.require_allowed(self.policy)
        clean = replace(wish, reason=_clean(wish.reason))

        def step(unit: Unit) -> Told[Override]:
            events = settlement.upkeep(unit, self.in_force)
            now = report_status(
                unit, self.rules, self.register, Named(clean.session_id, None, clean.project)
            )
            statuses = now.decision.statuses
            blocking = [
                one
                for one in statuses
                if one.state is BudgetState.EXCEEDED or now.is_blocking(one.budget.name)
            ]
            before = overrides.Before(statuses, blocking)
            granted, more = overrides.grant(unit, self.policy, clean, before)
            return granted, events + more

        return self.run_step(step)

    def reset(self, wish: ResetRequest) -> ResetResult:
        """Start a new baseline for one scope; nothing is deleted (RST-1).

        Raises:
            SteeringRefused: Governance is disabled (API-3), there is no such scope, or its session
                or mission is not named.
        """
        overrides.require_enabled(self.policy)
        clean = replace(wish, reason=_clean(wish.reason))

        def step(unit: Unit) -> Told[ResetResult]:
            events = settlement.upkeep(unit, self.in_force)
            result, more = resets.reset(unit, self.rules, self.register, clean)
            return result, events + more

        return self.run_step(step)

    def resettable(self, wish: ResetRequest) -> Resettable:
        """Say what a reset would no longer count, without doing it.

        Raises:
            SteeringRefused: As for ``reset``.
        """
        overrides.require_enabled(self.policy)

        def step(unit: Unit) -> Told[Resettable]:
            events = settlement.upkeep(unit, self.in_force)
            return resets.resettable(unit, self.rules, self.register, wish), events

        return self.run_step(step)

    def note_limits(self, origin: str, actor: str) -> None:
        """Keep in the audit when limits in force are other than the last time (AUD-1).

        Args:
            origin: Where the policy came from; each origin is compared with itself.
            actor: Who puts the policy in force.
        """
        self.run_step(lambda unit: audit.note_limits(unit, self.policy, origin, actor))
        self._origin = origin

    def keep_up(self) -> None:
        """Do what ``Renewals.keep_up`` does, and warn once of a newer policy than the one in force.

        Raises:
            StoreError: The store cannot be read or written.
        """
        super().keep_up()
        origin = self._origin
        if origin is None or not self.policy.enabled:
            return
        if self.store.run(lambda unit: audit.are_limits_outdated(unit, self.policy, origin)):
            self._origin = None
            _log.warning(
                "this process enforces an older policy of %s than another has put in force since; "
                "restart it, or let it read its config again",
                origin,
            )

    def close_session(
        self, session_id: str, project: str | None = None, *, must_exist: bool = False
    ) -> SessionRecord:
        """Close a session and record its outcome (SES-2).

        Args:
            session_id: Its id.
            project: Whose it is.
            must_exist: Refuse one that never asked for anything.

        Raises:
            SteeringRefused: It is closed already, or must exist and does not.
        """
        return self.run_step(
            lambda unit: (
                scopes.close_session(unit, session_id, project, must_exist=must_exist),
                [],
            ),
            keep=True,
        )

    async def aclose_session(self, session_id: str, project: str | None = None) -> SessionRecord:
        """Do what ``close_session`` does, without keeping the event loop waiting."""
        return await self.arun_step(
            lambda unit: (scopes.close_session(unit, session_id, project), []), keep=True
        )

    def sessions(self, *, limit: int = 100) -> list[SessionRecord]:
        """Return the sessions of all projects, open and closed, those opened last first.

        Args:
            limit: How many at most, >= 1.
        """
        return self.run_step(lambda unit: ([*unit.sessions(limit)], []))

    def sessions_of(self, project: str | None, *, limit: int = 100) -> list[SessionRecord]:
        """Return the sessions of a project, open and closed, those opened last first.

        Args:
            project: ``None`` is a project of its own.
            limit: How many at most, >= 1.
        """
        return self.run_step(lambda unit: ([*unit.sessions_of(project, limit)], []))

    def start_mission(self, wish: MissionRequest) -> MissionRecord:
        """Begin a mission (MIS-1), or join or resume it when the request says so (MIS-5).

        A mission that made no call is begun again by any start, with new limits.

        Raises:
            SteeringRefused: The session already had a mission of this id that made calls, and it
                is not to be resumed.
        """
        return self.run_step(lambda unit: (scopes.start_mission(unit, wish, self.rules), []))

    async def astart_mission(self, wish: MissionRequest) -> MissionRecord:
        """Do what ``start_mission`` does, without keeping the event loop waiting."""
        return await self.arun_step(lambda unit: (scopes.start_mission(unit, wish, self.rules), []))

    def step_mission(
        self, session_id: str, mission_id: str, project: str | None = None
    ) -> MissionRecord:
        """Count a step of a mission; one beyond its limits ends it (MIS-4).

        Raises:
            SteeringRefused: There is no such mission.
        """
        return self.run_step(
            lambda unit: (scopes.step_mission(unit, session_id, mission_id, project), [])
        )

    def end_mission(
        self,
        session_id: str,
        mission_id: str,
        outcome: MissionOutcome,
        project: str | None = None,
    ) -> MissionRecord:
        """End a mission, whoever holds it open; may be repeated (MIS-2).

        Raises:
            SteeringRefused: There is no such mission.
        """

        def step(unit: Unit) -> Told[MissionRecord]:
            mission = scopes.found_mission(unit, session_id, mission_id, project)
            return scopes.end_mission(unit, mission, outcome), []

        return self.run_step(step, keep=True)

    def leave_mission(
        self, wish: MissionRequest, outcome: MissionOutcome = MissionOutcome.COMPLETED
    ) -> MissionRecord:
        """Let go of a mission that was started or joined; the last to leave ends it (MIS-5)."""
        return self.run_step(_leaving(wish, outcome), keep=True)

    async def aleave_mission(
        self, wish: MissionRequest, outcome: MissionOutcome = MissionOutcome.COMPLETED
    ) -> MissionRecord:
        """Do what ``leave_mission`` does, without keeping the event loop waiting."""
        return await self.arun_step(_leaving(wish, outcome), keep=True)

    def mission(
        self, session_id: str, mission_id: str, project: str | None = None
    ) -> MissionRecord:
        """Return a mission.

        Raises:
            SteeringRefused: There is no such mission.
        """
        return self.run_step(
            lambda unit: (scopes.found_mission(unit, session_id, mission_id, project), [])
        )


def _leaving(wish: MissionRequest, outcome: MissionOutcome) -> Step[MissionRecord]:
    def step(unit: Unit) -> Told[MissionRecord]:
        mission = scopes.found_mission(unit, wish.session_id, wish.id, wish.project)
        return scopes.leave_mission(unit, mission, outcome), []

    return step


def _clean(reason: str | None) -> str | None:
    """Return a reason without secrets (AUD-3); a blank one is none."""
    return scrub(reason.strip()) or None if reason else None


async def _aside(work: Callable[[], T]) -> T:
    """Do work of the store on another thread."""
    from asyncio import to_thread

    return await to_thread(work)
