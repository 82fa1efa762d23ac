"""An exception to a limit that counts for no call (CFG-10)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

from corvus.base.globs import glob_fault, glob_matches, globs_meet, literal
from corvus.config.check.reporter import Reporter
from corvus.config.check.stated_budgets import StatedBudget, named
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Route
from corvus.diagnostics.codes import CodeInfo, Severity

_COMBINATIONS_MAX = 1000
INFO = CodeInfo(
    "unreachable-limit",
    Severity.WARNING,
    "an exception to a limit that counts for no call",
    "The keys of limits are globs for the values of per, and the first that fits counts. One that "
    "no value can fit, because match lets no such call in or a key above takes them all, decides "
    "nothing. With several attributes in per their values are joined by commas.",
    '[[cost.budgets]]\nname = "developer"\nperiod = "day"\nlimit_usd = 5\nper = ["user"]\n'
    'limits = { "*" = 4, ana = 10 }\n',
    '[[cost.budgets]]\nname = "developer"\nperiod = "day"\nlimit_usd = 5\nper = ["user"]\n'
    'limits = { ana = 10, "*" = 4 }\n',
    "Move it above the key that takes its values, mend its spelling or that of match, or remove "
    "it.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report keys of ``limits`` that no value can fit, and those behind one that fits all."""
    for budget in named(subject, reporter):
        globs = [glob for glob, _ in budget.exceptions]
        if not any(map(glob_fault, (*globs, *(one for _, many in budget.match for one in many)))):
            for index, glob in enumerate(globs):
                _check(budget, glob, globs[:index], reporter)


def _check(budget: StatedBudget, glob: str, above: list[str], reporter: Reporter) -> None:
    route: Route = (*budget.route[:-1], "limits", glob)
    taken = next((other for other in above if _covers(other, glob)), None)
    if taken is not None:
        above_it = reporter.quoted(taken)
        message = (
            f"`{reporter.shown(route)}` is never used: {above_it} above takes its values first"
        )
        related = ((KeyOf((*route[:-1], taken)), "the first that fits counts"),)
        help_ = (f"Move it above {above_it}.",)
        reporter.add(Finding(INFO.code, message, KeyOf(route), "never used", help_, related))
        return
    values = [*islice(_values(budget), _COMBINATIONS_MAX)]
    if len(values) < _COMBINATIONS_MAX and not any(globs_meet(glob, value) for value in values):
        of = ", ".join(f"`{reporter.value(name)}`" for name in budget.per)
        why = f"no value of {of} that `match` lets in fits it"
        message = f"`{reporter.shown(route)}` is never used: {why}"
        help_ = _advice(budget, glob, reporter)
        reporter.add(Finding(INFO.code, message, KeyOf(route), "fits nothing", help_))


def _covers(other: str, glob: str) -> bool:
    """Return whether a glob surely matches all that another does."""
    text = literal(glob)
    return not other.strip("*") or (text is not None and glob_matches(other, text))


def _values(budget: StatedBudget) -> Iterator[str]:
    """Yield globs that the values of ``per`` fit, one of them at least."""
    match = dict(budget.match)
    for globs in product(*(match.get(name, ("*",)) for name in budget.per)):
        yield ",".join(globs)


def _advice(budget: StatedBudget, glob: str, reporter: Reporter) -> tuple[str, ...]:
    commas = len(budget.per) - 1
    if glob.count(",") < commas and "*" not in glob:
        order = ",".join(f"<{reporter.value(name)}>" for name in budget.per)
        return (f'The values are joined by commas, as in "{order}".',)
    return ("Mend its spelling, or let `match` have such calls.",)
