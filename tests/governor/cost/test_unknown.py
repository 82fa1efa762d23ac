"""A cost that is unknown is never free: what bounds it counts in budgets (PRC-8, STO-2)."""

from __future__ import annotations

from corvus.base.money import nano_usd
from corvus.model.reservation import ReservationState, Source
from corvus.model.usage import Usage, UsagePart
from tests.governor.conftest import Bench, MakeBench

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\n"
SPOKEN = Usage(input_tokens=1_000, output_audio_tokens=5)
"""No price for it, whatever the model."""

BATCH = UsagePart("claude-opus-4-5", Usage(100_000), "flex", states_modalities=True)
"""Anthropic has no such tier: it is bounded by the usual price, 5 USD per million."""


def settle(one: Bench, held: str = "3") -> str:
    reservation = one.hold(held)
    settled = one.governor.commit(reservation, SPOKEN)
    assert settled.reservation.known_cost_nano_usd is None
    return reservation.id


def test_the_hold_of_a_call_without_a_known_cost_counts_as_spent(bench: MakeBench) -> None:
    one = bench(DAY)
    settle(one)
    assert one.spent("day") == "3+0"
    assert one.governor.recount(write=False) == []
    settle(one)
    settle(one)
    assert not one.ask("2").allowed, "9 of 10 are spent"


def test_counts_bound_it_better_than_the_hold(bench: MakeBench) -> None:
    one = bench(DAY)
    settled = one.governor.commit(one.hold("3"), BATCH.usage, parts=(BATCH,))
    assert one.spent("day") == "0.5+0"
    assert settled.reservation.recorded == (Source.UNKNOWN, BATCH.usage)
    assert one.governor.recount(write=False) == []


def test_a_correction_takes_the_bound_back(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("3")
    one.governor.commit(held, SPOKEN)
    one.governor.correct(held, Usage(), cost_nano_usd=nano_usd(1), settlement_key="meter")
    assert one.spent("day") == "1+0"
    assert one.governor.recount(write=False) == []


def test_a_measured_unknown_replaces_a_cost_by_its_bound(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("3")
    one.governor.commit(held, cost_nano_usd=nano_usd(1))
    done = one.governor.correct(held, SPOKEN, settlement_key="meter")
    assert done.reservation.state is ReservationState.COMMITTED
    assert one.spent("day") == "3+0"
    assert one.governor.recount(write=False) == []


def test_without_a_hold_there_is_nothing_to_count(bench: MakeBench) -> None:
    one = bench(DAY + 'unpriced_models = "warn"\n')
    decision = one.governor.reserve(one.governor.request("no-such-model", input_tokens=5))
    assert decision.reservation is not None
    one.governor.commit(decision.reservation, SPOKEN)
    assert one.spent("day") == "0+0"
    assert one.governor.recount(write=False) == []
