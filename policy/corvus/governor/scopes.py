"""Sessions and missions: explicit ids, what they met, and how they ended (SES, MIS).

Both are of a project: the same id in another project is another session (RES-8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from corvus.base.errors import SteeringRefused
from corvus.governor.rules import Rules
from corvus.governor.shares import keep_share, renewed, share_of
from corvus.model.decision import BudgetState
from corvus.model.outbox import LedgerTable, Row
from corvus.model.request import Request, Surface
from corvus.model.steering import (
    LIMITS,
    MissionOutcome,
    MissionRecord,
    MissionRequest,
    SessionRecord,
)
from corvus.store.retention import mission_row
from corvus.store.unit import Unit

STEPPED_SURFACES = (Surface.PROXY, Surface.CLI_AGENT, Surface.CLI_CODE)
"""Surfaces on which each admitted call is a step: nobody else counts there (MIS-4)."""


def meet(unit: Unit, request: Request, state: BudgetState, policy_hash: str) -> None:
    """Record the worst state of a session; opens the session, and reopens a closed one."""
    session = unit.session(request.session_id, request.project)
    if session is None or session.closed_at is not None:
        opened = session.opened_at if session is not None else unit.now
        worst = session.worst if session is not None else BudgetState.ALLOWED
        session = SessionRecord(
            request.session_id,
            opened,
            max(worst, state),
            project=request.project,
            has_shares=session is not None and session.has_shares,
            home=session.home if session is not None else None,
        )
        unit.put_session(session)
        about: Row = {
            "surface": request.surface,
            "user_name": request.user,
            "policy_hash": policy_hash,
        }
        _append_session(unit, session, "opened", about)
    else:
        worsen(unit, request.session_id, request.project, state)


def worsen(unit: Unit, session_id: str, project: str | None, state: BudgetState) -> None:
    """Record a state of a session that is worse than all before (SES-2).

    Also of a closed one: what its last calls cost may become known after it was closed.
    """
    session = unit.session(session_id, project)
    if session is None or session.worst >= state:
        return
    session = replace(session, worst=state)
    unit.put_session(session)
    _append_session(unit, session, "state")


def close_session(
    unit: Unit, session_id: str, project: str | None, *, must_exist: bool = False
) -> SessionRecord:
    """Close a session and record its outcome (SES-2).

    Args:
        unit: The transaction under way.
        session_id: Its id.
        project: Whose it is.
        must_exist: Refuse one that never made a call: whoever names it from afar mistypes.

    Raises:
        SteeringRefused: It is closed already, or must exist and does not.
    """
    session = unit.session(session_id, project)
    if session is None and must_exist:
        refuse_other_project(unit, session_id, project)
        raise SteeringRefused(f"there is no session {session_id!r}")
    if session is None:  # one that never made a call
        session = SessionRecord(session_id, unit.now, project=project)
    if session.closed_at is not None:
        raise SteeringRefused(f"session {session_id!r} is closed already")
    session = replace(session, closed_at=unit.now)
    unit.put_session(session)
    _append_session(unit, session, "closed")
    return session


def refuse_other_project(unit: Unit, session_id: str | None, project: str | None) -> None:
    """Refuse a session that only other projects have: whoever steers it must say which is meant.

    Raises:
        SteeringRefused: The session is known, and not in the project named.
    """
    if session_id is None or unit.session(session_id, project) is not None:
        return
    if others := [session.project for session in unit.sessions_named(session_id)]:
        raise SteeringRefused(
            f"session {session_id!r} belongs to {_projects(others)}, not to "
            f"{_projects([project])}; name its project"
        )


def start_mission(unit: Unit, request: MissionRequest, rules: Rules) -> MissionRecord:
    """Begin a mission, or join or resume it where the request says so (MIS-5).

    One that made no call is begun again by any start: a start that failed burns no name.

    Raises:
        SteeringRefused: The session has a mission of this id that made calls, and the request does
            not resume it.
    """
    existing = unit.mission(request.session_id, request.id, request.project)
    if existing is not None and request.resume:
        return _join(unit, existing, rules)
    if existing is not None and existing.has_calls:
        raise SteeringRefused(
            f"session {request.session_id!r} already had a mission {request.id!r}; resume it "
            "(resume=True), or choose another id"
        )
    mission = replace(rules.new_mission(request, unit.now), holders=1)
    if request.is_share:
        limit = share_of(unit, rules, request)
        mission = replace(mission, limit_nano_usd=limit, is_share=True, parent_id=request.parent_id)
        if (opened := keep_share(unit, request.session_id, request.project)) is not None:
            _append_session(unit, opened, "opened")
    unit.put_mission(mission)
    _append_mission(unit, mission, "started")
    return mission


def _join(unit: Unit, existing: MissionRecord, rules: Rules) -> MissionRecord:
    if existing.ended_at is None:
        mission = replace(existing, holders=existing.holders + 1)
        unit.put_mission(mission)
        return mission
    return _resume(unit, renewed(unit, rules, existing), holders=1)


def _resume(unit: Unit, ended: MissionRecord, holders: int) -> MissionRecord:
    """Let an ended mission run again: with its own limits, its steps and its spend."""
    mission = replace(ended, ended_at=None, outcome=None, stopped_by=None, holders=holders)
    unit.put_mission(mission)
    _append_mission(unit, mission, "resumed")
    return mission


def step_mission(
    unit: Unit, session_id: str, mission_id: str, project: str | None
) -> MissionRecord:
    """Count one step of a mission; a step beyond its limits ends it (MIS-4).

    Raises:
        SteeringRefused: There is no such mission.
    """
    mission = find_mission(unit, session_id, mission_id, project)
    if mission.ended_at is not None:
        return mission
    if (limit := _limit_of_step(unit, mission)) is not None:
        return end_mission(unit, mission, limit)
    mission = replace(mission, steps=mission.steps + 1)
    unit.put_mission(mission)
    return mission


def stop_mission(unit: Unit, mission: MissionRecord, limit: MissionOutcome) -> MissionRecord:
    """Note the first limit that stopped a mission: it is its outcome, also if it has ended.

    What its last calls cost may become known after its end (EVA-15).
    """
    if mission.stopped_by is not None:
        return mission
    mission = replace(mission, stopped_by=limit)
    if mission.ended_at is not None:
        mission = replace(mission, outcome=limit)
        _append_mission(unit, mission, "ended")
    unit.put_mission(mission)
    return mission


def leave_mission(unit: Unit, mission: MissionRecord, outcome: MissionOutcome) -> MissionRecord:
    """Let go of a mission; the last of those who hold it open ends it (MIS-2, MIS-5)."""
    if mission.ended_at is None and mission.holders > 1:
        mission = replace(mission, holders=mission.holders - 1)
        unit.put_mission(mission)
        return mission
    return end_mission(unit, mission, outcome)


def end_mission(unit: Unit, mission: MissionRecord, outcome: MissionOutcome) -> MissionRecord:
    """End a mission; a limit that stopped it outweighs what its guard says. May be repeated."""
    if mission.ended_at is not None:
        return mission
    mission = _ended(unit, mission, outcome)
    unit.put_mission(mission)
    _append_mission(unit, mission, "ended")
    return mission


def mission_of_call(unit: Unit, rules: Rules, request: Request) -> MissionRecord | None:
    """Return the mission of a call as it is for this call, without writing anything.

    One that was named and never started begins with the policy's limits. One whose time is over,
    or whose steps are where each call is one, has ended. An ended one runs again for a call that
    resumes it.
    """
    if request.mission_id is None:
        return None
    mission = unit.mission(request.session_id, request.mission_id, request.project)
    if mission is None:
        begun = MissionRequest(request.session_id, request.mission_id, project=request.project)
        return rules.new_mission(begun, unit.now)
    if mission.ended_at is not None and request.resumes_mission:
        mission = renewed(unit, rules, mission)
        mission = replace(mission, ended_at=None, outcome=None, stopped_by=None, holders=0)
    if mission.ended_at is not None:
        return mission
    limit = MissionOutcome.SLA_EXCEEDED if _is_late(unit, mission) else None
    if request.surface in STEPPED_SURFACES:
        limit = _limit_of_step(unit, mission)
    return _ended(unit, mission, limit) if limit is not None else mission


def keep_mission(unit: Unit, mission: MissionRecord) -> None:
    """Write a mission if it has begun, been resumed or ended since it was read."""
    existing = unit.mission(mission.session_id, mission.id, mission.project)
    if existing == mission:
        return
    unit.put_mission(mission)
    if existing is None:
        _append_mission(unit, mission, "started")
        return
    if existing.ended_at is not None:
        _append_mission(unit, mission, "resumed")
    if mission.ended_at is not None:
        _append_mission(unit, mission, "ended")


def admit_to_mission(unit: Unit, mission: MissionRecord, surface: str) -> None:
    """Note an admitted call of a mission; where nobody else counts, it is a step (MIS-4)."""
    mission = find_mission(unit, mission.session_id, mission.id, mission.project)
    steps = mission.steps + (surface in STEPPED_SURFACES)
    if steps != mission.steps or not mission.has_calls:
        unit.put_mission(replace(mission, steps=steps, has_calls=True))


def find_mission(
    unit: Unit, session_id: str, mission_id: str, project: str | None
) -> MissionRecord:
    """Return a mission.

    Raises:
        SteeringRefused: There is none.
    """
    mission = unit.mission(session_id, mission_id, project)
    if mission is None:
        raise SteeringRefused(f"session {session_id!r} has no mission {mission_id!r}")
    return mission


def _limit_of_step(unit: Unit, mission: MissionRecord) -> MissionOutcome | None:
    """Return the limit that another step would be beyond."""
    if _is_late(unit, mission):
        return MissionOutcome.SLA_EXCEEDED
    if mission.max_steps and mission.steps >= mission.max_steps:
        return MissionOutcome.BUDGET_EXHAUSTED
    return None


def _ended(unit: Unit, mission: MissionRecord, outcome: MissionOutcome) -> MissionRecord:
    stopped_by = mission.stopped_by or (outcome if outcome in LIMITS else None)
    return replace(
        mission,
        ended_at=unit.now,
        stopped_by=stopped_by,
        outcome=stopped_by or outcome,
        holders=0,
    )


def _is_late(unit: Unit, mission: MissionRecord) -> bool:
    return mission.deadline_at is not None and mission.deadline_at <= unit.now


def _projects(names: Sequence[str | None]) -> str:
    return ", ".join("no project" if name is None else f"project {name!r}" for name in names)


def _append_session(
    unit: Unit, session: SessionRecord, event: str, about: Row | None = None
) -> None:
    """Append a session to the ledger, with the worst state that it met so far (SES-2)."""
    row: Row = {
        "recorded_at": unit.now_us,
        "event": event,
        "session_id": session.id,
        "project": session.project,
        "outcome": session.outcome.value,
    }
    unit.append(LedgerTable.SESSION, row | (about or {}))


def _append_mission(unit: Unit, mission: MissionRecord, event: str) -> None:
    unit.append(LedgerTable.MISSION, mission_row(unit, mission, event))
