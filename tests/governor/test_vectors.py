"""The upstream's test vectors (UP-V1 to UP-V23), with our deliberate differences.

V12 and V13 (prices, estimates) stand in tests/prices/test_cost.py, V16 and V17 (history) in
tests/cli/test_history_command.py, V19 (a table without prices) in tests/prices/test_book.py, V20
(the deprecated alias) in tests/config/check/test_aliases.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from corvus.base.errors import StoreCorrupt
from corvus.model.decision import BudgetState
from corvus.model.steering import OverrideRequest, ResetRequest
from corvus.store.api import BalanceKey
from corvus.store.unit import Unit
from tests.governor.conftest import MakeBench, dollars

COST = """
[cost]
enabled = true
session_limit_usd = {}
daily_limit_usd = {}
monthly_limit_usd = {}
"""


def config(session: str, day: str, month: str, more: str = "") -> str:
    return COST.format(session, day, month) + more


def test_v1_at_the_threshold_three_budgets_tie_below_and_the_later_of_equals_governs(
    bench: MakeBench,
) -> None:
    one = bench(config("10", "10", "100"))
    one.spend("7.5")
    decision = one.ask("0.5")
    governing = decision.governing
    assert governing is not None
    assert (decision.state, governing.budget.name) == (BudgetState.WARNING, "day")
    assert dollars(governing.spent) == "7.5"
    assert dollars(governing.projected) == "8"
    assert governing.percent_used == 80


def test_v2_a_session_over_its_limit_is_exceeded_with_102_percent(bench: MakeBench) -> None:
    one = bench(config("5", "10", "100"))
    one.spend("4.9")
    decision = one.ask("0.2")
    governing = decision.governing
    assert governing is not None
    assert (decision.denial, governing.budget.name) == ("budget_exceeded", "session")
    assert dollars(governing.projected) == "5.1"
    assert governing.percent_used == 102


def test_v3_exactly_at_the_limit_warns_and_is_admitted(bench: MakeBench) -> None:
    one = bench(config("0", "10", "0"))
    one.spend("9")
    decision = one.ask("1.0")
    assert decision.allowed
    assert decision.state is BudgetState.WARNING
    assert decision.governing is not None
    assert decision.governing.percent_used == 100


def test_v4_a_millionth_above_the_limit_is_exceeded(bench: MakeBench) -> None:
    one = bench(config("0", "10", "0"))
    one.spend("9")
    assert one.ask("1.000001").denial == "budget_exceeded"


def test_v5_a_mission_blocks_on_its_own_limit(bench: MakeBench) -> None:
    one = bench(config("10", "0", "0"))
    with one.governor.session("s").mission("fix", limit_usd=1):
        one.spend("0.95", mission_id="fix")
        decision = one.ask("0.1", mission_id="fix")
        governing = decision.governing
        assert governing is not None
        assert (decision.denial, governing.budget.name) == ("budget_exceeded", "mission")
        assert dollars(governing.budget.limit) == "1"


def test_v6_a_hold_blocks_until_it_is_released(bench: MakeBench) -> None:
    one = bench(config("1", "10", "100"))
    first = one.hold("0.75")
    denied = one.ask("0.3")
    assert denied.governing is not None
    assert dollars(denied.governing.spent) == "0"
    assert dollars(denied.governing.projected) == "1.05"
    assert not denied.allowed
    one.governor.release(first)
    assert one.ask("0.3").allowed


def test_v7_a_threshold_of_0_always_warns(bench: MakeBench) -> None:
    one = bench(config("0", "10", "0", "warn_at_percent = 0\n"))
    decision = one.ask("0")
    assert (decision.allowed, decision.state) == (True, BudgetState.WARNING)


def test_v8_a_threshold_of_100_does_not_warn_below_the_limit(bench: MakeBench) -> None:
    one = bench(config("0", "10", "0", "warn_at_percent = 100\n"))
    one.spend("9.99")
    assert one.ask("0").state is BudgetState.ALLOWED


def test_v9_with_every_limit_0_anything_passes_and_the_month_is_shown(bench: MakeBench) -> None:
    one = bench(config("0", "0", "0"))
    assert one.ask("1000000").allowed
    status = one.governor.status("s").decision
    assert [each.state for each in status.statuses] == [BudgetState.ALLOWED] * 3
    assert status.governing is not None
    assert status.governing.budget.name == "month"


def test_v10_the_budget_that_is_further_over_governs_the_summary(bench: MakeBench) -> None:
    one = bench(config("0", "0", "0"))
    one.spend("6")
    status = bench(config("5", "0", "4")).governor.status("s").decision
    assert status.governing is not None
    assert (status.state, status.governing.budget.name) == (BudgetState.EXCEEDED, "month")
    assert status.governing.percent_used == 150


def test_v11_a_summary_warns_for_the_session(bench: MakeBench) -> None:
    one = bench(config("3", "5", "25"))
    one.spend("2.5")
    status = one.governor.status("s").decision
    assert status.governing is not None
    assert (status.state, status.governing.budget.name) == (BudgetState.WARNING, "session")
    percents = {each.budget.name: round(float(each.percent_used), 1) for each in status.statuses}
    assert percents == {"session": 83.3, "day": 50, "month": 10}


def test_v14_an_override_lets_one_call_pass_and_the_next_is_blocked(bench: MakeBench) -> None:
    one = bench(config("0", "1", "0", "allow_override = true\n"))
    one.spend("1")
    one.governor.override(OverrideRequest("ana"))
    first, second = one.ask("0.5"), one.ask("0.5")
    assert (first.allowed, first.override_id is not None, second.allowed) == (True, True, False)
    assert one.audit() == ["override_granted", "override_consumed"]


def test_v15_at_its_expiry_an_override_is_expired(bench: MakeBench) -> None:
    one = bench(config("0", "1", "0", "allow_override = true\n"))
    one.spend("1")
    one.governor.override(OverrideRequest("ana", expires_in=timedelta(minutes=5)))
    one.clock.move(timedelta(minutes=5))
    assert not one.ask("0.5").allowed
    assert one.audit() == ["override_granted", "override_expired"]


def test_v18_a_session_reset_removes_its_own_spend_and_changes_no_other_scope(
    bench: MakeBench,
) -> None:
    """Upstream deletes, so its day falls to 2.0; here a reset is a baseline of one scope."""
    one = bench(config("10", "10", "100"))
    one.spend("1.5", "own")
    one.spend("2.0", "foreign")
    result = one.governor.reset(ResetRequest("session", "ana", session_id="own"))
    assert (result.removed_requests, dollars(result.removed_cost_nano_usd)) == (1, "1.5")
    assert one.spent("session", "own") == "0+0"
    assert one.spent("session", "foreign") == "2+0"
    assert one.spent("day") == "3.5+0"


def test_v21_a_mission_whose_figures_went_backwards_fails_closed(bench: MakeBench) -> None:
    """MIS-3."""
    one = bench(config("10", "0", "0"))
    with one.governor.session("s").mission("fix", limit_usd=10):
        one.spend("5", mission_id="fix")
        (mission,) = [
            budget_id
            for budget_id, budget in one.governor.engine.rules.budgets.items()
            if budget.name == "mission"
        ]

        def set_back(unit: Unit) -> None:
            balance = unit.balance(BalanceKey(mission, 0, "s", "fix"))
            balance.spent_nano_usd = -1
            unit.put_balance(balance)

        one.governor.store.run(set_back)
        with pytest.raises(StoreCorrupt, match="went below 0"):
            one.ask("0.01", mission_id="fix")


def test_v22_of_fifty_concurrent_calls_exactly_ten_fit(bench: MakeBench) -> None:
    one = bench(config("0", "1.00", "0"))
    with ThreadPoolExecutor(50) as pool:
        decisions = [*pool.map(one.ask, ["0.10"] * 50)]
    assert sum(decision.allowed for decision in decisions) == 10


def test_v23_of_twenty_concurrent_calls_over_budget_an_override_lets_one_pass(
    bench: MakeBench,
) -> None:
    one = bench(config("0", "1", "0", "allow_override = true\n"))
    one.spend("1")
    one.governor.override(OverrideRequest("ana"))
    with ThreadPoolExecutor(20) as pool:
        decisions = [*pool.map(one.ask, ["0.10"] * 20)]
    assert sum(decision.allowed for decision in decisions) == 1
