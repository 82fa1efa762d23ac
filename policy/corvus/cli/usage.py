"""``corvus usage``: bring usage recorded elsewhere into the ledger (IMP-1), and hand it on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.cli.common import console, is_terminal, warn_unused
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets
from corvus.cli.usage_export import export
from corvus.usage.importers import FORMATS

if TYPE_CHECKING:
    from corvus.runtime import Runtime
    from corvus.usage.importers.model import ImportProgress, ImportSummary, OnProgress

app = typer.Typer(help="Bring recorded usage in, and hand it on.", no_args_is_help=True)
app.command("export")(export)


class SourceFormat(StrEnum):
    """The format of the files to import."""

    AUTO = "auto"
    vars().update({name: name for name in FORMATS})


class Format(StrEnum):
    """How the summary is shown."""

    TABLE = "table"
    KV = "kv"
    JSON = "json"


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
    bool,
    typer.Option(
        "--inclusive",
        help="For generic files: input counts include cached tokens and output counts include "
        "reasoning, as OpenAI and OpenTelemetry count.",
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


@app.command("import")
def import_(
    paths: Paths,
    *,
    source_format: Annotated[
        SourceFormat, typer.Option("--from", help="Format of the files; auto looks at each.")
    ] = SourceFormat.AUTO,
    columns: Columns = None,
    inclusive: Inclusive = False,
    project: Project = None,
    provider: Provider = None,
    reread: Reread = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a line was bad.")
    ] = False,
    output: Annotated[
        Format | None, typer.Option("--format", help="Default: table on a terminal, else kv.")
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Import usage from agent logs or exports, each call exactly once.

    Files that have not changed since their last import are not read again, and of a log that has
    grown only its new lines; other options, or new prices for calls that had none, read all of it.

    Bad lines are reported with their numbers and skipped; the exit code stays 0 unless --strict.

    Example: corvus usage import ~/.claude/projects
    """
    from corvus.runtime import open_runtime
    from corvus.usage.importers import model
    from corvus.usage.importers.run import import_usage

    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger)
    warn_unused(runtime)
    options = model.ImportOptions(
        format=None if source_format is SourceFormat.AUTO else source_format.value,
        columns=_map(columns or ()),
        project=project,
        provider=provider,
        inclusive=inclusive,
        clock=runtime.clock,
        imported=model.ImportedFiles() if reread else runtime.bookkeeping.imported_files(),
    )
    with _progress() as on_progress:
        summary = import_usage(
            runtime.bookkeeping.importing,
            paths,
            runtime.books,
            options=options,
            on_progress=on_progress,
        )
    runtime.bookkeeping.settle_import()
    _show(summary, runtime, output or (Format.TABLE if is_terminal() else Format.KV))
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


@contextmanager
def _progress() -> Generator[OnProgress | None]:
    """Show a bar on standard error while a person waits; elsewhere nothing."""
    told = console(stderr=True)
    if not told.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=told, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(progress: ImportProgress) -> None:
            bar.update(
                task,
                description=progress.step,
                completed=progress.done_bytes,
                total=progress.total_bytes,
            )

        yield show


def _show(summary: ImportSummary, runtime: Runtime, output: Format) -> None:
    from corvus.cli.usage_text import as_json, as_lines, as_table, remarks

    ledger: Path = runtime.ledger_path
    match output:
        case Format.JSON:
            print(as_json(summary, ledger))
        case Format.KV:
            print(as_lines(summary, ledger))
        case Format.TABLE:
            console().print(as_table(summary, ledger))
    if output is not Format.JSON:
        told = console(stderr=True)
        for line in remarks(summary, runtime.books):
            told.print(line, style="yellow", markup=False, soft_wrap=True)
