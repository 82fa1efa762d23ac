"""The ladder: what is tried when a call would exceed a budget, before it is refused (EVA-14).

It only decides, and writes nothing: ``corvus.governor.admission`` does what it says, in the same
transaction. The ladder is that of the governing budget, with those rungs only that every budget in
the way lists and the caller can follow. Whoever may wait never overtakes a call that came earlier
and waits for the same budget; who may not wait is not held up by the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from corvus.base.globs import glob_matches
from corvus.governor.ladder.approvals import may_park
from corvus.governor.ladder.waiting import wanted_before
from corvus.governor.overrides import usable
from corvus.governor.rules import Rules
from corvus.governor.weighing import Case, exceeded
from corvus.model.approval import Approval
from corvus.model.budget import Measure, Rung
from corvus.model.decision import BudgetStatus, Denial, headroom
from corvus.model.ladder import Offer, Offers, Room
from corvus.model.request import Request
from corvus.model.steering import Override
from corvus.store.api import BalanceKey
from corvus.store.unit import Unit

Weigh: TypeAlias = Callable[[Request], Case]
"""Weighs another form of a call in the same transaction."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to have a call admitted.

    Attributes:
        request: The call as its caller described it.
        offers: What can be changed about it.
        rungs: What may be done in place of a refusal; without ``wait`` or ``ask`` once the time for
            it is over.
        turn: When it arrived, if it waits in the queue.
        waited_us: For how long it has waited by now, for room or for a person.
        has_queued: Whether it has waited for room.
        reservation_id: Id for the reservation, where the caller has chosen one.
        approval: The call as it was parked, if it was.
    """

    request: Request
    offers: Offers
    rungs: Collection[Rung]
    turn: int | None = None
    waited_us: int = 0
    has_queued: bool = False
    reservation_id: str | None = None
    approval: Approval | None = None


class Passage(NamedTuple):
    """How a call passes.

    Attributes:
        case: The form of the call that passes, weighed.
        rungs: What was done in place of a refusal.
        output_cap_tokens: The maximum that it is to state.
        downgraded_from: The model that it was for.
        override: What lifts its block.
        approval: What lets it pass.
    """

    case: Case
    rungs: tuple[Rung, ...] = ()
    output_cap_tokens: int | None = None
    downgraded_from: str | None = None
    override: Override | None = None
    approval: Approval | None = None


class Stop(NamedTuple):
    """A call does not pass now: it waits for room, or for a person.

    Attributes:
        rung: ``wait`` or ``ask``.
        wants: The sums that it waits for.
    """

    rung: Rung
    wants: frozenset[BalanceKey] = frozenset()


Step: TypeAlias = Passage | Stop | None


class Ladder:
    """What can be done about one call in one transaction.

    Args:
        unit: The transaction under way.
        rules: The policy in force.
        weigh: Weighs another form of the call.
        attempt: The call.
        queues: Whether the call stands behind those that wait.
    """

    def __init__(
        self, unit: Unit, rules: Rules, weigh: Weigh, attempt: Attempt, *, queues: bool = True
    ) -> None:
        self._unit = unit
        self._rules = rules
        self._weigh = weigh
        self._attempt = attempt
        self._queues = queues
        self._least = rules.policy.cap_at_least_tokens

    def climb(self, case: Case) -> Step:
        """Return how a call passes, or why it does not pass now; ``None`` refuses it.

        Args:
            case: The call as its caller described it.
        """
        decision = case.decision
        if not decision.allowed and decision.denial is not Denial.BUDGET_EXCEEDED:
            return None
        if not decision.allowed and (override := self._override(case.request)) is not None:
            return Passage(case, override=override)
        if contested := self._contested(case):
            return Stop(Rung.WAIT, contested | _keys_of(self._rules, case, exceeded(case)))
        if decision.allowed:
            return Passage(case)
        for rung in self._rungs(case):
            if (step := self._try(rung, case)) is not None:
                return step
        return None

    def by_approval(self, case: Case, approval: Approval) -> Passage | None:
        """Return how a call passes that a person let pass; ``None`` if it costs more than he said.

        Args:
            case: The call as its caller described it.
            approval: What was decided of it.
        """
        most = approval.amount_nano_usd
        if most is None or (case.request.estimate_nano_usd or 0) <= most:
            return Passage(case, (Rung.ASK,), approval=approval)
        offer = None
        if Rung.CAP in self._attempt.rungs:
            offer = self._attempt.offers.cap(case.request, Room(nano_usd=most), self._least)
        if offer is None or (offer.request.estimate_nano_usd or 0) > most:
            return None
        return Passage(
            self._weigh(offer.request),
            (Rung.ASK, Rung.CAP),
            offer.output_cap_tokens,
            approval=approval,
        )

    def _override(self, request: Request) -> Override | None:
        if not self._rules.policy.allow_override:
            return None
        override = usable(self._unit, request.session_id, request.project)
        if override is None and self._rules.slices is not None:
            self._rules.slices.seek_override(request)
        return override

    def _contested(self, case: Case) -> frozenset[BalanceKey]:
        """Return the sums of a call for which it waits behind others; none if it may not wait."""
        if not self._queues or Rung.WAIT not in self._attempt.rungs or not self._unit.waiters():
            return frozenset()
        blocking = [status for status in case.decision.statuses if _may_block(status)]
        keys = _keys_of(self._rules, case, blocking)
        wanted = wanted_before(self._unit, keys, self._attempt.turn)
        if not wanted:
            return wanted
        in_the_way = [
            status
            for status in blocking
            if not wanted.isdisjoint(_keys_of(self._rules, case, [status]))
        ]
        in_the_way += exceeded(case)
        may_wait = all(Rung.WAIT in status.budget.on_exceeded for status in in_the_way)
        return wanted if may_wait else frozenset()

    def _rungs(self, case: Case) -> Sequence[Rung]:
        """Return the rungs in force, in order."""
        in_the_way = exceeded(case)
        return [
            rung
            for rung in in_the_way[0].budget.on_exceeded
            if rung in self._attempt.rungs
            and all(rung in status.budget.on_exceeded for status in in_the_way)
        ]

    def _try(self, rung: Rung, case: Case) -> Step:
        match rung:
            case Rung.CAP:
                return self._capped(case)
            case Rung.WAIT:
                return self._waiting(case)
            case Rung.DOWNGRADE:
                return self._downgraded(case)
            case Rung.ASK:
                parks = may_park(self._unit, self._rules.policy, case.request.principal)
                return Stop(Rung.ASK) if parks else None

    def _capped(self, case: Case) -> Passage | None:
        """Return the call with the largest maximum that every budget has room for."""
        offer = self._cap(case, room_in(case.decision.statuses))
        if offer is None:
            return None
        capped = self._weigh(offer.request)
        if not capped.decision.allowed:
            return None
        return Passage(capped, (Rung.CAP,), offer.output_cap_tokens)

    def _cap(self, case: Case, room: Room) -> Offer | None:
        if any(status.budget.measure is Measure.CALLS for status in exceeded(case)):
            return None  # a shorter call is still one
        return self._attempt.offers.cap(case.request, room, self._least)

    def _waiting(self, case: Case) -> Stop | None:
        """Have the call wait if only the holds of others are in its way, and not what was spent."""
        in_the_way = exceeded(case)
        amounts = case.request.amounts
        fits = all(
            status.spent + status.kept + amounts.of(status.budget.measure) <= status.budget.limit
            for status in in_the_way
        )
        if not fits and Rung.CAP in self._rungs(case):
            unheld = [status._replace(held=status.kept) for status in case.decision.statuses]
            fits = self._cap(case, room_in(unheld)) is not None
        if not fits:
            return None
        return Stop(Rung.WAIT, _keys_of(self._rules, case, in_the_way))

    def _downgraded(self, case: Case) -> Passage | None:
        """Return the call for the first cheaper model whose own budgets allow it."""
        requested = case.request.model
        for model in _cheaper(self._rules.policy.downgrade, requested):
            offer = self._attempt.offers.downgrade(model) if model != requested else None
            if offer is None:
                continue
            tried = self._weigh(offer.request)
            if self._contested(tried):
                continue
            passage = None
            if tried.decision.allowed:
                passage = Passage(tried, (), offer.output_cap_tokens)
            elif tried.decision.denial is Denial.BUDGET_EXCEEDED and Rung.CAP in self._rungs(tried):
                passage = self._capped(tried)
            if passage is not None:
                rungs = (Rung.DOWNGRADE, *passage.rungs)
                return passage._replace(rungs=rungs, downgraded_from=requested)
        return None


def room_in(statuses: Sequence[BudgetStatus]) -> Room:
    """Return what all budgets that may refuse a call have left for it."""
    return Room(headroom(statuses, Measure.USD), headroom(statuses, Measure.TOKENS))


def _may_block(status: BudgetStatus) -> bool:
    return status.budget.enforce == "block" and status.budget.limit > 0


def _keys_of(rules: Rules, case: Case, statuses: Sequence[BudgetStatus]) -> frozenset[BalanceKey]:
    """Return the keys of the sums of some budgets of a call."""
    names = {status.budget.name for status in statuses}
    keys = (each.key for each in case.sums)
    return frozenset(
        key
        for key in keys
        if key.budget_id in rules.budgets and rules.budgets[key.budget_id].name in names
    )


def _cheaper(downgrade: Sequence[tuple[str, tuple[str, ...]]], model: str) -> tuple[str, ...]:
    """Return the models to call in place of one: those of the first glob that matches it."""
    return next((models for glob, models in downgrade if glob_matches(glob, model)), ())
