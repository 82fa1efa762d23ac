"""Calls that wait for the holds of others: in order, for a while, and for nothing else (EVA-14)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from corvus import Decision, Reservation
from corvus.base.money import nano_usd
from corvus.base.time import SystemClock
from corvus.model.budget import Measure
from corvus.model.decision import Denial
from corvus.model.steering import OverrideRequest
from tests.governor.ladder.climbing import (
    CAP,
    WAIT,
    Aside,
    Place,
    day,
    measures,
    opened,
    policy_of,
    until,
)


def held(decision: Decision) -> Reservation:
    assert decision.reservation is not None, decision.denial
    return decision.reservation


class TestWait:
    """EVA-14, ``wait``: only while other calls' holds, not money spent, are in the way."""

    def test_a_call_passes_when_the_hold_in_its_way_is_gone(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT))) as place:
            first = held(place.reserve("0.9"))
            second = Aside(lambda: place.reserve("0.5"))
            until(lambda: place.waiting() == 1)
            assert not second.is_over
            place.governor.commit(first, cost_nano_usd=nano_usd(Decimal("0.1")))
            decision = second.join()
            assert place.waiting() == 0
            row = place.rows()[-1]
        assert decision.allowed
        assert decision.rungs == (WAIT,)
        assert decision.waited_seconds > 0
        assert row["rungs"] == "wait"
        assert row["waited_us"] == pytest.approx(decision.waited_seconds * 1e6, abs=1)
        assert "LadderUsed" in place.names()

    def test_what_is_spent_is_no_reason_to_wait(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT))) as place:
            place.spend("0.6")
            decision = place.reserve("0.5")
        assert decision.denial is Denial.BUDGET_EXCEEDED
        assert decision.waited_seconds == 0

    def test_holds_and_spend_that_together_are_in_the_way_of_it_are_waited_for(
        self, tmp_path: Path
    ):
        with opened(tmp_path, policy_of(day(WAIT))) as place:
            place.spend("0.4")
            first = held(place.reserve("0.5"))
            second = Aside(lambda: place.reserve("0.6"))
            until(lambda: place.waiting() == 1)
            place.governor.release(first)
            assert second.join().allowed

    def test_a_cost_that_leaves_no_room_ends_the_wait_at_once(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=600)) as place:
            first = held(place.reserve("0.9"))
            second = Aside(lambda: place.reserve("0.5"))
            until(lambda: place.waiting() == 1)
            place.governor.commit(first, cost_nano_usd=nano_usd(Decimal("0.9")))
            decision = second.join()
            assert place.waiting() == 0
        assert decision.denial is Denial.BUDGET_EXCEEDED
        assert decision.waited_seconds > 0

    def test_after_its_time_it_is_refused(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=1)) as place:
            place.reserve("0.9")
            decision = place.reserve("0.5")
            assert place.waiting() == 0
            row = place.rows()[-1]
        assert decision.denial is Denial.BUDGET_EXCEEDED
        assert 1 <= decision.waited_seconds < 10
        assert (row["kind"], row["waited_us"] >= 1_000_000) == ("denied", True)

    def test_no_time_to_wait_is_no_wait(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=0)) as place:
            place.reserve("0.9")
            assert place.reserve("0.5").waited_seconds == 0

    def test_a_budget_of_calls_waits_for_calls(self, tmp_path: Path):
        with opened(tmp_path, policy_of(measures(1, Measure.CALLS, [WAIT]))) as place:
            first = held(place.reserve("0.1"))
            second = Aside(lambda: place.reserve("0.1"))
            until(lambda: place.waiting() == 1)
            place.governor.release(first)
            assert second.join().allowed

    def test_a_capped_form_is_waited_for_where_the_whole_never_fits(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP, WAIT))) as place:
            place.spend("0.8")
            first = held(place.reserve("0.19"))
            second = Aside(lambda: place.talk(64_000))  # 0.96 USD in whole
            until(lambda: place.waiting() == 1)
            place.governor.release(first)
            decision = second.join()
        assert decision.rungs == (WAIT, CAP)
        assert decision.output_cap_tokens == 200_000_000 // 15_000

    def test_an_override_ends_the_wait(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT), allow_override=True)) as place:
            place.reserve("0.9")
            second = Aside(lambda: place.reserve("0.5"))
            until(lambda: place.waiting() == 1)
            place.governor.override(OverrideRequest("me"))
            assert second.join().override_id is not None

    def test_the_next_window_ends_the_wait(self, tmp_path: Path):
        from datetime import timedelta

        from tests.fakes import FrozenClock

        clock = FrozenClock()
        with opened(tmp_path, policy_of(day(WAIT)), clock) as place:
            place.governor.heartbeat  # noqa: B018 - as in every process that serves
            place.reserve("0.9", ttl_seconds=86_400)
            second = Aside(lambda: place.reserve("0.5"))
            until(lambda: place.waiting() == 1)
            clock.move(timedelta(hours=13))
            assert second.join().allowed

    def test_a_repeated_key_is_answered_by_what_was_admitted_meanwhile(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT))) as place:
            first = held(place.reserve("0.9"))
            twins = [Aside(lambda: place.reserve("0.5", idempotency_key="k")) for _ in range(2)]
            until(lambda: place.waiting() == 2)
            place.governor.release(first)
            decisions = [twin.join() for twin in twins]
        assert sorted(decision.replayed for decision in decisions) == [False, True]
        assert len({held(decision).id for decision in decisions}) == 1


