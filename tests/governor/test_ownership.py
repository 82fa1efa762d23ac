"""What belongs to a project or principal; replays, corrections, joined missions (RES-8)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from corvus.base.errors import IdempotencyConflict, ReservationNotFound, SteeringRefused
from corvus.base.money import NanoUSD
from corvus.governor import overrides
from corvus.model.request import TEXT_MAX, Request
from corvus.model.steering import MissionOutcome, OverrideRequest
from corvus.model.token import Claims, Token, TokenScope
from corvus.model.usage import Usage
from tests.governor.conftest import MakeBench
from tests.store.contract import NOW

SESSION = (
    "[cost]\nenabled = true\nsession_limit_usd = 10\ndaily_limit_usd = 0\n"
    "monthly_limit_usd = 0\nallow_override = true\n"
)


def test_sessions_and_keys_of_one_name_are_others_in_other_projects(bench: MakeBench) -> None:
    one = bench(SESSION)
    first = one.hold("8", project="a", idempotency_key="k")
    other = one.hold("8", project="b", idempotency_key="k")
    assert first.id != other.id
    assert one.ask("8", project="a").denial == "budget_exceeded"
    assert one.governor.recount(write=False) == []


def test_an_override_of_a_session_serves_no_other_project(bench: MakeBench) -> None:
    one = bench(SESSION)
    one.hold("9", project="a")
    one.hold("9", project="b")
    one.governor.override(OverrideRequest("ana", session_id="s", project="a"))
    assert not one.ask("9", project="b").allowed
    assert one.ask("9", project="a").allowed
    with pytest.raises(SteeringRefused, match="name its project"):
        one.governor.override(OverrideRequest("ana", session_id="s"))


def test_an_override_is_given_back_only_by_the_call_that_used_it(bench: MakeBench) -> None:
    one = bench(SESSION)
    one.governor.override(OverrideRequest("ana"))
    used = one.hold("11")
    foreign = replace(used, id="01a2138a-da1c-7cdd-b3ac-99abde901db7")
    assert one.governor.store.run(lambda unit: overrides.restore(unit, foreign)) == []
    assert "override_restored" not in one.audit()


def test_a_session_that_is_met_first_is_told_as_opened(bench: MakeBench) -> None:
    one = bench(SESSION)
    one.hold("1", project="a")
    assert [(row["event"], row["project"]) for row in one.rows("session")] == [("opened", "a")]


@pytest.mark.parametrize("ending", ["release", "commit"])
def test_a_repeated_key_is_a_permission_only_while_it_is_held(
    bench: MakeBench, ending: str
) -> None:
    one = bench(SESSION)
    first = one.hold("4", idempotency_key="k")
    assert one.ask("4", idempotency_key="k").replayed
    getattr(one.governor, ending)(first)
    again = one.ask("4", idempotency_key="k")
    assert again.reservation is not None
    if ending == "release":
        assert (again.allowed, again.reservation.state) == (True, "held")
        assert again.reservation.id != first.id
    else:
        assert (again.denial, again.reservation.cost_nano_usd) == ("already_settled", 4 * 10**9)
    with pytest.raises(IdempotencyConflict):
        one.ask("5", idempotency_key="k")


@pytest.mark.parametrize("ending", ["release", "commit"])
def test_what_a_meter_measured_replaces_a_foreign_settlement(bench: MakeBench, ending: str) -> None:
    one = bench(SESSION)
    held = one.hold("4")
    settle = getattr(one.governor, ending)
    _ = settle(held) if ending == "release" else settle(held, Usage(7), cost_nano_usd=NanoUSD(0))
    for _ in range(2):
        one.governor.correct(held, Usage(1000), cost_nano_usd=NanoUSD(3 * 10**9))
    assert one.spent("session") == "3+0"
    assert one.governor.recount(write=False) == []
    assert one.audit() == ["settlement_corrected"]
    assert sum(int(str(row["calls"])) for row in one.rows("usage_record")) == 1


def test_a_reservation_is_found_by_its_principal_on_its_surface_alone(bench: MakeBench) -> None:
    one = bench(SESSION)
    held = one.hold("1", principal="t1", surface="api")
    assert one.governor.reservation_of("t1", "api", held.id) == held
    for principal, surface in (("t2", "api"), ("t1", "proxy")):
        with pytest.raises(ReservationNotFound):
            one.governor.reservation_of(principal, surface, held.id)


def test_the_last_to_leave_a_joined_mission_ends_it_also_on_an_event_loop(
    bench: MakeBench,
) -> None:
    one = bench(SESSION)
    session = one.governor.session("s")

    async def join() -> None:
        async with session.mission("m", limit_usd=1):
            one.spend("0.1", mission_id="m")
            async with session.mission("m", resume=True):
                pass
            assert one.governor.mission("s", "m").outcome is None

    asyncio.run(join())
    assert one.governor.mission("s", "m").outcome is MissionOutcome.COMPLETED
    assert one.ask("0.1", mission_id="m").denial == "mission_ended"


def test_a_mission_without_a_call_may_be_begun_again(bench: MakeBench) -> None:
    session = bench(SESSION).governor.session("s")
    for _ in range(2):
        with session.mission("m"):
            pass


@pytest.mark.parametrize("surface", ["proxy", "cli-agent", "python"])
def test_an_admitted_call_is_a_step_where_nobody_else_counts(
    bench: MakeBench, surface: str
) -> None:
    one = bench(SESSION)
    with one.governor.session("s").mission("m", max_steps=2):
        allowed = [one.ask("0", mission_id="m", surface=surface).allowed for _ in range(3)]
    assert allowed == [True, True, surface == "python"]


def test_a_bound_token_wins_and_a_contradiction_is_refused() -> None:
    from corvus.base.errors import ProjectRefused, TokenBound

    token = Token("1", "bot", TokenScope.PROXY, "d", NOW, "ana", session="s")
    assert token.bind(Claims()) == Claims(None, "bot", None, "s", None)
    for said in (Claims(session="t"), Claims(user="eve")):
        with pytest.raises(TokenBound):
            token.bind(said)
    with pytest.raises(ProjectRefused):
        token.bind(Claims(project="p"))


def test_a_text_of_a_thousand_characters_is_kept_and_no_longer_one() -> None:
    assert Request("m", None, "s" * TEXT_MAX).session_id
    with pytest.raises(ValueError, match="at most"):
        Request("m", None, "s" * (TEXT_MAX + 1))
