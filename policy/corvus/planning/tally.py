"""Adds up what a policy makes of recorded calls, by budget (PLN-1)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from corvus.model.budget import Rung
from corvus.model.decision import Denial
from corvus.planning.replay import InTheWay, Outcome


@dataclass(slots=True)
class Count:
    """Some calls.

    Attributes:
        calls: How many.
        cost_nano_usd: What those cost whose cost is known.
        expected_nano_usd: What those could cost at most whose cost is not known.
    """

    calls: int = 0
    cost_nano_usd: int = 0
    expected_nano_usd: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count a call."""
        call = outcome.call
        self.calls += call.times
        if call.cost_nano_usd is not None:
            self.cost_nano_usd += call.cost_nano_usd
        else:
            self.expected_nano_usd += (call.request.estimate_nano_usd or 0) * call.times


def _counts() -> dict[Rung, Count]:
    return {rung: Count() for rung in Rung}


@dataclass(slots=True)
class Effects:
    """What a policy, or one of its budgets, does to calls.

    Attributes:
        refused: Calls that do not pass.
        rungs: Calls that pass in place of a refusal, by each rung that was used.
        lifted: Calls that pass by an override.
        bound: The sums that had no room for a call, with how many calls each met.
        first: The first call that did not pass as it was.
        users: Calls that were refused, by user.
        denials: Calls that were refused, by why.
    """

    refused: Count = field(default_factory=Count)
    rungs: dict[Rung, Count] = field(default_factory=_counts)
    lifted: Count = field(default_factory=Count)
    bound: Counter[InTheWay] = field(default_factory=Counter[InTheWay])
    first: Outcome | None = None
    users: Counter[str | None] = field(default_factory=Counter[str | None])
    denials: Counter[Denial] = field(default_factory=Counter[Denial])

    def add(self, outcome: Outcome, bound: tuple[InTheWay, ...] = ()) -> None:
        """Count a call that does not simply pass."""
        if self.first is None or outcome.call.requested_us < self.first.call.requested_us:
            self.first = outcome
        for one in bound:
            self.bound[one] += outcome.call.times
        if outcome.denial is not None:
            self.refused.add(outcome)
            self.users[outcome.call.request.user] += outcome.call.times
            self.denials[outcome.denial] += outcome.call.times
            return
        if outcome.override_id is not None:
            self.lifted.add(outcome)
        for rung in outcome.rungs:
            self.rungs[rung].add(outcome)


@dataclass(slots=True)
class Tally:
    """What a policy does to calls.

    Attributes:
        all: To all of them, each counted once.
        budgets: By the name of each budget in whose way they were.
        refused: Ids of the calls that are refused.
        passes_now: Calls that were refused when they were made and pass under it.
    """

    all: Effects = field(default_factory=Effects)
    budgets: dict[str, Effects] = field(default_factory=dict[str, Effects])
    refused: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    refused_then: int = 0

    def note(self, outcome: Outcome) -> None:
        """Count what the policy makes of a call."""
        call = outcome.call
        was_refused = call.decision is not None and call.decision.denial is not None
        if was_refused and outcome.denial is not None:
            self.refused_then += call.times  # as it was then
            return
        if outcome.is_plain or was_refused:
            return
        self.all.add(outcome, outcome.in_the_way)
        if outcome.denial is not None:
            self.refused[call.id] = outcome
        for name in {one.budget for one in outcome.in_the_way}:
            bound = tuple(one for one in outcome.in_the_way if one.budget == name)
            if name not in self.budgets:
                self.budgets[name] = Effects()
            self.budgets[name].add(outcome, bound)
