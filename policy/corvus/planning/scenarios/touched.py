"""What the cases of a test touch of a policy, and what none of them does (PLN-2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from corvus.config.model.defaults import LADDER
from corvus.model.budget import Budget, Rung
from corvus.model.decision import BudgetState, Decision
from corvus.model.policy import Policy
from corvus.planning.scenarios.queue import MadeCall

_USUAL = tuple(map(Rung, LADDER))
LIMIT = "limit"
"""The item of a budget whose limit a call comes to."""


class Item(NamedTuple):
    """Something of a policy that a case should touch.

    Attributes:
        budget: Name of the budget.
        what: ``limit``, or a rung of its ladder where that is not the usual one.
    """

    budget: str
    what: str


class Coverage(NamedTuple):
    """What the cases of a policy touch.

    Attributes:
        items: All there is, by budget in the order of the policy.
        touched: Those that a case touches.
        met: Names of the budgets that match a call of some case.
    """

    items: tuple[Item, ...]
    touched: frozenset[Item]
    met: frozenset[str]

    @property
    def percent(self) -> float:
        """Of all items, the share that a case touches; 100 where there is none."""
        if not self.items:
            return 100.0
        return 100 * sum(item in self.touched for item in self.items) / len(self.items)

    @property
    def missing(self) -> tuple[Item, ...]:
        """What no case touches."""
        return tuple(item for item in self.items if item not in self.touched)


class Touched:
    """Collects what cases touch of one policy."""

    def __init__(self) -> None:
        self._items: set[Item] = set()
        self._met: set[str] = set()

    def add(self, calls: Iterable[MadeCall]) -> None:
        """Take note of the calls of a case, each decided."""
        for made in calls:
            self._met |= {status.budget.name for status in made.asked.statuses}
            in_the_way = _in_the_way(made.asked)
            self._items |= {Item(name, LIMIT) for name in in_the_way}
            rungs: list[Rung] = [*(made.decision.rungs if made.decision is not None else ())]
            if made.paused is not None:
                rungs.append(made.paused)
            self._items |= {Item(name, rung.value) for name in in_the_way for rung in rungs}

    def of(self, policy: Policy) -> Coverage:
        """Return what is touched of a policy."""
        items = tuple(item for budget in policy.budgets for item in _items(budget))
        names = frozenset(budget.name for budget in policy.budgets)
        return Coverage(items, frozenset(self._items), names & self._met)


def _items(budget: Budget) -> Sequence[Item]:
    if not _limits(budget):
        return ()
    rungs = budget.on_exceeded if budget.enforce == "block" else ()
    if rungs == _USUAL:  # nobody wrote it, and its rungs are those of every budget
        rungs = ()
    return [Item(budget.name, what) for what in (LIMIT, *(rung.value for rung in rungs))]


def _limits(budget: Budget) -> bool:
    return budget.limit > 0 or any(limit for _, limit in budget.limits)


def _in_the_way(asked: Decision) -> list[str]:
    """Return the budgets whose limit a call comes to as it was asked for."""
    return [
        status.budget.name
        for status in asked.statuses
        if status.state is BudgetState.EXCEEDED
        or (status.budget.enforce == "warn" and 0 < status.budget.limit < status.projected)
    ]
