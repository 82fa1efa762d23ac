"""Weighs a call: where it is counted, and what every budget says of it. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corvus.governor.endings.sums import balances_at
from corvus.governor.evaluate import judge, state_of
from corvus.governor.rules import Call, Register, Rules, Standing, SumPlace
from corvus.governor.scopes import mission_of_call
from corvus.governor.shares import with_shares
from corvus.model.budget import Measure
from corvus.model.decision import BudgetState, BudgetStatus, Decision, Denial, headroom
from corvus.model.request import Request
from corvus.model.steering import MissionRecord
from corvus.store.api import StoredBalance
from corvus.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Case:
    """A request with everything that bears on it.

    Attributes:
        counted: Where the call is counted; of all registered budgets, not of one policy.
        sums: What stands there, in the same order.
    """

    request: Request
    mission: MissionRecord | None
    counted: list[SumPlace]
    sums: list[StoredBalance]
    decision: Decision


def weigh(unit: Unit, rules: Rules, register: Register, request: Request) -> Case:
    """Evaluate a request without admitting it."""
    mission = mission_of_call(unit, rules, request)
    counted = places_of(unit, register, request)
    return judged(unit, rules, request, mission, (counted, balances_at(unit, counted)))


def places_of(unit: Unit, register: Register, request: Request) -> list[SumPlace]:
    """Return where a call would be counted that is admitted now."""
    call = Call(request.attributes, request.session_id, request.mission_id, unit.now)
    return register.counting(unit).of(call, unit.window_opened, opens=True)


def judged(
    unit: Unit,
    rules: Rules,
    request: Request,
    mission: MissionRecord | None,
    standing: tuple[list[SumPlace], list[StoredBalance]],
) -> Case:
    """Evaluate a request by what stands where it is counted.

    Args:
        unit: The transaction under way.
        rules: The policy.
        request: The call.
        mission: Its mission, as it is for this call.
        standing: Where the call is counted, and what stands there.
    """
    counted, sums = standing
    running = mission if mission is not None and mission.ended_at is None else None
    session = unit.session(request.session_id, request.project)
    balances = with_shares(unit, rules, rules.balances(counted, sums, running), running, session)
    if rules.slices is not None:
        balances = rules.slices.narrow(unit, rules, Standing(counted, sums, balances), request)
    statuses = judge(balances, request.amounts)
    state = state_of(statuses)
    denial = _denial(rules, request, mission, state)
    decision = Decision(
        state,
        statuses,
        denial,
        request.estimate_nano_usd,
        override_possible=rules.policy.allow_override and denial is Denial.BUDGET_EXCEEDED,
        max_affordable_output_tokens=_fits(statuses, request),
        policy_hash=rules.policy.content_hash,
        session_id=request.session_id,
        mission_id=request.mission_id,
        model=request.unpriced_model or request.model,
    )
    return Case(request, mission, counted, sums, decision)


def exceeded(case: Case) -> list[BudgetStatus]:
    """Return the budgets that refuse a call, the governing one first."""
    return [status for status in case.decision.statuses if status.state is BudgetState.EXCEEDED]


def _denial(
    rules: Rules, request: Request, mission: MissionRecord | None, state: BudgetState
) -> Denial | None:
    if request.estimate_nano_usd is None and rules.policy.unpriced_models == "deny":
        return Denial.UNPRICED_MODEL
    if mission is not None and mission.outcome is not None:
        return Denial.MISSION_ENDED
    return Denial.BUDGET_EXCEEDED if state is BudgetState.EXCEEDED else None


def _fits(statuses: Sequence[BudgetStatus], request: Request) -> int | None:
    """Return the longest output that every budget has room for; ``None`` when that is unknown."""
    if request.output_rate is None or request.input_nano_usd is None:
        return None
    room = headroom(statuses, Measure.USD)
    if room is None:
        return None
    left = room - request.input_nano_usd
    if left < 0 or not request.output_rate:
        return 0 if left < 0 else None
    return left * 1_000_000 // request.output_rate
