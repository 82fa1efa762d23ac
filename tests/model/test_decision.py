"""The value of an evaluation."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.model.budget import Budget, Rung
from corvus.model.decision import BudgetState, BudgetStatus, Decision, Denial
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BUDGET = Budget("day", Period.DAY, NanoUSD(10), (80,), "cost.daily_limit_usd")
STATUS = BudgetStatus(BUDGET, BudgetState.WARNING, NanoUSD(4), NanoUSD(3), NanoUSD(9))
FULL = Decision(
    state=BudgetState.WARNING,
    statuses=(STATUS,),
    denial=Denial.MISSION_ENDED,
    estimate_nano_usd=NanoUSD(2),
    reservation=None,
    override_id="override",
    override_possible=True,
    max_affordable_output_tokens=7,
    replayed=True,
    policy_hash="sha256:0",
    session_id="s",
    mission_id="m",
    model="demo",
    resembling=("acme/demo",),
    output_cap_tokens=5,
    downgraded_from="big",
    waited_seconds=1.5,
    approval_id="approval",
    rungs=(Rung.CAP,),
)
HOLD = Reservation(
    "019abcde-0000-7000-8000-000000000001",
    Request("m", NanoUSD(2), "s"),
    ReservationState.HELD,
    NanoUSD(2),
    NOW,
    NOW + timedelta(minutes=10),
    "sha256:0",
)


def test_an_admitting_decision_differs_by_its_reservation_alone() -> None:
    defaults = {field.name: field.default for field in fields(Decision)}
    unset = [name for name in defaults if getattr(FULL, name) == defaults[name]]
    assert unset == ["reservation"]
    assert FULL.admitting(HOLD) == replace(FULL, reservation=HOLD)
