"""Names of budgets are unique, also against those of ``[cost]`` and ``[mission]`` (CFG-10)."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import SCOPES
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, Table, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_HELP = ("Choose another name.",)
_OWNERS = {
    **{name: f"cost.{key}" for name, key in SCOPES.items()},
    "mission": "mission.max_estimated_cost_cents",
}

INFO = CodeInfo(
    "duplicate-budget-name",
    Severity.ERROR,
    "two budgets of one name",
    "A denial, a reset and every report name a budget, so names are unique. The limits of "
    "[cost] and [mission] already take session, day, month and mission.",
    '[[cost.budgets]]\nname = "day"\nperiod = "day"\nlimit_usd = 5\n',
    '[[cost.budgets]]\nname = "day-search"\nperiod = "day"\nlimit_usd = 5\n',
    "Give the budget another name.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every budget whose name is taken."""
    earlier: dict[str, Route] = {}
    for route, name in _names(subject.tables):
        if reporter.is_reported(route):
            continue
        first = earlier.setdefault(name, route)
        if name in _OWNERS:
            message = f"the budget name {reporter.quoted(name)} is taken by `{_OWNERS[name]}`"
            found = Finding(INFO.code, message, ValueOf(route), "taken", _HELP)
        elif first != route:
            message = f"two budgets are named {reporter.quoted(name)}"
            related = ((ValueOf(first), "first used here"),)
            found = Finding(INFO.code, message, ValueOf(route), "used again", _HELP, related)
        else:
            continue
        reporter.add(found)


def _names(data: Table) -> Iterator[tuple[Route, str]]:
    for index, budget in enumerate(as_items(value_at(data, ("cost", "budgets")))):
        name = budget.get("name") if is_table(budget) else None
        if isinstance(name, str):
            yield ("cost", "budgets", index, "name"), name
