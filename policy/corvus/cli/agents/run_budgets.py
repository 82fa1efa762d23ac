"""Which budgets the calls of a run of a command meet, and in which parts they count (CLI-4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from corvus.base.period import Period
from corvus.governor.rules import is_met
from corvus.model.budget import TAG, Budget, part_of
from corvus.model.policy import Policy

_OPEN = frozenset({"model", "provider"})
"""What each call of a run says for itself; all else is the same for all of them."""


def known_of_run(
    surface: str,
    *,
    project: str | None = None,
    branch: str | None = None,
    tags: Iterable[tuple[str, str]] = (),
) -> dict[str, str | None]:
    """Return the attributes that all calls of a run of a command have, by name (CFG-10).

    Args:
        surface: Where the calls come from.
        project: The project that they are of.
        branch: The branch that they are of.
        tags: Those that no call states otherwise.
    """
    known = {"surface": surface, "project": project, "branch": branch, "user": None, "token": None}
    return known | {f"{TAG}{key}": value for key, value in tags}


def part_of_run(budget: Budget, known: Mapping[str, str | None]) -> str | None:
    """Return the part of a budget in which the calls of a run are counted; empty without ``per``.

    Args:
        budget: The budget.
        known: What all of these calls have (``known_of_run``).

    Returns:
        ``None`` where it counts none of them, or each call says for itself whose part it is of.
    """
    is_counted = all(is_met(globs, known[name]) for name, globs in budget.match if name in known)
    if not is_counted or not known.keys() >= {*budget.per}:
        return None
    return part_of(tuple([known[name] for name in budget.per]))


def budgets_of_run(
    policy: Policy,
    known: Mapping[str, str | None],
    providers: Collection[str],
    *,
    in_mission: bool,
) -> list[Budget]:
    """Return the enforced budgets that calls of a run of a command can meet (CLI-4).

    They come in the order of the policy.
    One that matches on what each call says for itself is among them when some call could match it.

    Args:
        policy: What is in force; while it is not enabled, no budget limits anything.
        known: What all of these calls have (``known_of_run``).
        providers: Whoever may bill them.
        in_mission: Whether they belong to a mission.
    """
    if not policy.enabled:
        return []
    return [
        budget
        for budget in policy.budgets
        if budget.limit > 0
        and budget.enforce == "block"
        and (in_mission or budget.period is not Period.MISSION)
        and all(_can_match(name, globs, known, providers) for name, globs in budget.match)
    ]


def is_partial(budget: Budget) -> bool:
    """Return whether a budget limits some calls of a run only, by what each says for itself."""
    return any(
        _is_optional(name) or (name in _OPEN and "*" not in globs) for name, globs in budget.match
    )


def _can_match(
    name: str, globs: Sequence[str], known: Mapping[str, str | None], providers: Collection[str]
) -> bool:
    if name in known:
        return is_met(globs, known[name])
    if name == "provider":
        return any(is_met(globs, provider) for provider in providers)
    return True  # each call says it for itself


def _is_optional(name: str) -> bool:
    """Return whether a call of a run may say an attribute, or not (SES-3)."""
    return name in ("agent", "subagent") or name.startswith(TAG)
