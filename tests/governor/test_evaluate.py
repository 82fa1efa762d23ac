"""The evaluation rule, with the vectors UP-V1 to UP-V11 that users of the upstream expect."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import NanoUSD, nano_usd
from corvus.base.period import Period
from corvus.governor.evaluate import NO_CALL, Balance, evaluate
from corvus.model.budget import Amounts, Budget, Measure
from corvus.model.decision import BudgetState

ORDER = (Period.SESSION, Period.DAY, Period.MONTH, Period.MISSION)


def balances(
    limits: dict[str, str], spent: dict[str, str] | str, warn: int = 80, held: str = "0"
) -> list[Balance]:
    result: list[Balance] = []
    for period in ORDER:
        if period.value not in limits:
            continue
        budget = Budget(period.value, period, usd(limits[period.value]), (warn,), f"cost.{period}")
        amount = spent if isinstance(spent, str) else spent.get(period.value, "0")
        result.append(Balance(budget, usd(amount), usd(held)))
    return result


def usd(amount: str) -> NanoUSD:
    return nano_usd(Decimal(amount))


@pytest.mark.parametrize(
    ("limits", "spent", "warn", "estimate", "state", "governing", "percent"),
    [
        # V1: a tie of session and day at 80 % is governed by the later one
        ({"session": "10", "day": "10", "month": "100"}, "7.5", 80, "0.5", "warning", "day", 80),
        # V2: 5.1 of 5
        (
            {"session": "5", "day": "10", "month": "100"},
            "4.9",
            80,
            "0.2",
            "exceeded",
            "session",
            102,
        ),
        # V3: exactly at the limit is not exceeded
        ({"session": "0", "day": "10", "month": "0"}, "9", 80, "1.0", "warning", "day", 100),
        # V4: a millionth of a dollar above is
        ({"session": "0", "day": "10", "month": "0"}, "9", 80, "1.000001", "exceeded", "day", None),
        # V5: the mission blocks although the session has room
        (
            {"session": "10", "mission": "1.0"},
            {"mission": "0.95"},
            80,
            "0.1",
            "exceeded",
            "mission",
            105,
        ),
        # V7: a threshold of 0 always warns
        ({"session": "0", "day": "10", "month": "0"}, "0", 0, "0", "warning", "day", 0),
        # V8: a threshold of 100 warns only exactly at the limit
        ({"session": "0", "day": "10", "month": "0"}, "9.99", 100, "0", "allowed", "day", None),
        # V9: limits of 0 never block; the last scope governs
        ({"session": "0", "day": "0", "month": "0"}, "1000", 80, "5", "allowed", "month", 0),
        # V10: 150 % beats 120 %
        ({"session": "5", "day": "0", "month": "4"}, "6", 80, "0", "exceeded", "month", 150),
        # V11: 83.3 % of the session is the only warning
        ({"session": "3", "day": "5", "month": "25"}, "2.5", 80, "0", "warning", "session", None),
    ],
)
def test_vector(
    limits: dict[str, str],
    spent: dict[str, str] | str,
    warn: int,
    estimate: str,
    state: str,
    governing: str,
    percent: int | None,
) -> None:
    decision = evaluate(balances(limits, spent, warn), Amounts(usd(estimate)))
    assert decision.state.word == state
    assert decision.governing is not None
    assert decision.governing.budget.name == governing
    if percent is not None:
        assert decision.governing.percent_used == percent


def test_held_money_counts_like_spent_money() -> None:
    """EVA-2: status and enforcement use the same sum, so that they cannot disagree."""
    decision = evaluate(balances({"day": "10"}, "5", held="5.5"), Amounts(usd("0")))
    assert decision.state is BudgetState.EXCEEDED
    assert decision.statuses[0].projected == usd("10.5")


def test_all_statuses_are_told_the_governing_one_first() -> None:
    decision = evaluate(
        balances({"session": "3", "day": "5", "month": "25"}, "2.5"), Amounts(usd("0"))
    )
    assert [status.budget.name for status in decision.statuses] == ["session", "day", "month"]
    assert decision.statuses[0].percent_used == Fraction(250, 3)


def test_sums_that_floats_get_wrong_are_right() -> None:
    """0.1 + 0.2 against 0.3 is exactly at the limit (UP-EST-8: the upstream blocks it)."""
    assert (
        evaluate(balances({"day": "0.3"}, "0.1"), Amounts(usd("0.2"))).state is BudgetState.WARNING
    )


@pytest.mark.parametrize("amount", [-1, 1.5, True, "1"])
def test_an_estimate_that_is_no_amount_is_refused(amount: object) -> None:
    with pytest.raises(ValueError, match="an integer >= 0"):
        evaluate([], Amounts(amount))  # pyright: ignore[reportArgumentType] - the point of the test


@pytest.mark.parametrize("name", ["spent", "held"])
@pytest.mark.parametrize("amount", [-1, 1.5, True])
def test_a_balance_that_is_no_amount_is_refused_by_name(name: str, amount: object) -> None:
    """EVA-10: a negative balance would make room that nobody granted."""
    budget = Budget("day", Period.DAY, NanoUSD(10), (80,), "cost.daily_limit_usd")
    amounts: dict[str, Any] = {"spent": 0, name: amount}
    with pytest.raises(ValueError, match=f"^{name} must be an integer >= 0"):
        evaluate([Balance(budget, **amounts)], NO_CALL)


def test_without_a_matching_budget_a_call_is_allowed() -> None:
    decision = evaluate([], Amounts(5))
    assert decision.state is BudgetState.ALLOWED
    assert decision.governing is None


@given(
    limit=st.integers(0, 10**12),
    spent=st.integers(0, 10**12),
    held=st.integers(0, 10**12),
    estimate=st.integers(0, 10**12),
    warn=st.integers(0, 100),
)
def test_a_call_passes_exactly_when_it_fits(
    limit: int, spent: int, held: int, estimate: int, warn: int
) -> None:
    budget = Budget("day", Period.DAY, NanoUSD(limit), (warn,), "cost.daily_limit_usd")
    state = evaluate([Balance(budget, NanoUSD(spent), NanoUSD(held))], Amounts(estimate)).state
    fits = limit == 0 or spent + held + estimate <= limit
    assert (state is not BudgetState.EXCEEDED) == fits


@pytest.mark.parametrize("name", ["spent", "held"])
def test_a_stored_sum_beyond_the_largest_amount_is_refused(name: str) -> None:
    """EVA-10: up to 9e18 nano-USD every sum of three fits; beyond, the store is damaged."""
    budget = Budget("day", Period.DAY, usd("1"), (80,), "cost.daily_limit_usd")
    full: dict[str, Any] = {"spent": 0, name: 9 * 10**18}
    assert evaluate([Balance(budget, **full)], NO_CALL).state is BudgetState.EXCEEDED
    full[name] += 1
    with pytest.raises(ValueError, match=f"^{name} must be at most 9000000000000000000"):
        evaluate([Balance(budget, **full)], NO_CALL)


def test_a_budget_counts_in_its_measure() -> None:
    """CFG-10: a call is judged by its tokens, or as one call, where that is the unit."""
    call = Amounts(nano_usd=usd("100"), tokens=50, calls=1)
    tokens = Budget("t", Period.DAY, 100, (80,), "k", measure=Measure.TOKENS)
    calls = Budget("c", Period.DAY, 3, (80,), "k", measure=Measure.CALLS)
    assert evaluate([Balance(tokens, 50), Balance(calls, 1, 1)], call).allowed
    refused = evaluate([Balance(tokens, 51), Balance(calls, 1, 2)], call)
    assert [(one.budget.name, one.projected) for one in refused.statuses] == [("c", 4), ("t", 101)]
    assert not refused.allowed


def test_a_budget_that_only_warns_never_refuses() -> None:
    """CFG-10: it is over its limit, and says so."""
    budget = Budget("w", Period.DAY, 10, (50, 80), "k", enforce="warn")
    decision = evaluate([Balance(budget, 25)], Amounts(5))
    assert (decision.allowed, decision.state) == (True, BudgetState.WARNING)
    assert decision.statuses[0].percent_used == 300


def test_a_part_has_the_limit_that_is_stated_for_it() -> None:
    """CFG-10: exceptions by value, the first that matches; 0 switches the limit off."""
    key = "cost.budgets[0].limit_usd"
    limits = (("ana", 50), ("a*", 20), ("root", 0))
    budget = Budget("b", Period.DAY, 10, (), key, per=("user",), limits=limits)
    stated = {part: budget.for_part(part).limit for part in ("ana", "alf", "bob", "root", "(none)")}
    assert stated == {"ana": 50, "alf": 20, "bob": 10, "root": 0, "(none)": 10}
    assert budget.for_part("alf").config_key == 'cost.budgets[0].limits."a*"'
