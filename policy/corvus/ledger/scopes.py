"""Reads the records of a session and its missions, to recall one that a store forgot (STO-2)."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any

from corvus.base.money import NOTHING, NanoUSD
from corvus.base.time import instant_at
from corvus.ledger.ledger import Ledger
from corvus.model.decision import BudgetState
from corvus.model.steering import (
    LIMITS,
    MissionOutcome,
    MissionRecord,
    SessionOutcome,
    SessionRecord,
)

_SESSION = """
SELECT project, event, epoch_us(recorded_at), outcome
FROM session
WHERE store_id = ? AND session_id = ?
ORDER BY project NULLS FIRST, seq
"""
_MISSION = """
SELECT project, mission_id, event, epoch_us(recorded_at), limit_nano_usd, max_steps,
    epoch_us(deadline_at), steps, outcome, coalesce(is_share, false), parent_mission_id
FROM mission
WHERE store_id = ? AND session_id = ?
ORDER BY project NULLS FIRST, mission_id, seq
"""
_ADMITTED = """
SELECT project, mission_id, epoch_us(max(recorded_at))
FROM reservation_event
WHERE store_id = ? AND kind = 'reserved' AND session_id = ? AND mission_id IS NOT NULL
GROUP BY ALL
"""


def recorded_sessions(ledger: Ledger, store_id: str, session_id: str) -> list[SessionRecord]:
    """Return the sessions of an id, of whatever project, as a store last recorded them."""
    rows = _rows(ledger, _SESSION, store_id, session_id)
    found: list[SessionRecord] = []
    for project, group in groupby(rows, key=lambda row: row[0]):
        events = [*group]
        *_, (_, last, at_us, _) = [event for event in events if event[1] != "state"] or events
        found.append(
            SessionRecord(
                session_id,
                instant_at(events[0][2]),
                _worst(events[-1][3]),
                instant_at(at_us) if last == "closed" else None,
                project,
            )
        )
    return found


def recorded_missions(ledger: Ledger, store_id: str, session_id: str) -> list[MissionRecord]:
    """Return the missions of the sessions of an id, as a store last recorded them."""
    admitted = {
        (project, mission): at_us
        for project, mission, at_us in _rows(ledger, _ADMITTED, store_id, session_id)
    }
    rows = _rows(ledger, _MISSION, store_id, session_id)
    return [
        _mission(session_id, [*group], admitted.get(name))
        for name, group in groupby(rows, key=lambda row: (row[0], row[1]))
    ]


def _mission(session_id: str, events: list[Any], admitted_us: int | None) -> MissionRecord:
    starts = [row[3] for row in events if row[2] == "started"]
    started_us = starts[-1] if starts else events[0][3]
    project, name, event, at_us, limit, max_steps, deadline_us, steps, word, *share = events[-1]
    outcome = None if word is None else MissionOutcome(word)
    has_ended = event == "ended"
    return MissionRecord(
        session_id,
        name,
        instant_at(started_us),
        NanoUSD(limit) if limit else NOTHING,
        max_steps or 0,
        _instant(deadline_us),
        steps or 0,
        stopped_by=outcome if outcome in LIMITS else None,
        ended_at=instant_at(at_us) if has_ended else None,
        outcome=outcome if has_ended else None,
        project=project,
        has_calls=admitted_us is not None and admitted_us >= started_us,
        is_share=share[0],
        parent_id=share[1],
    )


def _worst(word: str | None) -> BudgetState:
    return BudgetState([*SessionOutcome].index(SessionOutcome(word))) if word else BudgetState(0)


def _instant(at_us: int | None) -> datetime | None:
    return None if at_us is None else instant_at(at_us)


def _rows(ledger: Ledger, statement: str, *values: object) -> list[Any]:
    with ledger.explaining():
        return ledger.connection.execute(statement, [*values]).fetchall()
