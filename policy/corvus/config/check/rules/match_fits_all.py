"""A ``match`` with a bare ``*``, where ``per`` was most likely meant (CFG-10)."""

from __future__ import annotations

from collections.abc import Sequence

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.diagnostics.model import Fix

INFO = CodeInfo(
    "match-fits-all",
    Severity.WARNING,
    "a match that fits every value of an attribute",
    'match = { user = "*" } is one sum that all users share: the first one to spend it stops all '
    'others. A sum for each of them is per = ["user"], which also counts calls without a user.',
    '[[cost.budgets]]\nname = "developer"\nperiod = "day"\nlimit_usd = 5\nmatch = { user = "*" }\n',
    '[[cost.budgets]]\nname = "developer"\nperiod = "day"\nlimit_usd = 5\nper = ["user"]\n',
    "Write per for a sum of its own for each value. For one sum of all calls that have the "
    'attribute at all, write "?*".',
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report attributes that are matched by ``*`` and are not in ``per``."""
    for index, budget in enumerate(as_items(value_at(subject.tables, ("cost", "budgets")))):
        match = budget.get("match") if is_table(budget) else None
        per = as_items(value_at(subject.tables, ("cost", "budgets", index, "per")))
        for attribute, value in match.items() if is_table(match) else ():
            route: Route = ("cost", "budgets", index, "match", attribute)
            globs = [value] if isinstance(value, str) else as_items(value)
            if attribute in per or not _fits_all(globs) or reporter.is_reported(route):
                continue
            message = f"`{reporter.shown(route)}` fits every value, and all of them share one sum"
            also = ", ".join(reporter.quoted(str(name)) for name in (*per, attribute))
            help_ = (
                f"Did you mean `per = [{also}]`? It gives each value a sum of its own.",
                'For one sum of all calls that have the attribute, write "?*".',
            )
            found = Finding(INFO.code, message, ValueOf(route), "one sum for all", help_)
            is_alone = is_table(match) and len(match) == 1 and not per
            fix = _as_per(route, also, reporter) if is_alone else None
            reporter.add(found._replace(fix=fix))


def _as_per(route: Route, attribute: str, reporter: Reporter) -> Fix | None:
    """Offer to write ``per`` in place of a ``match`` that has nothing else."""
    from corvus.config.check.fixes import rename

    return rename(reporter, route[:-1], "per", value=f"[{attribute}]")


def _fits_all(globs: Sequence[object]) -> bool:
    return any(isinstance(glob, str) and glob and not glob.strip("*") for glob in globs)
