"""Where the parts of budgets with ``per`` stand, and which of them governs (CFG-10, EVA-12).

Rows are read next to the writer: a budget may have a hundred thousand parts, and no call waits for
somebody who looks at them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from corvus.base.errors import SteeringRefused
from corvus.base.money import NOTHING
from corvus.base.period import Period, window_at
from corvus.base.time import microseconds
from corvus.governor.evaluate import NO_CALL, Balance, judge, state_of
from corvus.governor.resets import Subject, find_budget
from corvus.governor.rules import Rules, balance_of
from corvus.governor.standing import RECENT, refusals_of, spend_of, window_of
from corvus.model.budget import Budget
from corvus.model.decision import BudgetStatus
from corvus.model.parts import PartCounts, PartOrder, PartsPage, PartsQuery, PartStanding
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport
from corvus.store.api import Rows, StoredBalance
from corvus.store.part_sums import (
    PartLimits,
    PartSums,
    count_found,
    count_parts,
    last_refused,
    page_of_parts,
    parts_like,
)


def parts_page(rows: Rows, rules: Rules, query: PartsQuery, now: datetime) -> PartsPage:
    """Return a page of the parts of a budget that have a sum in their present window.

    Args:
        rows: The store.
        rules: The policy in force.
        query: Which parts.
        now: The present instant, aware.

    Raises:
        SteeringRefused: The policy has no such budget, it has no parts, or it counts sessions or
            missions and none is named.
    """
    budget_id, budget = find_budget(rules, query.budget)
    if not budget.per:
        raise SteeringRefused(f"{budget.name} has no parts: it is one sum")
    subject = Subject(query.session_id, query.mission_id, query.project)
    parts = _Parts(rows, rules, budget_id, budget, subject, now)
    stored = page_of_parts(rows, parts.sums, parts.limits, query)
    is_part = query.part or query.search
    found = count_found(rows, parts.sums, query) if is_part else parts.counts.parts
    standings = tuple(map(parts.standing, stored))
    refused = parts.refusals()
    counts = replace(parts.counts, last_refused=refused[1]) if refused else parts.counts
    return PartsPage(now, budget, query, counts, found, standings)


def with_parts(report: StatusReport, rules: Rules, rows: Rows) -> StatusReport:
    """Add to a report where the budgets with ``per`` stand: by the part that is nearest its limit.

    Args:
        report: What is known without them.
        rules: The policy in force.
        rows: The store.
    """
    divided = {key: budget for key, budget in rules.budgets.items() if budget.per}
    if not divided:
        return report
    by_name = {each.budget.name: _balance(each) for each in report.decision.statuses}
    spends, refusals = dict(report.spends), dict(report.refusals)
    counts: dict[str, PartCounts] = {}
    subject = Subject(report.session_id, report.mission_id, report.project)
    for budget_id, budget in divided.items():
        try:
            parts = _Parts(rows, rules, budget_id, budget, subject, report.now)
        except SteeringRefused:
            continue  # it counts sessions or missions, and none is named
        counts[budget.name] = parts.counts
        by_name[budget.name], spends[budget.name] = parts.worst()
        if (refused := parts.refusals()) is not None:
            refusals[budget.name], last = refused
            counts[budget.name] = replace(parts.counts, last_refused=last)
    names = (budget.name for budget in rules.budgets.values())
    statuses = judge([by_name[name] for name in names if name in by_name], NO_CALL)
    decision = replace(report.decision, state=state_of(statuses), statuses=statuses)
    return replace(report, decision=decision, spends=spends, refusals=refusals, parts=counts)


class _Parts:
    """The parts of one budget in their present windows."""

    def __init__(  # noqa: PLR0913, PLR0917 - the one place that puts them together
        self,
        rows: Rows,
        rules: Rules,
        budget_id: int,
        budget: Budget,
        subject: Subject,
        now: datetime,
    ) -> None:
        self._rows, self._budget, self._now = rows, budget, now
        self._is_enabled = rules.policy.enabled
        self.sums = _sums(budget_id, budget, subject, now)
        self.limits = PartLimits(budget.measure, budget.limit, self._own_limits())
        recent_us = microseconds(now - RECENT) if self._is_enabled else microseconds(now) + 1
        counts = count_parts(rows, self.sums, self.limits, recent_us)
        self.counts = counts if self._is_enabled else replace(counts, blocking=0)

    def standing(self, stored: StoredBalance) -> PartStanding:
        """Return where a part stands."""
        window = window_of(self._budget, self._now, stored.key.window_start_us)
        (status,) = judge([balance_of(self._budget, stored, window)], NO_CALL)
        refusals = refusals_of(stored.refusals, status, self._now, is_enabled=self._is_enabled)
        return PartStanding(status, spend_of(stored), window.start if window else None, refusals)

    def worst(self) -> tuple[Balance, Spend]:
        """Return what stands against the part that is nearest its limit; 0 without any part."""
        query = PartsQuery(self._budget.name, order=PartOrder.USED, limit=1)
        stored = page_of_parts(self._rows, self.sums, self.limits, query)
        if not stored:
            window = window_at(self._budget.period, self._now, self._budget.timezone)
            end = window.end if window else None
            return Balance(self._budget, 0, resets_at=end), Spend(NOTHING, 0, 0, 0)
        standing = self.standing(stored[0])
        return _balance(standing.status), standing.spend

    def refusals(self) -> tuple[Refusals, str] | None:
        """Return what all parts refused, with the last refusal of any, and which part that was."""
        stored = last_refused(self._rows, self.sums) if self.counts.refusals else None
        if stored is None or (last := self.standing(stored).refusals) is None:
            return None
        is_blocking = self.counts.blocking > 0
        return replace(last, count=self.counts.refusals, is_blocking=is_blocking), stored.key.part

    def _own_limits(self) -> dict[str, int]:
        """Return the limits of the parts that an exception counts for."""
        budget = self._budget
        likely = {
            part: budget.for_part(part)
            for glob, _ in budget.limits
            for part in parts_like(self._rows, self.sums, glob)
        }
        return {part: own.limit for part, own in likely.items() if own.limit != budget.limit}


def _sums(budget_id: int, budget: Budget, subject: Subject, now: datetime) -> PartSums:
    project, now_us = subject.project or "", microseconds(now)
    match budget.period:
        case Period.SESSION | Period.MISSION:
            mission = subject.mission_id if budget.period is Period.MISSION else ""
            if not subject.session_id or mission is None:
                raise SteeringRefused(
                    f"{budget.name} counts each {budget.period} apart: name one with --session"
                    f"{' and --mission' if budget.period is Period.MISSION else ''}"
                )
            return PartSums(budget_id, 0, 0, subject.session_id, mission, project)
        case Period.WINDOW:
            first_us = now_us - budget.window_seconds * 10**6 + 1
            return PartSums(budget_id, max(1, first_us), now_us)
        case _:
            window = window_at(budget.period, now, budget.timezone)
            start_us = microseconds(window.start) if window else 0
            return PartSums(budget_id, start_us, start_us)


def _balance(status: BudgetStatus) -> Balance:
    return Balance(status.budget, status.spent, status.held, status.resets_at, status.part)
