"""Where every budget stands, by the rule that enforces, with an estimate of 0 (EVA-12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from corvus.base.errors import SteeringRefused
from corvus.base.money import NOTHING
from corvus.base.period import Period
from corvus.base.time import microseconds
from corvus.governor.evaluate import NO_CALL, Balance, judge, state_of
from corvus.governor.part_status import with_parts
from corvus.governor.resets import Subject, balance_key
from corvus.governor.rules import (
    MISSION,
    Register,
    Rules,
    Standing,
    balance_of,
    budgets_to_register,
    own_limit,
    registered,
)
from corvus.governor.shares import with_shares
from corvus.governor.standing import has_call, refusals_of, spend_of, window_of
from corvus.model.decision import BudgetStatus, Decision
from corvus.model.policy import Policy
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport
from corvus.model.steering import MissionRecord, Override
from corvus.store.api import Forgotten, Look
from corvus.store.cache import Cache
from corvus.store.kinds import LATEST_SESSION, budget_key
from corvus.store.unit import Unit


def report_status(unit: Unit, rules: Rules, register: Register, subject: Subject) -> StatusReport:
    """Report where every budget stands; of a session's missions, the latest that runs is shown.

    Where no project is named and the session is known in one project alone, that one is meant:
    this only reads.
    """
    session_id = subject.session_id
    project = project_of(unit, session_id, subject.project)
    mission = _mission(unit, session_id, subject.mission_id, project)
    named = Subject(session_id, mission.id if mission else None, project)
    balances: list[Balance] = []
    spends: dict[str, Spend | None] = {}
    refused: dict[str, Refusals] = {}
    for budget_id, budget in rules.budgets.items():
        if budget.name == MISSION:
            if mission is None and not budget.limit:
                continue  # the policy has no such budget, and no mission runs
            budget = own_limit(budget, mission) if mission is not None else budget
        try:
            key = balance_key(unit, register, budget_id, named)
        except SteeringRefused:
            spends[budget.name] = None
            balances.append(Balance(budget, 0))
            continue
        stored = unit.balance(key)
        spends[budget.name] = spend_of(stored)
        if stored.refusals is not None:
            refused[budget.name] = stored.refusals
        window = window_of(budget, unit.now, key.window_start_us)
        is_open = budget.period is not Period.WINDOW or has_call(stored)
        balance = balance_of(budget, stored, window if is_open else None)
        if rules.slices is not None and not budget.per:
            (balance,) = rules.slices.shared(unit, rules, Standing((), [stored], [balance]))
        balances.append(balance)
    session = unit.session(session_id, project) if session_id else None
    statuses = judge(with_shares(unit, rules, balances, mission, session), NO_CALL)
    decision = Decision(
        state_of(statuses),
        statuses,
        estimate_nano_usd=NOTHING,
        override_possible=rules.policy.allow_override,
        policy_hash=rules.policy.content_hash,
        session_id=session_id,
    )
    return StatusReport(
        now=unit.now,
        session_id=session_id,
        mission_id=mission.id if mission else None,
        decision=decision,
        spends=spends,
        refusals=_refusals(refused, statuses, unit.now, rules),
        session=session,
        mission=mission,
        overrides=_usable(unit, session_id, project),
        project=project,
    )


def glance(look: Look, policy: Policy, now: datetime) -> StatusReport:
    """Report where the budgets of a policy stand, for the session that was admitted last.

    It looks next to any writer: what is overdue is not settled before, and budgets that no governor
    has enrolled yet are left out.

    Args:
        look: The store, of the shape that this version writes.
        policy: Whose budgets.
        now: The present instant, aware.
    """
    look.hold_still()
    unit = Unit(look, Cache(), microseconds(now))
    subject = Subject(next(iter(look.find(LATEST_SESSION)), None), None, None)
    return _seen(look, unit, policy, subject)


def full_glance(look: Look, policy: Policy, now: datetime, subject: Subject) -> StatusReport | None:
    """Do what ``glance`` does for a session or mission, where the store alone knows every sum.

    Args:
        look: The store, of the shape that this version writes.
        policy: Whose budgets.
        now: The present instant, aware.
        subject: Whose session and mission budgets are shown.

    Returns:
        ``None`` where something is known only from the ledger: a budget that no governor has
        enrolled, usage that was imported and is not counted yet, a session of long ago.
    """
    look.hold_still()
    unit = Unit(look, Cache(), microseconds(now))
    budgets = budgets_to_register(policy)
    ids = registered(unit, budgets)
    if unit.state.recount_due or any(budget_key(budget) not in ids for budget in budgets):
        return None
    try:
        return _seen(look, unit, policy, subject)
    except Forgotten:
        return None


def _seen(look: Look, unit: Unit, policy: Policy, subject: Subject) -> StatusReport:
    budgets = budgets_to_register(policy)
    ids = registered(unit, budgets)
    known = {ids[key]: budget for budget in budgets if (key := budget_key(budget)) in ids}
    rules = Rules(policy, known, unit.state.store_id)
    return with_parts(report_status(unit, rules, Register(), subject), rules, look)


def _usable(unit: Unit, session_id: str | None, project: str | None) -> tuple[Override, ...]:
    active = unit.active_overrides().values()
    return tuple(override for override in active if override.serves(session_id, project))


def _refusals(
    refused: dict[str, Refusals], statuses: Sequence[BudgetStatus], now: datetime, rules: Rules
) -> dict[str, Refusals]:
    is_enabled = rules.policy.enabled
    found = {
        status.budget.name: refusals_of(
            refused.get(status.budget.name), status, now, is_enabled=is_enabled
        )
        for status in statuses
    }
    return {name: refusals for name, refusals in found.items() if refusals is not None}


def project_of(unit: Unit, session_id: str | None, project: str | None) -> str | None:
    """Return the project named, or the one that alone has a session of this id."""
    if project is not None or session_id is None:
        return project
    projects = [session.project for session in unit.sessions_named(session_id)]
    return projects[0] if len(projects) == 1 else None


def _mission(
    unit: Unit, session_id: str | None, mission_id: str | None, project: str | None
) -> MissionRecord | None:
    if session_id is None:
        return None
    if mission_id is not None:
        return unit.mission(session_id, mission_id, project)
    running = unit.open_missions(session_id, project)
    return running[-1] if running else None
