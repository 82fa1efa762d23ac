"""The rules that no single type or bound expresses (CFG-9): one file for each code.

A file holds what ``corvus explain`` says of its code and the function that finds it. Rules run on
raw data, also when other fields are wrong, and are silent about a value that was already reported.
A new rule is a new file and its line below. A check loads a rule only where there is something for
it to judge: most files have a few keys, and a check in a hook should cost no more than these.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import LIMITS_USD
from corvus.config.toml.values import Route, value_at

if TYPE_CHECKING:
    from corvus.diagnostics.codes import CodeInfo

RULES: Final[dict[str, tuple[Route, ...]]] = {
    "limit_never_binds": tuple(("cost", key) for key in LIMITS_USD),
    "no_limit_set": (("cost", "enabled"),),
    "extreme_threshold": (("cost", "warn_at_percent"), ("cost", "budgets")),
    "duplicate_budget_name": (("cost", "budgets"),),
    "invalid_value": (("cost", "budgets"),),
    "ambiguous_price": (("cost", "prices"),),
    "unpriced_default_model": (("default_model",),),
}
"""Run in this order on what all layers together say, each where one of its keys is there."""

ON_ONE_LAYER: Final = ("nested_price", "deprecated_key")
"""Run by ``documents`` on each layer, before the settings model."""


class Rule(Protocol):
    """A module of this package."""

    INFO: CodeInfo

    def check(self, subject: Subject, reporter: Reporter) -> None:
        """Report what the rule finds in a config."""
        ...


def load(name: str) -> Rule:
    """Return a rule by the name of its file."""
    return cast("Rule", import_module(f"{__name__}.{name}"))


def check(subject: Subject, reporter: Reporter) -> None:
    """Run every rule that has something to judge."""
    for name, routes in RULES.items():
        if any(_is_there(subject, route) for route in routes):
            load(name).check(subject, reporter)


def _is_there(subject: Subject, route: Route) -> bool:
    tables = (subject.tables, subject.whole)
    return any(value_at(table, route) is not None for table in tables)
