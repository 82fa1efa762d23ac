"""A string that is not one of the words, or not of the form, that its key takes.

The settings model finds most of these (``validate``); globs are checked here. A malformed one
matches nothing, so that its budget would never count a call.
"""

from __future__ import annotations

from typing import Final

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO: Final = CodeInfo(
    "invalid-value",
    Severity.ERROR,
    "a string that is not one of the words, or not of the form, that the key takes",
    "Keys with a closed set of words, names, URLs and time zones are checked when the file is "
    "read, so that a misspelling does not turn up in production.",
    '[autonomy]\nlevel = "read_only"\n',
    '[autonomy]\nlevel = "readonly"\n',
    "Take one of the words, or the form, that the message names.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report malformed globs."""
    budgets = as_items(value_at(subject.tables, ("cost", "budgets")))
    for index, budget in enumerate(budgets):
        match = budget.get("match") if is_table(budget) else None
        for attribute, glob in match.items() if is_table(match) else ():
            route: Route = ("cost", "budgets", index, "match", attribute)
            if not isinstance(glob, str) or reporter.is_reported(route):
                continue
            from corvus.base.globs import glob_fault

            if fault := glob_fault(glob):
                message = f"`{shown(route)}`: {reporter.seen(route, glob)} {fault}"
                reporter.add(Finding(INFO.code, message, ValueOf(route), "not a glob"))
