"""``corvus usage export``: hand the recorded usage over to other tools (EXP-1)."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.base.errors import ReportParameterInvalid
from corvus.cli.options import AsOf, Config, LedgerPath, Since, Until
from corvus.cli.output import console

if TYPE_CHECKING:
    from corvus.usage.exporters.export import ExportSummary, OnProgress, Shape

_SHAPES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


class ExportFormat(StrEnum):
    """What is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    FOCUS = "focus"


def export(
    *,
    output: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Default: by the suffix of the file, else jsonl."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, whole or not at all.")
    ] = None,
    since: Since = None,
    until: Until = None,
    session: Annotated[str | None, typer.Option("--session", help="Only of this session.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="Only of this project.")] = None,
    account: Annotated[
        str | None,
        typer.Option("--billing-account", help="FOCUS: the account billed; default: the provider."),
    ] = None,
    config: Config = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
) -> None:
    """Export usage as CSV, JSON lines, Parquet, or FOCUS 1.2 for FinOps tools.

    CSV, JSON lines and Parquet have every row of usage_record; a call that was corrected has three,
    whose sum is right. FOCUS has one row for each call with a known cost, as CSV, or as what the
    suffix of the file says.

    Example: corvus usage export --format focus --since 2026-11 -o november.csv
    """
    from corvus.bookkeeping import Bookkeeping
    from corvus.cli.tables import ledger_path
    from corvus.cli.times import clock_at, parse_bounds
    from corvus.usage.exporters.export import Choice, export_file, export_text

    shape = _shape(output, file)
    bounds = parse_bounds(since, until, clock_at(as_of).now())
    choice = Choice(
        focus=output is ExportFormat.FOCUS,
        since=bounds.get("since"),
        until=bounds.get("until"),
        session=session,
        project=project,
        account=account,
    )
    if account is not None and not choice.focus:
        raise ReportParameterInvalid("--billing-account goes with --format focus alone")
    with Bookkeeping(ledger_path(config, ledger)).ledger() as opened:
        if file is None:
            summary = export_text(opened.connection, choice, shape, sys.stdout)
        else:
            with _progress() as on_progress:
                summary = export_file(opened.connection, choice, shape, file, on_progress)
    _tell(summary, file)


def _shape(output: ExportFormat | None, file: Path | None) -> Shape:
    from corvus.usage.exporters.export import Shape

    by_suffix = _SHAPES.get(file.suffix.lower()) if file else None
    if output is ExportFormat.FOCUS:
        shape = Shape(by_suffix or "csv")
    else:
        shape = Shape(output.value if output else by_suffix or "jsonl")
    if shape is Shape.PARQUET and (file is None or (file.exists() and not file.is_file())):
        raise ReportParameterInvalid("parquet is no text: name a file with -o FILE")
    return shape


def _tell(summary: ExportSummary, file: Path | None) -> None:
    if file is not None:
        print(f"rows={summary.rows}", file=sys.stderr)
    if summary.unpriced:
        calls = "call" if summary.unpriced == 1 else "calls"
        print(
            f"left out, as FOCUS knows no unknown cost: {summary.unpriced:,} {calls} without a "
            "price; see `corvus report unpriced`",
            file=sys.stderr,
        )


@contextmanager
def _progress() -> Generator[OnProgress | None]:
    """Show a bar on standard error while a person waits; elsewhere nothing."""
    told = console(stderr=True)
    if not told.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("writing rows"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=told, transient=True) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
