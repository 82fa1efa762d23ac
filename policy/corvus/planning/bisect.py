"""Finds the least change of a budget that would have stopped a recorded call (PLN-2).

The calls before it are put to the changed budget, each in the form in which it passed, at what it
held and cost. How they are decided changes only where a limit falls below what a call came to that
passed; so from one limit to the next below it that changes anything is one step, and the first that
stops the call is the least change. What the changed budget would have tried in place of a refusal
is left out, and so are overrides: what would have become of the call then, nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from corvus.base.period import Period, window_at
from corvus.base.time import instant_at, microseconds
from corvus.governor.rules import part_of_call
from corvus.model.budget import Budget, Measure
from corvus.model.decision import BudgetState, BudgetStatus, Denial
from corvus.model.policy import MissionLimits, Policy
from corvus.model.request import MAX_ESTIMATE
from corvus.planning.candidates import Candidate, Kind, candidates
from corvus.planning.passed_calls import counted_events, most_in_window, passed_events, shares_sum
from corvus.planning.recorded import CallTurn, RecordedCall, RecordedEvent
from corvus.planning.replay import Outcome, Replay
from corvus.prices.lookup import PriceBooks

Progress: TypeAlias = Callable[[int, int], None]
STEPS_MAX = 500
"""How many limits are tried of one budget; below them nothing is found."""
_CENT = 10_000_000


class Effect(NamedTuple):
    """What else a change would have refused.

    Attributes:
        calls: How many.
        cost_nano_usd: What they had cost, as far as it is known.
        users: Whose they were, sorted; calls without a user are nobody's.
        first_us: When the first of them came, microseconds since 1970; ``None`` where none is.
    """

    calls: int = 0
    cost_nano_usd: int = 0
    users: tuple[str, ...] = ()
    first_us: int | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change that would have stopped the call.

    Attributes:
        kind: What is changed.
        before: The budget as it is; ``None`` for a new one.
        after: As it would be, with ``limit``.
        part: Of a budget with ``per``: that of the call, as it is kept; else empty.
        least: The highest limit that stops the call, in the unit of the budget: the least change.
        limit: The same in whole cents, where that stops it, too.
        present: The limit that counts for the call now; 0 is off, ``None`` for a new budget.
        effect: What else ``limit`` would have refused.
        threshold: Percent of the present limit that had been spent when the call came: a threshold
            up to there would have been reported before; ``None`` where there is no limit.
    """

    kind: Kind
    before: Budget | None
    after: Budget
    part: str
    least: int
    limit: int
    present: int | None
    effect: Effect
    threshold: int | None


