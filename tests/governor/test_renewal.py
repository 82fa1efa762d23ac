"""A call renews itself while its block runs, and says where budgets stand when it is extended."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from corvus.base.errors import ReservationError, ReservationSettled
from corvus.base.money import NanoUSD
from corvus.governor.upkeep import Heartbeat
from corvus.model.decision import BudgetState
from corvus.model.reservation import ReservationState
from tests.governor.conftest import Bench, MakeBench

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\n"


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(DAY)


def test_a_block_longer_than_its_life_is_not_presumed(one: Bench) -> None:
    with one.governor.call("m", session_id="s", estimate_usd=1, ttl_seconds=3) as call:
        one.clock.move(timedelta(seconds=2))
        one.governor.renew({call.decision.reservation.id: 3})  # pyright: ignore[reportOptionalMemberAccess]
        one.clock.move(timedelta(seconds=2))
        assert one.spent("day") == "0+1"
        call.used(cost_nano_usd=NanoUSD(5))
    assert [row["kind"] for row in one.rows("reservation_event")] == [
        "reserved",
        "extended",
        "committed",
    ]


def test_a_running_block_is_renewed_without_a_word(one: Bench) -> None:
    def extended() -> int:
        return sum(row["kind"] == "extended" for row in one.rows("reservation_event"))

    with one.governor.call("m", session_id="s", estimate_usd=1, ttl_seconds=1):
        end = time.monotonic() + 10
        while not extended() and time.monotonic() < end:
            time.sleep(0.02)
    assert extended()

    async def work() -> None:
        before = extended()
        async with one.governor.call("m", session_id="s", estimate_usd=1, ttl_seconds=1):
            while extended() == before and time.monotonic() < end:
                await asyncio.sleep(0.02)
        assert extended() > before

    asyncio.run(work())


def test_a_call_that_is_over_is_not_renewed(one: Bench) -> None:
    with one.governor.call("m", session_id="s", estimate_usd=1) as call:
        pass
    assert call.reservation is not None
    one.governor.renew({call.reservation.id: 60, "nobody": 60})
    assert not [row for row in one.rows("reservation_event") if row["kind"] == "extended"]
    assert one.governor.heartbeat.beat() > 0


def test_the_renewing_thread_keeps_no_governor_alive(one: Bench) -> None:
    class Calls:
        def renew(self, lives: Mapping[str, float]) -> None: ...

    calls = Calls()
    heartbeat = Heartbeat(calls.renew)
    heartbeat.start("r", 1000)
    gone = weakref.ref(heartbeat)
    (thread,) = [each for each in threading.enumerate() if each.name == "corvus-beat"][-1:]
    assert thread.daemon
    del calls
    assert heartbeat.beat() > 0
    del heartbeat
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_leaves_the_calls_to_its_parent(one: Bench) -> None:
    with one.governor.call("m", session_id="s", estimate_usd=1) as call:
        child = os.fork()
        if child == 0:
            one.governor.heartbeat.stop(call.reservation.id)  # pyright: ignore[reportOptionalMemberAccess]
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert one.spent("day") == "0+1"


def test_an_extension_says_which_budget_is_passed(one: Bench) -> None:
    held = one.hold("1")
    one.events.clear()
    later = one.governor.extend(held, ttl_seconds=60)
    assert (later.allowed, later.state, one.events) == (True, BudgetState.ALLOWED, [])
    near = one.governor.extend(held, hold_usd=9)
    assert near.state is BudgetState.WARNING
    assert [type(event).__name__ for event in one.events] == ["BudgetWarning"]
    passed = one.governor.extend(held, hold_usd=12)
    assert passed.allowed
    assert passed.state is BudgetState.EXCEEDED
    assert passed.governing is not None
    assert passed.governing.budget.name == "day"
    assert passed.reservation is not None
    assert passed.reservation.hold_nano_usd == 12_000_000_000
    assert [type(event).__name__ for event in one.events][-1] == "LimitPassed"
    assert not one.ask("0.01").allowed


@pytest.mark.parametrize("seconds", [0, -1, 86_401])
def test_a_life_out_of_range_is_refused(one: Bench, seconds: int) -> None:
    with pytest.raises(ValueError, match="ttl_seconds"):
        one.governor.extend(one.hold("1"), ttl_seconds=seconds)


def test_a_call_can_raise_its_hold_and_then_costs_what_it_held(one: Bench) -> None:
    with one.governor.call("m", session_id="s", estimate_usd=1) as call:
        assert call.extend(hold_usd=Decimal(3)).allowed
        assert one.spent("day") == "0+3"

    async def work() -> None:
        async with one.governor.call("m", session_id="s", estimate_usd=1) as call:
            assert (await call.aextend(60, Decimal(2))).allowed

    asyncio.run(work())
    assert one.spent("day") == "5+0"
    with pytest.raises(ReservationSettled):
        call.extend(60)


def test_a_call_that_was_not_entered_says_so(one: Bench) -> None:
    call = one.governor.call("m")
    for ask in (lambda: call.decision, lambda: call.reservation, lambda: call.extend(60)):
        with pytest.raises(ReservationError, match="decided on entry"):
            ask()


def test_without_governance_there_is_nothing_to_extend(bench: MakeBench) -> None:
    off = bench("[cost]\nenabled = false\n")
    with off.governor.call("m", estimate_usd=1) as call:
        assert call.extend(60).reservation is None
    assert call.settled is None


def test_an_expired_hold_is_no_longer_extended(one: Bench) -> None:
    held = one.hold("1", ttl_seconds=1)
    one.clock.move(timedelta(seconds=2))
    one.spent("day")
    one.governor.renew({held.id: 60})
    assert one.governor.reservation(held.id).state is ReservationState.EXPIRED
