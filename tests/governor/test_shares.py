"""A mission has a share of what its session, or another mission, has left (MIS-5)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.errors import SteeringRefused
from corvus.base.money import NanoUSD, nano_usd
from corvus.governor.shares import DEPTH_MAX
from corvus.model.budget import Rung
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionOutcome, MissionRequest
from corvus.testing import FrozenClock, fake_governor
from tests.governor.conftest import Bench, MakeBench
from tests.properties import examples

CONFIG = """
[cost]
enabled = true
session_limit_usd = 10
daily_limit_usd = 0
monthly_limit_usd = 0
"""


@pytest.fixture
def ten(bench: MakeBench) -> Bench:
    """Ten dollars for each session; whoever does not fit is refused."""
    return bench(CONFIG)


def begin(bench: Bench, name: str, **more: object) -> str:
    """Begin a mission; return its limit in USD."""
    record = bench.governor.start_mission(MissionRequest("s", name, **more))  # pyright: ignore[reportArgumentType]
    return f"{Decimal(record.limit_nano_usd).scaleb(-9):f}".rstrip("0").rstrip(".")


def fits(bench: Bench, usd: str, mission: str | None = None) -> bool:
    return bench.ask(usd, mission_id=mission, rungs=()).allowed


def test_a_share_is_of_what_is_left_when_the_mission_begins(ten: Bench) -> None:
    ten.spend("2")
    ten.hold("2")
    assert begin(ten, "a", share_percent=50) == "3"
    assert begin(ten, "b", share_percent=50) == "1.5", "of what is not promised yet"
    assert begin(ten, "c", share_nano_usd=nano_usd(1)) == "1"
    with pytest.raises(SteeringRefused, match=r"0\.5000 USD left"):
        begin(ten, "d", share_nano_usd=nano_usd(1))


def test_a_share_is_kept_free_for_its_mission(ten: Bench) -> None:
    begin(ten, "a", share_percent=60)
    assert not fits(ten, "4.1"), "the session has given six of its ten away"
    ten.spend("4")
    assert not fits(ten, "0.01")
    assert fits(ten, "6", "a")


def test_a_mission_cannot_spend_more_than_its_share(ten: Bench) -> None:
    begin(ten, "a", share_percent=60)
    ten.spend("5", mission_id="a")
    assert not fits(ten, "1.1", "a")
    assert ten.spent("session") == "5+0", "what is spent counts in the session"


def test_no_call_waits_for_a_share(ten: Bench) -> None:
    """It is no call that will soon be over: whoever has it may run for hours."""
    begin(ten, "a", share_percent=60)
    assert ten.ask("5", rungs=(Rung.WAIT,)).waited_seconds == 0
    held = ten.hold("4")
    decision = ten.governor.evaluate(replace(held.request, rungs=(Rung.WAIT,)))
    assert decision.rungs == (Rung.WAIT,), "but for what another call holds"


def test_what_a_mission_leaves_is_free_when_it_ends(ten: Bench) -> None:
    begin(ten, "a", share_percent=60)
    ten.spend("1", mission_id="a")
    assert not fits(ten, "5")
    ten.governor.end_mission("s", "a", MissionOutcome.COMPLETED)
    assert fits(ten, "9")


def test_a_mission_shares_what_it_has_left(ten: Bench) -> None:
    assert begin(ten, "plan", share_nano_usd=nano_usd(8)) == "8"
    assert begin(ten, "tests", share_percent=25, parent_id="plan") == "2"
    ten.spend("1", mission_id="tests")
    assert ten.spent("mission", mission="plan") == "1+1"
    assert not fits(ten, "6.1", "plan")
    ten.spend("6", mission_id="plan")
    assert fits(ten, "1", "tests")
    ten.spend("2")
    assert ten.spent("session", mission="plan") == "9+1"


def test_a_share_is_of_something(ten: Bench) -> None:
    begin(ten, "free", limit_nano_usd=nano_usd(0))
    with pytest.raises(SteeringRefused, match="no limit"):
        begin(ten, "a", share_percent=10, parent_id="free")
    assert begin(ten, "b", share_nano_usd=nano_usd(3), parent_id="free") == "3"
    with pytest.raises(SteeringRefused, match="no mission"):
        begin(ten, "a", share_percent=10, parent_id="nobody")
    ten.governor.end_mission("s", "free", MissionOutcome.COMPLETED)
    with pytest.raises(SteeringRefused, match="ended"):
        begin(ten, "a", share_percent=10, parent_id="free")
    ten.spend("10")
    with pytest.raises(SteeringRefused, match="nothing left"):
        begin(ten, "a", share_percent=10)


def test_nobody_has_a_share_of_what_has_a_share_of_him(ten: Bench) -> None:
    begin(ten, "a", share_percent=50)
    begin(ten, "b", share_percent=50, parent_id="a")
    with pytest.raises(SteeringRefused, match="its own share"):
        begin(ten, "a", share_percent=50, parent_id="b")
    with pytest.raises(SteeringRefused, match="its own share"):
        begin(ten, "c", share_percent=50, parent_id="c") if begin(
            ten, "c", share_percent=1
        ) else None


def test_shares_are_not_nested_for_ever(ten: Bench) -> None:
    begin(ten, "0", share_percent=100)
    for number in range(DEPTH_MAX):
        begin(ten, str(number + 1), share_percent=100, parent_id=str(number))
    with pytest.raises(SteeringRefused, match="above it"):
        begin(ten, "deep", share_percent=100, parent_id=str(DEPTH_MAX))


def test_a_mission_that_is_resumed_has_what_is_left_of_its_share(ten: Bench) -> None:
    begin(ten, "a", share_percent=60)
    ten.spend("1", mission_id="a")
    ten.governor.end_mission("s", "a", MissionOutcome.COMPLETED)
    ten.spend("7")
    assert begin(ten, "a", resume=True) == "3", "one is spent, and two are left"
    assert not fits(ten, "0.1")
    assert fits(ten, "2", "a")


def test_an_overrun_of_one_mission_is_not_paid_by_the_budget_twice(ten: Bench) -> None:
    begin(ten, "p", share_percent=100)
    begin(ten, "a", share_percent=50, parent_id="p")
    begin(ten, "b", share_percent=50, parent_id="p")
    held = ten.hold("1", mission_id="a")
    ten.governor.commit(held, cost_nano_usd=nano_usd(8))
    assert not fits(ten, "3", "b"), "the parent has two left, whatever was promised"
    assert fits(ten, "2", "b")


def test_sessions_of_other_projects_keep_nothing_free(ten: Bench) -> None:
    begin(ten, "a", share_percent=100)
    assert ten.ask("10", project="other", rungs=()).allowed


def test_missions_as_guards_share() -> None:
    with (
        fake_governor(CONFIG) as governor,
        governor.session("s") as session,
        session.mission("plan", share="80%") as plan,
        plan.mission("tests", share=Decimal("1.5")) as tests,
    ):
        with tests.call("claude-sonnet-4-5", estimate_usd=1) as call:
            call.used(cost_nano_usd=nano_usd(1))
        report = governor.status("s", "tests")
        (status,) = [one for one in report.decision.statuses if one.budget.name == "mission"]
        assert (status.spent, status.budget.limit) == (nano_usd(1), nano_usd(Decimal("1.5")))
        for wrong in ("40", "x%", "-1%", "0%", "101%", 0):
            with pytest.raises(ValueError, match="share"):
                plan.mission("none", share=wrong)


names = st.sampled_from([None, "a", "b", "c", "d"])
steps = st.lists(
    st.tuples(
        st.sampled_from(["begin", "resume", "hold", "commit", "release", "end"]),
        names,
        names,
        st.integers(1, 100),
    ),
    max_size=40,
)


def take(
    bench: Bench, held: list[Reservation], step: tuple[str, str | None, str | None, int]
) -> None:
    kind, name, parent, amount = step
    match kind:
        case "hold":
            decision = bench.ask(f"{amount / 20:.2f}", mission_id=name, rungs=())
            held += [decision.reservation] if decision.reservation else []
        case "commit" if held:
            one = held.pop(amount % len(held))
            cost = NanoUSD(one.hold_nano_usd * amount // 100)
            bench.governor.commit(one, cost_nano_usd=cost)
        case "release" if held:
            bench.governor.release(held.pop(amount % len(held)))
        case "end" if name:
            bench.governor.end_mission("s", name, MissionOutcome.COMPLETED)
        case "begin" | "resume" if name:
            resume = kind == "resume"
            begin(bench, name, share_percent=amount, parent_id=parent, resume=resume)
        case _:
            pass


@settings(max_examples=examples(300, by_day=30), deadline=None)
@given(steps)
def test_no_limit_is_passed_whatever_is_shared(
    taken: list[tuple[str, str | None, str | None, int]],
) -> None:
    """Spent, held and kept free never exceed the limit of the session, nor of a mission."""
    with fake_governor(CONFIG, clock=FrozenClock()) as governor:
        bench, held = Bench(governor, FrozenClock(), []), list[Reservation]()
        for step in taken:
            with suppress(SteeringRefused):
                take(bench, held, step)
            for mission in (None, "a", "b", "c", "d"):
                for status in governor.status("s", mission).decision.statuses:
                    limit = status.budget.limit
                    assert not limit or status.projected <= limit, (step, mission, status)
