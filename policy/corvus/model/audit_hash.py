"""Audit events as rows, and the hash that chains them: an edited one breaks it (AUD-2)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from datetime import datetime

from corvus.base.time import microseconds
from corvus.model.outbox import Row
from corvus.model.steering import AuditEvent

GENESIS = "0" * 64
"""Stands for the hash before the first event."""


def audit_hash(event: AuditEvent) -> str:
    """Return the SHA-256, hexadecimal, of all of an event but its own hash.

    Instants are hashed as microseconds since 1970, in UTC.
    """
    values = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
    del values["hash"]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


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


def _plain(value: object) -> object:
    return microseconds(value) if isinstance(value, datetime) else value
