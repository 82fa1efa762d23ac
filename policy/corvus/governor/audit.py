"""Appends audit events to their chain, in the transaction of what they describe (AUD-2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from corvus.base.ids import new_id
from corvus.base.money import NanoUSD
from corvus.base.time import microseconds
from corvus.model.audit_hash import audit_hash
from corvus.model.outbox import LedgerTable, Row
from corvus.model.steering import AuditEvent, AuditKind
from corvus.store.unit import Unit

SYSTEM = "corvus"
"""The actor of what happens by itself."""


class About(TypedDict, total=False):
    """What an audit event may say beside kind, actor and reason."""

    budget: str | None
    session_id: str | None
    mission_id: str | None
    override_id: str | None
    reservation_id: str | None
    removed_cost_nano_usd: NanoUSD | None
    removed_requests: int | None
    expires_at: datetime | None
    details: str | None


def append_audit(
    unit: Unit, kind: AuditKind, actor: str, reason: str | None = None, **about: Unpack[About]
) -> AuditEvent:
    """Append an event to the chain.

    Args:
        unit: The transaction under way.
        kind: What happened.
        actor: Who did it.
        reason: Why, without secrets.
        **about: What it is about.
    """
    state = unit.touch()
    event = AuditEvent(
        position=state.audit_position + 1,
        id=new_id(unit.now_us),
        kind=kind,
        recorded_at=unit.now,
        actor=actor,
        reason=reason,
        previous_hash=state.audit_head,
        **about,
    )
    event = replace(event, hash=audit_hash(event))
    state.audit_position, state.audit_head = event.position, event.hash
    unit.append(LedgerTable.AUDIT_EVENT, audit_row(event))
    return event


def audit_row(event: AuditEvent) -> Row:
    """Return an event as a row of the ledger."""
    return {
        "position": event.position,
        "id": event.id,
        "kind": event.kind.value,
        "recorded_at": microseconds(event.recorded_at),
        "actor": event.actor,
        "reason": event.reason,
        "budget": event.budget,
        "session_id": event.session_id,
        "mission_id": event.mission_id,
        "override_id": event.override_id,
        "reservation_id": event.reservation_id,
        "expires_at": microseconds(event.expires_at) if event.expires_at else None,
        "removed_cost_nano_usd": event.removed_cost_nano_usd,
        "removed_requests": event.removed_requests,
        "details": event.details,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }
