"""Instants and sizes at which one thing becomes another, and twins that are easily forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from corvus import Governor
from corvus.base.money import NanoUSD
from corvus.governor import overrides
from corvus.model.request import TEXT_MAX, Request
from corvus.model.steering import MissionOutcome, OverrideRequest, ResetRequest
from corvus.store.writer import Job
from tests.governor.conftest import MakeBench

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\nreservation_ttl_seconds = 60\n"
STEERED = f"{DAY}allow_override = true\n"


def test_what_is_presumed_at_the_instant_of_a_reset_is_counted_and_can_be_replaced(
    bench: MakeBench,
) -> None:
    """A settlement counts from the instant of the reset on, so that instant is taken back, too."""
    one = bench(DAY)
    held = one.hold("3")
    one.clock.set(held.expires_at - timedelta(microseconds=1))
    reset = one.governor.reset(ResetRequest("day", "ana"))
    assert reset.effective_at == held.expires_at
    one.clock.set(reset.effective_at)
    assert one.spent("day") == "3+0"
    stored = one.governor.reservation(held.id)
    assert stored.settled_at == reset.effective_at
    one.governor.commit(held, cost_nano_usd=NanoUSD(0))
    assert one.spent("day") == "0+0"
    assert one.governor.recount(write=False) == []


def test_ovr_4_an_override_is_given_back_only_by_the_call_that_used_it(bench: MakeBench) -> None:
    one = bench(STEERED)
    one.spend("10")
    granted = one.governor.override(OverrideRequest("ana"))
    user = one.hold("1")
    assert user.override_id == granted.id
    stranger = replace(user, id="another")
    assert one.governor.store.run(lambda unit: overrides.restore(unit, stranger)) == []
    assert not one.ask("1").allowed, "the override is used up"
    assert "override_restored" not in one.audit()


def test_a_session_is_opened_by_its_first_call_and_the_ledger_is_told_once(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    one.spend("1", "a")
    one.spend("1", "a")
    one.spend("1", "b")
    opened = [row["session_id"] for row in one.rows("session") if row["event"] == "opened"]
    assert opened == ["a", "b"]


@pytest.mark.parametrize("fails", [False, True])
def test_mis_2_an_async_mission_ends_on_every_way_out(bench: MakeBench, fails: bool) -> None:
    one = bench(DAY)

    async def run(governor: Governor) -> None:
        async with governor.session("s") as session, session.mission("m"):
            if fails:
                raise KeyError("own")

    if fails:
        with pytest.raises(KeyError, match="own"):
            asyncio.run(run(one.governor))
    else:
        asyncio.run(run(one.governor))
    wanted = MissionOutcome.FAILED if fails else MissionOutcome.COMPLETED
    ended = [row["outcome"] for row in one.rows("mission") if row["event"] == "ended"]
    assert ended == [wanted.value]


def test_a_text_may_have_a_thousand_characters() -> None:
    assert Request("m", NanoUSD(0), "s" * TEXT_MAX).session_id == "s" * 1_000
    with pytest.raises(ValueError, match=r"1,001 characters, at most 1,000"):
        Request("m", NanoUSD(0), "s" * 1_001)


@pytest.mark.parametrize("keep", [False, True])
def test_a_caller_cannot_leave_an_answer_that_has_come(keep: bool) -> None:
    """Else a call is admitted and its caller is told that it was not."""
    job = Job(lambda unit: 7, keep=keep)
    assert job.claim.acquire(blocking=False)
    job.finish()
    assert not job.give_up()
    assert job.done.acquire(blocking=False)
