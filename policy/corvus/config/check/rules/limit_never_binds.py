"""A limit that a smaller limit makes pointless, which counts all of the same calls (CFG-9)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from corvus.base.record import Record
from corvus.config.check.reporter import Reporter
from corvus.config.check.stated_budgets import StatedBudget, named, of_cost
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import LIMITS_USD, ZERO_LIMIT
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "limit-never-binds",
    Severity.WARNING,
    "a limit that a smaller limit makes pointless",
    "A limit above that of a longer period cannot be reached: the longer period stops "
    "the spend first. Session, day and month are compared where they are not 0, because 0 "
    "switches a limit off. A named budget is compared with every budget that counts all of its "
    "calls in one sum: of the same unit, with no other match or per than its own, over a period "
    "that holds its own as a whole.",
    "[cost]\ndaily_limit_usd = 50\nmonthly_limit_usd = 20\n",
    "[cost]\ndaily_limit_usd = 5\nmonthly_limit_usd = 20\n",
    "Lower the limit of the shorter period, raise that of the longer one, or switch one off "
    "with 0.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Compare the limits of ``[cost]`` with each other, then all with those of named budgets."""
    _compare_periods(subject, reporter)
    scopes, budgets = [*of_cost(subject, reporter)], [*named(subject, reporter)]
    stated = [scope for scope in scopes if scope.is_stated]
    for budget in budgets:
        _compare(budget, [*scopes, *budgets], reporter)
    for scope in stated:
        if not reporter.is_reported(scope.route):
            _compare(scope, budgets, reporter)


def _compare_periods(subject: Subject, reporter: Reporter) -> None:
    """Compare each limit of ``[cost]`` with the next longer one that is not 0."""
    keys = tuple(LIMITS_USD)
    limits = {key: subject.limit(("cost", key), reporter) for key in keys}
    for index, key in enumerate(keys):
        route: Route = ("cost", key)
        limit = limits[key]
        longer = next((other for other in keys[index + 1 :] if limits[other]), None)
        if not limit or longer is None or value_at(subject.tables, route) is None:
            continue
        bound = limits[longer]
        if bound is None or limit <= bound:
            continue
        is_stated = value_at(subject.tables, ("cost", longer)) is not None
        _report(_Limit(route, limit), _Limit(("cost", longer), bound, is_stated), reporter)


def _compare(budget: StatedBudget, others: Iterable[StatedBudget], reporter: Reporter) -> None:
    """Report the limits of a budget that lie above the lowest that holds for all of its calls."""
    bounds = [
        _Limit(*most, other.is_stated)
        for other in others
        if other is not budget and other.blocks and other.holds(budget) and (most := other.most)
    ]
    binding = min(bounds, key=lambda bound: bound.amount, default=None)
    for route, limit in budget.limits:
        if binding is not None and limit > binding.amount:
            _report(_Limit(route, limit), binding, reporter)


class _Limit(Record):
    route: Route
    amount: Decimal
    is_stated: bool = True


def _report(limit: _Limit, binding: _Limit, reporter: Reporter) -> None:
    message = (
        f"`{reporter.shown(limit.route)}` = {limit.amount:f} can never bind: "
        f"`{reporter.shown(binding.route)}` = {binding.amount:f}"
        f"{'' if binding.is_stated else ', the default'} stops the spend first"
    )
    related = ((ValueOf(binding.route), "this limit binds first"),)
    routes = (limit.route, binding.route)
    is_of_cost = all(len(route) == 2 for route in routes)
    lower, raised = (str(route[-1]) if is_of_cost else reporter.shown(route) for route in routes)
    help_ = (f"Lower `{lower}`, or raise `{raised}`.", f"{ZERO_LIMIT}.")
    reporter.add(Finding(INFO.code, message, ValueOf(limit.route), "never reached", help_, related))
