"""Notes what budgets come to, wherever it happens: at admission, and when a call settles (EVA-15).

The state of a sum is kept with it, so that a transition is reported once, whoever brings it about.
A settlement never lowers a state: a hold that gives way to a smaller cost, call after call,
would otherwise make every call a transition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from corvus.base.period import Period
from corvus.events import (
    BudgetRefusal,
    BudgetWarning,
    Event,
    LimitPassed,
    Threshold,
    ThresholdReached,
)
from corvus.governor.evaluate import NO_CALL, judge
from corvus.governor.rules import MISSION, Rules, Standing, SumPlace
from corvus.governor.scopes import stop_mission, worsen
from corvus.governor.shares import with_shares
from corvus.model.budget import Budget, Measure, values_of
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.model.outbox import LedgerTable, Row
from corvus.model.refusals import Refusals
from corvus.model.request import Request
from corvus.model.steering import MissionOutcome
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.unit import Unit

_NO_AMOUNTS = (None, None, None)


def is_open(unit: Unit, key: BalanceKey) -> bool:
    """Return whether a window that a call opens has been opened."""
    opened = unit.window_opened(key.budget_id, key.part, key.window_start_us)
    return opened == key.window_start_us


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
            events.append(BudgetWarning(_threshold(status, request, balance), is_transition))
        events += _reach(unit, balance, status, request)
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
    exceeded: Sequence[BudgetStatus],
    request: Request,
) -> list[Event]:
    """Count a call in the budgets that refused it, and keep what it needed and what was left.

    A window that no call has opened has no sum to keep it with: the call was more than all of it.

    Returns:
        The refusal, by the first of them.
    """
    by_name = _by_name(rules, sums)
    for status in exceeded:
        balance = by_name[status.budget.name]
        if status.budget.period is Period.WINDOW and not is_open(unit, balance.key):
            continue
        balance.refusals = Refusals(
            count=balance.refusals.count + 1 if balance.refusals else 1,
            last_at=unit.now,
            needed=_needed(status.budget, request),
            left=status.headroom or 0,
            model=request.model,
        )
        unit.put_balance(balance)
    first = exceeded[0]
    return [BudgetRefusal(_threshold(first, request, by_name[first.budget.name]))]


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
    session = unit.session(request.session_id, request.project)
    places = [*counted]
    balances = with_shares(unit, rules, rules.balances(places, sums, mission), mission, session)
    if rules.slices is not None:
        balances = rules.slices.shared(unit, rules, Standing(places, sums, balances))
    statuses = judge(balances, NO_CALL)
    events = _note(unit, _by_name(rules, sums), statuses, request)
    worst = max((status.state for status in statuses), default=BudgetState.ALLOWED)
    worsen(unit, request.session_id, request.project, worst)
    if mission is not None and any(
        status.budget.name == MISSION and status.state is BudgetState.EXCEEDED
        for status in statuses
    ):
        stop_mission(unit, mission, MissionOutcome.BUDGET_EXHAUSTED)
    return events


def note_sums(
    unit: Unit,
    rules: Rules,
    counted: Iterable[SumPlace],
    sums: Sequence[StoredBalance],
    request: Request,
) -> list[Event]:
    """Judge the budgets of a call again whose session and mission count elsewhere (STO-3).

    Args:
        unit: The transaction under way.
        rules: The policy in force.
        counted: Where the call is counted, of no session or mission.
        sums: What stands there now, in the same order.
        request: The call.
    """
    statuses = judge(rules.balances(counted, sums, None), NO_CALL)
    return _note(unit, _by_name(rules, sums), statuses, request)


def _note(
    unit: Unit,
    by_name: Mapping[str, StoredBalance],
    statuses: Iterable[BudgetStatus],
    request: Request,
) -> list[Event]:
    """Report each sum once that rose over a threshold or its limit."""
    events: list[Event] = []
    for status in statuses:
        balance = by_name[status.budget.name]
        events += _reach(unit, balance, status, request)
        before = balance.state
        if status.state <= before:
            continue
        balance.state = status.state
        unit.put_balance(balance)
        if before < BudgetState.WARNING:
            events.append(BudgetWarning(_threshold(status, request, balance), is_transition=True))
        if status.state is BudgetState.EXCEEDED:
            events.append(LimitPassed(_threshold(status, request, balance)))
            _append(unit, "limit_passed", status, request, (balance, 100))
    return events


def _threshold(status: BudgetStatus, request: Request, balance: StoredBalance) -> Threshold:
    """Return what is reported of a budget that a call brought to a threshold."""
    budget, amounts = status.budget, (status.spent, status.projected, status.budget.limit)
    money, others = (amounts, _NO_AMOUNTS)
    if budget.measure is not Measure.USD:
        money, others = _NO_AMOUNTS, amounts
    return Threshold(
        budget_state=status.state.word,
        period=status.budget.period.value,
        budget=status.budget.name,
        current_nano_usd=money[0],
        projected_nano_usd=money[1],
        limit_nano_usd=money[2],
        percent_used=round(float(status.percent_used), 2),
        session_id=request.session_id,
        mission_id=request.mission_id,
        surface=request.surface,
        measure=budget.measure.value,
        part=", ".join(values_of(status.part)) if budget.per else None,
        current_amount=others[0],
        projected_amount=others[1],
        limit_amount=others[2],
        resets_at=status.resets_at,
        since_us=balance.since_us,
    )


def _reach(
    unit: Unit, balance: StoredBalance, status: BudgetStatus, request: Request
) -> list[Event]:
    """Report the thresholds that a sum has come to, each once in its window (CFG-10).

    What was spent counts, and not what is held: a coding agent holds many times what it spends, and
    nobody wants to be called for that. A budget that only warns reports its limit as well.
    """
    if status.state is BudgetState.ALLOWED:
        return []  # also with what is held it is below all of them
    budget = status.budget
    limit, percents = budget.limit, budget.thresholds
    if budget.enforce == "warn" and 100 not in percents:
        percents = (*percents, 100)
    if not limit or not percents or percents[-1] <= balance.reached_percent:
        return []
    used = status.spent * 100
    if used < percents[0] * limit:
        return []
    reached = [
        percent
        for percent in percents
        if percent > balance.reached_percent and used >= percent * limit
    ]
    if not reached:
        return []
    balance.reached_percent = reached[-1]
    unit.put_balance(balance)
    about = _threshold(status, request, balance)
    for percent in reached:
        _append(unit, "threshold_reached", status, request, (balance, percent))
    window_start_us = balance.key.window_start_us
    return [ThresholdReached(about, percent, window_start_us) for percent in reached]


def _append(
    unit: Unit,
    kind: str,
    status: BudgetStatus,
    request: Request,
    about: tuple[StoredBalance, int],
) -> None:
    """Keep in the ledger what a sum came to; ``about`` is the sum and the percent."""
    balance, percent = about
    row: Row = {
        "recorded_at": unit.now_us,
        "kind": kind,
        "budget": status.budget.name,
        "part": status.part,
        "measure": status.budget.measure.value,
        "window_start": balance.key.window_start_us or None,
        "session_id": request.session_id,
        "mission_id": request.mission_id,
        "percent": percent,
        "spent": status.spent,
        "held": status.held,
        "limit_amount": status.budget.limit,
        "surface": request.surface,
    }
    unit.append(LedgerTable.BUDGET_EVENT, row)


def _needed(budget: Budget, request: Request) -> int | None:
    """Return what a call was expected to use of a budget; ``None`` for an unknown cost."""
    if budget.measure is Measure.USD:
        return request.estimate_nano_usd
    return request.amounts.of(budget.measure)


def _by_name(rules: Rules, sums: Iterable[StoredBalance]) -> dict[str, StoredBalance]:
    budgets = rules.budgets
    return {
        budgets[sum_.key.budget_id].name: sum_ for sum_ in sums if sum_.key.budget_id in budgets
    }
