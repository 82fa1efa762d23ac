"""Which budgets can limit the calls of one run of a command (CLI-4)."""

from __future__ import annotations

from collections.abc import Collection

from corvus.base.globs import glob_matches
from corvus.base.period import Period
from corvus.model.budget import Budget
from corvus.model.policy import Policy

_OPEN = frozenset({"model", "provider"})
"""What each call of a run says for itself; all else is the same for all of them."""


def budgets_of_run(
    policy: Policy, surface: str, providers: Collection[str], *, in_mission: bool
) -> list[Budget]:
    """Return the enforced budgets that calls of a run can meet, in the order of the policy.

    One that matches on a model or a provider is among them when some call could match it.

    Args:
        policy: What is in force; while it is not enabled, no budget limits anything.
        surface: Where the calls come from.
        providers: Whoever may bill them.
        in_mission: Whether they belong to a mission.
    """
    if not policy.enabled:
        return []
    return [
        budget
        for budget in policy.budgets
        if budget.limit_nano_usd > 0
        and (in_mission or budget.period is not Period.MISSION)
        and all(_can_match(name, glob, surface, providers) for name, glob in budget.match)
    ]


def is_partial(budget: Budget) -> bool:
    """Return whether a budget limits some calls of a run only, by their model or provider."""
    return any(name in _OPEN and glob != "*" for name, glob in budget.match)


def _can_match(name: str, glob: str, surface: str, providers: Collection[str]) -> bool:
    match name:
        case "model":
            return True
        case "provider":
            return any(glob_matches(glob, provider) for provider in providers)
        case "surface":
            return glob_matches(glob, surface)
        case _:
            return False  # a run has no project, user or agent: they match no glob (CFG-10)
