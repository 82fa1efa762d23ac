"""A string that is not one of the words, or not of the form, that its key takes.

The settings model finds most of these (``validate``); globs are checked here. A malformed one
matches nothing, so that its budget would never count a call.
"""

from __future__ import annotations

from collections.abc import Iterator

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import (
    Route,
    Table,
    as_items,
    is_table,
    value_at,
)
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
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
    from corvus.base.globs import glob_fault

    for place, glob in _globs(subject):
        if not reporter.is_reported(place.route) and (fault := glob_fault(glob)):
            route = place.route
            is_key = isinstance(place, KeyOf)
            seen = reporter.quoted(glob) if is_key else reporter.seen(route, glob)
            message = f"`{reporter.shown(route)}`: {seen} {fault}"
            reporter.add(Finding(INFO.code, message, place, "not a glob"))


def _globs(subject: Subject) -> Iterator[tuple[KeyOf | ValueOf, str]]:
    """Yield the globs of a config: values of ``match``, keys of ``limits`` and ``downgrade``."""
    downgrade = value_at(subject.tables, ("cost", "downgrade"))
    for glob in downgrade if is_table(downgrade) else ():
        yield KeyOf(("cost", "downgrade", glob)), glob
    for index, budget in enumerate(as_items(value_at(subject.tables, ("cost", "budgets")))):
        if is_table(budget):
            yield from _globs_of(("cost", "budgets", index), budget)


def _globs_of(route: Route, budget: Table) -> Iterator[tuple[KeyOf | ValueOf, str]]:
    match, limits = budget.get("match"), budget.get("limits")
    for attribute, value in match.items() if is_table(match) else ():
        of = (*route, "match", attribute)
        if isinstance(value, str):
            yield ValueOf(of), value
        for index, glob in enumerate(as_items(value)):
            if isinstance(glob, str):
                yield ValueOf((*of, index)), glob
    for glob in limits if is_table(limits) else ():
        yield KeyOf((*route, "limits", glob)), glob
