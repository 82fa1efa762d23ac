"""What a settlement causes is seen as what an admission causes is (EVA-15, SES-2, MIS-4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.money import nano_usd
from corvus.events import BudgetRefusal, BudgetWarning, CallDenied, LimitPassed
from corvus.model.decision import BudgetState
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionOutcome, MissionRequest, OverrideRequest
from tests.governor.conftest import Bench, MakeBench
from tests.properties import examples

TEN = """
[cost]
enabled = true
session_limit_usd = 0
daily_limit_usd = 10
monthly_limit_usd = 0
allow_override = true
"""
SESSION = TEN.replace("daily", "other").replace("session", "daily").replace("other", "session")
Cause = Callable[[Bench, Reservation, str], object]


def commit(one: Bench, held: Reservation, usd: str) -> None:
    one.governor.commit(held, cost_nano_usd=nano_usd(Decimal(usd)))


def raise_hold(one: Bench, held: Reservation, usd: str) -> None:
    one.governor.extend(held, hold_usd=Decimal(usd))


def commit_late(one: Bench, held: Reservation, usd: str) -> None:
    """Commit what had expired and was presumed at its hold."""
    one.clock.move(timedelta(hours=1))
    one.governor.status()
    commit(one, held, usd)


def expire_raised(one: Bench, held: Reservation, usd: str) -> None:
    """Die holding a raised hold; what is told at the raise is not told again."""
    raise_hold(one, held, usd)
    one.clock.move(timedelta(hours=1))
    one.governor.status()


CAUSES: tuple[Cause, ...] = (commit, raise_hold, commit_late, expire_raised)


def told(one: Bench, *kinds: type) -> list[tuple[str, str, str]]:
    return [
        (type(event).__name__, event.threshold.budget, event.threshold.session_id)
        for event in one.events
        if isinstance(event, BudgetWarning | BudgetRefusal | LimitPassed)
        and (not kinds or isinstance(event, kinds))
    ]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_threshold_that_is_crossed_after_admission_is_told_once(
    bench: MakeBench, cause: Cause
) -> None:
    one = bench(TEN)
    cause(one, one.hold("0.1"), "8.4")
    assert told(one) == [("BudgetWarning", "day", "s")]
    one.hold("0.1", "next")
    transitions = [each for each in one.events if isinstance(each, BudgetWarning)]
    assert [each.is_transition for each in transitions] == [True, False]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_limit_that_is_passed_after_admission_is_told_and_is_no_refusal(
    bench: MakeBench, cause: Cause
) -> None:
    one = bench(TEN)
    cause(one, one.hold("0.1"), "15")
    assert told(one) == [("BudgetWarning", "day", "s"), ("LimitPassed", "day", "s")]
    assert not [each for each in one.events if isinstance(each, CallDenied)]
    assert not one.ask("0.1", "next").allowed
    assert told(one, LimitPassed, BudgetRefusal) == [
        ("LimitPassed", "day", "s"),
        ("BudgetRefusal", "day", "next"),
    ]


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(
    ("usd", "outcome"),
    [("1", "within_budget"), ("8.4", "warned"), ("10", "warned"), ("15", "blocked")],
)
def test_the_outcome_of_a_session_follows_what_its_calls_cost(
    bench: MakeBench, cause: Cause, usd: str, outcome: str
) -> None:
    one = bench(SESSION)
    cause(one, one.hold("0.1"), usd)
    record = one.governor.status("s").session
    assert record is not None
    assert record.outcome == outcome
    assert one.governor.close_session("s").outcome == outcome


def test_a_session_that_was_closed_learns_what_its_last_call_cost(bench: MakeBench) -> None:
    one = bench(SESSION)
    held = one.hold("0.1")
    one.governor.close_session("s")
    commit(one, held, "15")
    rows = [(row["event"], row["outcome"]) for row in one.rows("session")]
    assert rows == [("opened", "within_budget"), ("closed", "within_budget"), ("state", "blocked")]


def test_a_mission_is_exhausted_by_what_its_call_cost(bench: MakeBench) -> None:
    one = bench(TEN)
    one.governor.start_mission(MissionRequest("s", "m", nano_usd(Decimal(1))))
    commit(one, one.hold("0.1", mission_id="m"), "2")
    assert told(one, LimitPassed) == [("LimitPassed", "mission", "s")]
    ended = one.governor.end_mission("s", "m", MissionOutcome.COMPLETED)
    assert ended.outcome is MissionOutcome.BUDGET_EXHAUSTED


def test_a_mission_that_ended_learns_what_its_last_call_cost(bench: MakeBench) -> None:
    one = bench(TEN)
    one.governor.start_mission(MissionRequest("s", "m", nano_usd(Decimal(1))))
    held = one.hold("0.1", mission_id="m")
    one.governor.end_mission("s", "m", MissionOutcome.COMPLETED)
    commit(one, held, "2")
    assert one.governor.mission("s", "m").outcome is MissionOutcome.BUDGET_EXHAUSTED
    assert one.rows("mission")[-1]["outcome"] == MissionOutcome.BUDGET_EXHAUSTED


def test_a_settlement_that_crosses_nothing_writes_no_more_than_before(bench: MakeBench) -> None:
    one = bench(SESSION)
    held = one.hold("1")
    before = len(one.rows("session")), len(one.events)
    commit(one, held, "0.9")
    assert (len(one.rows("session")), len(one.events)) == (before[0], before[1] + 1)


def test_a_refused_call_brings_no_budget_to_a_threshold(bench: MakeBench) -> None:
    """It would hide the warning that is due when the money is really spent."""
    one = bench(TEN)
    assert not one.ask("50").allowed
    commit(one, one.hold("0.1"), "8.4")
    assert told(one, BudgetWarning) == [("BudgetWarning", "day", "s")]


def test_what_an_override_lifted_is_not_told_again_by_its_settlement(bench: MakeBench) -> None:
    one = bench(TEN)
    one.governor.override(OverrideRequest("ops"))
    commit(one, one.hold("20"), "20")
    assert told(one) == []


def test_the_worst_state_that_the_sum_has_reached_is_that_of_the_session(
    bench: MakeBench,
) -> None:
    one, numbers = bench(SESSION), count()

    @settings(max_examples=examples(60, by_day=25), deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), max_size=12))
    def holds(calls: list[tuple[int, int]]) -> None:
        """Estimates and costs in tenths of a dollar, against $10."""
        session = f"s{next(numbers)}"
        worst, spent = BudgetState.ALLOWED, 0
        for estimate, cost in calls:
            decision = one.ask(f"{estimate / 10}", session)
            worst = max(worst, decision.state)
            if decision.reservation is None:
                continue
            commit(one, decision.reservation, f"{cost / 10}")
            spent += cost
            if spent >= 80:
                worst = max(worst, BudgetState.WARNING if spent <= 100 else BudgetState.EXCEEDED)
        record = one.governor.status(session).session
        assert (record.worst if record else BudgetState.ALLOWED) is worst
        passed = [told for told in told_of(one, session) if told == "LimitPassed"]
        assert len(passed) == (1 if spent > 100 else 0), "the session passes its limit once"

    holds()


def told_of(one: Bench, session: str) -> list[str]:
    return [name for name, _, named in told(one) if named == session]
