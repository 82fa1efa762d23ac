"""What can be asked of a governor can be awaited, and no end of a block masks its error (RES-9)."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from corvus import Governor
from corvus.base.errors import StoreUnavailable
from corvus.governor.session import Mission, Session
from corvus.model.decision import MissionEnded
from corvus.model.steering import MissionOutcome, OverrideRequest, ResetRequest
from tests.governor.conftest import Bench, MakeBench

DAY = "[cost]\nenabled = true\nallow_override = true\ndaily_limit_usd = 10\n"


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(DAY)


TWINS = [
    (face, name)
    for face in (Governor, Session, Mission)
    for name, method in vars(face).items()
    if hasattr(method, "plan") and not name.startswith("a" + method.plan.__name__)
]


@pytest.mark.parametrize(
    ("face", "name"), TWINS, ids=[f"{face.__name__}.{name}" for face, name in TWINS]
)
def test_every_operation_has_a_twin_for_an_event_loop(face: type, name: str) -> None:
    method, twin = getattr(face, name), getattr(face, f"a{name}")
    assert not inspect.iscoroutinefunction(method)
    assert inspect.iscoroutinefunction(twin)
    assert inspect.signature(twin) == inspect.signature(method)
    assert f"``{name}``" in twin.__doc__


def test_a_twin_does_what_its_operation_does(one: Bench) -> None:
    governor = one.governor

    async def work() -> None:
        request = governor.request("m", session_id="s", estimate_usd=1, dispatched=False)
        assert (await governor.aevaluate(request)).allowed
        held = (await governor.areserve(request)).reservation
        assert held is not None
        assert (await governor.adispatch(held)).request.dispatched
        assert (await governor.areservation(held.id)).id == held.id
        await governor.acommit(held)
        assert (await governor.astatus("s")).decision.statuses[0].spent == 10**9
        assert (await governor.aproject_of("s")) is None
        assert (await governor.aoverride(OverrideRequest("ana"))).actor == "ana"
        assert (await governor.aresettable(ResetRequest("day", "ana"))).calls == 1
        assert (await governor.areset(ResetRequest("day", "ana"))).scope == "day"
        assert [session.id for session in await governor.asessions()] == ["s"]

    asyncio.run(work())


def test_a_mission_is_a_scope_guard_for_an_event_loop(one: Bench) -> None:
    """MIS-2: it ends on every way out, also by an exception and by a cancellation."""
    session = one.governor.session("s")
    mission = session.mission("m", max_steps=1)

    async def work(way_out: BaseException | None) -> None:
        async with session.mission("m", max_steps=1, resume=True):
            if way_out is not None:
                raise way_out

    async def step() -> None:
        async with mission:
            assert (await mission.astep()).steps == 1
            with pytest.raises(MissionEnded):
                await mission.astep()
        assert await mission.aoutcome() is MissionOutcome.BUDGET_EXHAUSTED
        assert (await session.astatus()).session_id == "s"
        assert (await session.aclose()).id == "s"

    asyncio.run(work(None))
    assert mission.outcome is MissionOutcome.COMPLETED
    for way_out in (KeyError("mine"), asyncio.CancelledError()):
        with pytest.raises(type(way_out)):
            asyncio.run(work(way_out))
        assert mission.outcome is MissionOutcome.FAILED
    asyncio.run(step())


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
