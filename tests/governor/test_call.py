"""A call as a context is settled on every way out (RES-5), with and without an event loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from corvus import BudgetExceeded, Governor, Usage
from corvus.base.errors import ReservationError
from corvus.base.money import NanoUSD
from corvus.governor.call import Call
from corvus.model.reservation import Outcome, ReservationState, Source
from corvus.store.api import Begun
from corvus.store.looks import Foreseen
from corvus.store.sqlite import MemoryBackend
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.governor.conftest import Bench, MakeBench, MakePolicy

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\n"
USED = Usage(input_tokens=1_000, output_tokens=100)
COST = "0.0045"


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(DAY)


def test_a_call_that_ends_well_is_committed_at_what_it_used(one: Bench) -> None:
    with one.governor.call("m", session_id="s", input_tokens=2_000) as call:
        assert one.spent("day") == "0+0.0135"
        call.used(USED)
    assert one.spent("day") == f"{COST}+0"
    assert call.settled is not None
    assert call.settled.reservation.state is ReservationState.COMMITTED


def test_a_call_that_reports_no_usage_is_committed_at_its_estimate(one: Bench) -> None:
    with one.governor.call("m", input_tokens=2_000):
        pass
    (record,) = one.rows("usage_record")
    assert (record["source"], record["cost_nano_usd"]) == (Source.ESTIMATED, 13_500_000)


@pytest.mark.parametrize(
    "fault", [ValueError("provider"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()]
)
def test_a_call_that_fails_before_any_token_is_released(one: Bench, fault: BaseException) -> None:
    with pytest.raises(type(fault)), one.governor.call("m", input_tokens=2_000):
        raise fault
    assert one.spent("day") == "0+0"
    assert one.rows("usage_record") == []


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (ValueError("provider"), Outcome.FAILED),
        (KeyboardInterrupt(), Outcome.CANCELLED),
        (GeneratorExit(), Outcome.CANCELLED),
    ],
)
def test_a_call_that_fails_after_tokens_flowed_is_committed_at_what_was_used(
    one: Bench, fault: BaseException, outcome: Outcome
) -> None:
    def work() -> None:
        with one.governor.call("m", session_id="s", input_tokens=2_000) as call:
            call.used(USED)
            raise fault

    with pytest.raises(type(fault)):
        work()
    (record,) = one.rows("usage_record")
    assert (record["outcome"], record["source"]) == (outcome, Source.PRICED)
    assert one.spent("day") == f"{COST}+0"


def test_tokens_that_flowed_without_a_count_cost_the_estimate(one: Bench) -> None:
    def work() -> None:
        with one.governor.call("m", input_tokens=10) as call:
            call.started()
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        work()
    (record,) = one.rows("usage_record")
    assert (record["outcome"], record["source"]) == (Outcome.FAILED, Source.ESTIMATED)


def test_closing_a_generator_settles_the_call_inside_it(one: Bench) -> None:
    def stream() -> Generator[str]:
        with one.governor.call("m", session_id="s", input_tokens=2_000) as call:
            for piece in "abc":
                call.used(USED)
                yield piece

    answer = stream()
    next(answer)
    assert one.spent("day") == "0+0.0135"
    answer.close()
    assert one.spent("day") == f"{COST}+0"


def test_the_last_word_on_usage_counts(one: Bench) -> None:
    with one.governor.call("m", session_id="s") as call:
        call.used(Usage(input_tokens=1_000, output_tokens=1))
        call.used(USED, answering_model="m", provider_request_id="req-1")
    (record,) = one.rows("usage_record")
    assert (record["output_tokens"], record["provider_request_id"]) == (100, "req-1")


def test_a_refused_call_is_never_entered(one: Bench) -> None:
    with pytest.raises(BudgetExceeded), one.governor.call("m", estimate_usd=11):
        raise AssertionError("not reached")
    assert one.spent("day") == "0+0"


async def settled_by(one: Bench, act: Callable[[Call], object]) -> None:
    async with one.governor.call("m", session_id="s", input_tokens=2_000) as call:
        act(call)


def test_async_calls_are_settled_alike(one: Bench) -> None:
    def fail(call: Call) -> None:
        raise ValueError("provider")

    asyncio.run(settled_by(one, lambda call: call.used(USED)))
    with pytest.raises(ValueError, match="provider"):
        asyncio.run(settled_by(one, fail))
    assert one.spent("day") == f"{COST}+0"


@pytest.mark.parametrize(("flowed", "spent"), [(True, f"{COST}+0"), (False, "0+0")])
def test_cancelling_a_task_settles_its_call(one: Bench, flowed: bool, spent: str) -> None:
    async def work(entered: asyncio.Event) -> None:
        async with one.governor.call("m", session_id="s", input_tokens=2_000) as call:
            if flowed:
                call.used(USED)
            entered.set()
            await asyncio.sleep(60)

    async def main() -> None:
        entered = asyncio.Event()
        task = asyncio.create_task(work(entered))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert one.spent("day") == spent


class SlowBackend(MemoryBackend):
    """A store whose transactions begin when they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_begin = threading.Event()
        self.may_begin.set()
        self.has_begun = threading.Event()

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        self.has_begun.set()
        self.may_begin.wait(10)
        return super().begin(foreseen)


