"""Calls that are capped, wait, are downgraded or parked, in any order (EVA-14).

Each is held against a small model. Each call is tried by hand, one try at a time, so that
hypothesis decides who comes when: threads would leave that to chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from corvus import Decision, Governor
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.governor.admission import Pause
from corvus.governor.engine import Transaction
from corvus.governor.ladder.tries import Tries
from corvus.model.approval import ApprovalRequest
from corvus.model.budget import Budget, Measure, Rung
from corvus.model.ladder import Offer, Room
from corvus.model.request import Request
from corvus.model.reservation import Reservation
from corvus.store.sqlite import MemoryBackend
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.governor.ladder.climbing import policy_of
from tests.properties import examples

LIMIT, MANY = 100, 3
LEAST = 5
LADDERS = [
    (),
    (Rung.CAP,),
    (Rung.WAIT,),
    (Rung.ASK,),
    (Rung.CAP, Rung.WAIT),
    (Rung.WAIT, Rung.CAP),
    (Rung.CAP, Rung.WAIT, Rung.DOWNGRADE, Rung.ASK),
    (Rung.DOWNGRADE, Rung.WAIT),
]


@dataclass(frozen=True)
class Forms:
    """A call of one nano-USD a token; of the model ``half``, of half as much."""

    request: Request

    def cap(self, request: Request, room: Room, least_tokens: int) -> Offer | None:
        assert room.nano_usd is not None
        rate = 2 if request.model == "half" else 1
        most = min(room.nano_usd * rate, (request.estimate_nano_usd or 0) * rate - 1)
        if most < least_tokens:
            return None
        return Offer(replace(request, estimate_nano_usd=NanoUSD(-(-most // rate))), most)

    def downgrade(self, model: str) -> Offer | None:
        half = -(-(self.request.estimate_nano_usd or 0) // 2)
        return Offer(replace(self.request, model=model, estimate_nano_usd=NanoUSD(half)))


@dataclass
class Waiting:
    """A call that is not decided yet.

    Attributes:
        pause: For what it waits.
    """

    tries: Tries
    estimate: int
    pause: Pause


class Ladders(RuleBasedStateMachine):
    """Every way up the ladder, on a store in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.store = Store(MemoryBackend(), self.clock)
        self.ladder: tuple[Rung, ...] = ()
        self.held: list[Reservation] = []
        self.waiting: list[Waiting] = []
        self.spent = 0
        self.calls = 0
        self.lifted = 0
        self.use_ladder((Rung.CAP, Rung.WAIT))

    def teardown(self) -> None:
        self.store.close()

    @rule(rungs=st.sampled_from(LADDERS))
    def use_ladder(self, rungs: tuple[Rung, ...]) -> None:
        """Put a ladder in force; who waits already goes by it, too, when he is tried again."""
        self.ladder = rungs
        day = Budget("day", Period.TOTAL, LIMIT, (80,), "k", on_exceeded=rungs)
        calls = Budget("calls", Period.TOTAL, 40, (), "k", measure=Measure.CALLS, on_exceeded=rungs)
        fields = {"cap_at_least_tokens": LEAST, "wait_seconds": 600, "ask_seconds": 600}
        policy = policy_of(day, calls, downgrade=(("m", ("half",)),), **fields)
        self.governor = Governor(policy, self.store)

    @rule(estimate=st.integers(1, LIMIT + 30))
    def arrive(self, estimate: int) -> None:
        engine = self.governor.engine
        request = Request("m", NanoUSD(estimate), "s")
        in_force = lambda: (self.governor.engine.rules, self.governor.engine.register)  # noqa: E731
        tries = Tries(engine.store, in_force, request, Forms(request))
        self.attempt(Waiting(tries, estimate, Pause(Rung.WAIT, 0, frozenset())))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def try_again(self, data: st.DataObject) -> None:
        self.attempt(self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        gone = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))
        if (give_up := gone.tries.leave()) is not None:
            self.store.run(give_up)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), percent=st.integers(0, 100))
    def settle(self, data: st.DataObject, percent: int) -> None:
        held = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        cost = held.hold_nano_usd * percent // 100
        self.governor.commit(held, cost_nano_usd=NanoUSD(cost))
        self.spent, self.calls = self.spent + cost, self.calls + 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.governor.release(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @rule(data=st.data(), granted=st.booleans(), amount=st.none() | st.integers(1, LIMIT))
    def decide(self, data: st.DataObject, granted: bool, amount: int | None) -> None:
        parked = self.governor.approvals()
        if not parked:
            return
        one = data.draw(st.sampled_from(parked))
        most = NanoUSD(amount) if amount is not None else None
        self.governor.decide_approval(ApprovalRequest(one.id, "ana", granted, amount_nano_usd=most))

    @rule(seconds=st.sampled_from([0, 1]))
    def tick(self, seconds: int) -> None:
        """Let time pass, less than a lease: whoever waits would have been heard of by then."""
        for one in [*self.waiting]:
            self.waiting.remove(one)
            self.attempt(one)
        self.clock.move(timedelta(seconds=seconds))

    def attempt(self, one: Waiting) -> None:
        """Try a call once, and hold what comes of it against the model."""
        before = self.held_sum + self.spent
        engine = self.governor.engine
        earlier = [
            other
            for other in self.waiting
            if other.pause.rung is Rung.WAIT
            and (not one.pause.turn or other.pause.turn < one.pause.turn)
        ]
        outcome = engine.run(Transaction(one.tries.step))
        decision = one.tries.note(outcome)
        if decision is None:
            assert isinstance(outcome, Pause)
            was_parked = bool(one.pause.turn) and one.pause.rung is Rung.ASK
            assert outcome.rung in self.ladder or was_parked  # who is parked stays it
            assert not one.pause.turn or outcome.turn == one.pause.turn
            one.pause = outcome
            self.waiting.append(one)
            return
        one.tries.leave()
        one.pause = Pause(Rung.WAIT, 0, frozenset())
        self.judge(one, decision, before, earlier)

    def judge(self, one: Waiting, decision: Decision, before: int, earlier: list[Waiting]) -> None:
        if not decision.allowed:
            assert before + one.estimate > LIMIT or decision.approval_id or self.is_full
            return
        held = decision.reservation
        assert held is not None
        hold, is_lifted = held.hold_nano_usd, decision.approval_id is not None
        assert is_lifted or before + hold <= LIMIT, "nobody passes beyond the limit"
        assert hold <= one.estimate
        may_wait = Rung.WAIT in self.ladder
        assert is_lifted or not may_wait or not earlier, "nobody overtakes who came earlier"
        if decision.output_cap_tokens is not None:
            assert decision.output_cap_tokens >= LEAST
        assert (decision.model == "half") == (decision.downgraded_from == "m")
        if is_lifted:
            self.lifted = max(self.lifted, before + hold - LIMIT)
        self.held.append(held)

    @property
    def held_sum(self) -> int:
        return sum(held.hold_nano_usd for held in self.held)

    @property
    def is_full(self) -> bool:
        return self.calls + len(self.held) >= 40

    @invariant()
    def sums_are_those_of_the_model(self) -> None:
        by_name = {
            status.budget.name: status for status in self.governor.status().decision.statuses
        }
        assert (by_name["day"].spent, by_name["day"].held) == (self.spent, self.held_sum)
        assert by_name["calls"].held == len(self.held)
        assert by_name["calls"].spent == self.calls
        assert self.governor.recount(write=False) == []

    @invariant()
    def who_waits_has_a_place_and_nobody_else(self) -> None:
        rows = self.store.run(lambda unit: {*unit.waiters()})
        waits = {one.pause.turn for one in self.waiting if one.pause.rung is Rung.WAIT}
        assert rows == waits
        assert {*self.store.line.turns} == {one.pause.turn for one in self.waiting}


TestLadders = Ladders.TestCase
TestLadders.settings = settings(
    max_examples=examples(300, by_day=15),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
