"""Resets: a new baseline for one scope; nothing is deleted (RST)."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from corvus.base.errors import SteeringRefused
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import microseconds
from corvus.events import Event, ResetApplied
from corvus.governor.audit_chain import append_audit
from corvus.governor.leases.dead import drop_presumed
from corvus.governor.rules import MISSION, Register, Rules, own_limit
from corvus.governor.scopes import refuse_other_project
from corvus.governor.thresholds import is_open
from corvus.model.budget import Budget, part_named, values_of
from corvus.model.outbox import LedgerTable
from corvus.model.steering import AuditKind, Removed, ResetRequest, ResetResult
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.kinds import budget_key
from corvus.store.unit import Unit


@dataclass(frozen=True, slots=True)
class ResetPreview:
    """What a reset would no longer count, at this instant.

    Attributes:
        budget: With the limit that counts for the part.
        spent: In the unit of its measure.
        part: Of a budget with ``per``; else empty.
    """

    budget: Budget
    spent: int
    calls: int
    part: str = ""


class Subject(NamedTuple):
    """Which session or mission is meant; the project is that of the session.

    Attributes:
        part: Of a budget with ``per``, as it is kept (``part_of``); ``None`` where none is named.
    """

    session_id: str | None
    mission_id: str | None
    project: str | None
    part: str | None = None


def preview(unit: Unit, rules: Rules, register: Register, request: ResetRequest) -> ResetPreview:
    """Return what a reset would do, without doing it.

    Raises:
        SteeringRefused: As for ``reset``.
    """
    budget, balance = _target(unit, rules, register, request)
    if budget.name == MISSION and request.session_id and request.mission_id:
        mission = unit.mission(request.session_id, request.mission_id, request.project)
        budget = own_limit(budget, mission) if mission is not None else budget
    part = balance.key.part
    budget = budget.for_part(part) if part else budget
    return ResetPreview(budget, balance.spent(budget.measure), balance.calls, part)


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
    has_sum = _has_sum(unit, budget, key)
    effective_at = unit.tick()
    if has_sum:
        drop_presumed(unit, key)
        _begin_again(unit, balance)
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
        details=_details(key),
    )
    removed = balance.spent(budget.measure)
    result = ResetResult(
        budget.name,
        removed_cost,
        removed_calls,
        effective_at,
        audit,
        Removed(removed, budget.measure, key.part),
    )
    events: list[Event] = [
        ResetApplied(budget.name, budget.period.value, removed_cost, removed_calls)
    ]
    if has_sum:
        _append_reset(unit, result, budget, balance)
    _reset_shadow(unit, rules, register, request, result)
    return result, events


def _append_reset(unit: Unit, result: ResetResult, budget: Budget, before: StoredBalance) -> None:
    """Keep in the ledger that a sum has a new baseline, so that it can be counted again (STO-2)."""
    key = before.key
    unit.append(
        LedgerTable.RESET,
        {
            "audit_id": result.audit_event.id,
            "budget": budget.name,
            "budget_key": budget_key(budget),
            "period": budget.period.value,
            "window_start": key.window_start_us or None,
            "session_id": key.session_id or None,
            "mission_id": key.mission_id or None,
            "project": key.project or None,
            "part": key.part or None,
            "effective_at": microseconds(result.effective_at),
            "removed_cost_nano_usd": before.spent_nano_usd,
            "removed_requests": before.calls,
        },
    )


def _reset_shadow(
    unit: Unit, rules: Rules, register: Register, request: ResetRequest, result: ResetResult
) -> None:
    """Reset the budget of a shadow that has the same name, and what it counts as refused (PLN-2).

    One that is no such sum for the shadow stays: there it is another budget.
    """
    shadow = rules.shadow
    if shadow is None:
        return
    ids = [number for number, budget in shadow.budgets.items() if budget.name == request.scope]
    for budget_id in ids:
        for number in filter(None, (budget_id, shadow.twins.get(budget_id))):
            with suppress(SteeringRefused):
                key = balance_key(unit, register, budget_id, request)._replace(budget_id=number)
                balance = unit.balance(key)
                budget = register.counting(unit).budgets[number]
                if balance.since_us == unit.now_us or not _has_sum(unit, budget, key):
                    continue  # the policy in force has the same budget
                _begin_again(unit, balance)
                _append_reset(unit, result, budget, balance)


def _has_sum(unit: Unit, budget: Budget, key: BalanceKey) -> bool:
    """Return whether there is a sum: a window that no call has opened has none."""
    if budget.period is not Period.WINDOW:
        return True
    return is_open(unit, key)


def _begin_again(unit: Unit, balance: StoredBalance) -> None:
    unit.put_balance(
        StoredBalance(
            balance.key,
            held_nano_usd=balance.held_nano_usd,
            held_tokens=balance.held_tokens,
            held_calls=balance.held_calls,
            since_us=unit.now_us,
        )
    )


def _details(key: BalanceKey) -> str | None:
    details = {"project": key.project, "part": key.part}
    stated = {name: value for name, value in details.items() if value}
    return json.dumps(stated) if stated else None


def _target(
    unit: Unit, rules: Rules, register: Register, request: ResetRequest
) -> tuple[Budget, StoredBalance]:
    """Return the budget that a reset names, and the sum that it is about."""
    budget_id, budget = find_budget(rules, request.scope)
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
    part = _part(budget, named.part)
    match budget.period:
        case Period.SESSION:
            if not session_id:
                raise SteeringRefused(
                    f"{budget.name} counts each session apart: name one with --session or "
                    "session_id"
                )
            return BalanceKey(budget_id, 0, session_id, "", project, part)
        case Period.MISSION:
            if not session_id or not mission_id:
                raise SteeringRefused(
                    f"{budget.name} counts each mission apart: name one with --session and "
                    "--mission, or session_id and mission_id"
                )
            return BalanceKey(budget_id, 0, session_id, mission_id, project, part)
        case Period.WINDOW:
            start_us = unit.window_opened(budget_id, part, unit.now_us)
            if start_us is None or unit.now_us >= start_us + budget.window_seconds * 10**6:
                start_us = unit.now_us  # none is open: that of a call made now
            return BalanceKey(budget_id, start_us, part=part)
        case _:
            window = counting.window(budget, unit.now)
            start_us = microseconds(window.start) if window else 0
            return BalanceKey(budget_id, start_us, part=part)


def _part(budget: Budget, named: str | None) -> str:
    """Return the part of a budget that is named.

    Raises:
        SteeringRefused: The budget has parts and none is named, or the other way round; or it
            divides by more attributes than values are named, or by fewer.
    """
    if not budget.per:
        if named:
            raise SteeringRefused(f"{budget.name} has no parts: it is one sum")
        return ""
    if named is None:
        raise SteeringRefused(
            f"{budget.name} has a sum of its own for each {', '.join(budget.per)}: name one with "
            "--part or part"
        )
    part = part_named(budget.per, named)
    if len(values_of(part)) != len(budget.per):
        raise SteeringRefused(
            f"{named!r} is no part of {budget.name}: name the values of {', '.join(budget.per)} "
            "with a comma between; a comma within a value is %2C"
        )
    return part


def find_budget(rules: Rules, scope: str) -> tuple[int, Budget]:
    """Return a budget of the policy by its name, with its registered id.

    Raises:
        SteeringRefused: There is none.
    """
    for budget_id, budget in rules.budgets.items():
        if budget.name == scope:
            return budget_id, budget
    names = ", ".join(budget.name for budget in rules.budgets.values())
    raise SteeringRefused(f"the policy has no budget {scope!r}; it has {names}")
