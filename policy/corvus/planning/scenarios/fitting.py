"""What of a test file does not fit the policy under test: names of budgets, parts and units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from corvus.base.money import MAX_LIMIT_USD
from corvus.config.check.reporter import Reporter
from corvus.config.check.suggest import closest
from corvus.config.model.case_tables import CasesTable, CaseTable, ExpectTable
from corvus.config.toml.finding import Finding, KeyOf, Place, ValueOf
from corvus.config.toml.values import Route
from corvus.model.budget import Budget, Measure
from corvus.planning.scenarios.sums import StatedSum


def report_misfits(table: CasesTable, budgets: Mapping[str, Budget], reporter: Reporter) -> None:
    """Report what names no budget of the policy, or not in its unit.

    Args:
        table: The test file.
        budgets: Those of the policy by name.
        reporter: Receives the findings.
    """
    for index, case in enumerate(table.case):
        for place, name in _names(case, ("case", index)):
            if name not in budgets:
                _report_unknown(place, name, budgets, reporter)
        for route, name, stated in _sums(case, ("case", index)):
            if (budget := budgets.get(name)) is not None:
                _report_sum(route, budget, stated, reporter)


def _expectations(case: CaseTable, route: Route) -> Iterator[tuple[Route, ExpectTable]]:
    if case.expect is not None:
        yield (*route, "expect"), case.expect
    for index, step in enumerate(case.step):
        if step.expect is not None:
            yield (*route, "step", index, "expect"), step.expect


def _sums(case: CaseTable, route: Route) -> Iterator[tuple[Route, str, StatedSum]]:
    tables: list[tuple[Route, Mapping[str, StatedSum]]] = []
    if case.given is not None:
        tables += [((*route, "given", "spent"), case.given.spent)]
        tables += [((*route, "given", "held"), case.given.held)]
    for place, expect in _expectations(case, route):
        tables += [((*place, "spent"), expect.spent), ((*place, "held"), expect.held)]
    for place, sums in tables:
        yield from (((*place, name), name, stated) for name, stated in sums.items())


def _names(case: CaseTable, route: Route) -> Iterator[tuple[Place, str]]:
    """Yield the names of budgets in a case, and where they stand."""
    for place, name, _ in _sums(case, route):
        yield KeyOf(place), name
    for place, expect in _expectations(case, route):
        if expect.budget is not None:
            yield ValueOf((*place, "budget")), expect.budget
        for name in expect.alerts or ():
            yield KeyOf((*place, "alerts", name)), name
    for index, step in enumerate(case.step):
        if step.reset is not None:
            yield ValueOf((*route, "step", index, "reset", "budget")), step.reset.budget


def _report_unknown(
    place: Place, name: str, budgets: Mapping[str, Budget], reporter: Reporter
) -> None:
    near = closest(name, budgets)
    known = ", ".join(budgets)
    help_ = (f"Did you mean `{near}`?",) if near else (f"Its budgets are {known}.",)
    message = f"the policy has no budget {reporter.quoted(name)}"
    reporter.add(Finding("unknown-budget", message, place, "no such budget", help_))


def _report_sum(route: Route, budget: Budget, stated: StatedSum, reporter: Reporter) -> None:
    if isinstance(stated, Mapping):
        if not budget.per:
            help_ = ("Write its sum as a number.",)
            message = f"budget `{budget.name}` has no parts: it has no `per`"
            found = Finding("wrong-type", message, ValueOf(route), "one sum", help_)
            reporter.add(found)
            return
        for part, amount in stated.items():
            _report_unit((*route, part), budget, amount, reporter)
        return
    _report_unit(route, budget, stated, reporter)


def _report_unit(route: Route, budget: Budget, amount: int | Decimal, reporter: Reporter) -> None:
    if budget.measure is Measure.USD:
        if amount > MAX_LIMIT_USD:
            message = f"`{reporter.shown(route)}` must be at most {MAX_LIMIT_USD} USD, not {amount}"
            label = "more than a budget counts"
            reporter.add(Finding("out-of-range", message, ValueOf(route), label))
    elif amount != int(amount):
        message = f"budget `{budget.name}` counts whole {budget.measure.value}, not {amount}"
        found = Finding("wrong-type", message, ValueOf(route), "expected an integer")
        reporter.add(found)
