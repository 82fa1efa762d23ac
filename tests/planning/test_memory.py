"""The governor's own rules over memory, at any instant (PLN-2)."""

from __future__ import annotations

from datetime import timedelta

from corvus.base.money import NanoUSD
from corvus.base.time import FrozenClock, microseconds
from corvus.governor import admission, settlement
from corvus.governor.ladder.offers import DescribedOffers
from corvus.governor.ladder.rungs import Attempt
from corvus.model.decision import Decision, Denial
from corvus.model.request import Request
from corvus.planning.memory import MemoryUnit, memory_governor, rules_in
from corvus.testing import fake_policy

POLICY = fake_policy({"cost": {"enabled": True, "daily_limit_usd": 1, "on_exceeded": []}})


def asked(usd: int) -> Request:
    return Request("m", NanoUSD(usd * 10**9), "s")


def test_a_governor_in_memory_follows_its_clock() -> None:
    clock = FrozenClock()
    with memory_governor(POLICY, clock) as governor:
        assert governor.reserve(asked(1)).allowed
        assert governor.reserve(asked(1)).denial is Denial.BUDGET_EXCEEDED
        clock.move(timedelta(days=1))
        assert governor.reserve(asked(1)).allowed


def test_a_unit_in_memory_decides_as_a_governor_does() -> None:
    clock = FrozenClock()
    unit = MemoryUnit(microseconds(clock.now()))
    rules, register = rules_in(unit, POLICY)
    assert rules is not None

    def describe(*_: object) -> Request:
        raise AssertionError("nothing is described again")

    def decide(request: Request) -> Decision:
        attempt = Attempt(request, DescribedOffers(request, describe), ())
        decision, _ = admission.reserve(unit, rules, register, attempt)
        assert isinstance(decision, Decision)
        return decision

    first = decide(asked(1))
    assert first.reservation is not None
    assert decide(asked(1)).denial is Denial.BUDGET_EXCEEDED
    settlement.release(unit, register, first.reservation.id, None)
    assert decide(asked(1)).allowed
    unit.move(unit.now_us + 86_400_000_000)
    assert decide(asked(1)).allowed
