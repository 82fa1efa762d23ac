"""Judges an admitted call by the shadow policy, by the same rules as by the one in force (PLN-2).

It looks only: it takes no place in a queue, parks no call and uses no override. A call that a
person let pass is not judged, for a person would have let it pass there, too.
"""

from __future__ import annotations

from dataclasses import replace

from corvus.base.money import NOTHING, NanoUSD
from corvus.events import Event, ShadowOutcomeNoted
from corvus.governor.endings.sums import balances_at
from corvus.governor.ladder.rungs import Attempt, Ladder, Stop
from corvus.governor.rules import MISSION, Register, Rules, SumPlace
from corvus.governor.shadow.marks import Mark, ShadowOutcome, digits_of, marked
from corvus.governor.weighing import Case, exceeded, judged, places_of
from corvus.model.budget import Amounts, Budget, Measure, Rung
from corvus.model.decision import Denial
from corvus.model.request import Request
from corvus.model.steering import MissionRecord
from corvus.store.api import StoredBalance
from corvus.store.unit import Unit

_OUTCOMES = {
    Rung.CAP: ShadowOutcome.CAPPED,
    Rung.WAIT: ShadowOutcome.WAITED,
    Rung.DOWNGRADE: ShadowOutcome.DOWNGRADED,
    Rung.ASK: ShadowOutcome.ASKED,
}


def note_shadow(
    unit: Unit, rules: Rules, register: Register, case: Case, attempt: Attempt
) -> tuple[Case, list[Event]]:
    """Mark a call that the shadow policy would not let pass as it is.

    Args:
        unit: The transaction under way.
        rules: The policy in force, which has a shadow.
        register: The registered budgets.
        case: The call in the form that is admitted, weighed by the policy in force.
        attempt: The call as its caller described it.

    Returns:
        The call, with its mark and where it is counted with it; and what listeners hear.
    """
    shadow, mission = rules.shadow, _under_shadow(rules, case.mission)
    if shadow is None or _surely_fits(unit, shadow, case, mission):
        return case, []
    mark = _mark(unit, shadow, register, replace(case, mission=mission), attempt)
    if mark is None:
        return case, []
    request = replace(case.request, tags=marked(case.request.tags, mark))
    counted = places_of(unit, register, request)
    case = replace(case, request=request, counted=counted, sums=balances_at(unit, counted))
    return case, [ShadowOutcomeNoted(mark.outcome.value, mark.budget, mark.policy, request.surface)]


def _mark(
    unit: Unit, shadow: Rules, register: Register, case: Case, attempt: Attempt
) -> Mark | None:
    """Return what a shadow policy would do with a call; ``None`` where it lets it pass as it is."""

    def weighed(request: Request, counted: list[SumPlace], sums: list[StoredBalance]) -> Case:
        left = [_left(unit, shadow, stored) for stored in sums]
        return judged(unit, shadow, request, case.mission, (counted, left))

    def weigh(request: Request) -> Case:
        counted = places_of(unit, register, request)
        return weighed(request, counted, balances_at(unit, counted))

    seen = weighed(case.request, case.counted, case.sums)
    if seen.decision.allowed:
        return None
    policy = digits_of(shadow.policy.content_hash)
    if seen.decision.denial is not Denial.BUDGET_EXCEEDED:
        return Mark(policy, ShadowOutcome.REFUSED, seen.decision.denial or "")
    budget = exceeded(seen)[0].budget.name
    waits = {Rung.WAIT: shadow.policy.wait_seconds, Rung.ASK: shadow.policy.ask_seconds}
    rungs = [rung for rung in case.request.rungs if waits.get(rung, 1)]
    tried = replace(attempt, request=case.request, rungs=rungs, turn=None, approval=None)
    step = Ladder(unit, shadow, weigh, tried, queues=False).climb(seen)
    if step is None:
        return Mark(policy, ShadowOutcome.REFUSED, budget)
    rung = step.rung if isinstance(step, Stop) else step.rungs[0]
    return Mark(policy, _OUTCOMES[rung], budget)


def _surely_fits(unit: Unit, shadow: Rules, case: Case, mission: MissionRecord | None) -> bool:
    """Return whether every budget of a shadow has room for a call, whatever it refused before.

    What it refused only lowers what stands against it. This is the path of nearly all calls, so it
    only compares; what it leaves open is judged by the rules.
    """
    request, amounts = case.request, case.request.amounts
    if request.estimate_nano_usd is None:
        return False
    session = unit.session(request.session_id, request.project)
    if session is not None and session.has_shares:
        return False
    return all(
        _has_room(budget, stored, amounts, mission)
        for stored in case.sums
        if (budget := shadow.budgets.get(stored.key.budget_id)) is not None
    )


def _has_room(
    budget: Budget, stored: StoredBalance, amounts: Amounts, mission: MissionRecord | None
) -> bool:
    measure, limit = budget.measure, budget.limit
    if budget.enforce != "block":
        return True
    if budget.limits:
        limit = budget.for_part(stored.key.part).limit
    elif budget.name == MISSION and mission is not None:
        limit = mission.limit_nano_usd
    if measure is Measure.USD:  # nearly all, and on the path of each call
        needed = stored.spent_nano_usd + stored.held_nano_usd + amounts.nano_usd
    else:
        needed = stored.spent(measure) + stored.held(measure) + amounts.of(measure)
    return not limit or needed <= limit


def _under_shadow(rules: Rules, mission: MissionRecord | None) -> MissionRecord | None:
    """Return a mission with the limit that the shadow has for those that state none."""
    assert rules.shadow is not None, "it is asked only where there is one"
    if mission is None or mission.is_share or mission.limit_nano_usd != _usual_limit(rules):
        return mission
    return replace(mission, limit_nano_usd=_usual_limit(rules.shadow))


def _usual_limit(rules: Rules) -> NanoUSD:
    limits = (each.limit for each in rules.budgets.values() if each.name == MISSION)
    return NanoUSD(next(limits, NOTHING))


def _left(unit: Unit, shadow: Rules, stored: StoredBalance) -> StoredBalance:
    """Return what would stand in a sum if what the shadow refuses had been refused."""
    twin_id = shadow.twins.get(stored.key.budget_id)
    if twin_id is None:
        return stored
    twin = unit.balance(stored.key._replace(budget_id=twin_id))
    if not (twin.calls or twin.held_calls or twin.spent_nano_usd):
        return stored
    return replace(
        stored,
        spent_nano_usd=max(0, stored.spent_nano_usd - twin.spent_nano_usd),
        held_nano_usd=max(0, stored.held_nano_usd - twin.held_nano_usd),
        calls=max(0, stored.calls - twin.calls),
        unpriced_calls=max(0, stored.unpriced_calls - twin.unpriced_calls),
        tokens=max(0, stored.tokens - twin.tokens),
        held_tokens=max(0, stored.held_tokens - twin.held_tokens),
        held_calls=max(0, stored.held_calls - twin.held_calls),
    )
