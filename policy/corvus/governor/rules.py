"""What a policy means for the store: which sums count a call, and which budgets judge it.

A call is counted in the budgets that match it, each in one window (CFG-10, EVA-8). The same rule
serves admission, settlement and the recount from the ledger (STO-2), so that balances can be
derived again at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol, TypeAlias

from corvus.base.globs import glob_matches
from corvus.base.money import NOTHING, NanoUSD
from corvus.base.period import Period, Window, window_at
from corvus.base.time import instant_at, microseconds
from corvus.governor.evaluate import Balance
from corvus.model.budget import NOT, Budget, Measure, part_of
from corvus.model.policy import Policy
from corvus.model.request import Attributes, Request
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionRecord, MissionRequest
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.kinds import budget_key
from corvus.store.unit import Unit

MISSION = "mission"
"""Name of the budget that a mission's own limit is."""

_OWN_LIMIT = "the limit of the mission"
_REMEMBERED_MAX = 10_000
_EVER = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)
_Who: TypeAlias = tuple[tuple[str | None, ...], str | None, str | None, str | None]


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
    thresholds, rungs = (80,), ()
    if policy.budgets:
        thresholds, rungs = policy.budgets[0].thresholds, policy.budgets[0].on_exceeded
    return Budget(MISSION, Period.MISSION, 0, thresholds, _OWN_LIMIT, on_exceeded=rungs)


class SumPlace(NamedTuple):
    """A sum that a call is counted in; ``window`` is ``None`` without one."""

    key: BalanceKey
    window: Window | None


class Call(NamedTuple):
    """What decides where a call is counted.

    Attributes:
        admitted_at: Aware UTC; decides the windows (EVA-8).
    """

    attributes: Attributes
    session_id: str | None
    mission_id: str | None
    admitted_at: datetime


def call_of(reservation: Reservation) -> Call:
    """Return what decides where an admitted call is counted."""
    request = reservation.request
    return Call(request.attributes, request.session_id, request.mission_id, reservation.admitted_at)


Opened: TypeAlias = Callable[[int, str, int], int | None]
"""Returns when the latest window of a budget (by id) and part had opened by an instant, where it
had, all in microseconds: ``Unit.window_opened``."""


class Counting:
    """The registered budgets, and where each call is counted.

    Args:
        budgets: The budgets by id.
    """

    def __init__(self, budgets: Mapping[int, Budget]) -> None:
        self.budgets = budgets
        self._matching: dict[tuple[str | None, ...], tuple[int, ...]] = {}
        self._windows: dict[tuple[Period, str], Window] = {}
        self._answers: dict[_Who, tuple[datetime, datetime, list[SumPlace]]] = {}
        names = {name for budget in budgets.values() for name, _ in budget.match}
        names.update(name for budget in budgets.values() for name in budget.per)
        self._names = sorted(names)
        self._opening = {
            budget_id for budget_id, budget in budgets.items() if budget.period is Period.WINDOW
        }

    def of(self, call: Call, opened: Opened, *, opens: bool = False) -> list[SumPlace]:
        """Return the sums that a call is counted in.

        The answer may be shared; it is not to be changed.

        Args:
            call: The call.
            opened: Knows the windows that opened with a call.
            opens: Whether the call is about to be admitted, so that it opens a window where none
                is open. Else it is left out of a budget whose window it was not admitted in.
        """
        attributes = call.attributes
        values = tuple([attributes.value(name) for name in self._names])
        who = (values, attributes.project, call.session_id, call.mission_id)
        answer = self._answers.get(who)
        if answer is None or not answer[0] <= call.admitted_at < answer[1]:
            answer = self._remembered(who, call)
        if not self._opening:
            return answer[2]
        opening = self._opening.intersection(self._match(who[0], attributes))
        if not opening:
            return answer[2]
        places = (self._opened(each, call, opened, opens=opens) for each in sorted(opening))
        return [*answer[2], *(place for place in places if place is not None)]

    def _remembered(self, who: _Who, call: Call) -> tuple[datetime, datetime, list[SumPlace]]:
        counted = self._of(who[0], call)
        windows = [place.window for place in counted if place.window is not None]
        start = max((window.start for window in windows), default=_EVER)
        end = min((window.end for window in windows), default=_NEVER)
        if len(self._answers) >= _REMEMBERED_MAX:
            self._answers.clear()
        self._answers[who] = (start, end, counted)
        return self._answers[who]

    def _of(self, values: tuple[str | None, ...], call: Call) -> list[SumPlace]:
        attributes, session_id, mission_id, admitted_at = call
        counted: list[SumPlace] = []
        project = attributes.project or ""
        for budget_id in self._match(values, attributes):
            budget = self.budgets[budget_id]
            part = part_of_call(budget, attributes)
            match budget.period:
                case Period.SESSION:
                    if session_id:
                        key = BalanceKey(budget_id, 0, session_id, "", project, part)
                        counted.append(SumPlace(key, None))
                case Period.MISSION:
                    if session_id and mission_id:
                        key = BalanceKey(budget_id, 0, session_id, mission_id, project, part)
                        counted.append(SumPlace(key, None))
                case Period.TOTAL:
                    counted.append(SumPlace(BalanceKey(budget_id, part=part), None))
                case Period.WINDOW:
                    pass  # depends on the calls before, see ``of``
                case _:
                    window = self.window(budget, admitted_at)
                    assert window is not None, f"{budget.period} has a calendar"
                    key = BalanceKey(budget_id, microseconds(window.start), part=part)
                    counted.append(SumPlace(key, window))
        return counted

    def _opened(
        self, budget_id: int, call: Call, opened: Opened, *, opens: bool
    ) -> SumPlace | None:
        budget = self.budgets[budget_id]
        part = part_of_call(budget, call.attributes)
        admitted_us, length_us = microseconds(call.admitted_at), budget.window_seconds * 10**6
        start_us = opened(budget_id, part, admitted_us)
        if start_us is None or admitted_us >= start_us + length_us:
            if not opens:
                return None
            start_us = admitted_us
        key = BalanceKey(budget_id, start_us, part=part)
        return SumPlace(key, self.window(budget, call.admitted_at, start_us))

    def window(self, budget: Budget, instant: datetime, start_us: int = 0) -> Window | None:
        """Return the window of a budget that holds an instant.

        Args:
            budget: The budget.
            instant: An aware instant.
            start_us: When the window opened, where a call opens it.
        """
        if budget.period is Period.WINDOW:
            end_us = start_us + budget.window_seconds * 10**6
            return Window(instant_at(start_us), instant_at(end_us))
        kind = (budget.period, budget.timezone)
        window = self._windows.get(kind)
        if window is not None and window.start <= instant < window.end:
            return window
        window = window_at(budget.period, instant, budget.timezone)
        if window is not None:
            self._windows[kind] = window
        return window

    def _match(self, values: tuple[str | None, ...], attributes: Attributes) -> tuple[int, ...]:
        matching = self._matching.get(values)
        if matching is None:
            if len(self._matching) >= _REMEMBERED_MAX:
                self._matching.clear()
            matching = tuple(
                budget_id
                for budget_id, budget in self.budgets.items()
                if matches(budget, attributes)
            )
            self._matching[values] = matching
        return matching


