"""A threshold that always or never warns."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "extreme-threshold",
    Severity.WARNING,
    "a threshold that always or never warns",
    "A threshold of 0 warns on every call. One of 100 warns only when the spend meets the "
    "limit to the nano-USD, which practically never happens before it is exceeded; behind lower "
    "ones, and for a budget that only warns, it is no mistake.",
    "[cost]\nwarn_at_percent = 100\n",
    "[cost]\nwarn_at_percent = 80\n",
    "Choose a threshold that leaves time to react, such as 80.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report thresholds of 0, and of 100 percent where a budget refuses calls and has no other."""
    for route, is_first in _thresholds(subject):
        value = value_at(subject.tables, route)
        if not isinstance(value, int) or isinstance(value, bool) or reporter.is_reported(route):
            continue
        if value == 0:
            message = f"`{shown(route)}` = 0 warns on every call"
        elif value == 100 and is_first:
            message = f"`{shown(route)}` = 100 warns only when the limit is met to the nano-USD"
        else:
            continue
        help_ = ("A warning is useful below the limit, as at 80.",)
        reporter.add(Finding(INFO.code, message, ValueOf(route), "an extreme threshold", help_))


def _thresholds(subject: Subject) -> Iterator[tuple[Route, bool]]:
    """Yield the keys of thresholds, and whether a budget that refuses first warns there."""
    yield ("cost", "warn_at_percent"), True
    for index, budget in enumerate(as_items(value_at(subject.tables, ("cost", "budgets")))):
        if is_table(budget):
            blocks = budget.get("enforce") != "warn"
            listed = as_items(budget.get("thresholds"))
            yield ("cost", "budgets", index, "warn_at_percent"), blocks
            for place in range(len(listed)):
                yield ("cost", "budgets", index, "thresholds", place), blocks and len(listed) == 1
