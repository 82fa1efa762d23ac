"""Which sums a call is counted in: the budgets that match it, each in one window (CFG-10, EVA-8).

The same rule serves admission, settlement and the count anew from the ledger (STO-2), so that
balances can be derived again at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from corvus.base.globs import glob_matches
from corvus.base.period import Period, Window, window_at
from corvus.base.time import microseconds
from corvus.model.budget import Budget
from corvus.model.request import Attributes
from corvus.store.api import BalanceKey

_REMEMBERED_MAX = 10_000
_EVER = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)
_Who: TypeAlias = tuple[Attributes, str | None, str | None]


class Counted(NamedTuple):
    """A sum that a call is counted in; ``window`` is ``None`` without a calendar window."""

    key: BalanceKey
    window: Window | None


class Counting:
    """The registered budgets, asked by call.

    Args:
        budgets: The budgets by id.
    """

    def __init__(self, budgets: Mapping[int, Budget]) -> None:
        self.budgets = budgets
        self._matching: dict[Attributes, tuple[int, ...]] = {}
        self._windows: dict[tuple[Period, str], Window] = {}
        self._answers: dict[_Who, tuple[datetime, datetime, list[Counted]]] = {}

    def of(
        self,
        attributes: Attributes,
        session_id: str | None,
        mission_id: str | None,
        admitted_at: datetime,
    ) -> list[Counted]:
        """Return the sums that a call is counted in, in the order of registration.

        The answer may be shared; it is not to be changed.
        """
        who = (attributes, session_id, mission_id)
        known = self._answers.get(who)
        if known is not None and known[0] <= admitted_at < known[1]:
            return known[2]
        counted = self._of(attributes, session_id, mission_id, admitted_at)
        windows = [one.window for one in counted if one.window is not None]
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
    ) -> list[Counted]:
        counted: list[Counted] = []
        project = attributes.project or ""
        for budget_id in self._match(attributes):
            period = self.budgets[budget_id].period
            match period:
                case Period.SESSION:
                    if session_id:
                        counted.append(
                            Counted(BalanceKey(budget_id, 0, session_id, "", project), None)
                        )
                case Period.MISSION:
                    if session_id and mission_id:
                        key = BalanceKey(budget_id, 0, session_id, mission_id, project)
                        counted.append(Counted(key, None))
                case Period.TOTAL:
                    counted.append(Counted(BalanceKey(budget_id), None))
                case _:
                    window = self.window(self.budgets[budget_id], admitted_at)
                    assert window is not None, f"{period} has a calendar"
                    key = BalanceKey(budget_id, microseconds(window.start))
                    counted.append(Counted(key, window))
        return counted

    def window(self, budget: Budget, instant: datetime) -> Window | None:
        """Return the calendar window of a budget that holds an instant."""
        kind = (budget.period, budget.timezone)
        known = self._windows.get(kind)
        if known is not None and known.start <= instant < known.end:
            return known
        window = window_at(budget.period, instant, budget.timezone)
        if window is not None:
            self._windows[kind] = window
        return window

    def _match(self, attributes: Attributes) -> tuple[int, ...]:
        found = self._matching.get(attributes)
        if found is None:
            if len(self._matching) >= _REMEMBERED_MAX:
                self._matching.clear()
            found = tuple(
                budget_id
                for budget_id, budget in self.budgets.items()
                if matches(budget, attributes)
            )
            self._matching[attributes] = found
        return found


def matches(budget: Budget, attributes: Attributes) -> bool:
    """Tell whether a budget counts calls with these attributes."""
    for name, glob in budget.match:
        value = getattr(attributes, name)
        if value is None or not glob_matches(glob, value):
            return False
    return True
