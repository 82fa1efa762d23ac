"""A threshold that always or never warns."""

from __future__ import annotations

from typing import Final

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, as_items, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO: Final = CodeInfo(
    "extreme-threshold",
    Severity.WARNING,
    "a threshold that always or never warns",
    "A threshold of 0 warns on every call. One of 100 warns only when the spend meets the "
    "limit to the nano-USD, which practically never happens before it is exceeded.",
    "[cost]\nwarn_at_percent = 100\n",
    "[cost]\nwarn_at_percent = 80\n",
    "Choose a threshold that leaves time to react, such as 80.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report thresholds of 0 and 100 percent."""
    budgets = as_items(value_at(subject.tables, ("cost", "budgets")))
    routes: list[Route] = [("cost", "warn_at_percent")]
    routes += [("cost", "budgets", index, "warn_at_percent") for index in range(len(budgets))]
    for route in routes:
        value = value_at(subject.tables, route)
        if not isinstance(value, int) or isinstance(value, bool) or reporter.is_reported(route):
            continue
        if value == 0:
            message = f"`{shown(route)}` = 0 warns on every call"
        elif value == 100:
            message = f"`{shown(route)}` = 100 warns only when the limit is met to the nano-USD"
        else:
            continue
        help_ = ("A warning is useful below the limit, as at 80.",)
        reporter.add(Finding(INFO.code, message, ValueOf(route), "an extreme threshold", help_))
