"""Imports usage recorded elsewhere: find the files, stage and merge their lines, record (IMP-1)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import duckdb

from corvus.base.errors import ImportRefused, LedgerError
from corvus.ledger.connect import clean_message
from corvus.ledger.ledger import Ledger
from corvus.ledger.merging import MergedUsage
from corvus.usage.importers import FORMATS, generic
from corvus.usage.importers.columns import check_fields
from corvus.usage.importers.exports.corvus_export import ExportedRows, read_export
from corvus.usage.importers.findings import StagingSummary
from corvus.usage.importers.importer import Importer, importer_named
from corvus.usage.importers.line_choice import merged
from corvus.usage.importers.meter import Meter
from corvus.usage.importers.model import (
    ImportedFile,
    ImportOptions,
    ImportProgress,
    ImportSummary,
    OnProgress,
)
from corvus.usage.importers.pricing import PriceHistory
from corvus.usage.importers.recording import Batch, Changes, record_calls
from corvus.usage.importers.selection import Selector
from corvus.usage.importers.sources import (
    UNREADABLE,
    Source,
    find_sources,
    reason_of,
    refuse_nothing,
)
from corvus.usage.importers.staging import Stager

OpenLedger: TypeAlias = Callable[[], AbstractContextManager[Ledger]]
"""Opens the ledger for writing, for a moment."""

_EXPORT = f"""
COPY ({merged("temp.import_line", "kind IN ('usage', 'part')")}) TO $calls (FORMAT parquet)
"""
_NOTHING = Changes(0, 0, 0, 0, 0, ())


def import_usage(
    open_ledger: OpenLedger,
    patterns: Sequence[str | Path],
    books: PriceHistory,
    *,
    options: ImportOptions | None = None,
    on_progress: OnProgress | None = None,
) -> ImportSummary:
    """Import the calls of agent logs and usage exports, each exactly once.

    A bad line is reported with its number and skipped, never fatal. The ledger is opened when
    everything is read; then all of it is recorded, or nothing.

    Args:
        open_ledger: Opens the ledger for writing.
        patterns: Files, directories (searched recursively), globs, or ``-`` for standard input.
        books: Where prices come from.
        options: How to read the files; by default each is recognised.
        on_progress: Called at most ten times a second while files are read, also from another
            thread, and once before calls are merged and before they are recorded.

    Raises:
        ImportRefused: There is no such format, a pattern matches no file, or none could be read.
        LedgerError: The ledger could not be written.
    """
    options = options or ImportOptions()
    wanted = _importer(options)
    check_fields(options.columns)  # a wrong map is refused before any file is opened
    refuse_nothing(patterns, wanted)
    with tempfile.TemporaryDirectory(prefix="corvus-import-") as name:
        folder = Path(name)
        search = find_sources(patterns, wanted, folder)
        selection = Selector(options, books, folder).select(search.sources)
        total = sum(source.size_bytes for source in selection.sources)
        staged, found = StagingSummary(), list[ExportedRows]()
        for bad in search.bad:
            staged.add_bad(bad.file, bad.line, bad.reason)
        staged.notes += search.notes
        calls = folder / "calls.parquet"
        if selection.sources or selection.seen:
            meter = Meter(on_progress, total)
            exports, logs = _divided(selection.sources, options)
            with _scratch(name) as scratch:
                Stager(scratch, options, folder, staged).stage(logs, meter)
                found = _read_exports(scratch, exports, staged, folder, meter)
                _report(on_progress, "merging", total)
                scratch.execute(_EXPORT, {"calls": str(calls)})
        if not staged.files and not selection.unchanged:
            raise ImportRefused("; ".join(str(bad) for bad in staged.bad[:3]))
        _report(on_progress, "recording", total)
        seen = [file for path, file in selection.seen.items() if path not in staged.failed]
        recorded = _NOTHING
        if staged.files or seen:
            with open_ledger() as ledger:
                batch = _batch(calls, seen, found, options)
                recorded = record_calls(ledger, batch, books, options.clock.now())
        _add_refused(staged, found, recorded.merged)
    return _summary(staged, recorded, selection.unchanged)


def _divided(
    sources: Sequence[Source], options: ImportOptions
) -> tuple[list[Source], list[Source]]:
    """Return the exports of corvus, and all other files.

    Raises:
        ImportRefused: An option would change the records of an export.
    """
    exports = [source for source in sources if source.importer.is_of_records]
    if exports and (options.project or options.provider):
        raise ImportRefused(
            f"{exports[0].path} is an export of corvus, whose records are taken over as they are; "
            "import it without --project and --provider"
        )
    return exports, [source for source in sources if not source.importer.is_of_records]


def _read_exports(
    scratch: duckdb.DuckDBPyConnection,
    sources: Sequence[Source],
    staged: StagingSummary,
    folder: Path,
    meter: Meter,
) -> list[ExportedRows]:
    """Read the exports of corvus; one that cannot be read is a bad line."""
    found: list[ExportedRows] = []
    for number, source in enumerate(sources):
        try:
            with meter.watching(scratch, source.size_bytes):
                rows = read_export(scratch, source, number, folder)
        except (ImportRefused, *UNREADABLE) as fault:
            reason = str(fault) if isinstance(fault, ImportRefused) else reason_of(fault)
            staged.add_bad(source.path, None, reason)
            continue
        finally:
            meter.finish(source.size_bytes)
        found.append(rows)
        name = source.importer.name
        staged.files[name] = staged.files.get(name, 0) + 1
        staged.read_lines += rows.read
        staged.usage_lines += rows.read - len(rows.bad)
        for line, reason in rows.bad:
            staged.add_bad(source.path, line, reason)
    return found


def _batch(
    calls: Path,
    seen: Sequence[ImportedFile],
    found: Sequence[ExportedRows],
    options: ImportOptions,
) -> Batch:
    return Batch(
        calls,
        tuple(seen),
        tuple(rows.rows for rows in found),
        {rows.number: str(rows.source.path.resolve()) for rows in found},
        options.own_store,
        frozenset(name for name in ("project", "provider") if getattr(options, name) is not None),
    )


def _add_refused(
    staged: StagingSummary, found: Sequence[ExportedRows], merged: MergedUsage
) -> None:
    """Say which records of exports the ledger has not taken over, and why."""
    for rows in found:
        refused = [one for one in merged.refused if one.file == rows.number]
        lines = rows.lines_of([one.row for one in refused]) if refused else {}
        for one in refused:
            staged.add_bad(rows.source.path, lines.get(one.row, one.row), one.reason)
        staged.bad_lines += merged.refused_by_file.get(rows.number, 0) - len(refused)


def _importer(options: ImportOptions) -> Importer | None:
    """Return the format of all files; ``None`` recognises each."""
    if options.format is None:
        return generic.IMPORTER if options.columns else None
    if options.format not in FORMATS:
        raise ImportRefused(f"{options.format!r} is no format; choose from {', '.join(FORMATS)}")
    return importer_named(options.format)


def _report(on_progress: OnProgress | None, step: str, total_bytes: int) -> None:
    if on_progress is not None:
        on_progress(ImportProgress(step, total_bytes, total_bytes))


@contextmanager
def _scratch(folder: str) -> Generator[duckdb.DuckDBPyConnection]:
    """Open a database for the lines; what does not fit into memory goes to the folder.

    Raises:
        LedgerError: DuckDB failed in it.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "1GB",
        "temp_directory": folder,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    try:
        with duckdb.connect(config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
    except duckdb.Error as fault:
        reason = clean_message(fault)
        raise LedgerError(f"the import failed, nothing was recorded: {reason}") from fault


def _summary(staged: StagingSummary, recorded: Changes, unchanged: int) -> ImportSummary:
    return ImportSummary(
        files=staged.files,
        read_lines=staged.read_lines,
        usage_lines=staged.usage_lines,
        synthetic=staged.synthetic,
        new=recorded.new,
        updated=recorded.updated,
        duplicate=recorded.duplicate,
        unpriced=recorded.unpriced,
        bad_lines=staged.bad_lines,
        bad=tuple(staged.bad),
        new_cost_nano_usd=recorded.new_cost_nano_usd,
        unpriced_models=recorded.unpriced_models,
        unchanged=unchanged,
        notes=(*staged.notes, *recorded.notes),
        columns=tuple(staged.columns),
    )
