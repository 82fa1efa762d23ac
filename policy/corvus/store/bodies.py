"""Domain objects to JSON text and back, for the columns ``body`` of the SQLite store.

Absent values are left out; instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import instant_at, microseconds
from corvus.model.budget import Budget
from corvus.model.decision import BudgetState
from corvus.model.refusals import Refusals
from corvus.model.request import LOCAL, Request
from corvus.model.reservation import Reservation, ReservationState, Source
from corvus.model.steering import (
    MissionOutcome,
    MissionRecord,
    Override,
    OverrideState,
    SessionRecord,
)
from corvus.model.token import Claims, Token, TokenScope
from corvus.model.usage import Usage

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_decode = json.JSONDecoder().decode
_COUNTS = tuple(Usage.__dataclass_fields__)


def dumped(values: dict[str, Any]) -> str:
    """Write an object compactly, without absent values."""
    return _encode({name: value for name, value in values.items() if value is not None})


def budget_key(budget: Budget) -> str:
    """Return what identifies a budget: how its spend is summed, not how much may be spent."""
    return _encode([budget.name, budget.period, budget.timezone, budget.match])


def budget_of(key: str) -> Budget:
    """Return the budget that a key identifies, without limit or threshold."""
    name, period, timezone, match = _decode(key)
    pairs = tuple((attribute, glob) for attribute, glob in match)
    return Budget(name, Period(period), NanoUSD(0), 0, "", pairs, timezone)


def reservation_body(reservation: Reservation) -> str:
    """Write what never changes of a reservation and has no column of its own."""
    request = reservation.request
    return dumped(
        {
            "model": request.model,
            "estimate": request.estimate_nano_usd,
            "session": request.session_id,
            "provider": request.provider,
            "mission": request.mission_id,
            "surface": request.surface,
            "user": request.user,
            "agent": request.agent,
            "tags": request.tags or None,
            "ttl": request.ttl_seconds,
            "input": request.input_nano_usd,
            "rate": request.output_rate,
            "principal": None if request.principal == LOCAL else request.principal,
            "fingerprint": request.fingerprint,
            "policy": reservation.policy_hash,
            "override": reservation.override_id,
            "answer": reservation.answer,
        }
    )


def reservation_of(row: tuple[Any, ...]) -> Reservation:
    """Read a row of the table ``reservation``."""
    reservation_id, key, state, hold, admitted, expires, settled, *changing = row
    dispatched, cost, record_id, settlement_key, text, project, recorded = changing
    body = _decode(text)
    get = body.get
    request = Request(
        model=body["model"],
        estimate_nano_usd=get("estimate"),
        session_id=body["session"],
        provider=body["provider"],
        mission_id=get("mission"),
        surface=body["surface"],
        project=project or None,
        user=get("user"),
        agent=get("agent"),
        tags=tuple((name, value) for name, value in get("tags", ())),
        idempotency_key=key,
        ttl_seconds=get("ttl"),
        dispatched=bool(dispatched),
        input_nano_usd=get("input"),
        output_rate=get("rate"),
        principal=get("principal", LOCAL),
        fingerprint=get("fingerprint"),
    )
    return Reservation(
        id=reservation_id,
        request=request,
        state=ReservationState(state),
        hold_nano_usd=hold,
        admitted_at=instant_at(admitted),
        expires_at=instant_at(expires),
        policy_hash=body["policy"],
        settled_at=_instant(settled),
        cost_nano_usd=cost,
        record_id=record_id,
        override_id=get("override"),
        answer=get("answer"),
        settlement_key=settlement_key,
        recorded=_recorded(recorded),
    )


def recorded_text(reservation: Reservation) -> str | None:
    """Write source and usage of a commit."""
    if reservation.recorded is None:
        return None
    source, usage = reservation.recorded
    return _encode([source.value, *(getattr(usage, name) for name in _COUNTS)])


def _recorded(text: str | None) -> tuple[Source, Usage] | None:
    if text is None:
        return None
    source, *counts = _decode(text)
    return Source(source), Usage(*counts)


def refusals_body(refusals: Refusals | None) -> str | None:
    """Write what a sum refused."""
    if refusals is None:
        return None
    return dumped(
        {
            "count": refusals.count,
            "last_at": microseconds(refusals.last_at),
            "needed": refusals.needed_nano_usd,
            "left": refusals.left_nano_usd,
            "model": refusals.model,
            "blocking": refusals.is_blocking,
        }
    )


def refusals_of(text: str | None) -> Refusals | None:
    """Read what a sum refused."""
    if text is None:
        return None
    body = _decode(text)
    return Refusals(
        count=body["count"],
        last_at=instant_at(body["last_at"]),
        needed_nano_usd=body.get("needed"),
        left_nano_usd=body["left"],
        model=body["model"],
        is_blocking=body["blocking"],
    )


def override_body(override: Override) -> str:
    """Write an override."""
    return dumped(
        {
            "id": override.id,
            "actor": override.actor,
            "reason": override.reason,
            "session": override.session_id,
            "granted_at": microseconds(override.granted_at),
            "expires_at": microseconds(override.expires_at),
            "state": override.state,
            "consumed_by": override.consumed_by,
            "project": override.project,
        }
    )


def override_of(text: str) -> Override:
    """Read an override."""
    body = _decode(text)
    return Override(
        id=body["id"],
        actor=body["actor"],
        reason=body.get("reason"),
        session_id=body.get("session"),
        granted_at=instant_at(body["granted_at"]),
        expires_at=instant_at(body["expires_at"]),
        state=OverrideState(body["state"]),
        consumed_by=body.get("consumed_by"),
        project=body.get("project"),
    )


def session_body(session: SessionRecord) -> str:
    """Write a session."""
    return dumped(
        {
            "id": session.id,
            "opened_at": microseconds(session.opened_at),
            "worst": int(session.worst),
            "closed_at": _microseconds(session.closed_at),
            "project": session.project,
        }
    )


def session_of(text: str) -> SessionRecord:
    """Read a session."""
    body = _decode(text)
    return SessionRecord(
        id=body["id"],
        opened_at=instant_at(body["opened_at"]),
        worst=BudgetState(body["worst"]),
        closed_at=_instant(body.get("closed_at")),
        project=body.get("project"),
    )


def mission_body(mission: MissionRecord) -> str:
    """Write a mission."""
    return dumped(
        {
            "session": mission.session_id,
            "id": mission.id,
            "started_at": microseconds(mission.started_at),
            "limit": mission.limit_nano_usd,
            "max_steps": mission.max_steps,
            "deadline_at": _microseconds(mission.deadline_at),
            "steps": mission.steps,
            "stopped_by": mission.stopped_by,
            "ended_at": _microseconds(mission.ended_at),
            "outcome": mission.outcome,
            "project": mission.project,
            "has_calls": mission.has_calls or None,
            "holders": mission.holders or None,
        }
    )


def mission_of(text: str) -> MissionRecord:
    """Read a mission."""
    body = _decode(text)
    return MissionRecord(
        session_id=body["session"],
        id=body["id"],
        started_at=instant_at(body["started_at"]),
        limit_nano_usd=body["limit"],
        max_steps=body["max_steps"],
        deadline_at=_instant(body.get("deadline_at")),
        steps=body["steps"],
        stopped_by=_outcome(body.get("stopped_by")),
        ended_at=_instant(body.get("ended_at")),
        outcome=_outcome(body.get("outcome")),
        project=body.get("project"),
        has_calls=bool(body.get("has_calls")),
        holders=body.get("holders", 0),
    )


def token_body(token: Token) -> str:
    """Write an access token."""
    return dumped(
        {
            "id": token.id,
            "name": token.name,
            "scope": token.scope,
            "digest": token.digest,
            "created_at": microseconds(token.created_at),
            "created_by": token.created_by,
            "revoked_at": _microseconds(token.revoked_at),
            **token.bound._asdict(),
        }
    )


def token_of(text: str) -> Token:
    """Read an access token."""
    body = _decode(text)
    return Token(
        id=body["id"],
        name=body["name"],
        scope=TokenScope(body["scope"]),
        digest=body["digest"],
        created_at=instant_at(body["created_at"]),
        created_by=body["created_by"],
        revoked_at=_instant(body.get("revoked_at")),
        **{name: body.get(name) for name in Claims._fields},
    )


def row_text(row: dict[str, Any]) -> str:
    """Write a row of the outbox; a column that is absent there is NULL in the ledger."""
    return dumped(row)


def row_of(text: str) -> dict[str, Any]:
    """Read a row of the outbox."""
    return _decode(text)


def _instant(instant_us: int | None) -> datetime | None:
    return None if instant_us is None else instant_at(instant_us)


def _microseconds(instant: datetime | None) -> int | None:
    return None if instant is None else microseconds(instant)


def _outcome(word: str | None) -> MissionOutcome | None:
    return None if word is None else MissionOutcome(word)
