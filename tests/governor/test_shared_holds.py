"""Calls that share one permission: each is held while it runs, and each is counted (RES-2)."""

from __future__ import annotations

import asyncio

import pytest

from corvus import Governor, Usage
from corvus.base.errors import IdempotencyConflict
from corvus.base.money import NanoUSD
from corvus.governor.options import CallOptions
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.reservation import Outcome, ReservationState, Settlement, Source
from corvus.store.spill import line_of, pending_of
from corvus.store.unit import Unit
from tests.governor.conftest import Bench, MakeBench

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\n"
OPTIONS: CallOptions = {"session_id": "s", "input_tokens": 2_000, "idempotency_key": "k"}
FIRST = Usage(input_tokens=1_000, output_tokens=100)  # 0.0045 USD
SECOND = Usage(input_tokens=2_000, output_tokens=200)  # 0.009 USD


@pytest.fixture
def pair(bench: MakeBench) -> tuple[Bench, Governor]:
    """Two governors of one store, which know as little of each other as two processes do."""
    one = bench(DAY)
    return one, Governor(one.governor.policy, one.governor.store)


def test_a_second_block_of_a_running_key_is_refused_before_it_is_entered(bench: MakeBench) -> None:
    one = bench(DAY)
    with one.governor.call("m", **OPTIONS) as call:
        with (
            pytest.raises(IdempotencyConflict, match="is running in this process"),
            one.governor.call("m", **OPTIONS),
        ):
            raise AssertionError("not reached")
        assert one.spent("day") == "0+0.0135", "the hold of the first stands"
        call.used(FIRST)
    assert one.spent("day") == "0.0045+0"


def test_an_async_block_of_a_running_key_is_refused_alike(bench: MakeBench) -> None:
    one = bench(DAY)

    async def both() -> None:
        async with one.governor.call("m", **OPTIONS) as call:
            with pytest.raises(IdempotencyConflict):
                async with one.governor.call("m", **OPTIONS):
                    raise AssertionError("not reached")
            call.used(FIRST)

    asyncio.run(both())
    assert one.spent("day") == "0.0045+0"


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_two_processes_under_one_key_both_count(
    pair: tuple[Bench, Governor], first_ends_first: bool
) -> None:
    one, other = pair
    first, second = one.governor.call("m", **OPTIONS), other.call("m", **OPTIONS)
    first.__enter__()
    second.__enter__()
    assert second.decision.replayed
    first.used(FIRST)
    second.used(SECOND)
    for call in (first, second) if first_ends_first else (second, first):
        call.__exit__(None, None, None)
    assert one.spent("day") == "0.0135+0", "0.0045 and 0.009"
    assert len(one.rows("usage_record")) == 2
    assert one.governor.recount(write=False) == []


def test_two_processes_under_one_key_both_count_in_asyncio(pair: tuple[Bench, Governor]) -> None:
    one, other = pair

    async def both() -> None:
        async with one.governor.call("m", **OPTIONS) as first:
            first.used(FIRST)
            async with other.call("m", **OPTIONS) as second:
                second.used(SECOND)

    asyncio.run(both())
    assert one.spent("day") == "0.0135+0"
    assert one.governor.recount(write=False) == []


def test_a_call_whose_hold_another_gave_back_still_counts(pair: tuple[Bench, Governor]) -> None:
    one, other = pair
    with one.governor.call("m", **OPTIONS) as first:
        with pytest.raises(ValueError, match="own"), other.call("m", **OPTIONS):
            raise ValueError("own")
        first.used(FIRST)
    assert one.spent("day") == "0.0045+0"


def test_an_addition_that_is_applied_twice_counts_once(bench: MakeBench) -> None:
    """RES-9: a line of the spill file may be taken in twice."""
    one = bench(DAY)
    held = one.hold("1", idempotency_key="k")
    one.governor.commit(held, cost_nano_usd=NanoUSD(10**9))
    settlement = Settlement(FIRST, NanoUSD(2 * 10**9), Source.PROVIDER, Outcome.COMPLETED)
    added = "019acdb0-0000-7000-8000-000000000001"
    pending = PendingSettlement(PendingKind.ADD, held.id, added, settlement)
    line = pending_of(line_of(pending))
    assert line == pending
    for replayed in (False, True):
        done = one.governor.store.run(lambda unit: _applied(unit, one.governor, pending))
        assert done == (ReservationState.COMMITTED, replayed)
    assert one.spent("day") == "3+0"


def _applied(
    unit: Unit, governor: Governor, pending: PendingSettlement
) -> tuple[ReservationState, bool]:
    from corvus.governor import settlement

    settled, _ = settlement.apply(unit, governor.engine.in_force, pending)
    assert settled is not None
    return settled.reservation.state, settled.replayed


def test_options_of_many_calls_take_no_idempotency_key(bench: MakeBench) -> None:
    from corvus.calls.gate import Gate
    from corvus.clients.langchain import GovernedCallback

    governor = bench(DAY).governor
    for make in (Gate, GovernedCallback):
        with pytest.raises(ValueError, match="is for one call"):
            make(governor, idempotency_key="k")
