"""Brings files into one temporary table of lines, ``import_line``, and finds the bad ones.

Works in batches, so that progress can be shown and memory stays small whatever the number of files.
It has a database of its own: the ledger is not even open while files are read.
"""

from __future__ import annotations

import glob
import threading
import time
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import duckdb

from corvus.base.errors import ImportRefused
from corvus.usage.importers import claude_code, generic
from corvus.usage.importers.documents import Copier
from corvus.usage.importers.importer import Importer, Layout, importers
from corvus.usage.importers.lines import (
    MAX_LINE_BYTES,
    copy_readable,
    last_line,
    mended,
    pick,
)
from corvus.usage.importers.model import (
    BAD_LINES_KEPT,
    BadLine,
    ImportOptions,
    ImportProgress,
    OnProgress,
)
from corvus.usage.importers.sources import UNREADABLE, Source, reason_of
from corvus.usage.importers.statements import (
    COUNT_LINES,
    CREATE_LINES,
    DROP_SUSPECTS,
    FORGET_FILES,
    UNUSABLE_FILES,
)

_SECONDS = 0.1
"""How often progress is reported at most."""


class _Pass(NamedTuple):
    """One way to read a batch: how many files at once, and the longest line.

    NOTE: DuckDB 2.0 takes twice the longest line as a buffer for each file named, at once; and each
    statement costs as much as reading ten small files.
    """

    files: int
    line_bytes: int


_PASSES = (_Pass(256, 1024 * 1024), _Pass(8, MAX_LINE_BYTES), _Pass(1, MAX_LINE_BYTES))
_BATCH_BYTES = 64 * 1024 * 1024
# A statement that is wrong is no property of a file; it must not be reported as one.
_OWN_FAULTS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)


class _Reading(NamedTuple):
    """What DuckDB reads for a source: the file itself, or a copy of it as JSON lines.

    ``numbers`` are those of the lines of a copy, if they are not those of the source.
    """

    source: Source
    file: Path
    numbers: array[int] | None


@dataclass(slots=True)
class StagingSummary:
    """What staging found.

    Attributes:
        files: Files read, by format.
        bad: The first ``BAD_LINES_KEPT`` bad lines.
        failed: Files of which something could not be read at all.
    """

    files: dict[str, int] = field(default_factory=dict[str, int])
    read_lines: int = 0
    usage_lines: int = 0
    synthetic: int = 0
    bad_lines: int = 0
    failed: set[Path] = field(default_factory=set[Path])
    bad: list[BadLine] = field(default_factory=list[BadLine])

    def add_bad(self, file: Path, line: int | None, reason: str) -> None:
        """Count a bad line, and keep it while there is room."""
        self.bad_lines += 1
        if line is None:
            self.failed.add(file)
        if len(self.bad) < BAD_LINES_KEPT:
            self.bad.append(BadLine(file, line, reason))


class _Progressing(Protocol):
    """What a meter needs of a DuckDB connection."""

    def execute(self, query: str) -> object:
        """Run a statement."""
        ...

    def query_progress(self) -> float:
        """Return percent of the running statement, or less than 0 when unknown."""
        ...


class Meter:
    """Counts and reports the bytes read of all files, within a large one too; they never decrease.

    What Python reads is counted as it is read. How far DuckDB is, a thread finds out, as the
    statement holds the caller; without anyone to report to, there is no thread.

    Args:
        on_progress: Called with what is read; ``None`` reports nothing.
        total_bytes: Size of all files together, packed ones as they are.
    """

    def __init__(self, on_progress: OnProgress | None, total_bytes: int) -> None:
        self._on_progress = on_progress
        self._total = total_bytes
        self._finished = 0
        self._reported = 0
        self._reported_at = 0.0

    def finish(self, size_bytes: int) -> None:
        """Report that so many more bytes are read."""
        self._finished += size_bytes
        self._report(self._finished)

    def within(self, read_bytes: int) -> None:
        """Report, now and then, how much of what is being read is read."""
        now = time.monotonic()
        if now - self._reported_at >= _SECONDS:
            self._reported_at = now
            self._report(self._finished + read_bytes)

    @contextmanager
    def watching(self, connection: _Progressing, size_bytes: int) -> Generator[None]:
        """Report from a thread how far a connection is with what it reads, while the block runs."""
        if self._on_progress is None:
            yield
            return
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(_SECONDS):
                percent = min(max(connection.query_progress(), 0.0), 100.0)
                self.within(int(size_bytes * percent / 100))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _report(self, read_bytes: int) -> None:
        self._reported = max(self._reported, min(read_bytes, self._total))
        if self._on_progress is not None:
            self._on_progress(ImportProgress("reading", self._reported, self._total))


