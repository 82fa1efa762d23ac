"""What a policy means for the store: which sums count a call, and which budgets judge it.

A call is counted in the budgets that match it, each in one window (CFG-10, EVA-8). The same rule
serves admission, settlement and the recount from the ledger (STO-2), so that balances can be
derived again at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from corvus.base.globs import glob_matches
from corvus.base.money import NOTHING, NanoUSD
from corvus.base.period import Period, Window, window_at
from corvus.base.time import microseconds
from corvus.governor.evaluate import Balance
from corvus.model.budget import Budget
from corvus.model.policy import Policy
from corvus.model.request import Attributes
from corvus.model.steering import MissionRecord, MissionRequest
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.kinds import budget_key
from corvus.store.unit import Unit

MISSION = "mission"
"""Name of the budget that a mission's own limit is."""

_OWN_LIMIT = "the limit of the mission"
_OPEN = frozenset({"model", "provider"})
"""What each call of a run says for itself; all else is the same for all of them."""
_REMEMBERED_MAX = 10_000
_EVER = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)
_Who: TypeAlias = tuple[Attributes, str | None, str | None]


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


class SumPlace(NamedTuple):
    """A sum that a call is counted in; ``window`` is ``None`` without a calendar window."""

    key: BalanceKey
    window: Window | None


class Counting:
    """The registered budgets, and where each call is counted.

    Args:
        budgets: The budgets by id.
    """

    def __init__(self, budgets: Mapping[int, Budget]) -> None:
        self.budgets = budgets
        self._matching: dict[Attributes, tuple[int, ...]] = {}
        self._windows: dict[tuple[Period, str], Window] = {}
        self._answers: dict[_Who, tuple[datetime, datetime, list[SumPlace]]] = {}

    def of(
        self,
        attributes: Attributes,
        session_id: str | None,
        mission_id: str | None,
        admitted_at: datetime,
    ) -> list[SumPlace]:
        """Return the sums that a call is counted in, in the order of registration.

        The answer may be shared; it is not to be changed.
        """
        who = (attributes, session_id, mission_id)
        answer = self._answers.get(who)
        if answer is not None and answer[0] <= admitted_at < answer[1]:
            return answer[2]
        counted = self._of(attributes, session_id, mission_id, admitted_at)
        windows = [place.window for place in counted if place.window is not None]
        start = max((window.start for window in windows), default=_EVER)
        end = min((window.end for window in windows), default=_NEVER)
        if len(self._answers) >= _REMEMBERED_MAX:
            self._answers.clear()
        self._answers[who] = (start, end, counted)
        return counted

    def _of(
        self,
        attributes: Attributes,
        session_id: str | None,
        mission_id: str | None,
        admitted_at: datetime,
    ) -> list[SumPlace]:
        counted: list[SumPlace] = []
        project = attributes.project or ""
        for budget_id in self._match(attributes):
            period = self.budgets[budget_id].period
            match period:
                case Period.SESSION:
                    if session_id:
                        counted.append(
                            SumPlace(BalanceKey(budget_id, 0, session_id, "", project), None)
                        )
                case Period.MISSION:
                    if session_id and mission_id:
                        key = BalanceKey(budget_id, 0, session_id, mission_id, project)
                        counted.append(SumPlace(key, None))
                case Period.TOTAL:
                    counted.append(SumPlace(BalanceKey(budget_id), None))
                case _:
                    window = self.window(self.budgets[budget_id], admitted_at)
                    assert window is not None, f"{period} has a calendar"
                    key = BalanceKey(budget_id, microseconds(window.start))
                    counted.append(SumPlace(key, window))
        return counted

    def window(self, budget: Budget, instant: datetime) -> Window | None:
        """Return the calendar window of a budget that holds an instant."""
        kind = (budget.period, budget.timezone)
        window = self._windows.get(kind)
        if window is not None and window.start <= instant < window.end:
            return window
        window = window_at(budget.period, instant, budget.timezone)
        if window is not None:
            self._windows[kind] = window
        return window

    def _match(self, attributes: Attributes) -> tuple[int, ...]:
        matching = self._matching.get(attributes)
        if matching is None:
            if len(self._matching) >= _REMEMBERED_MAX:
                self._matching.clear()
            matching = tuple(
                budget_id
                for budget_id, budget in self.budgets.items()
                if matches(budget, attributes)
            )
            self._matching[attributes] = matching
        return matching


def matches(budget: Budget, attributes: Attributes) -> bool:
    """Return whether a budget counts calls with these attributes."""
    for name, glob in budget.match:
        value = getattr(attributes, name)
        if value is None or not glob_matches(glob, value):
            return False
    return True


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
        counted: Iterable[SumPlace],
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
            place.key.budget_id: (place, stored)
            for place, stored in zip(counted, sums, strict=True)
        }
        balances: list[Balance] = []
        for budget_id, budget in self.budgets.items():
            if budget_id not in by_id or (budget.period is Period.MISSION and mission is None):
                continue  # after its end, a call sees no mission budget (MIS-2)
            place, stored = by_id[budget_id]
            limited = own_limit(budget, mission) if mission and budget.name == MISSION else budget
            balances.append(
                Balance(
                    limited,
                    NanoUSD(stored.spent_nano_usd),
                    NanoUSD(stored.held_nano_usd),
                    place.window.end if place.window is not None else None,
                )
            )
        return balances

    def new_mission(self, request: MissionRequest, now: datetime) -> MissionRecord:
        """Return a mission that begins; what it does not state comes from the policy."""
        limits = self.policy.mission
        limit, steps, seconds = (
            request.limit_nano_usd,
            request.max_steps,
            request.max_runtime_seconds,
        )
        if limit is None:
            own = (each.limit_nano_usd for each in self.budgets.values() if each.name == MISSION)
            limit = next(own, NOTHING)
        if steps is None:
            steps = limits.max_steps if limits.enabled else 0
        if seconds is None:
            seconds = limits.max_runtime_seconds if limits.enabled else 0
        deadline = now + timedelta(seconds=seconds) if seconds else None
        return MissionRecord(
            request.session_id, request.id, now, limit, steps, deadline, project=request.project
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
        rules: ``None`` where there is no policy: nothing is judged, all is counted.
    """

    rules: Rules | None
    register: Register


def registered(unit: Unit, budgets: Iterable[Budget]) -> dict[str, int]:
    """Return the ids of those budgets that are registered, by key."""
    ids = {budget_key(budget): budget_id for budget_id, budget in unit.budgets().items()}
    keys = [budget_key(budget) for budget in budgets]
    return {key: ids[key] for key in keys if key in ids}


def budgets_of_run(
    policy: Policy, surface: str, providers: Collection[str], *, in_mission: bool
) -> list[Budget]:
    """Return the enforced budgets that calls of a run of a command can meet (CLI-4).

    They come in the order of the policy.
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
