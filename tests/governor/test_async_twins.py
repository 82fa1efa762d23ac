"""What can be asked of a governor can be awaited, and no end of a block masks its error (RES-9)."""

from __future__ import annotations

import asyncio

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.model.steering import OverrideRequest, ResetRequest
from tests.governor.conftest import Bench, MakeBench

DAY = "[cost]\nenabled = true\nallow_override = true\ndaily_limit_usd = 10\n"


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(DAY)


def test_every_operation_has_a_twin_for_an_event_loop(one: Bench) -> None:
    governor = one.governor

    async def work() -> None:
        request = governor.request("m", session_id="s", estimate_usd=1, dispatched=False)
        assert (await governor.aevaluate(request)).allowed
        held = (await governor.areserve(request)).reservation
        assert held is not None
        assert (await governor.adispatch(held)).request.dispatched
        await governor.acommit(held)
        assert (await governor.astatus("s")).decision.statuses[0].spent_nano_usd == 10**9
        assert (await governor.aoverride(OverrideRequest("ana"))).actor == "ana"
        assert (await governor.areset(ResetRequest("day", "ana"))).scope == "day"

    asyncio.run(work())


@pytest.mark.parametrize("kind", ["session", "mission"])
def test_the_end_of_a_session_or_mission_masks_no_error(one: Bench, kind: str) -> None:
    session = one.governor.session("s")
    context = session if kind == "session" else session.mission("m")

    def fail() -> None:
        with context:
            one.governor.store.close()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as raised:
        fail()
    assert "is closed" in str(raised.value.__notes__)


def test_a_block_that_ended_well_tells_of_a_store_that_is_closed(one: Bench) -> None:
    with pytest.raises(StoreUnavailable), one.governor.session("s"):
        one.governor.store.close()
