"""What is wrong with ``[governance.check]`` beyond types: codes and patterns that mean nothing.

It is no rule like the others, because it asks the registry of codes, which rules may not.
"""

from __future__ import annotations

from corvus.config.check.patterns import fault_of
from corvus.config.check.reporter import Reporter
from corvus.config.check.rule_settings import TABLE, refusal
from corvus.config.check.suggest import closest
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route, Table, as_items, is_table
from corvus.diagnostics.codes import LEVELS
from corvus.diagnostics.model import Fix


def report_useless(table: Table, reporter: Reporter) -> None:
    """Report each severity that cannot be, and each pattern that can match nothing."""
    severity = table.get("severity")
    for code, level in severity.items() if is_table(severity) else ():
        if level in LEVELS and (reason := refusal(reporter.value(code), str(level))):
            message, _, advice = reason.partition("; ")
            place = KeyOf((*TABLE, "severity", code))
            label = "not a code" if advice else "cannot be lowered"
            help_ = (f"{advice[0].upper()}{advice[1:]}",) if advice else (_MEND,)
            fix = _renamed((*TABLE, "severity", code), reporter) if advice else None
            reporter.add(Finding("invalid-severity", message, place, label, help_, fix=fix))
    for index, pattern in enumerate(as_items(table.get("exclude"))):
        _report_pattern(pattern, (*TABLE, "exclude", index), reporter, is_key=False)
    dialect = table.get("dialect")
    for pattern in dialect if is_table(dialect) else ():
        _report_pattern(pattern, (*TABLE, "dialect", pattern), reporter, is_key=True)


_MEND = "Mend what it reports, or ignore a single unknown key by a comment with a reason."


def _renamed(route: Route, reporter: Reporter) -> Fix | None:
    """Offer the code that another word is a misspelling of."""
    from corvus.config.check.codes import CODES
    from corvus.config.check.fixes import rename

    near = closest(str(route[-1]), CODES)
    return rename(reporter, route, near) if near else None


def _report_pattern(pattern: object, route: Route, reporter: Reporter, *, is_key: bool) -> None:
    if not isinstance(pattern, str) or reporter.is_reported(route):
        return
    fault = fault_of(pattern)
    if fault is None and is_key and pattern.startswith("!"):
        fault = "it takes back what no other names"
    if fault is not None:
        message = f"this pattern stands for no file: {fault}"
        help_ = ("Write it as a line of .gitignore, such as `drafts/` or `agents/**/*.toml`.",)
        place = KeyOf(route) if is_key else ValueOf(route)
        reporter.add(Finding("invalid-value", message, place, "no pattern", help_))
