"""What a meter has seen reaches the store, whoever settled before and however often it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from corvus import Governor, open_runtime
from corvus.base.errors import SettlementPending, StoreUnavailable
from corvus.calls.flight import Ending, Flight, Settle
from corvus.calls.gate import Admission, Gate, Proposal
from corvus.calls.routes import MeteredCall
from corvus.calls.settle import Settler
from corvus.metering.providers.openai import CHAT
from corvus.model.outbox import LedgerTable
from corvus.model.reservation import Reservation, Settled
from corvus.model.usage import Usage

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 10

[cost.prices.m]
input = 1
output = 2
"""
MEASURED = Usage(input_tokens=1000, output_tokens=500)
COST = 2_000_000


@pytest.fixture
def governor(tmp_path: Path) -> Iterator[Governor]:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG)
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as opened:
        yield opened


@pytest.fixture
def settler(governor: Governor) -> Iterator[Settler]:
    made = Settler(lambda: governor)
    made.start()
    yield made
    made.close()


def held(governor: Governor) -> Reservation:
    return flight_of(governor).reservation


def flight_of(governor: Governor) -> Flight:
    gate = Gate(governor)
    proposal = gate.propose(MeteredCall(CHAT, CHAT.path), b'{"model": "m", "max_tokens": 900}')
    assert isinstance(proposal, Proposal)
    decision, proposal = gate.admit(proposal)
    verdict = gate.verdict(proposal, decision)
    assert isinstance(verdict, Admission)
    assert verdict.flight is not None
    return verdict.flight


def ending_of(one: Reservation) -> Ending:
    return Ending(one, False, MEASURED, {"settlement_key": f"{one.id}/meter"})


def day_nano_usd(governor: Governor) -> int:
    statuses = governor.status().decision.statuses
    return next(one.spent for one in statuses if one.budget.name == "day")


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.02)


def settle_sync(settler: Settler, ending: Ending) -> None:
    settler.obey([Settle(ending)])


def settle_async(settler: Settler, ending: Ending) -> None:
    asyncio.run(_aobeyed(settler, ending))


async def _aobeyed(settler: Settler, ending: Ending) -> None:
    await settler.aobey([Settle(ending)])


def settle_later(settler: Settler, ending: Ending) -> None:
    settler.later([Settle(ending)])


WAYS = pytest.mark.parametrize("settle", [settle_sync, settle_async, settle_later])
Way = Callable[[Settler, Ending], None]


@WAYS
@pytest.mark.parametrize("foreign", ["release", "commit"])
def test_what_somebody_else_has_settled_is_corrected_to_the_measured_cost(
    settle: Way, foreign: str, governor: Governor, settler: Settler
) -> None:
    one = held(governor)
    if foreign == "release":
        governor.release(one)
    else:
        governor.commit(one, Usage())
    settle(settler, ending_of(one))
    wait_for(lambda: day_nano_usd(governor) == COST)
    settle(settler, ending_of(one))  # once more, as after an answer that was lost
    settler.close()
    assert day_nano_usd(governor) == COST
    rows = [*governor.store.run(lambda unit: unit.events(0, 1000))]
    audited = [one.row for one in rows if one.table is LedgerTable.AUDIT_EVENT]
    assert [row["kind"] for row in audited].count("settlement_corrected") == 1


@WAYS
def test_a_settlement_that_fails_is_done_again(
    settle: Way, governor: Governor, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, tries = held(governor), 0
    correct, acorrect = governor.correct, governor.acorrect

    def failing(*given: Any, **more: Any) -> Settled:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable("busy")
        return correct(*given, **more)

    async def afailing(*given: Any, **more: Any) -> Settled:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable("busy")
        return await acorrect(*given, **more)

    monkeypatch.setattr(governor, "correct", failing)
    monkeypatch.setattr(governor, "acorrect", afailing)
    settle(settler, ending_of(one))
    settler.close()  # at the latest then
    assert tries == 2
    assert day_nano_usd(governor) == COST


@WAYS
def test_a_settlement_that_the_store_keeps_is_not_repeated(
    settle: Way, governor: Governor, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, tries = held(governor), 0

    def pending(*given: Any, **more: Any) -> Settled:
        nonlocal tries
        tries += 1
        raise SettlementPending("later")

    async def apending(*given: Any, **more: Any) -> Settled:
        return pending()

    monkeypatch.setattr(governor, "correct", pending)
    monkeypatch.setattr(governor, "acorrect", apending)
    settle(settler, ending_of(one))
    settler.close()
    assert tries == 1


def test_the_connection_of_an_answer_that_nobody_read_is_closed(
    governor: Governor, settler: Settler
) -> None:
    closed: list[bool] = []
    settler.later([], lambda: closed.append(True))
    settler.later([], lambda: 1 // 0)
    settler.close()
    assert closed == [True]


def test_a_running_call_is_kept_alive_until_it_is_settled(
    governor: Governor, settler: Settler
) -> None:
    flight = flight_of(governor)
    started: list[str] = []
    stopped: list[str] = []
    beat = governor.heartbeat
    with pytest.MonkeyPatch.context() as patch:

        def start(key: str, life: int) -> None:
            started.append(key)

        patch.setattr(beat, "start", start)
        patch.setattr(beat, "stop", stopped.append)
        settler.watch(flight)
        settler.obey(flight.broken(governor.store.clock.now()))
    assert started == stopped == [flight.reservation.id]
    assert governor.store.run(lambda unit: len(unit.held())) == 0


def test_while_governance_is_disabled_nothing_is_held_and_nothing_is_settled(
    tmp_path: Path,
) -> None:
    config = tmp_path / "off.toml"
    config.write_text(CONFIG.replace("enabled = true", "enabled = false"))
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as off:
        gate = Gate(off)
        proposal = gate.propose(MeteredCall(CHAT, CHAT.path), b'{"model": "m"}')
        assert isinstance(proposal, Proposal)
        decision, proposal = gate.admit(proposal)
        assert gate.verdict(proposal, decision) == Admission(proposal, None)
        assert [*off.store.run(lambda unit: unit.events(0, 10))] == []
