"""Notes what budgets come to, wherever it happens: at admission, and when a call settles (EVA-15).

The state of a sum is kept with it, so that a transition is reported once, whoever brings it about.
A settlement never lowers a state: a hold that gives way to a smaller cost, call after call,
would otherwise make every call a transition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from corvus.base.money import NOTHING
from corvus.events import BudgetWarning, Event, LimitPassed, Threshold
from corvus.governor.evaluate import judge
from corvus.governor.rules import MISSION, Rules, SumPlace
from corvus.governor.scopes import stop_mission, worsen
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.model.refusals import Refusals
from corvus.model.request import Request
from corvus.model.steering import MissionOutcome
from corvus.store.api import StoredBalance
from corvus.store.unit import Unit


def note_admitted(
    unit: Unit,
    rules: Rules,
    sums: Iterable[StoredBalance],
    statuses: Iterable[BudgetStatus],
    request: Request,
) -> list[Event]:
    """Remember the state of each budget after an admission; report those that warn (OBS-1).

    None of them blocks any longer.

    Args:
        unit: The transaction under way.
        rules: The policy in force.
        sums: Where the call is counted; those of other policies among them are left alone.
        statuses: What the policy's budgets say of the call, its estimate included.
        request: The call.
    """
    by_name = _by_name(rules, sums)
    events: list[Event] = []
    for status in statuses:
        balance = by_name[status.budget.name]
        if status.state is BudgetState.WARNING:
            is_transition = balance.state < BudgetState.WARNING
            events.append(BudgetWarning(threshold(status, request), is_transition))
        is_blocking = balance.refusals is not None and balance.refusals.is_blocking
        if balance.refusals is not None and is_blocking:
            balance.refusals = replace(balance.refusals, is_blocking=False)
        if balance.state != status.state or is_blocking:
            balance.state = status.state
            unit.put_balance(balance)
    return events


def note_refused(
    unit: Unit,
    rules: Rules,
    sums: Iterable[StoredBalance],
    exceeded: Iterable[BudgetStatus],
    request: Request,
) -> None:
    """Count a call in the budgets that refused it, and keep what it needed and what was left."""
    by_name = _by_name(rules, sums)
    for status in exceeded:
        balance = by_name[status.budget.name]
        balance.refusals = Refusals(
            count=balance.refusals.count + 1 if balance.refusals else 1,
            last_at=unit.now,
            needed_nano_usd=request.estimate_nano_usd,
            left_nano_usd=status.headroom_nano_usd or NOTHING,
            model=request.model,
        )
        unit.put_balance(balance)


def note_settled(
    unit: Unit,
    rules: Rules | None,
    counted: Iterable[SumPlace],
    sums: Sequence[StoredBalance],
    request: Request,
) -> list[Event]:
    """Judge the budgets of a call again after its cost or its hold has changed (EVA-15).

    A sum that rises over its threshold or its limit is reported once; the outcome of session and
    mission follows. One that crosses nothing writes nothing.

    Args:
        unit: The transaction under way.
        rules: The policy in force; sums of other policies are not judged.
        counted: Where the call is counted.
        sums: What stands there now, in the same order.
        request: The call.
    """
    if rules is None:
        return []
    mission = None
    if request.mission_id is not None:
        mission = unit.mission(request.session_id, request.mission_id, request.project)
    statuses = judge(rules.balances(counted, sums, mission), NOTHING)
    by_name = _by_name(rules, sums)
    events: list[Event] = []
    for status in statuses:
        balance = by_name[status.budget.name]
        before = balance.state
        if status.state <= before:
            continue
        balance.state = status.state
        unit.put_balance(balance)
        if before < BudgetState.WARNING:
            events.append(BudgetWarning(threshold(status, request), is_transition=True))
        if status.state is BudgetState.EXCEEDED:
            events.append(LimitPassed(threshold(status, request)))
    worst = max((status.state for status in statuses), default=BudgetState.ALLOWED)
    worsen(unit, request.session_id, request.project, worst)
    if mission is not None and any(
        status.budget.name == MISSION and status.state is BudgetState.EXCEEDED
        for status in statuses
    ):
        stop_mission(unit, mission, MissionOutcome.BUDGET_EXHAUSTED)
    return events


def threshold(status: BudgetStatus, request: Request) -> Threshold:
    """Return what is reported of a budget that a call brought to a threshold."""
    return Threshold(
        budget_state=status.state.word,
        period=status.budget.period.value,
        budget=status.budget.name,
        current_nano_usd=status.spent_nano_usd,
        projected_nano_usd=status.projected_nano_usd,
        limit_nano_usd=status.budget.limit_nano_usd,
        percent_used=round(float(status.percent_used), 2),
        session_id=request.session_id,
        mission_id=request.mission_id,
        surface=request.surface,
        resets_at=status.resets_at,
    )


def _by_name(rules: Rules, sums: Iterable[StoredBalance]) -> dict[str, StoredBalance]:
    budgets = rules.budgets
    return {
        budgets[sum_.key.budget_id].name: sum_ for sum_ in sums if sum_.key.budget_id in budgets
    }
