"""Lists the reports of a catalog; a broken file is listed with its fault and hides no other."""

from __future__ import annotations

import json
from dataclasses import dataclass

from corvus.answers.kv import kv_text
from corvus.base.errors import ReportInvalid, ReportParameterInvalid
from corvus.cli.common import console, json_text
from corvus.cli.fitted import print_stacked
from corvus.diagnostics.plain import escape
from corvus.reporting.catalog import Catalog, Report

_TABLE_CELLS = 72
"""A terminal narrower than this has no room for three columns of words."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the list."""

    report: str
    origin: str
    summary: str
    parameters: tuple[str, ...]


def show(catalog: Catalog, shape: str) -> None:
    """Print every report of a catalog.

    Args:
        catalog: The reports.
        shape: ``table``, ``kv`` or ``json``.

    Raises:
        ReportParameterInvalid: The shape is none of these.
    """
    entries = [_entry(report) for report in catalog.reports.values()]
    match shape:
        case "table":
            _print_table(entries)
        case "kv":
            for entry in entries:
                print(
                    f"report={kv_text(entry.report)} origin={entry.origin} "
                    f"parameters={','.join(entry.parameters) or 'none'} "
                    f"summary={json.dumps(entry.summary)}"
                )
        case "json":
            rows = [
                {
                    "report": entry.report,
                    "origin": entry.origin,
                    "summary": entry.summary,
                    "parameters": list(entry.parameters),
                }
                for entry in entries
            ]
            print(json_text(rows))
        case _:
            raise ReportParameterInvalid(f"--format must be table, kv or json, got {shape!r}")


def _entry(report: Report) -> _Entry:
    try:
        header = report.header
    except ReportInvalid as error:
        return _Entry(report.name, report.origin, f"broken: {error}", ())
    names = tuple(parameter.name for parameter in header.parameters)
    return _Entry(report.name, report.origin, header.summary, names)


def _print_table(entries: list[_Entry]) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    headings = ("report", "what it tells", "parameters")
    rows = [_cells(entry) for entry in entries]
    if out.width < _TABLE_CELLS:
        print_stacked(out, headings, rows)
        return
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    drawn.add_column(headings[0], no_wrap=True)
    for heading in headings[1:]:
        drawn.add_column(heading, overflow="fold")
    for name, summary, parameters in rows:
        drawn.add_row(Text(name, style="bold"), Text(summary), Text(parameters, style="dim"))
    out.print(drawn)


def _cells(entry: _Entry) -> tuple[str, str, str]:
    mark = "" if entry.origin == "shipped" else " (yours)"
    return escape(entry.report) + mark, escape(entry.summary), ", ".join(entry.parameters) or "none"
