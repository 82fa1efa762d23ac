"""Forgets what is over, so that a store does not grow with what was done in it.

Settled reservations go after a week. A session goes with its missions and sums when it was opened
or closed long ago, no reservation of it is left, no guard holds a mission of it open and no active
override is bound to it; of an id that several projects use, all go together. The sums of calendar
windows go long after their end, ended overrides with the reservations that used them. What the
ledger does not know yet of an open mission is handed over to it first.

A session leaves its mark: a short hash, by which one that is named again is recognised and recalled
from the ledger before anything is decided (``corvus.governor.recount``). A session that is new has
no mark, and costs no look into the ledger. So forgetting changes no decision, only what is at hand.

What is old is looked up next to the writer, and each transaction deletes a bounded part of it
(``corvus.store.outbox``), so that admissions never wait for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from corvus.base.time import microseconds
from corvus.model.outbox import LedgerTable, Row
from corvus.model.steering import MissionRecord
from corvus.store.unit import Unit

KEEP_SETTLED = timedelta(days=7)
"""How long a settled reservation and its idempotency key are remembered."""
KEEP_SCOPES = timedelta(days=30)
"""How long sessions, missions and ended overrides are, at least."""
KEEP_WINDOWS = timedelta(days=70)
"""How long the sum of a calendar window is, from its start on; no window is longer than 31 days."""
FORGOTTEN = "forgotten"
"""The event that tells the ledger of a mission that is still open."""

_SEEN_MAX = 1_000


@dataclass(frozen=True, slots=True)
class ForgettableScopes:
    """What a look next to the writer found.

    Attributes:
        session_ids: Those that may be forgotten, the oldest first.
        before_us: What happened from here on is not over.
        seen_seq: The newest event seen, and …
        named: … the sessions named in those since the look; they are not forgotten.
        windows_before_us: Sums of windows that began before may be forgotten.
        has_more: Whether there are such, or ended overrides.
    """

    session_ids: Sequence[str]
    before_us: int
    seen_seq: int
    windows_before_us: int
    has_more: bool = False
    named: frozenset[str] = frozenset()


def forget_sessions(
    unit: Unit, session_ids: Sequence[str], old: ForgettableScopes
) -> ForgettableScopes | None:
    """Forget those of some sessions that are still over.

    Args:
        unit: A transaction of its own.
        session_ids: Which.
        old: What was seen so far.

    Returns:
        What is seen by now; ``None`` when too much has happened to know, and the next drain is to
        look again.
    """
    events = unit.events(old.seen_seq, _SEEN_MAX)
    if unit.state.drained_seq > old.seen_seq or len(events) == _SEEN_MAX:
        return None
    named = old.named | {str(event.row.get("session_id")) for event in events}
    used = {held.request.session_id for held in unit.held()}
    used |= {override.session_id or "" for override in unit.active_overrides().values()}
    gone: list[str] = []
    still_open: list[MissionRecord] = []
    for session_id in session_ids:
        if session_id in named or session_id in used or unit.is_forgotten(session_id):
            continue
        missions = unit.missions_named(session_id)
        if _is_over(unit, session_id, missions, old.before_us):
            gone.append(session_id)
            still_open += [mission for mission in missions if mission.is_open]
    if gone:
        unit.forget_over(gone)
    for mission in still_open:
        unit.append(LedgerTable.MISSION, mission_row(unit, mission, FORGOTTEN))
    return replace(old, seen_seq=unit.state.next_seq - 1, named=named)


def mission_row(unit: Unit, mission: MissionRecord, event: str) -> Row:
    """Return the ledger's row of a mission; one that is open has what stopped it."""
    return {
        "recorded_at": unit.now_us,
        "event": event,
        "session_id": mission.session_id,
        "mission_id": mission.id,
        "project": mission.project,
        "limit_nano_usd": mission.limit_nano_usd,
        "max_steps": mission.max_steps,
        "deadline_at": microseconds(mission.deadline_at) if mission.deadline_at else None,
        "steps": mission.steps,
        "outcome": mission.stopped_by if event == FORGOTTEN else mission.outcome,
        "is_share": mission.is_share or None,
        "parent_mission_id": mission.parent_id,
    }


def _is_over(
    unit: Unit, session_id: str, missions: Sequence[MissionRecord], before_us: int
) -> bool:
    sessions = unit.sessions_named(session_id)
    instants = [session.closed_at or session.opened_at for session in sessions]
    instants += [mission.ended_at or mission.started_at for mission in missions]
    is_open = any(mission.is_open and mission.holders for mission in missions)
    return not is_open and all(microseconds(instant) < before_us for instant in instants)
