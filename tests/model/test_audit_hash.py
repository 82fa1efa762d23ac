"""The hash of an audit event covers every field of it but itself (AUD-2)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from corvus.base.money import NanoUSD
from corvus.base.time import microseconds
from corvus.model.audit_hash import GENESIS, audit_hash
from corvus.model.steering import AuditEvent, AuditKind

EVENT = AuditEvent(
    position=2,
    id="01900000-0000-7000-8000-000000000001",
    kind=AuditKind.RESET_APPLIED,
    recorded_at=datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC),
    actor="ada",
    reason="Größe",
    previous_hash=GENESIS,
)
OTHERS: dict[str, Any] = {
    "position": 3,
    "id": "01900000-0000-7000-8000-000000000002",
    "kind": AuditKind.LIMITS_CHANGED,
    "recorded_at": EVENT.recorded_at + timedelta(microseconds=1),
    "actor": "eve",
    "reason": None,
    "expires_at": EVENT.recorded_at,
    "removed_cost_nano_usd": NanoUSD(0),
    "removed_requests": 0,
    "previous_hash": "f" * 64,
} | dict.fromkeys(
    ("budget", "session_id", "mission_id", "override_id", "reservation_id", "details"), ""
)


def test_the_text_that_is_hashed_is_canonical_json() -> None:
    values = {name: None for name in sorted({*OTHERS} - {"kind"})} | {
        "actor": "ada",
        "id": EVENT.id,
        "kind": "reset_applied",
        "position": 2,
        "previous_hash": GENESIS,
        "reason": "Größe",
        "recorded_at": 1_795_435_200_000_001,
    }
    text = json.dumps(dict(sorted(values.items())), separators=(",", ":"))
    assert microseconds(EVENT.recorded_at) == 1_795_435_200_000_001
    assert '"reason":"Gr\\u00f6\\u00dfe"' in text
    assert audit_hash(EVENT) == hashlib.sha256(text.encode("ascii")).hexdigest()


def test_the_cases_cover_every_field_but_the_hash() -> None:
    assert {*OTHERS} == {field.name for field in fields(AuditEvent)} - {"hash"}


@pytest.mark.parametrize("name", OTHERS)
def test_a_change_of_any_field_changes_the_hash(name: str) -> None:
    assert audit_hash(replace(EVENT, **{name: OTHERS[name]})) != audit_hash(EVENT)


def test_neither_the_hash_itself_nor_the_zone_of_an_instant_matters() -> None:
    elsewhere = EVENT.recorded_at.astimezone(timezone(timedelta(hours=5)))
    assert audit_hash(replace(EVENT, hash="x", recorded_at=elsewhere)) == audit_hash(EVENT)
