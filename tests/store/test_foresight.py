"""What a batch looks for is known before it begins (STO-4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from corvus import Governor, open_runtime
from corvus.base.money import NanoUSD
from corvus.model.request import Request
from corvus.model.reservation import Reservation
from corvus.store.codec import Present
from corvus.store.looks import Fetched, Wanted, from_present
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.fakes import FrozenClock
from tests.store.far import FarBackend

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 50.0
session_limit_usd = 20.0
on_exceeded = []

[cost.prices.m]
input = 3
output = 15

[[cost.budgets]]
name = "team"
period = "month"
limit_usd = 100.0
per = ["project"]
"""


class Far:
    """A governor over a far store, that has been at work."""

    def __init__(self, folder: Path) -> None:
        config = folder / "corvus.toml"
        config.write_text(CONFIG, encoding="utf-8")
        runtime = open_runtime(config, ledger=folder / "l.duckdb")
        self.backend = FarBackend()
        self.clock = FrozenClock()
        self.store = Store(self.backend, self.clock)
        self.governor = Governor(runtime.policy, self.store, books=runtime.books)
        self.pair("warm")

    def pair(self, session: str, **more: object) -> None:
        held = self.hold(session, **more)
        self.governor.commit(held, cost_nano_usd=NanoUSD(5))

    def hold(self, session: str, **more: object) -> Reservation:
        request = Request("m", NanoUSD(1000), session, **more)  # pyright: ignore[reportArgumentType]
        decision = self.governor.reserve(request)
        assert decision.allowed, decision.denial
        assert decision.reservation is not None
        return decision.reservation

    def missed(self) -> list[str]:
        missed, self.backend.missed = self.backend.missed, []
        return missed


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    one = Far(tmp_path)
    one.missed()
    yield one
    one.store.close()


@pytest.mark.parametrize("others", [(False, False), (True, False), (True, True)])
def test_a_call_asks_the_store_for_nothing_that_was_not_foreseen(
    far: Far, others: tuple[bool, bool]
) -> None:
    far.backend.others_wrote = others
    far.pair("warm")
    far.missed()
    for number in range(3):
        far.clock.move(timedelta(seconds=1))
        far.pair("warm")
        far.pair(f"new-{number}", project="p", idempotency_key=f"key-{number}")
        held = far.hold("warm", agent="a")
        far.governor.extend(held)
        far.governor.release(held)
    assert far.missed() == []


def test_a_batch_of_many_callers_is_foreseen_as_one(far: Far) -> None:
    far.backend.others_wrote = (True, False)
    threads = [
        threading.Thread(target=far.pair, args=(f"s{number % 3}",), kwargs={"project": "p"})
        for number in range(12)
    ]
    far.pair("s0", project="p")
    far.missed()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert far.missed() == []


def test_rows_that_others_changed_are_seen(far: Far) -> None:
    """What is remembered is a guess for the rehearsal alone."""
    held = far.hold("warm")
    kinds = far.store.run(lambda unit: [*unit.balances(1).values()])
    assert kinds
    far.backend.others_wrote = (True, False)
    with far.backend._explained():  # pyright: ignore[reportPrivateUsage]
        connection = far.backend._connected  # pyright: ignore[reportPrivateUsage]
        connection.execute("UPDATE balance SET spent_nano_usd = spent_nano_usd + 7000000000000")
    refused = far.governor.reserve(Request("m", NanoUSD(1000), "warm"))
    assert not refused.allowed
    assert held is not None


def test_a_step_that_fails_in_the_rehearsal_fails_once_more(far: Far) -> None:
    seen: list[str] = []

    def step(unit: Unit) -> None:
        seen.append(unit.rows.__class__.__name__)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        far.store.run(step)
    assert seen == ["Rehearsal", "FarBackend"]
    far.pair("warm")


def test_a_rehearsal_changes_nothing(far: Far) -> None:
    before = far.governor.status("warm").decision.statuses
    far.backend.others_wrote = (True, True)

    def step(unit: Unit) -> None:
        for balance in unit.balances(1).values():
            balance.spent_nano_usd += 10**9
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        far.store.run(step)
    assert far.governor.status("warm").decision.statuses == before


def test_looks_counted_from_the_present_have_the_same_answer_at_another_present() -> None:
    wanted, fetched = Wanted(), Fetched()
    from corvus.store.kinds import OVERDUE

    wanted.find(OVERDUE, (Present(100), 5), 100)
    ((query, given),) = wanted.finds
    fetched.keep_find(query, given, [])
    assert fetched.find(OVERDUE, (Present(170), 5), 170) == []
    assert fetched.find(OVERDUE, (170, 5), 170) is None
    assert from_present((Present(70), 7), 50) == (("present", 20), 7)
