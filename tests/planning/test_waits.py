"""Calls that waited, for room or for a person, are decided again as they were (PLN-1, EVA-14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from corvus import Decision, Governor, open_runtime
from corvus.base.money import NanoUSD
from corvus.base.time import FrozenClock
from corvus.model.approval import ApprovalRequest
from corvus.model.budget import Rung
from corvus.model.request import Request
from corvus.planning.replay import Outcome
from corvus.runtime import Runtime
from tests.governor.ladder.climbing import Aside, until
from tests.planning.governed_runs import START, differences, replayed

CENT = 10_000_000
CONFIG = """
[cost]
enabled = true
daily_limit_usd = 1
wait_seconds = 1
ask_seconds = 30
on_exceeded = ["wait", "ask"]
"""


class Run:
    """A governor under a clock that is moved, with a ledger."""

    def __init__(self, governor: Governor, clock: FrozenClock) -> None:
        self.governor = governor
        self.clock = clock

    def ask(self, cents: int) -> Decision:
        return self.governor.reserve(Request("m", NanoUSD(cents * CENT), "s"))

    def waiting(self) -> int:
        return len(self.governor.store.run(lambda unit: dict(unit.waiters())))

    def tick(self, seconds: float = 0.5) -> None:
        self.clock.move(timedelta(seconds=seconds))

    def commit(self, decision: Decision, cents: int) -> None:
        assert decision.reservation is not None, decision.denial
        self.governor.commit(decision.reservation, cost_nano_usd=NanoUSD(cents * CENT))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(START)


@pytest.fixture
def runtime(tmp_path: Path, clock: FrozenClock) -> Runtime:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG)
    return open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)


@pytest.fixture
def run(runtime: Runtime, clock: FrozenClock) -> Iterator[Run]:
    with runtime.governor() as governor:
        yield Run(governor, clock)


def as_it_was(runtime: Runtime) -> list[Outcome]:
    outcomes = sorted(replayed(runtime), key=lambda each: each.call.requested_us)
    assert differences(outcomes) == []
    return outcomes


def test_a_call_that_waited_for_room(run: Run, runtime: Runtime) -> None:
    first = run.ask(90)
    run.tick()
    second = Aside(lambda: run.ask(50))
    until(lambda: run.waiting() == 1)
    run.tick(0.2)
    run.commit(first, 10)
    assert second.join().rungs == (Rung.WAIT,)
    run.tick()
    run.commit(second.join(), 50)
    run.tick()
    third = run.ask(30)
    run.commit(third, 30)
    outcomes = as_it_was(runtime)
    assert [each.rungs for each in outcomes] == [(), (Rung.WAIT,), ()]


def test_a_call_that_a_person_let_pass(run: Run, runtime: Runtime) -> None:
    first = run.ask(90)
    run.commit(first, 90)
    run.tick()
    parked = Aside(lambda: run.ask(50))
    until(lambda: len(run.governor.approvals()) == 1)
    run.tick(3)
    (approval,) = run.governor.approvals()
    run.governor.decide_approval(ApprovalRequest(approval.id, "me", True))
    assert parked.join().rungs == (Rung.ASK,)
    run.tick()
    run.commit(parked.join(), 40)
    outcomes = as_it_was(runtime)
    assert outcomes[1].in_the_way[0].budget == "day"


def test_a_call_that_a_person_refused(run: Run, runtime: Runtime) -> None:
    run.commit(run.ask(90), 90)
    run.tick()
    parked = Aside(lambda: run.ask(50))
    until(lambda: len(run.governor.approvals()) == 1)
    run.tick(3)
    (approval,) = run.governor.approvals()
    run.governor.decide_approval(ApprovalRequest(approval.id, "me", False))
    assert not parked.join().allowed
    (_, refused) = sorted(replayed(runtime), key=lambda each: each.call.requested_us)
    assert refused.denial is not None
    assert refused.rungs == (Rung.ASK,)
