"""Reads the cases of a policy test: all that is wrong with the file at once, with places (CFG-3).

What depends on the policy under test, such as the names of its budgets, is not judged here.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from corvus.base.record import Record
from corvus.config.check.cases.coherence import report_empty, report_incoherent
from corvus.config.check.codes import CODES
from corvus.config.check.reporter import Reporter
from corvus.config.check.suggest import closest
from corvus.config.check.unknown import report_missing
from corvus.config.check.wrong_value import ModelError, report_value
from corvus.config.model.case_tables import CallTable, CasesTable, CaseTable
from corvus.config.model.case_values import sum_fault
from corvus.config.model.dialects import Dialect
from corvus.config.model.keys import Keys
from corvus.config.toml.bounds import MAX_FINDINGS
from corvus.config.toml.document import Document
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Route, Table, as_items, header, value_at
from corvus.diagnostics.model import Diagnostic

if TYPE_CHECKING:
    from pydantic import ValidationError

KEYS = Keys(CasesTable)
"""What the model of a test file knows about its keys."""
_HOMES_MAX = 2
_ANSWERS = {"tokens": "input_tokens", "output_tokens": "max_output_tokens", "cost": "cost_usd"}


class ReadCases(Record):
    """What a test file says.

    Attributes:
        document: The file.
        table: Its cases; ``None`` where one of the diagnostics is an error.
        diagnostics: All that is wrong with it, by place.
        is_cut: Whether there are more problems than ``diagnostics`` has.
    """

    document: Document
    table: CasesTable | None
    diagnostics: tuple[Diagnostic, ...]
    is_cut: bool


def read_cases(document: Document) -> ReadCases:
    """Read the cases of a document."""
    from pydantic import ValidationError

    reporter = case_reporter(document)
    table = None
    try:
        table = CasesTable.model_validate(document.data)
    except ValidationError as failure:
        _report(_errors(failure, document), reporter)
        report_incoherent(*_sound(document.data, reporter))
    else:
        report_incoherent(table, reporter, range(len(table.case)))
        if not table.case:
            report_empty(reporter)
    if reporter.found:
        table = None
    return ReadCases(document, table, reporter.in_order(), reporter.is_cut)


def _sound(data: Table, reporter: Reporter) -> tuple[CasesTable, Reporter, list[int]]:
    """Return the cases without a wrong value: their other mistakes are found, too (CFG-3)."""
    from pydantic import ValidationError

    sound: list[CaseTable] = []
    places: list[int] = []
    for index, case in enumerate(as_items(data.get("case"))):
        with suppress(ValidationError):
            sound.append(CaseTable.model_validate(case))
            places.append(index)
    call = CallTable(model="any") if "call" in data else None
    return CasesTable(call=call, case=sound), reporter, places


def case_reporter(document: Document) -> Reporter:
    """Return what collects findings about a test file."""
    return Reporter((document,), (Dialect.NATIVE,), lambda code: CODES[code].severity)


def _errors(failure: ValidationError, document: Document) -> list[ModelError]:
    errors = failure.errors(include_url=False, include_input=False, include_context=False)
    return [_error(each["type"], each["loc"], document) for each in errors]


def _error(kind: str, route: Route, document: Document) -> ModelError:
    value = value_at(document.data, route)
    if kind == "sum" and (fault := sum_fault(value)) is not None:
        route, kind = (*route, *fault[0]), fault[1]
        value = value_at(document.data, route)
    return ModelError(kind, route, value, route, KEYS)


def _report(problems: list[ModelError], reporter: Reporter) -> None:
    missing: defaultdict[Route, list[tuple[str, ...]]] = defaultdict(list)
    for problem in problems[:MAX_FINDINGS]:
        if problem.kind == "missing":
            missing[problem.route[:-1]].append((str(problem.route[-1]),))
        elif problem.kind == "extra_forbidden":
            _report_unknown(problem, reporter)
        else:
            report_value(problem, problem.route, reporter)
    for table, names in missing.items():
        if not reporter.has_unknown_key(table):  # a misspelt key is one mistake
            report_missing(table, names, reporter, KEYS)
    if len(problems) > MAX_FINDINGS:
        reporter.cut()


def _report_unknown(problem: ModelError, reporter: Reporter) -> None:
    from corvus.config.check.fixes import rename

    *above, key = problem.route
    table, name = tuple(above), str(key)
    known = KEYS.known_keys(table)
    near = _ANSWERS.get(name) if _ANSWERS.get(name) in known else closest(name, known)
    if near is not None:
        help_ = (f"Did you mean `{near}`?",)
    elif homes := KEYS.homes(name)[:_HOMES_MAX]:
        help_ = (f"`{name}` is a key of {' and of '.join(map(header, homes))}.",)
    else:
        help_ = (f"The keys of {reporter.header(table)} are {', '.join(known)}.",)
    message = f"unknown key `{reporter.shown(problem.route)}`"
    label = f"not a key of {reporter.header(table)}"
    fix = rename(reporter, problem.route, near) if near else None
    reporter.add(Finding("unknown-key", message, KeyOf(problem.route), label, help_, fix=fix))
