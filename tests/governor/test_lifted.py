"""The audit of an override says what it lifted, where and for whom (OVR-6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from corvus.events import BudgetOverride
from corvus.model.steering import OverrideRequest
from tests.governor.conftest import Bench, MakeBench

LIMITS = """
[cost]
enabled = true
session_limit_usd = 1
daily_limit_usd = 2
monthly_limit_usd = 0
allow_override = true
"""


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(LIMITS)


def audited(one: Bench, kind: str) -> dict[str, Any]:
    (row,) = (row for row in one.rows("audit_event") if row["kind"] == kind)
    details = row.get("details")
    return {**row, "details": json.loads(str(details)) if details else None}


def told(one: Bench, action: str) -> BudgetOverride:
    (event,) = (
        event
        for event in one.events
        if isinstance(event, BudgetOverride) and event.action == action
    )
    return event


def test_the_use_names_every_budget_it_lifted_with_its_figures(one: Bench) -> None:
    one.spend("1", "s")
    one.governor.override(OverrideRequest("ops", "release"))
    assert one.ask("5", "s").allowed
    row = audited(one, "override_consumed")
    lifted = row["details"]["lifted"]
    assert {each["budget"]: each["projected_nano_usd"] for each in lifted} == {
        "session": 6_000_000_000,
        "day": 6_000_000_000,
    }
    assert row["budget"] == lifted[0]["budget"] == "session", "the governing one"
    (day,) = (each for each in lifted if each["budget"] == "day")
    assert day == {
        "budget": "day",
        "period": "day",
        "window_start": "2026-11-25T00:00:00+00:00",
        "resets_at": "2026-11-26T00:00:00+00:00",
        "limit_nano_usd": 2_000_000_000,
        "spent_nano_usd": 1_000_000_000,
        "held_nano_usd": 0,
        "projected_nano_usd": 6_000_000_000,
    }


def test_only_what_was_exceeded_was_lifted(one: Bench) -> None:
    one.governor.override(OverrideRequest("ops"))
    assert one.ask("1.5", "s").allowed
    lifted = audited(one, "override_consumed")["details"]["lifted"]
    assert [each["budget"] for each in lifted] == ["session"]


def test_the_use_carries_the_session_of_the_call(one: Bench) -> None:
    """Also where the override is bound to none."""
    one.governor.override(OverrideRequest("ops"))
    held = one.hold("5", "s")
    assert audited(one, "override_consumed")["session_id"] == "s"
    assert audited(one, "override_granted").get("session_id") is None
    one.governor.release(held)
    assert audited(one, "override_restored")["session_id"] == "s"
    assert [told(one, each).session_id for each in ("granted", "consumed", "restored")] == [
        None,
        "s",
        "s",
    ]


def test_the_grant_names_what_is_blocked_at_that_moment(one: Bench) -> None:
    """A budget that is not full and refuses every call is blocked too."""
    one.spend("0.5", "s")
    assert not one.ask("5", "s").allowed
    one.governor.override(OverrideRequest("ops", session_id="s"))
    row = audited(one, "override_granted")
    assert [each["budget"] for each in row["details"]["blocked"]] == ["session", "day"]
    assert row["budget"] == "session"


def test_a_grant_while_nothing_is_blocked_names_nothing(one: Bench) -> None:
    one.governor.override(OverrideRequest("ops"))
    row = audited(one, "override_granted")
    assert (row.get("budget"), row["details"]) == (None, None)


def test_events_tell_the_state_before_and_its_period(one: Bench) -> None:
    one.spend("1", "s")
    one.governor.override(OverrideRequest("ops", session_id="s"))
    one.hold("5", "s")
    granted, consumed = told(one, "granted"), told(one, "consumed")
    assert (granted.previous_state, granted.period) == ("warning", "session")
    assert (consumed.previous_state, consumed.period) == ("exceeded", "session")
