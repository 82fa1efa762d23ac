"""What is spent of each budget of a config today, from the store (EVA-12).

The config is the file on disk: what an editor has not saved is in force nowhere. A store that is
not there, or cannot be read, says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from corvus.base.errors import PolicyError
from corvus.base.period import Period

if TYPE_CHECKING:
    from corvus.model.budget import Budget
    from corvus.model.decision import BudgetStatus
    from corvus.model.status_report import StatusReport

_WHEN: Final = {
    Period.SESSION: "latest session",
    Period.DAY: "today",
    Period.WEEK: "this week",
    Period.MONTH: "this month",
    Period.QUARTER: "this quarter",
    Period.YEAR: "this year",
    Period.MISSION: "latest mission",
    Period.TOTAL: "in total",
}


class BudgetSpend(NamedTuple):
    """Where one budget stands.

    Attributes:
        words: In one line: ``today $12.40 of $20.00, 3 refused``.
        has_limit: Whether it has a limit at all.
        is_default: Whether nobody states that limit.
    """

    words: str
    has_limit: bool
    is_default: bool


def spend_of(path: Path) -> Mapping[str, BudgetSpend]:
    """Return where the budgets of a config stand, by name; nothing where nothing is known."""
    from corvus.runtime import open_runtime

    try:
        runtime = open_runtime(path)
        report = runtime.glance() if runtime.policy.enabled else None
    except (PolicyError, OSError):
        return {}
    if report is None:
        return {}
    stated = {setting.route for setting in runtime.effective if not setting.is_default}
    return {
        status.budget.name: BudgetSpend(
            _words(status, report),
            has_limit=bool(status.budget.limit),
            is_default=not _is_stated(status.budget, stated),
        )
        for status in report.decision.statuses
        if report.spends[status.budget.name] is not None
    }


def _is_stated(budget: Budget, stated: set[tuple[str | int, ...]]) -> bool:
    return "[" in budget.config_key or tuple(budget.config_key.split(".")) in stated


def _words(status: BudgetStatus, report: StatusReport) -> str:
    from corvus.answers.amounts import amount_words, limit_words, part_words

    budget = status.budget
    spent = amount_words(status.spent, budget.measure)
    of = f"{spent} of {limit_words(budget)}" if budget.limit else f"{spent}, no limit"
    if counts := report.parts.get(budget.name):
        many = f"{counts.parts:,} sums" if counts.parts != 1 else "1 sum"
        whose = f"; nearest its limit {part_words(status.part)}: {of}" if status.part else ""
        said = f"{_when(budget)} {many}{whose}"
    else:
        said = f"{_when(budget)} {of}"
    if status.held:
        said += f", {amount_words(status.held, budget.measure)} held"
    refusals = report.refusals.get(budget.name)
    return f"{said}, {refusals.count:,} refused" if refusals and refusals.count else said


def _when(budget: Budget) -> str:
    from corvus.answers.amounts import span_words

    if budget.period is Period.WINDOW:
        return f"these {span_words(budget.window_seconds)}"
    return _WHEN[budget.period]