class Stager:
    """Stages files of any format into ``import_line``.

    Args:
        connection: A database of its own.
        folder: A folder for copies; the caller removes it.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, options: ImportOptions, folder: Path
    ) -> None:
        self._connection = connection
        self._options = options
        self._folder = folder
        self._copies = 0
        self._columns = generic.column_map(options.columns)
        self._copier = Copier(connection)
        self._mended: dict[Importer, list[tuple[Path, int, bytes]]] = {
            importer: [] for importer in importers()
        }
        self._readings: dict[str, _Reading] = {}
        self.staged = StagingSummary()

    def stage(self, sources: Sequence[Source], meter: Meter) -> StagingSummary:
        """Stage all files; one that cannot be read, or lacks required columns, is a bad line."""
        self._connection.execute(CREATE_LINES)
        # The order of lines matters only where they are numbered; without it reading is faster.
        self._connection.execute("SET preserve_insertion_order = false")
        for batch in _batches(sources):
            self._stage_batch(batch, meter)
        self._connection.execute("RESET preserve_insertion_order")
        self._explain_unusable()
        self._connection.execute(claude_code.STAGE_ITERATIONS)
        counted = self._connection.execute(COUNT_LINES).fetchone() or (0, 0, 0)
        self.staged.read_lines += counted[0]
        self.staged.usage_lines, self.staged.synthetic = counted[1], counted[2]
        return self.staged

    def _stage_batch(self, batch: list[Source], meter: Meter) -> None:
        meter.finish(0)
        readable: list[Path] = []
        left_bytes = sum(source.size_bytes for source in batch)
        for source in batch:
            try:
                readable.append(self._prepared(source, meter))
            except (ImportRefused, *UNREADABLE) as fault:
                reason = str(fault) if isinstance(fault, ImportRefused) else reason_of(fault)
                self.staged.add_bad(source.path, None, reason)
                continue
            name = source.importer.name
            self.staged.files[name] = self.staged.files.get(name, 0) + 1
            if source.is_copied:
                meter.finish(source.size_bytes // 2)
                left_bytes -= source.size_bytes // 2
        if readable:
            with meter.watching(self._connection, left_bytes):
                self._read(batch[0].importer, readable, 0)
        meter.finish(left_bytes)

    def _prepared(self, source: Source, meter: Meter) -> Path:
        """Return what DuckDB is to read for a source: the file itself, or a copy of its records."""
        reading = _Reading(source, source.file, None)
        if source.is_copied:
            reading = self._copied(source, meter)
        if source.importer is generic.IMPORTER:
            is_table = source.layout in {Layout.CSV, Layout.PARQUET}
            generic.check_columns(reading.file, self._columns, is_csv=is_table)
        self._readings[str(reading.file)] = reading
        return reading.file

    def _copied(self, source: Source, meter: Meter) -> _Reading:
        copy = self._new_copy()
        # Copying a file takes about as long as reading the copy.
        copied = self._copier.copy(source, copy, lambda read_bytes: meter.within(read_bytes // 2))
        self.staged.read_lines += len(copied.bad) + copied.other
        for number, reason in copied.bad:
            self.staged.add_bad(source.path, number, reason)
        return _Reading(source, copy, copied.numbers)

    def _read(self, importer: Importer, paths: Sequence[Path], number: int) -> None:
        """Read files at once; where that fails, in smaller groups, to know which of them it was."""
        how = _PASSES[number]
        for start in range(0, len(paths), how.files):
            group = paths[start : start + how.files]
            try:
                self._execute(importer, group, how.line_bytes)
            except _OWN_FAULTS:
                raise
            except duckdb.Error:
                self._connection.execute(FORGET_FILES, {"names": [str(path) for path in group]})
                if number + 1 < len(_PASSES):
                    self._read(importer, group, number + 1)
                else:
                    self._read_mended(importer, group[0])

    def _read_mended(self, importer: Importer, path: Path) -> None:
        """Read a copy of a file without its over-long lines, as the file itself failed."""
        reading = self._readings[str(path)]
        copy = self._new_copy()
        try:
            copy_readable(path, copy)
            self._readings[str(copy)] = _Reading(reading.source, copy, reading.numbers)
            self._execute(importer, [copy], MAX_LINE_BYTES)
        except (*UNREADABLE, duckdb.Error) as fault:
            self.staged.add_bad(reading.source.path, None, f"cannot be read: {reason_of(fault)}")

    def _execute(self, importer: Importer, paths: Sequence[Path], line_bytes: int) -> None:
        statement = importer.statement or generic.STATEMENT
        self._connection.execute(statement.stage, self._parameters(importer, paths, line_bytes))

    def _unusable(self, importer: Importer, path: Path) -> list[tuple[int, str | None]]:
        """Return position and reason of the lines of a file that could not be used."""
        statement = importer.statement or generic.STATEMENT
        parameters = self._parameters(importer, [path], MAX_LINE_BYTES)
        return self._connection.execute(statement.unusable, parameters).fetchall()

    def _parameters(
        self, importer: Importer, paths: Sequence[Path], line_bytes: int
    ) -> dict[str, object]:
        parameters: dict[str, object] = {
            # Inside the list, every name is a pattern once more.
            "files": [glob.escape(str(path)) for path in paths],
            "largest": line_bytes,
            "project": self._options.project,
            "provider": self._options.provider,
        }
        if importer.statement in {None, generic.STATEMENT}:
            is_generic = importer is generic.IMPORTER
            columns = self._columns
            if not is_generic:  # each field stands under its own name
                columns = generic.ColumnMap({}, {tag: tag for tag in importer.tags})
            parameters["paths"] = columns.paths()
            parameters["tags"] = list(columns.tags)
            parameters["inclusive"] = self._options.inclusive and is_generic
            parameters["origin"] = None if is_generic else importer.name
        return parameters

    def _explain_unusable(self) -> None:
        """Number the lines that could not be used, and read again those that are merely unusual."""
        files = self._connection.execute(UNUSABLE_FILES).fetchall()
        self._connection.execute(DROP_SUSPECTS)
        for file, count in files:
            reading = self._readings[file]
            try:
                if count == 1 and reading.numbers is None and self._is_torn(reading):
                    continue
                unusable = self._unusable(reading.source.importer, Path(file))
                if reading.numbers is None:
                    self._explain_file(reading, unusable)
                else:
                    for ordinal, reason in unusable:
                        number = reading.numbers[ordinal - 1]
                        self.staged.add_bad(reading.source.path, number, reason or "not JSON")
            except (*UNREADABLE, duckdb.Error) as fault:
                reason = f"cannot be read again: {reason_of(fault)}"
                self.staged.add_bad(reading.source.path, None, reason)
        for importer, lines in self._mended.items():
            if lines:
                self._stage_mended(importer, lines)

    def _is_torn(self, reading: _Reading) -> bool:
        """Return whether the one unusable line of a file is its last, and report it if so.

        That is the usual case, a log that is still written, and saves reading the file once more.
        """
        number, line = last_line(reading.source.file)
        text, reason = mended(line)
        if not text:
            self.staged.read_lines += 1
            number += reading.source.first_line - 1
            self.staged.add_bad(reading.source.path, number, reason)
        return not text

    def _explain_file(self, reading: _Reading, unusable: list[tuple[int, str | None]]) -> None:
        reasons = {ordinal: reason for ordinal, reason in unusable}
        path = reading.source.path
        for ordinal, found, line in pick(reading.source.file, reasons):
            number = found + reading.source.first_line - 1
            known = reasons[ordinal]
            if known is not None:
                self.staged.add_bad(path, number, known)
                continue
            text, reason = mended(line)
            if text:
                self._mended[reading.source.importer].append((path, number, text))
            else:
                self.staged.read_lines += 1
                self.staged.add_bad(path, number, reason)

    def _stage_mended(self, importer: Importer, lines: list[tuple[Path, int, bytes]]) -> None:
        """Stage lines again after mending; one that is still without a type is passed over."""
        copy = self._new_copy()
        copy.write_bytes(b"\n".join(text for _, _, text in lines))
        self._execute(importer, [copy], MAX_LINE_BYTES)
        for ordinal, reason in self._unusable(importer, copy):
            if reason is not None:
                path, number, _ = lines[ordinal - 1]
                self.staged.add_bad(path, number, reason)

    def _new_copy(self) -> Path:
        self._copies += 1
        return self._folder / f"{self._copies}.jsonl"


def _batches(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Group neighbouring files of one format, at most so many and so large."""
    batch: list[Source] = []
    size = 0
    for source in sources:
        if batch and (
            source.importer is not batch[0].importer
            or len(batch) >= _PASSES[0].files
            or size + source.size_bytes > _BATCH_BYTES
        ):
            yield batch
            batch, size = [], 0
        batch.append(source)
        size += source.size_bytes
    if batch:
        yield batch
