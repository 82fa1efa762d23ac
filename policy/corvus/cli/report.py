"""``corvus report``: spend reports by name, in the shape asked for (REP-3).

``list``, ``show`` and ``reprice`` are commands; any other word is the name of a report.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from corvus.answers.kv import kv_text
from corvus.base.errors import ReportError, ReportInvalid, ReportParameterInvalid
from corvus.cli.options import (
    AsOf,
    Config,
    LedgerPath,
    Sets,
    Since,
    Until,
    Zone,
    books_of,
)
from corvus.cli.output import (
    Output,
    OutputFile,
    choose_format,
    console,
    emit,
    give,
    print_stacked,
)
from corvus.cli.parsing.completion import parameters_of_report, report_items, report_names
from corvus.cli.parsing.optional_value import IN_TERMINAL, TakesChart
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.ledger.connect import Connection
    from corvus.reporting.catalog import Report
    from corvus.reporting.table import Table


_RUN = "NAME"

ReportsDir: TypeAlias = Annotated[
    Path | None, typer.Option("--reports-dir", help="A folder with .sql reports of your own.")
]


class _NameOrCommand(TyperGroup):
    """A group in which any word that is no command is the name of a report."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Send any other first word than a command to the command that runs a report."""
        if args and args[0] not in {"list", "show", "reprice", _RUN, "-h", "--help"}:
            args = [_RUN, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete names of reports, too."""
        return [*super().shell_complete(ctx, incomplete), *report_items(incomplete)]


app = typer.Typer(
    cls=_NameOrCommand,
    help="Spend reports: `corvus report list`, then `corvus report NAME`.",
    no_args_is_help=True,
)


@app.callback()
def group() -> None:
    """Spend reports: `corvus report list`, then `corvus report NAME`."""


@app.command("list")
def list_reports(
    reports_dir: ReportsDir = None,
    output: Annotated[
        str | None,
        typer.Option("--format", help="table, kv or json; table on a terminal, else kv."),
    ] = None,
) -> None:
    """List every report with what it tells.

    Example: corvus report list
    """
    from corvus.reporting.catalog import load_catalog

    if output not in (None, "table", "kv", "json"):
        raise ReportParameterInvalid(f"--format must be table, kv or json, got {output!r}")
    entries = [_entry(report) for report in load_catalog(reports_dir).reports.values()]
    emit(
        output,
        lambda: [asdict(entry) for entry in entries],
        lambda: _print_list(entries),
        kv=lambda: map(_entry_line, entries),
    )


@app.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Name of a report.", autocompletion=report_names),
    ],
    reports_dir: ReportsDir = None,
) -> None:
    """Print the SQL of a report, ready to be copied and changed.

    Example: corvus report show by-model > my-reports/by-model.sql
    """
    from corvus.reporting.catalog import load_catalog

    sys.stdout.write(load_catalog(reports_dir).find(name).sql)


@app.command("reprice")
def reprice(
    *,
    book: Annotated[
        str | None,
        typer.Option(
            "--book",
            metavar="DATE",
            help="Day whose prices hold (UTC): 2026-11-23, 2026-11, today; with --model today "
            "unless stated.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Price each call as if this model had answered it."),
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", help="Who bills for --model.")
    ] = None,
    since: Since = None,
    until: Until = None,
    output: Output = None,
    file: OutputFile = None,
    config: Config = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
) -> None:
    """Price a period again, with the book of another day or as another model, next to the record.

    Prices are those of [cost.prices] and of the bundled book that were in force on the day. Nothing
    is overwritten. The difference is of the calls that both sides price.

    With --model, low takes the cache as recorded; high reads what the first call of each session
    read from a cache at the full rate. A call that used what the model has no rate for is counted
    apart.

    Example: corvus report reprice --book 2026-01-01 --since 2026-11
    """
    from corvus.base.time import naive_utc
    from corvus.cli.tables import print_table
    from corvus.cli.times import clock_at, parse_bounds, parse_since
    from corvus.reporting.formats import Format
    from corvus.reporting.other_model import OtherModel, reprice_as
    from corvus.reporting.reprice import reprice as reprice_on
    from corvus.runtime import open_runtime

    if book is None and model is None:
        raise ReportParameterInvalid("state --book DATE, --model NAME, or both")
    if provider is not None and model is None:
        raise ReportParameterInvalid("--provider goes with --model")
    shape = choose_format(output, file)
    now = clock_at(as_of).now()
    on = parse_since(book, now).date() if book else now.date()
    bounds = parse_bounds(since, until, now)
    runtime = open_runtime(config or (), ledger=ledger)
    with runtime.bookkeeping.ledger() as opened:
        if model is None:
            table = reprice_on(opened.connection, runtime.books, on, **bounds)
        else:
            other = OtherModel(model, provider, on)
            table = reprice_as(opened.connection, runtime.books, other, **bounds)
    if shape is Format.TABLE:
        at_which = f"at the prices of {on}" if model is None else f"as {model} at those of {on}"
        print_table(console(), table, f"Recorded cost, and cost {at_which}")
        return
    parameters = {name: naive_utc(bound) for name, bound in bounds.items()}
    about = {"report": "reprice", "book": on.isoformat()}
    about |= {"model": model} if model else {}
    about |= {"provider": provider} if provider else {}
    give(table, shape, file, about=about | {"parameters": parameters}, head=about)


@app.command(_RUN, cls=TakesChart)
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a report.")],
    *,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="A parameter.",
            autocompletion=parameters_of_report,
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    zone: Zone = None,
    output: Output = None,
    file: OutputFile = None,
    chart: Annotated[
        str | None,
        typer.Option(
            "--chart",
            metavar="[FILE]",
            help="Draw bars below the table, or write the chart as FILE.svg or FILE.png.",
        ),
    ] = None,
    config: Config = None,
    ledger: LedgerPath = None,
    reports_dir: ReportsDir = None,
    as_of: AsOf = None,
    sets: Sets = None,
) -> None:
    """Run a report.

    Reports of budgets take limits, matches and windows from the config; try others with --set.

    In CSV, a text that a spreadsheet would run as a formula gets a leading apostrophe; the other
    formats keep every text as it is.

    Example: corvus report by-model --since 2026-11 --format csv -o november.csv
    """
    from corvus.cli.times import clock_at, parse_bounds, parse_zone
    from corvus.reporting.catalog import load_catalog
    from corvus.reporting.run import run_report

    report = load_catalog(reports_dir).find(name)
    is_drawn = chart == IN_TERMINAL
    shape = choose_format(output, file, chart=is_drawn)
    picture = _picture(report, chart)
    now = clock_at(as_of).now()
    bounds = parse_bounds(since, until, now, parse_zone(zone or "UTC"))
    if until is None and all(each.name != "until" for each in report.header.parameters):
        bounds.pop("until", None)
    given = _given(report, param or [], bounds | ({"zone": zone} if zone else {}))
    with _ledger(report, config, ledger, sets, now) as connection:
        table = run_report(connection, report, given, now=now)
    if picture is not None:
        _draw(report, table, picture)
    if shape == "table":
        _print(report, table, zone, chart=is_drawn)
    else:
        about = _about(report, given, now)
        head = {"report": report.name} | ({"zone": zone} if zone else {})
        give(table, shape, file, about=about, head=head)


@contextmanager
def _ledger(
    report: Report,
    config: Sequence[Path] | None,
    ledger: Path | None,
    sets: Sequence[str] | None,
    now: datetime,
) -> Generator[Connection]:
    """Open what a report reads: the ledger, and where it asks for them the budgets in force."""
    from corvus.reporting.header import IN_FORCE

    if not IN_FORCE.intersection(report.header.reads):
        with books_of(config, ledger).ledger() as opened:
            yield opened.connection
        return
    from corvus.reporting.in_force import show_budgets
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or [], sets=sets or (), ledger=ledger)
    with runtime.ledger() as opened:
        show_budgets(opened.connection, runtime.policy.budgets, now)
        yield opened.connection


def _given(report: Report, texts: Sequence[str], bounds: Mapping[str, object]) -> dict[str, object]:
    """Collect the parameters given as ``NAME=VALUE`` and by options of their own."""
    declared = [parameter.name for parameter in report.header.parameters]
    for name in bounds:
        if name not in declared:
            raise ReportParameterInvalid(
                f"report {report.name} takes no --{name}; its parameters, given as "
                f"--param NAME=VALUE, are: {', '.join(declared) or 'none'}"
            )
    given: dict[str, object] = dict(bounds)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ReportParameterInvalid(f"--param reads NAME=VALUE, got {text!r}")
        if name in given:
            raise ReportParameterInvalid(f"parameter {name} is given twice")
        given[name] = value
    return given


def _picture(report: Report, chart: str | None) -> Path | None:
    """Return the file that the chart goes to, if it goes to one."""
    from corvus.reporting.drawing import SUFFIXES

    if chart is None:
        return None
    if report.header.chart is None:
        raise ReportError(f"report {report.name} declares no chart; leave out --chart")
    if chart == IN_TERMINAL:
        return None
    file = Path(chart)
    if file.suffix.lower() not in SUFFIXES:
        raise ReportParameterInvalid(
            f"--chart writes SVG or PNG: name a file.svg or a file.png, not {file}"
        )
    return file


def _draw(report: Report, table: Table, file: Path) -> None:
    from corvus.base.files import whole_file
    from corvus.cli.tables import amount, chart_words
    from corvus.reporting.drawing import Drawing

    chart = report.header.chart
    assert chart is not None, "asked for before the report ran"
    amounts = [amount(cell) for cell in table.values(chart.y)]
    (column,) = (one for one in table.columns if one.name == chart.y)
    unit = " (USD)" if column.is_money else ""
    drawing = Drawing(report.header.title + unit, *chart_words(table, chart), amounts)
    drawn = drawing.bytes_of(file.suffix.lower())
    with whole_file(file) as path:
        path.write_bytes(drawn)


def _print(report: Report, table: Table, zone: str | None, *, chart: bool) -> None:
    from corvus.cli.tables import print_chart, print_table

    out = console()
    title = f"{report.header.title} ({zone})" if zone else report.header.title
    print_table(out, table, title)
    if report.header.method:
        out.print(report.header.method, style="dim", markup=False)
    if chart and report.header.chart is not None:
        out.print()
        print_chart(out, table, report.header.chart)


def _about(report: Report, given: Mapping[str, object], now: datetime) -> dict[str, object]:
    from corvus.reporting.parameters import bind

    return {
        "report": report.name,
        "title": report.header.title,
        "parameters": bind(report.header.parameters, given, now=now),
    }


_TABLE_CELLS = 72
"""A terminal narrower than this has no room for two columns of words."""
_WIDE_CELLS = 110
"""A terminal narrower than this has no room for parameters, which `report show` names, too."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the list."""

    report: str
    origin: str
    summary: str
    parameters: tuple[str, ...]


def _entry_line(entry: _Entry) -> str:
    return (
        f"report={kv_text(entry.report)} origin={entry.origin} "
        f"parameters={','.join(entry.parameters) or 'none'} summary={json.dumps(entry.summary)}"
    )


def _entry(report: Report) -> _Entry:
    try:
        header = report.header
    except ReportInvalid as error:
        return _Entry(report.name, report.origin, f"broken: {error}", ())
    names = tuple(parameter.name for parameter in header.parameters)
    return _Entry(report.name, report.origin, header.summary, names)


def _print_list(entries: list[_Entry]) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    headings = ("report", "what it tells", "parameters")
    rows = [_list_cells(entry) for entry in entries]
    if out.width < _TABLE_CELLS:
        print_stacked(out, headings, rows)
        return
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    drawn.add_column(headings[0], no_wrap=True)
    drawn.add_column(headings[1], overflow="fold")
    if has_room := out.width >= _WIDE_CELLS:
        drawn.add_column(headings[2], overflow="fold")
    for name, summary, parameters in rows:
        rest = [Text(parameters, style="dim")] if has_room else []
        drawn.add_row(Text(name, style="bold"), Text(summary), *rest)
    out.print(drawn)


def _list_cells(entry: _Entry) -> tuple[str, str, str]:
    mark = "" if entry.origin == "shipped" else " (yours)"
    return escape(entry.report) + mark, escape(entry.summary), ", ".join(entry.parameters) or "none"
