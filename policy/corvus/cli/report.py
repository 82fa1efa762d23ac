"""``corvus report``: spend reports by name, in the shape asked for (REP-3).

``list``, ``show`` and ``reprice`` are commands; any other word is the name of a report.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from corvus.base.errors import ReportError, ReportParameterInvalid
from corvus.cli.common import console, is_terminal, warn_unused
from corvus.cli.options import AsOf, Config, LedgerPath, Sets, Since, Until
from corvus.cli.output import Output, OutputFile, choose_format, give
from corvus.cli.reprice import reprice

if TYPE_CHECKING:
    from corvus.ledger.connect import Connection
    from corvus.reporting.catalog import Report
    from corvus.reporting.table import Table

_RUN = "NAME"
_BUDGET_TABLES = {"budget", "budget_window"}

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
    from corvus.cli import report_list
    from corvus.reporting.catalog import load_catalog

    report_list.show(load_catalog(reports_dir), output or ("table" if is_terminal() else "kv"))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a report.")],
    reports_dir: ReportsDir = None,
) -> None:
    """Print the SQL of a report, ready to be copied and changed.

    Example: corvus report show by-model > my-reports/by-model.sql
    """
    from corvus.reporting.catalog import load_catalog

    sys.stdout.write(load_catalog(reports_dir).find(name).sql)


app.command("reprice")(reprice)


@app.command(_RUN)
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a report.")],
    *,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter.")
    ] = None,
    since: Since = None,
    until: Until = None,
    output: Output = None,
    file: OutputFile = None,
    chart: Annotated[bool, typer.Option("--chart", help="Draw bars below the table.")] = False,
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
    from corvus.cli.times import clock_at, parse_bounds
    from corvus.reporting.catalog import load_catalog
    from corvus.reporting.run import run_report

    report = load_catalog(reports_dir).find(name)
    shape = choose_format(output, file, chart=chart)
    if chart and report.header.chart is None:
        raise ReportError(f"report {report.name} declares no chart; leave out --chart")
    now = clock_at(as_of).now()
    given = _given(report, param or [], parse_bounds(since, until, now))
    with _ledger(report, config, ledger, sets, now) as connection:
        table = run_report(connection, report, given, now=now)
    if shape == "table":
        _print(report, table, chart=chart)
    else:
        about = _about(report, given, now)
        give(table, shape, file, about=about, head={"report": report.name})


@contextmanager
def _ledger(
    report: Report,
    config: Sequence[Path] | None,
    ledger: Path | None,
    sets: Sequence[str] | None,
    now: datetime,
) -> Generator[Connection]:
    """Open what a report reads: the ledger, and where it asks for them the budgets in force."""
    from corvus.bookkeeping import Bookkeeping
    from corvus.cli.report_view import ledger_path

    if not _BUDGET_TABLES & set(report.header.reads):
        with Bookkeeping(ledger_path(config, ledger)).ledger() as opened:
            yield opened.connection
        return
    from corvus.reporting.in_force import show_budgets
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or [], sets=sets or (), ledger=ledger)
    warn_unused(runtime)
    with runtime.ledger() as opened:
        show_budgets(opened.connection, runtime.policy.budgets, now)
        yield opened.connection


def _given(
    report: Report, texts: Sequence[str], bounds: Mapping[str, datetime]
) -> dict[str, object]:
    """Collect the parameters given as ``NAME=VALUE`` and as ``--since`` and ``--until``."""
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


def _print(report: Report, table: Table, *, chart: bool) -> None:
    from corvus.cli.report_view import print_chart, print_table

    out = console()
    print_table(out, table, report.header.title)
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