class TestOrder:
    """EVA-14: first come, first served."""

    def test_calls_pass_in_the_order_in_which_they_came(self, tmp_path: Path):
        order: list[int] = []
        with opened(tmp_path, policy_of(day(WAIT))) as place:
            first = held(place.reserve("0.9"))

            def call(number: int) -> None:
                passed = held(place.reserve("0.9"))
                order.append(number)
                place.governor.release(passed)

            waiting: list[Aside] = []
            for number in range(10):
                waiting.append(Aside(lambda number=number: call(number)))
                until(lambda number=number: place.waiting() == number + 1)
            place.governor.release(first)
            for one in waiting:
                one.join()
        assert order == [*range(10)]

    def test_a_small_call_does_not_overtake_a_large_one(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP, WAIT))) as place:
            first = held(place.reserve("0.5"))
            large = Aside(lambda: place.reserve("0.9"))
            until(lambda: place.waiting() == 1)
            small = Aside(lambda: place.reserve("0.1"))
            capped = Aside(lambda: place.talk(64_000))
            until(lambda: place.waiting() == 3)
            assert not small.is_over
            place.governor.release(first)
            passed = held(large.join())
            assert small.join().allowed
            place.governor.release(passed)
            assert capped.join().allowed
            ids = [held(one.value).id for one in (large, small, capped)]
            admitted = [row["reservation_id"] for row in place.rows() if row["kind"] == "reserved"]
        assert [each for each in admitted if each in ids] == ids

    def test_a_call_that_may_not_wait_is_not_held_up(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT))) as place:
            first = held(place.reserve("0.5"))
            large = Aside(lambda: place.reserve("0.9"))
            until(lambda: place.waiting() == 1)
            assert place.reserve("0.1", rungs=[]).allowed
            place.governor.release(first)
            assert large.join().allowed

    def test_a_call_of_another_sum_is_not_held_up(self, tmp_path: Path):
        per_user = replace(day(WAIT), name="each", per=("user",))
        with opened(tmp_path, policy_of(per_user)) as place:
            first = held(place.reserve("0.9", user="ana"))
            waiting = Aside(lambda: place.reserve("0.5", user="ana"))
            until(lambda: place.waiting() == 1)
            assert place.reserve("0.9", user="ben").waited_seconds == 0
            place.governor.release(first)
            assert waiting.join().allowed

    def test_a_call_that_leaves_frees_its_place(self, tmp_path: Path):
        async def main(place: Place) -> None:
            governor = place.governor
            ask = governor.request
            first = held(await governor.areserve(ask("m", estimate_usd=Decimal("0.5"))))
            large = asyncio.create_task(governor.areserve(ask("m", estimate_usd=Decimal("0.9"))))
            while place.waiting() < 1:
                await asyncio.sleep(0.01)
            small = asyncio.create_task(governor.areserve(ask("m", estimate_usd=Decimal("0.1"))))
            while place.waiting() < 2:
                await asyncio.sleep(0.01)
            large.cancel()
            assert (await small).allowed
            with pytest.raises(asyncio.CancelledError):
                await large
            assert place.waiting() == 0
            await governor.arelease(first)

        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=600)) as place:
            asyncio.run(main(place))

    def test_the_event_loop_goes_on_while_calls_wait(self, tmp_path: Path):
        async def main(place: Place) -> int:
            governor = place.governor
            await governor.areserve(governor.request("m", estimate_usd=Decimal("0.9")))
            waiting = asyncio.create_task(
                governor.areserve(governor.request("m", estimate_usd=Decimal("0.9")))
            )
            beats = 0
            while not waiting.done():
                await asyncio.sleep(0.01)
                beats += 1
            return beats

        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=1)) as place:
            assert asyncio.run(main(place)) > 10


