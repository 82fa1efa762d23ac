"""What a policy means for the store: which registered sums its budgets are, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from corvus.base.money import NOTHING, NanoUSD
from corvus.base.period import Period
from corvus.governor.counting import Counted, Counting
from corvus.governor.evaluate import Balance
from corvus.model.budget import Budget
from corvus.model.policy import Policy
from corvus.model.steering import MissionRecord, MissionRequest
from corvus.store.api import StoredBalance
from corvus.store.kinds import budget_key
from corvus.store.unit import Unit

MISSION = "mission"
"""Name of the budget that a mission's own limit is."""

_OWN_LIMIT = "the limit of the mission"


def budgets_to_register(policy: Policy) -> list[Budget]:
    """Return the budgets whose spend the store must count: the policy's, and that of missions.

    A mission may state a limit of its own where the policy has none (MIS-1), so the budget
    ``mission`` is always counted.
    """
    budgets = list(policy.budgets)
    if not any(budget.name == MISSION for budget in budgets):
        budgets.insert(_place_of_mission(budgets), _mission_budget(policy))
    return budgets


def _place_of_mission(budgets: list[Budget]) -> int:
    """Return where EVA-7 puts the mission: after session, day and month."""
    return sum(budget.name in ("session", "day", "month") for budget in budgets)


def _mission_budget(policy: Policy) -> Budget:
    threshold = policy.budgets[0].warn_at_percent if policy.budgets else 80
    return Budget(MISSION, Period.MISSION, NOTHING, threshold, _OWN_LIMIT)


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy, and the registered ids of its budgets.

    Attributes:
        budgets: The policy's budgets by registered id, in the order of EVA-7.
        store_id: The store in which these ids are registered; in another they mean nothing.
    """

    policy: Policy
    budgets: Mapping[int, Budget]
    store_id: str

    def balances(
        self,
        counted: Iterable[Counted],
        sums: Iterable[StoredBalance],
        mission: MissionRecord | None,
    ) -> list[Balance]:
        """Return what stands against each of the policy's budgets that count a call.

        Args:
            counted: Where the call is counted.
            sums: What stands there, in the same order.
            mission: The running mission of the call, whose own limit counts; ``None`` when it has
                none, or it has ended.
        """
        by_id = {
            one.key.budget_id: (one, stored) for one, stored in zip(counted, sums, strict=True)
        }
        found: list[Balance] = []
        for budget_id, budget in self.budgets.items():
            if budget_id not in by_id or (budget.period is Period.MISSION and mission is None):
                continue  # after its end, a call sees no mission budget (MIS-2)
            one, stored = by_id[budget_id]
            limited = own_limit(budget, mission) if mission and budget.name == MISSION else budget
            found.append(
                Balance(
                    limited,
                    NanoUSD(stored.spent_nano_usd),
                    NanoUSD(stored.held_nano_usd),
                    one.window.end if one.window is not None else None,
                )
            )
        return found

    def new_mission(self, wish: MissionRequest, now: datetime) -> MissionRecord:
        """Return a mission that begins; what it does not state comes from the policy."""
        limits = self.policy.mission
        limit, steps, seconds = wish.limit_nano_usd, wish.max_steps, wish.max_runtime_seconds
        if limit is None:
            own = (one.limit_nano_usd for one in self.budgets.values() if one.name == MISSION)
            limit = next(own, NOTHING)
        if steps is None:
            steps = limits.max_steps if limits.enabled else 0
        if seconds is None:
            seconds = limits.max_runtime_seconds if limits.enabled else 0
        deadline = now + timedelta(seconds=seconds) if seconds else None
        return MissionRecord(
            wish.session_id, wish.id, now, limit, steps, deadline, project=wish.project
        )


def own_limit(budget: Budget, mission: MissionRecord) -> Budget:
    """Return the budget ``mission`` with the limit of a mission."""
    if mission.limit_nano_usd == budget.limit_nano_usd:
        return budget
    return replace(budget, limit_nano_usd=mission.limit_nano_usd, config_key=_OWN_LIMIT)


class Register:
    """Knows the registered budgets of a store as sums to count in; follows other processes."""

    def __init__(self) -> None:
        self._counting: Counting | None = None

    def counting(self, unit: Unit) -> Counting:
        """Return the sums of all registered budgets, also of other policies."""
        budgets = unit.budgets()
        if self._counting is None or self._counting.budgets is not budgets:
            self._counting = Counting(budgets)
        return self._counting


class InForce(NamedTuple):
    """What settlements are judged by: the rules of a policy, and all registered sums.

    Attributes:
        rules: ``None`` where no policy is known: nothing is judged, all is counted.
    """

    rules: Rules | None
    register: Register


def registered(unit: Unit, budgets: Iterable[Budget]) -> dict[str, int]:
    """Return the ids of those budgets that are registered, by key."""
    known = {budget_key(budget): budget_id for budget_id, budget in unit.budgets().items()}
    keys = [budget_key(budget) for budget in budgets]
    return {key: known[key] for key in keys if key in known}