class Bisection:
    """What recorded calls say of changes of a policy.

    Args:
        events: Of the ledger, in their order, from when on they count in sums that matter.
        policy: The policy that is to be changed.
        books: Its prices.
        since_us: What else is refused counts from here on, microseconds since 1970.
    """

    def __init__(
        self, events: Sequence[RecordedEvent], policy: Policy, books: PriceBooks, since_us: int = 0
    ) -> None:
        self._events = [*passed_events(events)]
        self._policy = policy
        self._books = books
        self._since_us = since_us

    def incident(self, at_us: int, below_nano_usd: int | None = None) -> RecordedCall | None:
        """Return the call that is to be stopped; ``None`` where none was admitted by then.

        Args:
            at_us: The instant, microseconds since 1970; the last call that came by then is meant.
            below_nano_usd: The first call of that UTC day with which all of them came to so much.
        """
        day_us = microseconds(instant_at(at_us).replace(hour=0, minute=0, second=0, microsecond=0))
        last: RecordedCall | None = None
        total = 0
        for call in self._events:
            if not isinstance(call, RecordedCall) or call.requested_us > at_us:
                continue
            if below_nano_usd is None:
                last = call if call.is_judged else last
            elif call.requested_us >= day_us:
                total += call.cost_nano_usd or 0
                if total >= below_nano_usd and call.is_judged:
                    return call
        return last

    def remedies(
        self, incident: RecordedCall, on_progress: Progress = lambda done, of: None
    ) -> list[Remedy]:
        """Return changes that would have stopped a call: first what refuses the fewest others.

        Args:
            incident: The call.
            on_progress: Called with how many changes were tried, and how many there are.
        """
        found: list[Remedy] = []
        tried = [*candidates(self._policy, incident.request)]
        for done, candidate in enumerate(tried):
            on_progress(done, len(tried))
            remedy = self._remedy(candidate, incident)
            if remedy is not None:
                found.append(remedy)
        found.sort(key=_rank)
        return found

    def stopped_by(self, incident: RecordedCall) -> tuple[str, ...]:
        """Return the budgets whose present limit would have stopped a call already."""
        found: list[str] = []
        for candidate in candidates(self._policy, incident.request):
            budget = candidate.before
            if candidate.kind is not Kind.LIMIT or not candidate.present or budget is None:
                continue
            if budget.enforce == "block":
                now = candidate.make(candidate.present)
                status, _ = self._stopped(self._relevant(now, incident), now, incident)
                found += [budget.name] if status.state is BudgetState.EXCEEDED else []
        return tuple(found)

    def least(self, candidate: Candidate, incident: RecordedCall) -> int | None:
        """Return the highest limit that stops a call; ``None`` where none does."""
        events = self._relevant(candidate.make(MAX_ESTIMATE), incident)
        limit = candidate.present - 1 if candidate.present else MAX_ESTIMATE
        budget = candidate.make(MAX_ESTIMATE)
        if budget.period is Period.WINDOW:  # which calls share its window, depends on the limit
            limit = min(limit, most_in_window(events, budget, incident) - 1)
        else:
            status = self._stopped(events, budget, incident)[0]
            limit = min(limit, status.projected - 1)  # with less before it, it comes to less
        for _ in range(STEPS_MAX):
            if limit < 1:
                return None
            status, peak = self._stopped(events, candidate.make(limit), incident)
            if status.state is BudgetState.EXCEEDED:
                return limit
            limit = peak - 1
        return None

    def _remedy(self, candidate: Candidate, incident: RecordedCall) -> Remedy | None:
        least = self.least(candidate, incident)
        if least is None:
            return None
        budget = candidate.make(least)
        limit = least
        if budget.measure is Measure.USD and least > _CENT:
            limit = self._in_cents(candidate, incident, least)
        after = candidate.make(limit)
        return Remedy(
            candidate.kind,
            candidate.before,
            after,
            candidate.part,
            least,
            limit,
            candidate.present,
            self._effect(after, incident, candidate.part if candidate.kind is Kind.PART else None),
            self._threshold(candidate, incident),
        )

    def _in_cents(self, candidate: Candidate, incident: RecordedCall, least: int) -> int:
        cents = least - least % _CENT
        budget = candidate.make(cents)
        status, _ = self._stopped(self._relevant(budget, incident), budget, incident)
        return cents if status.state is BudgetState.EXCEEDED else least

    def _threshold(self, candidate: Candidate, incident: RecordedCall) -> int | None:
        """Return how many percent had been spent when the call came."""
        if candidate.kind is not Kind.LIMIT or not candidate.present:
            return None
        budget = candidate.make(MAX_ESTIMATE)
        status, _ = self._stopped(self._relevant(budget, incident), budget, incident)
        return min(100, status.spent * 100 // candidate.present)

    def _relevant(self, budget: Budget, incident: RecordedCall) -> list[RecordedEvent]:
        """Return the events up to a call that bear on its sum."""
        request = incident.request
        part = part_of_call(budget, request.attributes)
        window = window_at(budget.period, instant_at(incident.requested_us), budget.timezone)
        start_us = microseconds(window.start) if window is not None else 0
        ids: set[str] = set()
        found: list[RecordedEvent] = []
        for event in self._events:
            if isinstance(event, RecordedCall):
                if event.requested_us >= start_us and shares_sum(
                    budget, part, event.request, request
                ):
                    ids.add(event.id)
                    found.append(event)
                if event.id == incident.id:
                    break
            elif not isinstance(event, CallTurn) or event.call_id in ids:
                found.append(event)
        return found

    def _stopped(
        self, events: Sequence[RecordedEvent], budget: Budget, incident: RecordedCall
    ) -> tuple[BudgetStatus, int]:
        """Put calls to a budget.

        Returns:
            Where it stands with the incident, and the most that a call came to that passed.
        """
        replay = self._replay(budget, lambda outcome: None)
        peak = 0
        for event in events:
            if isinstance(event, RecordedCall):
                status = _status(replay, budget, event)
                if status.state is not BudgetState.EXCEEDED:
                    peak = max(peak, status.projected)
                if event.id == incident.id:
                    return status, peak
            replay.take(event)
        raise AssertionError("the incident is among the calls")

    def _effect(self, budget: Budget, incident: RecordedCall, part: str | None) -> Effect:
        refused: list[RecordedCall] = []

        def note(outcome: Outcome) -> None:
            call = outcome.call
            if outcome.denial is Denial.BUDGET_EXCEEDED and call.id != incident.id:
                refused.append(call)

        replay = self._replay(budget, note)
        for event in counted_events(self._events, budget, part):
            replay.take(event)
        counted = [call for call in refused if call.requested_us >= self._since_us]
        return Effect(
            sum(call.times for call in counted),
            sum(call.cost_nano_usd or 0 for call in counted),
            tuple(sorted({call.request.user for call in counted if call.request.user})),
            min((call.requested_us for call in counted), default=None),
        )

    def _replay(self, budget: Budget, note: Callable[[Outcome], object]) -> Replay:
        """Return a replay by one budget alone: all others let these calls pass."""
        policy = replace(
            self._policy,
            enabled=True,
            budgets=(budget,),
            unpriced_models="warn",
            mission=MissionLimits(False, 0, 0),
        )
        return Replay(policy, self._books, note)


def _rank(remedy: Remedy) -> tuple[int, int, int]:
    """Return where a change stands: what refuses the fewest others, and what changes least."""
    effect = remedy.effect
    is_off = not remedy.present
    return effect.calls, effect.cost_nano_usd, 2 if is_off else int(remedy.kind is not Kind.PART)


def _status(replay: Replay, budget: Budget, call: RecordedCall) -> BudgetStatus:
    statuses = replay.weigh(call.request, call.requested_us).decision.statuses
    return next(status for status in statuses if status.budget.name == budget.name)
