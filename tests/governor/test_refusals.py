"""What a budget refuses is kept beside its sum, so that operators see it (DSH-4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from corvus.answers.budgets import budget_bodies
from corvus.answers.status import summary_body
from corvus.model.refusals import Refusals
from corvus.model.steering import ResetRequest
from tests.governor.conftest import Bench, MakeBench, dollars

LIMITS = """
[cost]
enabled = true
session_limit_usd = 5
daily_limit_usd = 10
monthly_limit_usd = 0
"""


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(LIMITS)


def refusals(one: Bench, budget: str, session: str = "s") -> Refusals | None:
    return one.governor.status(session).refusals.get(budget)


def blocking(one: Bench, session: str = "s") -> tuple[str, ...]:
    return one.governor.status(session).blocking


def test_a_budget_counts_what_it_refused_and_keeps_the_last(one: Bench) -> None:
    one.spend("1")
    for usd in ("20", "30"):
        one.clock.move(timedelta(minutes=1))
        assert not one.ask(usd).allowed
    day, session = refusals(one, "day"), refusals(one, "session")
    assert day is not None
    assert session is not None
    assert (day.count, dollars(day.needed), dollars(day.left)) == (2, "30", "9")
    assert (session.count, dollars(session.left)) == (2, "4")
    assert (day.model, day.last_at, day.is_blocking) == ("m", one.clock.now(), True)


def test_only_the_budgets_that_were_exceeded_refused(one: Bench) -> None:
    assert not one.ask("6").allowed
    assert blocking(one) == ("session",)
    assert refusals(one, "day") is None


def test_a_budget_blocks_until_a_call_is_admitted_and_an_hour_is_over(one: Bench) -> None:
    """For an hour it does, too, while a call like the one refused would not fit (DSH-4)."""
    assert not one.ask("20").allowed
    assert set(blocking(one)) == {"session", "day"}
    one.hold("1", "another session")
    assert set(blocking(one)) == {"session", "day"}
    one.clock.move(timedelta(minutes=59))
    assert set(blocking(one)) == {"session", "day"}
    one.clock.move(timedelta(minutes=1))
    assert blocking(one) == ("session",), "of the day, a call was admitted since"
    one.hold("1")
    assert blocking(one) == ()
    session = refusals(one, "session")
    assert session is not None
    assert (session.count, session.is_blocking) == (1, False)


def test_a_budget_that_has_room_for_such_a_call_blocks_no_longer(bench: MakeBench) -> None:
    one = bench(LIMITS)
    one.spend("1")
    assert not one.ask("4.5", "s").allowed
    one.spend("1")
    assert blocking(one) == ("session",), "4.50 would not fit into 3"
    raised = bench(LIMITS.replace("session_limit_usd = 5", "session_limit_usd = 50"))
    assert blocking(raised) == ()


def test_a_call_that_is_refused_for_another_reason_blocks_no_budget(bench: MakeBench) -> None:
    one = bench(LIMITS)
    assert not one.ask(None).allowed
    assert blocking(one) == ()


def test_refusals_are_those_of_the_present_window(one: Bench) -> None:
    assert not one.ask("20").allowed
    one.clock.move(timedelta(days=1))
    assert refusals(one, "day") is None
    assert refusals(one, "session") is not None


def test_a_reset_begins_without_refusals(one: Bench) -> None:
    assert not one.ask("20").allowed
    one.governor.reset(ResetRequest("day", "ops"))
    assert blocking(one) == ("session",)


def test_refusals_survive_a_recount(one: Bench) -> None:
    one.spend("1")
    assert not one.ask("20").allowed
    before = refusals(one, "day")
    assert one.governor.recount(write=True) == []
    assert refusals(one, "day") == before


def test_nothing_blocks_while_governance_is_disabled(bench: MakeBench) -> None:
    assert not bench(LIMITS).ask("20").allowed
    off = bench(LIMITS.replace("enabled = true", "enabled = false"))
    day = refusals(off, "day")
    assert day is not None
    assert (day.count, blocking(off)) == (1, ())


def test_the_summary_says_what_blocks_and_what_was_needed(one: Bench) -> None:
    assert not one.ask("20").allowed
    status = one.governor.status("s")
    body = summary_body(one.governor.policy, "corvus.toml", status)
    assert set(body["blocking"]) == {"session", "day"}  # pyright: ignore[reportArgumentType]
    (day,) = (each for each in status.decision.statuses if each.budget.name == "day")
    (told,) = budget_bodies(status, [day])
    assert (told["state"], told["blocking"], told["refusals"]) == ("allowed", True, 1)
    assert told["last_refusal"] == {
        "at": one.clock.now().isoformat(),
        "model": "m",
        "needed_usd": 20.0,
        "needed_nano_usd": "20000000000",
        "needed": "20.0000",
        "left_usd": 10.0,
        "left_nano_usd": "10000000000",
        "left": "10.0000",
    }
