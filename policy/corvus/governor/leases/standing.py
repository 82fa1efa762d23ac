"""Where budgets stand on a host that has slices: those that span hosts as the shared store says."""

from __future__ import annotations

from dataclasses import replace

from corvus.governor.evaluate import NO_CALL, Balance, judge, state_of
from corvus.governor.leases.budgets import spans_hosts
from corvus.governor.rules import Rules
from corvus.governor.standing import refusals_of
from corvus.model.decision import BudgetStatus
from corvus.model.status_report import StatusReport


def merged(own: StatusReport, shared: StatusReport, rules: Rules) -> StatusReport:
    """Return the report of a host, with what the shared store says of budgets that span hosts.

    Args:
        own: Of the host's own store: its sessions and missions, and what it refused.
        shared: Of the shared store, where slices of hosts count as held.
        rules: The policy in force.
    """
    by_name = {each.budget.name: each for each in own.decision.statuses}
    spends, refusals, parts = dict(own.spends), dict(own.refusals), dict(own.parts)
    for status in shared.decision.statuses:
        name = status.budget.name
        if not spans_hosts(status.budget):
            continue
        by_name[name], spends[name] = status, shared.spends[name]
        refused = own.refusals.get(name) or shared.refusals.get(name)
        refused = refusals_of(refused, status, own.now, is_enabled=rules.policy.enabled)
        if refused is not None:
            refusals[name] = refused
        if name in shared.parts:
            parts[name] = shared.parts[name]
    names = (budget.name for budget in rules.budgets.values())
    balances = [_balance(by_name[name]) for name in names if name in by_name]
    statuses = judge(balances, NO_CALL)
    overrides = {each.id: each for each in (*own.overrides, *shared.overrides)}
    return replace(
        own,
        decision=replace(own.decision, state=state_of(statuses), statuses=statuses),
        spends=spends,
        refusals=refusals,
        parts=parts,
        overrides=tuple(overrides.values()),
    )


def _balance(status: BudgetStatus) -> Balance:
    return Balance(
        status.budget, status.spent, status.held, status.resets_at, status.part, status.kept
    )
