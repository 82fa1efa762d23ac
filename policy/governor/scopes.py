"""Sessions and missions: explicit ids, what they met, and how they ended (SES, MIS)."""

from __future__ import annotations

from dataclasses import replace

from policy.clock import microseconds
from policy.errors import SteeringRefused
from policy.governor.rules import Rules
from policy.model.decision import BudgetState
from policy.model.outbox import LedgerTable, Row
from policy.model.request import Request
from policy.model.steering import MissionOutcome, MissionRecord, MissionRequest, SessionRecord
from policy.store.unit import Unit

LIMITS = (MissionOutcome.BUDGET_EXHAUSTED, MissionOutcome.SLA_EXCEEDED)
"""Outcomes after which a mission may spend nothing more."""


def meet(unit: Unit, request: Request, state: BudgetState, policy_hash: str) -> None:
    """Note that a session met a state; opens the session, and reopens a closed one."""
    session = unit.session(request.session_id)
    if session is None or session.closed_at is not None:
        opened = session.opened_at if session is not None else unit.now
        worst = session.worst if session is not None else BudgetState.ALLOWED
        session = SessionRecord(request.session_id, opened, max(worst, state))
        unit.put_session(session)
        about: Row = {
            "surface": request.surface,
            "user_name": request.user,
            "policy_hash": policy_hash,
        }
        _tell_session(unit, session, "opened", about)
    else:
        worsen(unit, request.session_id, state)


def worsen(unit: Unit, session_id: str, state: BudgetState) -> None:
    """Note that a session met a state, if it is worse than all before (SES-2).

    Also of a closed one: what its last calls cost may become known after it was closed.
    """
    session = unit.session(session_id)
    if session is None or session.worst >= state:
        return
    session = replace(session, worst=state)
    unit.put_session(session)
    _tell_session(unit, session, "state")


def close_session(unit: Unit, session_id: str) -> SessionRecord:
    """Close a session and record its outcome (SES-2).

    Raises:
        SteeringRefused: There is no such session, or it is closed.
    """
    session = unit.session(session_id)
    if session is None:
        session = SessionRecord(session_id, unit.now)  # one that never asked for anything
    if session.closed_at is not None:
        raise SteeringRefused(f"session {session_id!r} is closed already")
    session = replace(session, closed_at=unit.now)
    unit.put_session(session)
    _tell_session(unit, session, "closed")
    return session


def start_mission(unit: Unit, mission: MissionRecord) -> MissionRecord:
    """Begin a mission.

    Raises:
        SteeringRefused: The session has a mission of this id, running or ended.
    """
    if unit.mission(mission.session_id, mission.id) is not None:
        raise SteeringRefused(
            f"session {mission.session_id!r} already had a mission {mission.id!r}; "
            "choose another id"
        )
    unit.put_mission(mission)
    _tell(unit, mission, "started")
    return mission


def step_mission(unit: Unit, session_id: str, mission_id: str) -> MissionRecord:
    """Count one step of a mission; a step beyond its limits ends it (MIS-4).

    Raises:
        SteeringRefused: There is no such mission.
    """
    mission = found_mission(unit, session_id, mission_id)
    if mission.ended_at is not None:
        return mission
    if _is_late(unit, mission):
        return end_mission(unit, mission, MissionOutcome.SLA_EXCEEDED)
    if mission.max_steps and mission.steps >= mission.max_steps:
        return end_mission(unit, mission, MissionOutcome.BUDGET_EXHAUSTED)
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
        _tell(unit, mission, "ended")
    unit.put_mission(mission)
    return mission


def end_mission(unit: Unit, mission: MissionRecord, outcome: MissionOutcome) -> MissionRecord:
    """End a mission; a limit that stopped it outweighs what its guard says. May be repeated."""
    if mission.ended_at is not None:
        return mission
    mission = _ended(unit, mission, outcome)
    unit.put_mission(mission)
    _tell(unit, mission, "ended")
    return mission


def mission_of_call(unit: Unit, rules: Rules, request: Request) -> MissionRecord | None:
    """Return the mission of a call as it is now, without writing anything.

    One that was named and never started begins with the policy's limits; one whose time is over has
    ended.
    """
    if request.mission_id is None:
        return None
    mission = unit.mission(request.session_id, request.mission_id)
    if mission is None:
        wish = MissionRequest(request.session_id, request.mission_id)
        return rules.new_mission(wish, unit.now)
    if mission.ended_at is None and _is_late(unit, mission):
        return _ended(unit, mission, MissionOutcome.SLA_EXCEEDED)
    return mission


def keep_mission(unit: Unit, mission: MissionRecord) -> None:
    """Write a mission if it has begun or ended since it was read."""
    known = unit.mission(mission.session_id, mission.id)
    if known is None:
        start_mission(unit, mission)
    elif known != mission:
        unit.put_mission(mission)
        _tell(unit, mission, "ended")


def found_mission(unit: Unit, session_id: str, mission_id: str) -> MissionRecord:
    """Return a mission.

    Raises:
        SteeringRefused: There is none.
    """
    mission = unit.mission(session_id, mission_id)
    if mission is None:
        raise SteeringRefused(f"session {session_id!r} has no mission {mission_id!r}")
    return mission


def _ended(unit: Unit, mission: MissionRecord, outcome: MissionOutcome) -> MissionRecord:
    stopped_by = mission.stopped_by or (outcome if outcome in LIMITS else None)
    return replace(mission, ended_at=unit.now, stopped_by=stopped_by, outcome=stopped_by or outcome)


def _is_late(unit: Unit, mission: MissionRecord) -> bool:
    return mission.deadline_at is not None and mission.deadline_at <= unit.now


def _tell_session(unit: Unit, session: SessionRecord, event: str, about: Row | None = None) -> None:
    """Tell the ledger of a session, with the worst state that it met so far (SES-2)."""
    row: Row = {
        "recorded_at": unit.now_us,
        "event": event,
        "session_id": session.id,
        "outcome": session.outcome.value,
    }
    unit.append(LedgerTable.SESSION, row | (about or {}))


def _tell(unit: Unit, mission: MissionRecord, event: str) -> None:
    unit.append(
        LedgerTable.MISSION,
        {
            "recorded_at": unit.now_us,
            "event": event,
            "session_id": mission.session_id,
            "mission_id": mission.id,
            "limit_nano_usd": mission.limit_nano_usd,
            "max_steps": mission.max_steps,
            "deadline_at": microseconds(mission.deadline_at) if mission.deadline_at else None,
            "steps": mission.steps,
            "outcome": mission.outcome,
        },
    )
