"""``corvus usage``: bring usage recorded elsewhere into the ledger (IMP-1), and hand it on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.answers.denial import add_command
from corvus.base.errors import ReportParameterInvalid
from corvus.base.money import usd_exact
from corvus.cli.exits import Exit
from corvus.cli.import_notes import note_texts, progress, saying_when_stopped
from corvus.cli.options import AsOf, Config, LedgerPath, Sets, Since, Until, books_of, opened
from corvus.cli.output import TableOrBody, console, counting, emit
from corvus.diagnostics.plain import escape
from corvus.usage.exporters import FORMATS, SUFFIXES, Shape
from corvus.usage.exporters.focus_columns import VERSIONS
from corvus.usage.importers import FORMATS as IMPORT_FORMATS

if TYPE_CHECKING:
    from rich.table import Table

    from corvus.prices.lookup import PriceBooks
    from corvus.usage.exporters.export import ExportSummary
    from corvus.usage.importers.model import ImportSummary


app = typer.Typer(help="Bring recorded usage in, and hand it on.", no_args_is_help=True)


class SourceFormat(StrEnum):
    """The format of the files to import."""

    AUTO = "auto"
    vars().update({name: name for name in IMPORT_FORMATS})


class ExportFormat(StrEnum):
    """What is written."""

    vars().update({name: name for name in (*Shape, *FORMATS)})


class FocusVersion(StrEnum):
    """Which version of FOCUS is written."""

    vars().update({f"V{version.replace('.', '_')}": version for version in VERSIONS})


Paths: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...", help="Files, directories (searched deeply), globs, or - for stdin."
    ),
]
Columns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="For generic files: where a field stands, such as input_tokens=prompt_tokens.",
    ),
]
Inclusive: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--inclusive/--disjoint",
        help="For generic files: whether input counts include cached tokens and output counts "
        "include reasoning, as OpenAI and OpenTelemetry count. Default: by the total of each call, "
        "else by the names of the columns.",
        show_default=False,
    ),
]


Project: TypeAlias = Annotated[
    str | None, typer.Option("--project", help="Project of every call, whatever the file says.")
]
Provider: TypeAlias = Annotated[
    str | None, typer.Option("--provider", help="Who bills every call, such as zai.")
]
Reread: TypeAlias = Annotated[
    bool, typer.Option("--reread", help="Read files also when nothing in them is new.")
]


@app.callback()
def group() -> None:
    """Bring recorded usage in, and hand it on."""


@app.command("export")
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
    focus_version: Annotated[
        FocusVersion | None,
        typer.Option("--focus-version", help=f"FOCUS: the version; default: {VERSIONS[0]}."),
    ] = None,
    config: Config = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
) -> None:
    """Export usage as CSV, JSON lines, Parquet, or FOCUS for FinOps tools.

    CSV, JSON lines and Parquet have every row of usage_record; a call that was corrected has three,
    whose sum is right. `corvus usage import` takes them over as they are, here or elsewhere. FOCUS
    has the calls with a known cost, by kind of token where that is known, as CSV, or as what the
    suffix of the file says.

    Example: corvus usage export --format focus --since 2026-11 -o november.csv
    """
    from corvus.cli.times import clock_at, parse_bounds
    from corvus.usage.exporters.export import (
        RECORDS,
        Choice,
        export_file,
        export_text,
        exporter_named,
    )
    from corvus.usage.exporters.focus import exporter_of

    exporter = RECORDS
    if output is not None and output.value in FORMATS:
        exporter, output = exporter_named(output.value), None
    if focus_version is not None:
        if exporter is RECORDS:
            raise ReportParameterInvalid("--focus-version goes with --format focus alone")
        exporter = exporter_of(focus_version.value)
    shape = _shape(output, file, exporter.shape)
    bounds = parse_bounds(since, until, clock_at(as_of).now())
    choice = Choice(exporter=exporter, session=session, project=project, account=account, **bounds)
    if account is not None and not exporter.names_account:
        raise ReportParameterInvalid("--billing-account goes with --format focus alone")
    with books_of(config, ledger).ledger() as opened:
        if file is None:
            summary = export_text(opened.connection, choice, shape, sys.stdout)
        else:
            with counting("writing rows") as on_progress:
                summary = export_file(opened.connection, choice, shape, file, on_progress)
    _report_export(summary, file, exporter.title)


@app.command("import")
def import_(
    paths: Paths,
    *,
    source_format: Annotated[
        SourceFormat, typer.Option("--from", help="Format of the files; auto looks at each.")
    ] = SourceFormat.AUTO,
    columns: Columns = None,
    inclusive: Inclusive = None,
    project: Project = None,
    provider: Provider = None,
    reread: Reread = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a line was bad.")
    ] = False,
    output: TableOrBody = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Import usage from agent logs or exports, each call exactly once.

    Files that have not changed since their last import are not read again, and of a log that has
    grown only its new lines; other options, or new prices for calls that had none, read all of it.

    Bad lines are reported with their numbers and skipped; the exit code stays 0 unless --strict. A
    file without a call, and a column that looks like usage and is not read, are named.

    Example: corvus usage import ~/.claude/projects
    """
    from corvus.usage.importers import model
    from corvus.usage.importers.run import import_usage

    runtime = opened(config, ledger, sets)
    options = model.ImportOptions(
        format=None if source_format is SourceFormat.AUTO else source_format.value,
        columns=_map(columns or ()),
        project=project,
        provider=provider,
        inclusive=inclusive,
        clock=runtime.clock,
        imported=model.ImportedFiles() if reread else runtime.bookkeeping.imported_files(),
        own_store=runtime.bookkeeping.store_id(),
    )
    importing = runtime.bookkeeping.importing
    with saying_when_stopped(), progress() as shows:
        summary = import_usage(importing, paths, runtime.books, options=options, on_progress=shows)
    runtime.bookkeeping.settle_import()
    facts = _facts(summary, runtime.ledger_path)
    emit(
        output,
        lambda: _summary_body(summary, facts),
        lambda: console().print(_summary_table(facts)),
        kv=lambda: chain(
            (f"{key}={value}" for key, value in facts.items()),
            (f"note={text}" for text in note_texts(summary.notes)),
        ),
    )
    if output != "json":
        _print_remarks(summary, runtime.books)
    if strict and summary.bad_lines:
        raise typer.Exit(Exit.FINDINGS)