class TestMany:
    """Calls whose holds exceed a budget that their true cost fits: all succeed."""

    @pytest.mark.parametrize("rungs", [(WAIT,), (CAP, WAIT)])
    def test_a_hundred_threads(self, tmp_path: Path, rungs: Any):
        policy = policy_of(day(*rungs), wait_seconds=120)
        with opened(tmp_path, policy) as place:

            def call() -> bool:
                decision = place.talk(20_000)  # holds 0.3 USD
                if decision.allowed:
                    place.governor.commit(held(decision), cost_nano_usd=nano_usd(Decimal("0.005")))
                return decision.allowed

            calls = [Aside(call) for _ in range(100)]
            assert all(each.join(200) for each in calls)
            status = place.governor.status().decision.statuses[0]
            assert (status.spent, status.held) == (nano_usd(1) // 2, 0)
            projected = [row["governing_projected"] for row in place.rows() if "rungs" in row]
        assert max(projected) <= nano_usd(1)

    def test_a_hundred_tasks(self, tmp_path: Path):
        async def main(place: Place) -> None:
            governor = place.governor

            async def call() -> None:
                request = governor.request("m", max_output_tokens=20_000)
                decision = await governor.areserve(request)
                await asyncio.sleep(0.001)
                await governor.acommit(held(decision), cost_nano_usd=nano_usd(Decimal("0.005")))

            await asyncio.gather(*(call() for _ in range(100)))

        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=120)) as place:
            asyncio.run(main(place))
            assert place.waiting() == 0


OTHER = """
    import sys, time
    from dataclasses import replace
    from pathlib import Path
    from tests.governor.ladder.climbing import *

    folder, number = Path(sys.argv[1]), sys.argv[2]
    with opened(folder, policy_of(day(WAIT), wait_seconds=60)) as place:
        print("ready", flush=True)
        sys.stdin.readline()
        decision = place.reserve(sys.argv[3])
        if decision.allowed:
            with open(folder / "order", "a") as order:
                order.write(number + " ")
            time.sleep(0.05)
            place.governor.release(decision.reservation)
        print(decision.allowed, flush=True)
"""


class Process:
    """Another process that makes one call when it is told to."""

    def __init__(self, folder: Path, number: int, usd: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", dedent(OTHER), str(folder), str(number), usd],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> None:
        self.process.communicate(timeout=60)


class TestProcesses:
    """EVA-14: the queue is one for all processes that share a store."""

    def test_the_order_is_fair_across_processes(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=60)) as place:
            first = held(place.reserve("0.9"))
            others = [Process(tmp_path, number, "0.9") for number in (0, 2, 4)]
            mine: list[Aside] = []

            def call(number: int) -> None:
                passed = held(place.reserve("0.9"))
                with (tmp_path / "order").open("a") as order:
                    order.write(f"{number} ")
                time.sleep(0.05)
                place.governor.release(passed)

            for number in range(6):
                if number % 2 == 0:
                    others[number // 2].go()
                else:
                    mine.append(Aside(lambda number=number: call(number)))
                until(lambda number=number: place.waiting() == number + 1)
            place.governor.release(first)
            for one in mine:
                one.join(60)
            for one in others:
                assert one.line() == "True"
                one.end()
        assert (tmp_path / "order").read_text() == "0 1 2 3 4 5 "

    def test_a_process_that_is_killed_while_it_waits_frees_its_place(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=60)) as place:
            held(place.reserve("0.5"))
            other = Process(tmp_path, 0, "0.9")
            other.go()
            until(lambda: place.waiting() == 1)
            small = Aside(lambda: place.reserve("0.1"))
            until(lambda: place.waiting() == 2)
            other.kill()
            decision = small.join()  # its lease is over in two seconds
            until(lambda: place.waiting() == 0)
        assert decision.allowed
        assert not (tmp_path / "order").exists()

    def test_ctrl_c_frees_the_place_at_once(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT), wait_seconds=60)) as place:
            held(place.reserve("0.9"))
            other = Process(tmp_path, 0, "0.9")
            other.go()
            until(lambda: place.waiting() == 1)
            os.kill(other.process.pid, signal.SIGINT)
            other.end()
            assert other.process.returncode != 0
            assert place.waiting() == 0


def test_a_waiting_call_holds_nothing(tmp_path: Path):
    with opened(tmp_path, policy_of(day(WAIT), wait_seconds=60), SystemClock()) as place:
        first = held(place.reserve("0.9"))
        threads = threading.active_count()
        waiting = Aside(lambda: place.reserve("0.9"))
        until(lambda: place.waiting() == 1)
        status = place.governor.status().decision.statuses[0]
        assert status.held == nano_usd(9) // 10
        assert threading.active_count() <= threads + 1, "the caller's own, and none to wait"
        place.governor.release(first)
        assert waiting.join().allowed