@pytest.fixture
def slow(compiled: MakePolicy) -> Iterator[tuple[Governor, SlowBackend]]:
    backend = SlowBackend()
    store = Store(backend)
    yield Governor(compiled(DAY), store), backend
    backend.may_begin.set()
    store.close()


def held_in(governor: Governor) -> int:
    return sum(one.held for one in governor.status("s").decision.statuses)


def test_a_task_cancelled_while_it_waits_for_admission_holds_nothing(
    slow: tuple[Governor, SlowBackend],
) -> None:
    governor, backend = slow

    async def main() -> None:
        for may_have_begun in (False, True):
            backend.may_begin.clear()
            backend.has_begun.clear()
            task = asyncio.create_task(
                governor.areserve(governor.request("m", session_id="s", input_tokens=5))
            )
            await asyncio.sleep(0.02)
            if may_have_begun:
                await asyncio.to_thread(backend.has_begun.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            backend.may_begin.set()
            deadline = time.monotonic() + 5
            while held_in(governor) and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            assert held_in(governor) == 0

    asyncio.run(main())


def test_a_caller_that_is_too_late_is_refused_and_its_step_never_runs(
    compiled: MakePolicy,
) -> None:
    from corvus.base.errors import StoreUnavailable

    backend = SlowBackend()
    store = Store(backend, wait_seconds=0.1)
    governor = Governor(compiled(DAY), store)
    backend.may_begin.clear()
    with pytest.raises(StoreUnavailable, match="nothing was admitted"):
        governor.reserve(governor.request("m", session_id="s", input_tokens=5))
    backend.may_begin.set()
    assert held_in(governor) == 0
    store.close()


CTRL_C = """
import os, signal, sys, threading, time
from corvus import open_runtime
runtime = open_runtime([sys.argv[1]], ledger=sys.argv[2])
with runtime.governor() as governor:
    store = governor.store.backend
    begin = store.begin
    def slow(*foreseen):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        return begin(*foreseen)
    store.begin = slow
    try:
        with governor.call("m", session_id="s", input_tokens=5):
            print("entered", flush=True)
    except KeyboardInterrupt:
        store.begin = begin
        print(sum(one.held for one in governor.status("s").decision.statuses), flush=True)
"""


def test_ctrl_c_while_a_call_waits_for_admission_leaves_no_hold(
    tmp_path: Path, compiled: MakePolicy
) -> None:
    compiled(DAY)
    words = [sys.executable, "-c", CTRL_C, str(tmp_path / "corvus.toml"), str(tmp_path / "l")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr


def test_a_listener_that_fails_harms_nobody(
    compiled: MakePolicy, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("listener")

    store = Store(MemoryBackend())
    governor = Governor(compiled(DAY), store, listeners=[fail])
    assert not governor.reserve(governor.request("m", estimate_usd=11)).allowed
    assert "a listener failed on BudgetRefusal" in caplog.text
    store.close()


def test_a_child_of_fork_is_refused(tmp_path: Path, compiled: MakePolicy) -> None:
    from corvus.base.errors import StoreUnavailable

    store = Store(MemoryBackend())
    governor = Governor(compiled(DAY), store)
    child = os.fork()
    if child == 0:
        try:
            governor.status()
        except StoreUnavailable as refused:
            os._exit(42 if "after a fork" in str(refused) else 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42
    store.close()


def test_a_step_that_breaks_its_transaction_harms_no_neighbour(compiled: MakePolicy) -> None:
    backend = SlowBackend()
    store = Store(backend)
    governor = Governor(compiled(DAY), store)

    def broken(unit: Unit) -> None:
        unit.touch()
        raise RuntimeError("a bug")

    backend.may_begin.clear()
    outcomes: list[object] = []

    def submit(step: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                outcomes.append(step())
            except RuntimeError as fault:
                outcomes.append(fault)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    request = governor.request("m", session_id="s", estimate_usd=1)
    threads = [submit(lambda: governor.reserve(request).allowed) for _ in range(4)]
    threads += [submit(lambda: store.run(broken))]
    threads += [submit(lambda: governor.reserve(request).allowed) for _ in range(4)]
    time.sleep(0.1)
    backend.may_begin.set()
    for thread in threads:
        thread.join(10)
    assert sorted(map(str, outcomes)) == ["True"] * 8 + ["a bug"]
    assert held_in(governor) == 3 * 8 * 10**9, "session, day and month"
    store.close()


def test_a_misspelt_option_is_refused_and_not_passed_over(one: Bench) -> None:
    with pytest.raises(TypeError, match="did you mean input_tokens"):
        one.governor.call("m", inptu_tokens=5)  # pyright: ignore[reportCallIssue]
    with one.governor.call("m", input_tokens=5) as call:
        with pytest.raises(TypeError, match="did you mean cost_nano_usd"):
            call.used(cost_usd=5)  # pyright: ignore[reportCallIssue]
        call.used(USED)


def test_a_call_is_entered_once(one: Bench) -> None:
    """A second entry would leak its hold, or record what the first one used."""
    call = one.governor.call("claude-haiku-4-5", estimate_usd=Decimal("0.01"))
    with call:
        call.used(cost_nano_usd=NanoUSD(1))
        with pytest.raises(ReservationError, match="entered once"), call:
            pass
    with pytest.raises(ReservationError, match="entered once"), call:
        pass

    async def again() -> None:
        with pytest.raises(ReservationError, match="entered once"):
            async with call:
                pass

    asyncio.run(again())
    spends = one.governor.status(None).decision.statuses
    assert sum(status.held for status in spends) == 0


def test_of_many_tasks_that_enter_one_call_one_is_let_in(one: Bench) -> None:
    async def enter(call: Call) -> bool:
        try:
            async with call:
                call.used(cost_nano_usd=NanoUSD(1))
                await asyncio.sleep(0)
        except ReservationError:
            return False
        return True

    async def race() -> list[bool]:
        call = one.governor.call("claude-haiku-4-5", estimate_usd=Decimal("0.01"))
        return await asyncio.gather(*(enter(call) for _ in range(5)))

    assert asyncio.run(race()).count(True) == 1
    assert sum(status.held for status in one.governor.status(None).decision.statuses) == 0


def test_a_call_that_was_refused_may_be_tried_again(one: Bench) -> None:
    call = one.governor.call("claude-haiku-4-5", estimate_usd=1_000_000)
    for _ in range(2):
        with pytest.raises(BudgetExceeded), call:
            pass


def test_what_is_no_hold_cannot_be_settled_and_says_so(one: Bench) -> None:
    refused = one.governor.reserve(one.governor.request("claude-haiku-4-5", estimate_usd=1_000_000))
    nothing: Any = refused.reservation
    assert not refused.allowed
    with pytest.raises(ReservationError, match="no hold to settle"):
        one.governor.commit(nothing)
    with pytest.raises(ReservationError, match="no hold to settle"):
        one.governor.release(nothing)
    with pytest.raises(ReservationError, match="no hold to settle"):
        one.governor.extend(nothing, ttl_seconds=5)


def test_what_was_decided_of_a_call_is_applied_to_the_arguments_of_an_sdk(bench: MakeBench) -> None:
    """A dollar buys 66,666 tokens of output; what is spent of it goes from that."""
    one = bench("[cost]\nenabled = true\ndaily_limit_usd = 1\n")
    asked: dict[str, Any] = {"model": "m", "max_tokens": 100_000, "messages": []}
    with one.governor.call("m", input_tokens=100, max_output_tokens=100_000) as call:
        sent = call.apply(asked)
        assert call.output_cap_tokens is not None
        assert sent == {**asked, "max_tokens": call.output_cap_tokens}
        call.used(USED)
    assert asked["max_tokens"] == 100_000
    with one.governor.call("m", input_tokens=100, max_output_tokens=10) as small:
        assert small.apply({**asked, "max_tokens": 10}) == {**asked, "max_tokens": 10}


def test_what_was_not_decided_cannot_be_applied(one: Bench) -> None:
    with pytest.raises(ReservationError, match="a call is decided on entry"):
        one.governor.call("m", input_tokens=1).apply({})
