"""A rung that is never tried (EVA-14)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import LADDER
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "unused-ladder",
    Severity.WARNING,
    "a rung that is never tried",
    "The ladder on_exceeded is for calls that a budget would refuse. A budget that only warns "
    "refuses none. The rung downgrade takes its models from [cost.downgrade], which is read for "
    "that rung alone. Lowering the output of a call, the rung cap, does not help a budget that "
    "counts calls.",
    '[cost]\non_exceeded = ["cap", "downgrade"]\n',
    '[cost]\non_exceeded = ["cap", "downgrade"]\n\n'
    '[cost.downgrade]\n"claude-opus-*" = ["claude-sonnet-4-5"]\n',
    "Add what the rung needs, or take the rung out.",
)
_COST: Route = ("cost", "on_exceeded")


def check(subject: Subject, reporter: Reporter) -> None:
    """Report rungs without what they need, and models to downgrade to that no ladder tries."""
    downgrade = value_at(subject.tables, ("cost", "downgrade"))
    has_models = is_table(downgrade) and bool(downgrade)
    budgets = as_items(value_at(subject.tables, ("cost", "budgets")))
    ladders: list[Route] = [_COST]
    stated = (("cost", "budgets", index, "on_exceeded") for index in range(len(budgets)))
    is_unread = any(map(reporter.is_reported, (_COST, *stated)))
    for index, budget in enumerate(budgets):
        route: Route = ("cost", "budgets", index, "on_exceeded")
        if not is_table(budget) or not as_items(budget.get("on_exceeded")):
            continue
        if budget.get("enforce") == "warn" and not reporter.is_reported(route):
            message = f"`{reporter.shown(route)}` is never tried: the budget only warns"
            help_ = ('Remove it, or write `enforce = "block"`.',)
            reporter.add(Finding(INFO.code, message, KeyOf(route), "never tried", help_))
            continue
        if "limit_calls" in budget:
            _report_rung(route, "cap", subject, reporter)
        ladders.append(route)
    if not has_models:
        for route in ladders:
            _report_rung(route, "downgrade", subject, reporter)
    elif not (is_unread or any("downgrade" in _rungs(route, subject) for route in ladders)):
        _report_models(reporter)


def _rungs(route: Route, subject: Subject) -> list[object]:
    stated = value_at(subject.tables, route)
    return [*LADDER] if stated is None and route == _COST else as_items(stated)


def _report_rung(route: Route, rung: str, subject: Subject, reporter: Reporter) -> None:
    rungs = _rungs(route, subject)
    place = (*route, rungs.index(rung)) if rung in rungs else route
    if rung not in rungs or value_at(subject.tables, route) is None or reporter.is_reported(place):
        return
    if rung == "downgrade":
        why, help_ = "no model is named", "Name cheaper models in [cost.downgrade]."
    else:
        why, help_ = "a shorter output is a call, too", "Take it out for a budget in calls."
    message = f"the rung `{rung}` of `{reporter.shown(route)}` is never tried: {why}"
    found = Finding(INFO.code, message, ValueOf(place), "never tried", (help_,))
    if rung != "downgrade":
        from corvus.config.check.fixes import remove

        found = found._replace(fix=remove(reporter, place))
    reporter.add(found)


def _report_models(reporter: Reporter) -> None:
    route: Route = ("cost", "downgrade")
    message = "`cost.downgrade` is never used: no `on_exceeded` has the rung `downgrade`"
    help_ = ('Write it where it is to be tried: `on_exceeded = ["cap", "wait", "downgrade"]`.',)
    reporter.add(Finding(INFO.code, message, KeyOf(route), "never used", help_))
