"""Imports usage recorded elsewhere: find the files, stage their lines, add the calls (IMP-1)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from policy.errors import ImportRefused, LedgerError
from policy.ledger.ledger import Ledger
from policy.reporting.importers.generic import column_map
from policy.reporting.importers.model import (
    ImportOptions,
    ImportProgress,
    ImportSummary,
    OnProgress,
)
from policy.reporting.importers.pricing import PriceHistory
from policy.reporting.importers.recording import record_calls
from policy.reporting.importers.sources import find_sources
from policy.reporting.importers.staging import Stager


def import_usage(
    ledger: Ledger,
    sources: Sequence[str | Path],
    books: PriceHistory,
    *,
    options: ImportOptions | None = None,
    on_progress: OnProgress | None = None,
) -> ImportSummary:
    """Import the calls of agent logs and usage exports, each exactly once.

    A bad line is reported with its number and skipped, never fatal. Nothing is recorded until
    everything is read, and then all of it or nothing.

    Args:
        ledger: Open for writing.
        sources: Files, directories (searched recursively) or globs.
        books: Where prices come from.
        options: How to read the files; by default each is recognised.
        on_progress: Called after each batch of files.

    Raises:
        ImportRefused: A source matches no file, or no file could be read at all.
        LedgerError: The ledger could not be written.
    """
    options = options or ImportOptions()
    column_map(options.columns)  # a wrong map is refused before any file is opened
    found, unknown = find_sources(sources, options.format)
    tell = on_progress or _silent
    with tempfile.TemporaryDirectory(prefix="corvus-import-") as folder:
        stager = Stager(ledger.connection, options, Path(folder))
        for bad in unknown:
            stager.staged.add_bad(bad.file, bad.line, bad.reason)
        try:
            staged = stager.stage(found, tell)
        except duckdb.Error as fault:
            reason = str(fault).strip().splitlines()[0]
            raise LedgerError(f"the import failed, nothing was recorded: {reason}") from fault
    if not staged.files:
        raise ImportRefused("; ".join(str(bad) for bad in staged.bad[:3]))
    total = sum(source.size_bytes for source in found)
    tell(ImportProgress("recording", total, total))
    recorded = record_calls(ledger, books)
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
    )


def _silent(progress: ImportProgress) -> None:
    """Tell nobody."""
