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
from corvus.usage.importers import FORMATS, generic
from corvus.usage.importers.importer import Importer, importer_named
from corvus.usage.importers.model import (
    ImportOptions,
    ImportProgress,
    ImportSummary,
    OnProgress,
)
from corvus.usage.importers.pricing import PriceHistory
from corvus.usage.importers.recording import Batch, Changes, merged, record_calls
from corvus.usage.importers.selection import Selector
from corvus.usage.importers.sources import find_sources, refuse_nothing
from corvus.usage.importers.staging import Meter, Stager, StagingSummary

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
    generic.column_map(options.columns)  # a wrong map is refused before any file is opened
    refuse_nothing(patterns, wanted)
    with tempfile.TemporaryDirectory(prefix="corvus-import-") as name, _scratch(name) as scratch:
        folder = Path(name)
        sources, unknown = find_sources(patterns, wanted, folder)
        selection = Selector(options, books, folder).select(sources)
        total = sum(source.size_bytes for source in selection.sources)
        stager = Stager(scratch, options, folder)
        for bad in unknown:
            stager.staged.add_bad(bad.file, bad.line, bad.reason)
        calls = folder / "calls.parquet"
        try:
            staged = stager.stage(selection.sources, Meter(on_progress, total))
            _report(on_progress, "merging", total)
            scratch.execute(_EXPORT, {"calls": str(calls)})
        except duckdb.Error as fault:
            reason = clean_message(fault)
            raise LedgerError(f"the import failed, nothing was recorded: {reason}") from fault
        if not staged.files and not selection.unchanged:
            raise ImportRefused("; ".join(str(bad) for bad in staged.bad[:3]))
        _report(on_progress, "recording", total)
        seen = [file for path, file in selection.seen.items() if path not in staged.failed]
        recorded = _NOTHING
        if staged.files or seen:
            with open_ledger() as ledger:
                recorded = record_calls(
                    ledger, Batch(calls, tuple(seen)), books, options.clock.now()
                )
    return _summary(staged, recorded, selection.unchanged)


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
    """Open a database for the lines; what does not fit into memory goes to the folder."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "1GB",
        "temp_directory": folder,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


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
    )