def _map(pairs: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not (field and equals and column):
            raise typer.BadParameter(f"{pair!r} is not FIELD=COLUMN", param_hint="--map")
        if field in columns:
            raise typer.BadParameter(f"{field!r} is mapped twice", param_hint="--map")
        columns[field] = column
    return columns


_SHOWN = 10
_WORDS = {
    "formats": "recognised as",
    "unchanged_files": "files unchanged, not read again",
    "read_lines": "lines read",
    "usage_lines": "lines with usage",
    "synthetic": "client's own error messages",
    "new": "new calls",
    "updated": "calls known better now",
    "duplicate": "calls already there",
    "unpriced_calls": "calls without a price",
    "bad": "bad lines, skipped",
    "notes": "notes",
    "new_cost_usd": "cost added, USD",
    "ledger": "ledger",
}


def _facts(summary: ImportSummary, ledger: Path) -> dict[str, str | int]:
    """Return the facts of a summary by key, in the order in which they are shown."""
    formats = ", ".join(f"{form} ({count})" for form, count in sorted(summary.files.items()))
    return {
        "formats": formats or "none",
        "unchanged_files": summary.unchanged,
        "read_lines": summary.read_lines,
        "usage_lines": summary.usage_lines,
        "synthetic": summary.synthetic,
        "new": summary.new,
        "updated": summary.updated,
        "duplicate": summary.duplicate,
        "unpriced_calls": summary.unpriced,
        "bad": summary.bad_lines,
        "notes": len(summary.notes),
        "new_cost_usd": usd_exact(summary.new_cost_nano_usd),
        "ledger": str(ledger),
    }


def _summary_body(summary: ImportSummary, facts: Mapping[str, str | int]) -> dict[str, object]:
    """Return the summary as data, with every kept bad line and the exact cost in nano-USD."""
    return {
        **facts,
        "formats": {str(form): count for form, count in sorted(summary.files.items())},
        "new_cost_nano_usd": str(summary.new_cost_nano_usd),
        "bad_lines": [
            {"file": str(bad.file), "line": bad.line, "reason": bad.reason} for bad in summary.bad
        ],
        "notes": [
            {"file": str(note.file or ""), "text": note.text, "lines": note.lines}
            for note in summary.notes
        ],
        "columns": [
            {
                "file": str(one.file),
                "used": dict(one.used),
                "unused": list(one.unused),
                "doubtful": list(one.doubtful),
            }
            for one in summary.columns
        ],
    }


def _summary_table(facts: Mapping[str, str | int]) -> Table:
    """Build a table for a person; what is zero and needs no mention is left out."""
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    always = {"formats", "read_lines", "new", "duplicate", "unpriced_calls", "bad", "ledger"}
    for key, value in facts.items():
        if value or key in always:
            shown = f"{value:,}" if isinstance(value, int) else value
            table.add_row(_WORDS[key], shown)
    return table


def _print_remarks(summary: ImportSummary, books: PriceBooks) -> None:
    err = console(stderr=True)
    for line in _remarks(summary, books):
        err.print(line, style="yellow", markup=False, soft_wrap=True)


def _remarks(summary: ImportSummary, books: PriceBooks) -> Iterator[str]:
    """Yield what a reader should know with the numbers, one line each."""
    for bad in summary.bad[:_SHOWN]:
        yield f"skipped {escape(str(bad))}"
    rest = summary.bad_lines - min(_SHOWN, len(summary.bad))
    if rest:
        yield f"... and {rest:,} more"
    yield from note_texts(summary.notes)
    for provider, model, calls in summary.unpriced_models[:_SHOWN]:
        many = "1 call" if calls == 1 else f"{calls:,} calls"
        why = _why_unpriced(books, model, None if provider == "unknown" else provider)
        yield f"no price for {escape(model)} ({many}): {escape(why)}"


def _why_unpriced(books: PriceBooks, model: str, provider: str | None) -> str:
    from corvus.model.decision import AmbiguousModel

    try:
        history = books.history(model, provider=provider)
    except AmbiguousModel as fault:
        return f"{fault} with --provider"
    if history:
        return f"{history[-1].entry} lacks a kind of token that was used"
    near = books.resembling(model)
    hint = f"; the book has {', '.join(near)}" if near else ""
    said = f'add [cost.prices."{model}"] to the config, as `{add_command(model)}` does,'
    return f"{said} and import again{hint}"


def _shape(output: ExportFormat | None, file: Path | None, usual: Shape) -> Shape:
    by_suffix = SUFFIXES.get(file.suffix.lower()) if file else None
    shape = Shape(output.value) if output else by_suffix or usual
    if shape is Shape.PARQUET and (file is None or (file.exists() and not file.is_file())):
        raise ReportParameterInvalid("parquet is no text: name a file with -o FILE")
    return shape


def _report_export(summary: ExportSummary, file: Path | None, title: str) -> None:
    if file is not None:
        print(f"rows={summary.rows}", file=sys.stderr)
    if summary.unpriced:
        calls = "call" if summary.unpriced == 1 else "calls"
        print(
            f"left out, as {title} knows no unknown cost: {summary.unpriced:,} {calls} without a "
            "price; see `corvus report unpriced`",
            file=sys.stderr,
        )
