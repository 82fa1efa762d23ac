"""The errors of the settings model as diagnostics that speak TOML (CFG-1, CFG-3, CFG-4).

pydantic finds the problems; its wording, and the values it carries, are never shown. One mistake
gives one diagnostic: a misspelt required key is not also a missing one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from corvus.config.check import cost_keys
from corvus.config.check.reporter import Reporter
from corvus.config.toml.bounds import MAX_FINDINGS
from corvus.config.toml.values import Route, Table, value_at

if TYPE_CHECKING:
    from pydantic import ValidationError

    from corvus.config.check.wrong_value import ModelError
    from corvus.config.model.settings import Settings

_NOTHING_MOVED: Mapping[Route, Route] = MappingProxyType({})


def validate(
    data: Table, reporter: Reporter, *, moved: Mapping[Route, Route] = _NOTHING_MOVED
) -> Settings | None:
    """Check the governed tables.

    Args:
        data: The governed tables, host and deprecated keys taken away.
        reporter: Receives one diagnostic for each mistake.
        moved: Routes of ``data`` that stand elsewhere in the document: a deprecated key's value.

    Returns:
        The settings, or ``None`` when there is an error.
    """
    from pydantic import ValidationError

    from corvus.config.model.settings import Settings

    try:
        return Settings.model_validate(data)
    except ValidationError as failure:
        _report(_errors(failure, data), data, reporter, moved)
        return None


def _errors(failure: ValidationError, data: Table) -> list[ModelError]:
    from corvus.config.check.wrong_value import ModelError

    errors = failure.errors(include_url=False, include_input=False, include_context=False)
    routes = [_written(error["loc"], data) for error in errors]
    found = [
        (error["type"], route)
        for error, route in zip(errors, routes, strict=True)
        if error["type"] not in cost_keys.FOUND_HERE
    ]
    return [
        ModelError(kind, route, value_at(data, route), cost_keys.bounding(route, data))
        for kind, route in (*found, *cost_keys.mistyped(data))
    ]


def _written(location: Route, data: Table) -> Route:
    """Return the route of an error as the file spells it: one glob may stand without brackets."""
    route = tuple(part for part in location if part != "[key]")
    is_item = bool(route) and isinstance(route[-1], int)
    return route[:-1] if is_item and isinstance(value_at(data, route[:-1]), str) else route


def _report(
    problems: list[ModelError], data: Table, reporter: Reporter, moved: Mapping[Route, Route]
) -> None:
    from corvus.config.check.wrong_value import report_value

    unknown: defaultdict[Route, list[ModelError]] = defaultdict(list)
    missing: defaultdict[Route, list[tuple[str, ...]]] = defaultdict(list)
    for budget, names in cost_keys.lacking(data):
        missing[budget].append(names)
    cost_keys.report(data, reporter)
    attributes = {problem.route for problem in problems if _is_match_attribute(problem)}
    for problem in problems[:MAX_FINDINGS]:
        if problem.route[:5] in attributes and not _is_match_attribute(problem):
            continue  # the value of what is no attribute
        if problem.kind == "missing":
            missing[problem.route[:-1]].append((str(problem.route[-1]),))
        elif problem.kind == "extra_forbidden" or _is_match_attribute(problem):
            unknown[problem.route[:-1]].append(problem)
        else:
            report_value(problem, moved.get(problem.route, problem.route), reporter)
    for table in dict.fromkeys((*unknown, *missing)):
        _report_keys(table, unknown[table], missing[table], reporter)
    if len(problems) > MAX_FINDINGS:
        reporter.cut()


def _report_keys(
    table: Route, unknown: list[ModelError], missing: list[tuple[str, ...]], reporter: Reporter
) -> None:
    """Report unknown and missing keys of a table; a misspelt required key is one mistake."""
    from corvus.config.check.suggestion import suggestion
    from corvus.config.check.unknown import report_missing, report_unknown

    dialect = reporter.dialect(table)
    found = {
        problem.route: suggestion(table, str(problem.route[-1]), problem.value, dialect).name
        for problem in unknown
    }
    lacking = [names for names in missing if not {*names} & {*found.values()}]
    nameless = [problem.route for problem in unknown if found[problem.route] is None]
    covered = reporter.is_whole and 0 < len(lacking) <= len(nameless)
    for problem in unknown:
        explains = covered and problem.route == nameless[0]
        report_unknown(problem.route, problem.value, lacking if explains else [], reporter)
    if lacking and not covered:
        report_missing(table, lacking, reporter)


def _is_match_attribute(problem: ModelError) -> bool:
    """Return whether the name of an attribute is wrong: the keys of ``match`` are such names."""
    is_name = problem.kind == "string_pattern_mismatch"
    return is_name and problem.route[-2:-1] == ("match",)
