"""Every report of the catalogue, with its parameters as a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from corvus.base.errors import ReportInvalid, ReportParameterInvalid
from corvus.gateway.pages.chart import Bars, Point, bars_of
from corvus.gateway.pages.grid import cell_text, grid_of, label_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.pager import Pager, pager
from corvus.gateway.pages.summary import answer
from corvus.gateway.pages.views.sessions import FIRST_OF_CALLS
from corvus.reporting.catalog import Report, load_catalog
from corvus.reporting.header import Header
from corvus.reporting.parameters import Parameter, ParameterType
from corvus.reporting.table import Table

PREFIX = "/reports/"
_BARS_MAX = 60
_TIMES = "7d, last-month, 2026-11-23"
"""What a time can be, as an example; the same words in every language."""
_NOT_PARAMETERS = {"lang"}
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
    """Show one report with the requested parameters."""
    found = load_catalog().find(request.path.removeprefix(PREFIX))
    given = given_of(request.query)
    data: dict[str, object] = {
        "name": found.name,
        "title": title(request, found),
        "summary": summary(request, found),
        "fields": [_field(request, one, given) for one in found.header.parameters],
        "csv": request.link(f"/csv/{found.name}", **given),
        "mistake": "",
        "grid": None,
        "chart": None,
        "pager": None,
    }
    try:
        table = answer(request, found.name, **given)
    except ReportParameterInvalid as mistake:
        return Page("report", {**data, "mistake": str(mistake)}, 422 if given else 200)
    if table is not None:
        first = FIRST_OF_CALLS if found.name == "spend/calls" else ()
        data |= {
            "grid": grid_of(request, table, first=first),
            "chart": _chart(request, found.header, table),
            "pager": _pager(request, found.header, table),
        }
    return Page("report", data)


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
    return {name: value for name, value in query.items() if value and name not in _NOT_PARAMETERS}


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
    preset = request.words("report_page.now") if one.default_now else one.default
    if preset is None and kind == "date":
        preset = _TIMES
    return Field(
        name=one.name,
        label=request.words(key) if request.words.has(key) else one.name,
        hint=one.description,
        value=str(given.get(one.name, "")),
        preset="" if preset is None else str(preset).lower(),
        kind=kind,
        required=one.required,
    )


def _chart(request: PageRequest, header: Header, table: Table) -> tuple[Bars, str] | None:
    """Return the chart that a report declares, and what it says in words."""
    if header.chart is None or not 1 < len(table.rows) <= _BARS_MAX:
        return None
    x, y = (
        {one.name: one for one in table.columns}[name] for name in (header.chart.x, header.chart.y)
    )
    labels = [cell_text(request, x, one, 4) for one in table.values(x.name)]
    values = table.values(y.name)
    figures = request.figures

    def write(value: int) -> str:
        return figures.usd(value) if y.is_money else figures.number(Decimal(value) / _SCALE)

    points = [
        Point(
            _length(one, is_money=y.is_money),
            label[:12],
            f"{label}: {cell_text(request, y, one, 4)}",
        )
        for one, label in zip(values, labels, strict=True)
    ]
    words = request.words("report_page.chart", y=label_of(request, y), x=label_of(request, x))
    return bars_of(points, write, width=960), words


_SCALE = 1000
"""Numbers that are no money are drawn in thousandths, so that fractions have a length."""


def _length(value: object, *, is_money: bool) -> int | None:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return None
    return max(0, int(value if is_money else value * _SCALE))