def matches(budget: Budget, attributes: Attributes) -> bool:
    """Return whether a budget counts calls with these attributes."""
    return all(is_met(globs, attributes.value(name)) for name, globs in budget.match)


def is_met(globs: Sequence[str], value: str | None) -> bool:
    """Return whether a call with this value of an attribute is what a budget asks for."""
    if globs[0].startswith(NOT):
        return value is None or not glob_matches(globs[0].removeprefix(NOT), value)
    return value is not None and any(glob_matches(glob, value) for glob in globs)


def part_of_call(budget: Budget, attributes: Attributes) -> str:
    """Return the part of a budget in which a call is counted; empty without ``per``."""
    if not budget.per:
        return ""
    return part_of(tuple([attributes.value(name) for name in budget.per]))


def balance_of(budget: Budget, stored: StoredBalance, window: Window | None) -> Balance:
    """Return what stands against a budget in one of its sums."""
    part, measure = stored.key.part, budget.measure
    limited = budget.for_part(part) if budget.limits else budget
    ends_at = window.end if window is not None else None
    if measure is Measure.USD:  # nearly all, and on the path of each call
        return Balance(limited, stored.spent_nano_usd, stored.held_nano_usd, ends_at, part)
    return Balance(limited, stored.spent(measure), stored.held(measure), ends_at, part)


class Standing(NamedTuple):
    """Where a call is counted, what stands there, and against each budget of the policy.

    Attributes:
        counted: The sums of all registered budgets that count it.
        sums: What stands there, in the same order.
        balances: What stands against each budget of the policy.
    """

    counted: Sequence[SumPlace]
    sums: Sequence[StoredBalance]
    balances: Sequence[Balance]


class SharedSums(Protocol):
    """What a host knows of sums that it shares with other hosts (STO-3)."""

    def narrow(
        self,
        unit: Unit,
        rules: Rules,
        standing: Standing,
        request: Request,
    ) -> Sequence[Balance]:
        """Return what stands against each budget, where the host may admit a call by itself."""
        ...

    def seek_override(self, request: Request) -> None:
        """Have the shared store asked for an override of a call, unless it just was."""
        ...

    def shared(self, unit: Unit, rules: Rules, standing: Standing) -> Sequence[Balance]:
        """Return what stands against each budget, with what others had when last heard of."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy, and the registered ids of its budgets.

    Attributes:
        budgets: The policy's budgets by registered id, in the order of EVA-7.
        store_id: The store in which these ids are registered; in another they mean nothing.
        slices: What this host may use of sums that it shares with others; ``None`` where the
            store has the whole of each.
        shadow: Those of the shadow policy, where there is one (PLN-2).
        twins: By the ids of budgets of a shadow, those that count what it would have refused.
    """

    policy: Policy
    budgets: Mapping[int, Budget]
    store_id: str
    slices: SharedSums | None = None
    shadow: Rules | None = None
    twins: Mapping[int, int] = field(default_factory=dict[int, int])

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
            balances.append(balance_of(limited, stored, place.window))
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
            own = (each.limit for each in self.budgets.values() if each.name == MISSION)
            limit = NanoUSD(next(own, NOTHING))
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
    if mission.limit_nano_usd == budget.limit:
        return budget
    return replace(budget, limit=mission.limit_nano_usd, config_key=_OWN_LIMIT)


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
