"""Where every budget stands, by the rule that enforces, with an estimate of 0 (EVA-12)."""

from __future__ import annotations

from dataclasses import replace

from corvus.base.errors import SteeringRefused
from corvus.base.money import NanoUSD
from corvus.governor.evaluate import NO_CALL, Balance, evaluate
from corvus.governor.resets import Subject, balance_key
from corvus.governor.rules import MISSION, Register, Rules, balance_of, own_limit
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport
from corvus.model.steering import MissionRecord, Override
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
    refusals: dict[str, Refusals] = {}
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
        spends[budget.name] = Spend(
            NanoUSD(stored.spent_nano_usd), stored.calls, stored.unpriced_calls, stored.tokens
        )
        if stored.refusals is not None:
            refusals[budget.name] = _in_force(stored.refusals, rules)
        window = register.counting(unit).window(budget, unit.now, key.window_start_us)
        balances.append(balance_of(budget, stored, window))
    decision = replace(
        evaluate(balances, NO_CALL),
        denial=None,
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
        refusals=refusals,
        session=unit.session(session_id, project) if session_id else None,
        mission=mission,
        overrides=_usable(unit, session_id, project),
        project=project,
    )


def _usable(unit: Unit, session_id: str | None, project: str | None) -> tuple[Override, ...]:
    active = unit.active_overrides().values()
    return tuple(override for override in active if override.serves(session_id, project))


def _in_force(refusals: Refusals, rules: Rules) -> Refusals:
    """Return what a budget refused; it blocks nothing while governance is disabled."""
    return replace(refusals, is_blocking=refusals.is_blocking and rules.policy.enabled)


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
