"""The budgets that a store counts for a shadow policy, and its rules once they are registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from corvus.base.period import Period
from corvus.governor.rules import MISSION, Rules, budgets_to_register
from corvus.governor.shadow.marks import digits_of, passed_by, tally_of, twin_of
from corvus.model.budget import Budget
from corvus.model.policy import Policy
from corvus.store.kinds import budget_key


def budgets_of_shadow(shadow: Policy) -> list[Budget]:
    """Return the budgets that the store must count for a shadow: its own, and their twins."""
    policy, budgets = digits_of(shadow.content_hash), budgets_to_register(shadow)
    twins = [twin_of(budget, policy) for budget in budgets if _has_twin(budget)]
    return [*(_counted(budget, policy) for budget in budgets), *twins, tally_of(policy)]


def rules_of_shadow(shadow: Policy, ids: Mapping[str, int], store_id: str) -> Rules:
    """Return the rules of a shadow.

    Args:
        shadow: The policy; an override of the one in force is none of it.
        ids: The registered ids of all of ``budgets_of_shadow``, by key (``budget_key``).
        store_id: The store in which they are.
    """
    policy, budgets = digits_of(shadow.content_hash), budgets_to_register(shadow)
    by_id = {ids[budget_key(_counted(budget, policy))]: budget for budget in budgets}
    twins = {
        budget_id: ids[budget_key(twin_of(budget, policy))]
        for budget_id, budget in by_id.items()
        if _has_twin(budget)
    }
    return Rules(replace(shadow, allow_override=False), by_id, store_id, twins=twins)


def _counted(budget: Budget, policy: str) -> Budget:
    """Return what is counted for a budget: a window opens with a call that passes, and no other."""
    return passed_by(budget, policy) if budget.period is Period.WINDOW else budget


def _has_twin(budget: Budget) -> bool:
    return budget.period is not Period.WINDOW and _may_refuse(budget)


def _may_refuse(budget: Budget) -> bool:
    """Return whether a budget can refuse a call; a mission may have a limit of its own (MIS-1)."""
    has_limit = budget.limit > 0 or any(limit for _, limit in budget.limits)
    return budget.enforce == "block" and (has_limit or budget.name == MISSION)
