"""Every report of the catalogue, with its parameters as a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from corvus.base.errors import ReportInvalid, ReportParameterInvalid
from corvus.gateway.pages.drawn import PARAMETERS, drawn_of
from corvus.gateway.pages.grid import grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.pager import Pager, pager
from corvus.gateway.pages.span import Span, span_of
from corvus.gateway.pages.summary import answer
from corvus.gateway.pages.views.sessions import FIRST_OF_CALLS
from corvus.reporting.catalog import Report, load_catalog
from corvus.reporting.drawing import Drawing
from corvus.reporting.header import Header
from corvus.reporting.parameters import Parameter, ParameterType
from corvus.reporting.table import Table

PREFIX = "/reports/"
_TIMES = "7d, last-month, 2026-11-23"
"""What a time can be, as an example; the same words in every language."""
_ENDS = ("since", "until")
_TOTALS = {"records", "sessions"}
"""Columns that say how many rows all pages have."""


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter to be filled in.

    Attributes:
        value: What is in it now.
        preset: What holds while it is empty.
        kind: ``date``, ``number``, ``choice`` or ``text``.
    """

    name: str
    label: str
    hint: str
    value: str
    preset: str
    kind: str
    required: bool


@page("/reports", menu=7)
def reports(request: PageRequest) -> Page:
    """List every report, by folder."""
    found = [
        (
            report.name.partition("/")[0],
            report.name,
            title(request, report),
            summary(request, report),
        )
        for report in load_catalog().reports.values()
    ]
    groups = [(folder, list(some)) for folder, some in groupby(found, key=lambda one: one[0])]
    return Page("reports", {"groups": groups})


@page("/reports/{name:path}")
def report(request: PageRequest) -> Page:
    """Show one report with the requested parameters, and draw it as requested."""
    found = load_catalog().find(request.path.removeprefix(PREFIX))
    given = given_of(request.query)
    names = {one.name for one in found.header.parameters}
    span = span_of(request) if names.issuperset(_ENDS) else None
    data: dict[str, object] = {
        "name": found.name,
        "title": title(request, found),
        "summary": summary(request, found),
        "span": span,
        "fields": [
            _field(request, one, given)
            for one in found.header.parameters
            if span is None or one.name not in _ENDS
        ],
        "csv": request.link(f"/csv/{found.name}", **given),
        "svg": request.link(f"/svg/{found.name}", **request.query),
        "kept_by_form": [(name, request.query.get(name, "")) for name in (*_ENDS, *PARAMETERS)],
        "kept_by_drawing": [*given.items()],
        "mistakes": {},
        "mistake": "",
        "grid": None,
        "drawn": None,
        "pager": None,
    }
    if span and span.mistakes:
        return Page("report", data, 422)
    try:
        table = answer(request, found.name, **given)
    except ReportParameterInvalid as error:
        return Page("report", {**data, **_mistakes(request, span, error)}, 422 if given else 200)
    if table is not None:
        first = FIRST_OF_CALLS if found.name == "spend/calls" else ()
        data |= {
            "grid": grid_of(request, table, first=first, without=_counted(found.header, table)),
            "drawn": drawn_of(request, found.header.chart, table),
            "pager": _pager(request, found.header, table),
        }
    return Page("report", data)


def _mistakes(
    request: PageRequest, span: Span | None, error: ReportParameterInvalid
) -> dict[str, object]:
    """Return what is wrong, at the field that it is about where the error names one."""
    text = request.detail(error) or request.words("filter.invalid")
    if error.parameter is None:
        return {"mistake": text}
    if span is not None and error.parameter in _ENDS:
        return {"span": span.with_mistake(error.parameter, text)}
    return {"mistakes": {error.parameter: text}}


def chart_file(request: PageRequest, name: str) -> str:
    """Return the chart that a page of a report shows as an SVG file.

    Raises:
        ReportError: The report cannot be run with these parameters.
        LedgerError: The ledger cannot be read.
    """
    found = load_catalog().find(name)
    table = answer(request, found.name, **given_of(request.query))
    drawn = drawn_of(request, found.header.chart, table or Table((), ()))
    rows = drawn.rows if drawn else ()
    drawing = Drawing(
        title(request, found),
        [name for name, _, _ in rows],
        [text for _, text, _ in rows],
        [amount for _, _, amount in rows],
    )
    return drawing.svg()


def _counted(header: Header, table: Table) -> list[str]:
    """Return the columns that only say how many rows all pages have: the pager says so."""
    comes_in_pages = {"rows", "page"} <= {one.name for one in header.parameters}
    return [one.name for one in table.columns if comes_in_pages and one.name in _TOTALS]


def _pager(request: PageRequest, header: Header, table: Table) -> Pager | None:
    """Return where the page of a report stands that comes in pages."""
    named = {one.name: one for one in header.parameters}
    if not {"rows", "page"} <= named.keys():
        return None
    text = request.query.get("rows", "")
    rows = int(text) if text.isdigit() else int(str(named["rows"].default))
    counted = next((one.name for one in table.columns if one.name in _TOTALS), None)
    total = int(str(table.values(counted)[0])) if counted and table.rows else None
    return pager(request, len(table.rows), total, rows=rows)


def given_of(query: Mapping[str, str]) -> dict[str, object]:
    """Return the parameters of a query; those left empty are not given."""
    return {name: value for name, value in query.items() if value and name not in PARAMETERS}


def title(request: PageRequest, found: Report) -> str:
    """Return the title of a report in the reader's language, else as its author wrote it."""
    return _told(request, found, "title")


def summary(request: PageRequest, found: Report) -> str:
    """Return what a report tells."""
    return _told(request, found, "summary")


def _told(request: PageRequest, found: Report, what: str) -> str:
    key = f"report.{found.name}.{what}"
    if request.words.has(key):
        return request.words(key)
    try:
        return str(getattr(found.header, what))
    except ReportInvalid:
        return found.name


def _field(request: PageRequest, one: Parameter, given: Mapping[str, object]) -> Field:
    key = f"parameter.{one.name}"
    kinds = {
        ParameterType.BIGINT: "number",
        ParameterType.BOOLEAN: "choice",
        ParameterType.VARCHAR: "text",
    }
    kind = kinds.get(one.type, "date")
    preset = request.words("figure.now") if one.default_now else one.default
    if preset is None and kind == "date":
        preset = _TIMES
    return Field(
        name=one.name,
        label=request.words(key) if request.words.has(key) else one.name,
        hint=one.description,
        value=str(given.get(one.name, "")),
        preset=str(preset).lower() if isinstance(preset, bool) else str(preset or ""),
        kind=kind,
        required=one.required,
    )
