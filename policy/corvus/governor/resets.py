"""Resets: a new baseline for one scope; nothing is deleted (RST)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

from corvus.base.errors import SteeringRefused
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import microseconds
from corvus.events import Event, ResetApplied
from corvus.governor.audit_chain import append_audit
from corvus.governor.rules import MISSION, Register, Rules, own_limit
from corvus.governor.scopes import refuse_other_project
from corvus.model.budget import Budget
from corvus.model.outbox import LedgerTable
from corvus.model.steering import AuditKind, ResetRequest, ResetResult
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.kinds import budget_key
from corvus.store.unit import Unit


@dataclass(frozen=True, slots=True)
class ResetPreview:
    """What a reset would no longer count, at this instant."""

    budget: Budget
    spent_nano_usd: NanoUSD
    calls: int


class Subject(NamedTuple):
    """Which session or mission is meant; the project is that of the session."""

    session_id: str | None
    mission_id: str | None
    project: str | None


def preview(unit: Unit, rules: Rules, register: Register, request: ResetRequest) -> ResetPreview:
    """Return what a reset would do, without doing it.

    Raises:
        SteeringRefused: As for ``reset``.
    """
    budget, balance = _target(unit, rules, register, request)
    if budget.name == MISSION and request.session_id and request.mission_id:
        mission = unit.mission(request.session_id, request.mission_id, request.project)
        budget = own_limit(budget, mission) if mission is not None else budget
    return ResetPreview(budget, NanoUSD(balance.spent_nano_usd), balance.calls)


def reset(
    unit: Unit,
    rules: Rules,
    register: Register,
    request: ResetRequest,
) -> tuple[ResetResult, list[Event]]:
    """Start a new baseline for the present window, session or mission of one budget.

    What was settled before it no longer counts there; open holds stay counted (RST-2).

    Raises:
        SteeringRefused: The policy has no such budget, its session or mission is not named, or the
            session is one of another project.
    """
    budget, balance = _target(unit, rules, register, request)
    key = balance.key
    removed_cost, removed_calls = NanoUSD(balance.spent_nano_usd), balance.calls
    effective_at = unit.tick()
    unit.put_balance(
        StoredBalance(
            key,
            held_nano_usd=balance.held_nano_usd,
            since_us=unit.now_us,
        )
    )
    audit = append_audit(
        unit,
        AuditKind.RESET_APPLIED,
        request.actor,
        request.reason,
        budget=budget.name,
        session_id=key.session_id or None,
        mission_id=key.mission_id or None,
        removed_cost_nano_usd=removed_cost,
        removed_requests=removed_calls,
        details=json.dumps({"project": key.project}) if key.project else None,
    )
    unit.append(
        LedgerTable.RESET,
        {
            "audit_id": audit.id,
            "budget": budget.name,
            "budget_key": budget_key(budget),
            "period": budget.period.value,
            "window_start": key.window_start_us or None,
            "session_id": key.session_id or None,
            "mission_id": key.mission_id or None,
            "project": key.project or None,
            "effective_at": microseconds(effective_at),
            "removed_cost_nano_usd": removed_cost,
            "removed_requests": removed_calls,
        },
    )
    result = ResetResult(budget.name, removed_cost, removed_calls, effective_at, audit)
    return result, [ResetApplied(budget.name, budget.period.value, removed_cost, removed_calls)]


def _target(
    unit: Unit, rules: Rules, register: Register, request: ResetRequest
) -> tuple[Budget, StoredBalance]:
    """Return the budget that a reset names, and the sum that it is about."""
    budget_id, budget = _find(rules, request.scope)
    if budget.period in (Period.SESSION, Period.MISSION):
        refuse_other_project(unit, request.session_id, request.project)
    return budget, unit.balance(balance_key(unit, register, budget_id, request))


def balance_key(
    unit: Unit, register: Register, budget_id: int, named: ResetRequest | Subject
) -> BalanceKey:
    """Return the present sum of a budget: of this window, or of the session or mission named.

    Raises:
        SteeringRefused: The budget counts sessions or missions, and none is named.
    """
    counting = register.counting(unit)
    budget = counting.budgets[budget_id]
    session_id, mission_id, project = named.session_id, named.mission_id, named.project or ""
    match budget.period:
        case Period.SESSION:
            if not session_id:
                raise SteeringRefused(
                    f"{budget.name} counts each session apart: name one with --session or "
                    "session_id"
                )
            return BalanceKey(budget_id, 0, session_id, "", project)
        case Period.MISSION:
            if not session_id or not mission_id:
                raise SteeringRefused(
                    f"{budget.name} counts each mission apart: name one with --session and "
                    "--mission, or session_id and mission_id"
                )
            return BalanceKey(budget_id, 0, session_id, mission_id, project)
        case _:
            window = counting.window(budget, unit.now)
            return BalanceKey(budget_id, microseconds(window.start) if window else 0)


def _find(rules: Rules, scope: str) -> tuple[int, Budget]:
    for budget_id, budget in rules.budgets.items():
        if budget.name == scope:
            return budget_id, budget
    names = ", ".join(budget.name for budget in rules.budgets.values())
    raise SteeringRefused(f"the policy has no budget {scope!r}; it has {names}")
