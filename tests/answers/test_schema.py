"""What the governor says to programs is what the published schemas promise (SCH-1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus import Governor, Usage, open_runtime
from corvus.answers.audit import AUDIT_EVENT
from corvus.answers.denial import denial_body
from corvus.ledger.ledger import open_ledger
from corvus.model.outbox import LedgerTable
from corvus.model.steering import AuditEvent, AuditKind, OverrideRequest, ResetRequest
from corvus.runtime import Runtime
from tests.fakes import FrozenClock

SCHEMAS = Path(__file__).parents[2] / "schemas"
CONFIG = """
[cost]
enabled = true
daily_limit_usd = 1
allow_override = true
on_exceeded = []
reservation_ttl_seconds = 60

[mission]
enabled = true

[cost.prices.m]
input = 1
output = 2
"""


def complaints(name: str, document: object) -> list[str]:
    validator: Any = Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))
    plain = json.loads(json.dumps(document, default=str))
    return [str(error.message) for error in validator.iter_errors(plain)]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def runtime(tmp_path: Path, clock: FrozenClock) -> Runtime:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG)
    return open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)


@pytest.fixture
def governor(runtime: Runtime) -> Iterator[Governor]:
    with runtime.governor() as governor:
        yield governor


def test_every_kind_of_denial_fits_its_schema(governor: Governor, clock: FrozenClock) -> None:
    session = governor.session("s")
    with session.mission("m1", max_runtime_seconds=5):
        clock.move(timedelta(seconds=6))
        ended = governor.reserve(governor.request("m", session_id="s", mission_id="m1"))
    unpriced = governor.reserve(governor.request("nobody-sells-this", session_id="s"))
    dear = governor.reserve(governor.request("m", input_tokens=1, max_output_tokens=10**7))
    keyed = governor.request("m", session_id="s", estimate_usd=Decimal("0.25"), idempotency_key="k")
    first = governor.reserve(keyed)
    assert first.reservation is not None
    governor.commit(first.reservation)
    over = governor.reserve(keyed)
    bodies = [denial_body(one) for one in (ended, unpriced, dear, over)]
    codes = ["mission_ended", "unpriced_model", "budget_exceeded", "already_settled"]
    assert [one["code"] for one in bodies] == codes
    assert [complaints("budget-exceeded", one) for one in bodies] == [[], [], [], []]
    assert bodies[3]["reservation"] == {"id": first.reservation.id, "state": "committed"}
    assert (bodies[3]["cost_usd"], bodies[3]["cost_nano_usd"]) == (0.25, "250000000")
    assert "at $0.25" in str(bodies[3]["message"])
    assert not any("cost_usd" in one for one in bodies[:3])
    assert bodies[2]["max_affordable_output_tokens"] == 499_999


def test_every_audit_event_and_usage_record_fits_its_schema(
    governor: Governor, runtime: Runtime, clock: FrozenClock
) -> None:
    """LED-3."""
    governor.override(OverrideRequest("ana", "release", "s"))
    request = governor.request("m", session_id="s", estimate_usd=Decimal(2))
    first = governor.reserve(request)
    assert first.reservation is not None
    governor.release(first.reservation)
    with governor.call("m", session_id="s", input_tokens=10, tags={"team": "search"}) as call:
        call.used(Usage(10, 20))
    governor.reserve(governor.request("m", session_id="s", input_tokens=10))
    clock.move(timedelta(seconds=61))
    governor.reset(ResetRequest("day", "ana", "new sprint"))
    runtime.bookkeeping.drain(governor.store)
    with open_ledger(runtime.ledger_path) as ledger:
        events = rows(ledger.connection.execute("SELECT * FROM audit_event ORDER BY position"))
        records = rows(ledger.connection.execute("SELECT * FROM usage_record"))
    assert {one["kind"] for one in events} >= {
        "override_granted", "override_restored", "reset_applied", "reservation_expired"
    }  # fmt: skip
    for one in events:
        del one["store_id"], one["seq"]
        one["kind"] = AuditKind(one["kind"])
        assert complaints("audit-event", AUDIT_EVENT.body(AuditEvent(**one))) == []
    assert {one["source"] for one in records} == {"priced", "presumed"}
    for one in records:
        assert complaints("usage-record", one) == []


def rows(result: Any) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_the_usage_record_schema_names_the_columns_of_the_ledger(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l.duckdb", write=True) as ledger:
        found = ledger.connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = $table",
            {"table": LedgerTable.USAGE_RECORD},
        ).fetchall()
    schema = json.loads((SCHEMAS / "usage-record.schema.json").read_text())
    assert set(schema["properties"]) == {name for (name,) in found}


def test_the_audit_schema_names_every_kind() -> None:
    schema = json.loads((SCHEMAS / "audit-event.schema.json").read_text())
    assert schema["properties"]["kind"]["enum"] == [*AuditKind]
