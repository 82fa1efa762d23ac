"""``corvus cost summary`` where calls are governed: what the store knows beside (CLI-1)."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from corvus import Usage
from corvus.base.money import NanoUSD
from corvus.cli.exits import Exit
from tests.cli.places import CONFIG, Place
from tests.fakes import FrozenClock

UPSTREAM = [
    "session_id", "budget_state", "active_period", "active_scope", "session_cost_usd",
    "daily_cost_usd", "monthly_cost_usd", "request_count", "total_tokens", "percent_used_session",
    "percent_used_daily", "percent_used_monthly", "cost_enabled", "session_limit_usd",
    "daily_limit_usd", "monthly_limit_usd", "warn_at_percent", "allow_override",
]  # fmt: skip


def lines(place: Place, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert place.run("cost", "summary", *words) == Exit.CLEAN
    return capsys.readouterr().out.splitlines()


def test_lines_are_the_upstreams_in_its_order_then_ours_then_the_budgets(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(125)
    place.hold(50)
    place.spend(100, "b")
    place.run("cost", "override", "--session", "a")
    found = lines(place, capsys, "--session", "a")
    with place.governor() as governor:
        (override,) = governor.status("a").overrides
    assert [line.partition("=")[0] for line in found[:18]] == UPSTREAM
    assert found[:12] == [
        "session_id=a",
        # 1.25 + 0.5 of 2 is 87.5 %; 2.75 of 4 is 68.75 %
        "budget_state=warning",
        "active_period=session",
        "active_scope=session",
        "session_cost_usd=1.2500",
        "daily_cost_usd=2.2500",
        "monthly_cost_usd=2.2500",
        "request_count=1",
        "total_tokens=120",
        "percent_used_session=87.50",
        "percent_used_daily=68.75",
        "percent_used_monthly=0.00",
    ]
    assert found[21:-5] == [
        "session_outcome=warned",
        "mission_id=none",
        "mission_state=none",
        "mission_steps=none",
        f"override_id={override.id}",
        "override_session_id=a",
        "override_expires_at=2026-11-18T13:00:00+00:00",
        "blocking=none",
        "budget=session state=warning spent_usd=1.2500 held_usd=0.5000 limit_usd=2.0000 "
        "percent_used=87.50 calls=1 unpriced_calls=0 resets_at=none blocking=false refusals=0",
        "budget=day state=allowed spent_usd=2.2500 held_usd=0.5000 limit_usd=4.0000 "
        "percent_used=68.75 calls=2 unpriced_calls=0 resets_at=2026-11-19T00:00:00+00:00 "
        "blocking=false refusals=0",
        "budget=month state=allowed spent_usd=2.2500 held_usd=0.5000 limit_usd=0.0000 "
        "percent_used=0.00 calls=2 unpriced_calls=0 resets_at=2026-12-01T00:00:00+00:00 "
        "blocking=false refusals=0",
        "budget=opus-week state=allowed spent_usd=0.0000 held_usd=0.0000 limit_usd=3.0000 "
        "percent_used=0.00 calls=0 unpriced_calls=0 resets_at=2026-11-23T00:00:00+00:00 "
        "blocking=false refusals=0",
    ]
    assert [line.partition("=")[0] for line in found[-5:]] == [
        "month_low_usd",
        "month_high_usd",
        "month_unknown_calls",
        "month_at_least_calls",
        "month_estimated_calls",
    ]


def test_what_was_reset_no_longer_counts_and_the_ledger_still_knows_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """EVA-12: by the rule that enforces; --as-of asks the ledger."""
    place.spend(125)
    place.run("cost", "reset", "--scope", "day", "--yes")
    assert "daily_cost_usd=0.0000" in lines(place, capsys)
    recorded = lines(place, capsys, "--as-of", "2026-11-18T12:30:00Z")
    assert "daily_cost_usd=1.2500" in recorded
    assert not [line for line in recorded if line.startswith(("override_", "session_outcome"))]


def test_a_session_that_was_refused_says_so(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """SES-2: also when it is within its budgets now."""
    place.spend(100)
    assert not place.hold(150)
    assert "session_outcome=blocked" in lines(place, capsys, "--session", "a")
    assert "session_outcome=none" in lines(place, capsys, "--session", "unheard-of")


def test_a_mission_is_told_while_it_runs_and_after(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    with place.governor() as governor:
        mission = governor.session("a").mission("m 1", limit_usd=Decimal(1), max_steps=3)
        with mission:
            mission.step()
            request = governor.request(
                "m", estimate_usd=Decimal("0.25"), session_id="a", mission_id="m 1"
            )
            admitted = governor.reserve(request).reservation
            assert admitted is not None
            governor.commit(admitted, Usage(1, 1), cost_nano_usd=NanoUSD(250_000_000))
            found = lines(place, capsys, "--session", "a")
    assert {'mission_id="m 1"', "mission_state=running", "mission_steps=1"} <= {*found}
    (budget,) = [line for line in found if line.startswith("budget=mission")]
    assert "spent_usd=0.2500 held_usd=0.0000 limit_usd=1.0000 percent_used=25.00" in budget
    assert "mission_id=none" in lines(place, capsys, "--session", "a")
    ended = lines(place, capsys, "--session", "a", "--mission", "m 1")
    assert "mission_state=completed" in ended
    assert place.run("cost", "summary", "--mission", "m 1") == Exit.USAGE


def test_json_says_where_it_is_from(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.spend(125)
    place.run("cost", "override", "--reason", "later")
    found = json.loads("".join(lines(place, capsys, "--session", "a", "--format", "json")))
    assert (found["source"], found["session_outcome"], found["mission"]) == (
        "store", "within_budget", None
    )  # fmt: skip
    assert [(one["session_id"], one["reason"]) for one in found["overrides"]] == [(None, "later")]
    recorded = [
        "--session", "a", "--format", "json", "--as-of", "2026-11-18T13:00:00Z"
    ]  # fmt: skip
    found = json.loads("".join(lines(place, capsys, *recorded)))
    assert (found["source"], found["overrides"]) == ("ledger", [])


def test_a_table_tells_of_holds_overrides_missions_and_the_latest_session(
    place: Place, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(25, "b")
    clock.move(timedelta(minutes=1))
    place.hold(50, "a")
    place.run("cost", "override", "--session", "a", "--expires-in", "30m")
    shown = " ".join(lines(place, capsys, "--format", "table"))
    assert "the latest is --session a" in shown
    assert "$0.50" in shown
    shown = " ".join(lines(place, capsys, "--session", "a", "--format", "table"))
    assert "session so far: within budget" in shown
    assert "lifts the next block of session a, for 30 min" in " ".join(shown.split())


def test_looking_with_other_limits_is_no_change_of_limits(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """AUD-1: what-if questions leave no trace in the audit."""
    place.spend(25)
    assert "daily_limit_usd=1.0000" in lines(place, capsys, "--set", "cost.daily_limit_usd=1")
    assert place.runtime.audit(10) == []


def test_a_budget_that_the_store_did_not_count_yet_is_counted_in(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """STO-2."""
    place.spend(25)
    more = '\n[[cost.budgets]]\nname = "all"\nperiod = "total"\nlimit_usd = 5\n'
    place.config.write_text(CONFIG + more)
    (line,) = [line for line in lines(place, capsys) if line.startswith("budget=all ")]
    assert "spent_usd=0.2500" in line


def test_a_damaged_store_is_told_and_not_taken_for_an_empty_one(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(25)
    place.store.write_bytes(b"no database at all" * 100)
    for command in ("summary", "budgets"):
        capsys.readouterr()
        assert place.run("cost", command) == Exit.LEDGER_UNAVAILABLE
        told = capsys.readouterr()
        assert (told.out, "is no store, or is damaged" in told.err) == ("", True)
