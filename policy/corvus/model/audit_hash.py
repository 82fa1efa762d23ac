"""The hash that chains audit events: an edited, deleted or reordered one breaks it (AUD-2)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from datetime import datetime

from corvus.base.time import microseconds
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


def _plain(value: object) -> object:
    return microseconds(value) if isinstance(value, datetime) else value
