"""Brings files into one temporary table of lines, ``import_line``, and tells which lines are bad.

Works in batches, so that progress can be shown and memory stays small whatever the number of files.
Nothing here touches ``usage_record``: a failure leaves the ledger as it was.
"""

from __future__ import annotations

import glob
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from policy.errors import ImportRefused
from policy.reporting.importers import claude_code, generic
from policy.reporting.importers.csv_rows import write_as_json
from policy.reporting.importers.lines import copy_readable, last_line, mended, pick
from policy.reporting.importers.model import (
    BAD_LINES_KEPT,
    BadLine,
    Format,
    ImportOptions,
    ImportProgress,
    OnProgress,
)
from policy.reporting.importers.sources import Source
from policy.reporting.importers.statements import (
    COUNT_LINES,
    CREATE_LINES,
    DROP_SUSPECTS,
    FORGET_FILES,
    UNUSABLE_FILES,
)

# NOTE: DuckDB 2.0 takes a buffer of 32 MiB for each file named in one read_json, at once.
_BATCH_FILES = 8
_BATCH_BYTES = 64 * 1024 * 1024
# A statement that is wrong is no property of a file; it must not be told as one.
_OWN_FAULTS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)


@dataclass(slots=True)
class Staged:
    """What staging found.

    Attributes:
        files: Files read, by format.
        bad: The first ``BAD_LINES_KEPT`` bad lines.
    """

    files: dict[Format, int] = field(default_factory=dict[Format, int])
    read_lines: int = 0
    usage_lines: int = 0
    synthetic: int = 0
    bad_lines: int = 0
    bad: list[BadLine] = field(default_factory=list[BadLine])

    def add_bad(self, file: Path, line: int | None, reason: str) -> None:
        """Count a bad line, and keep it while there is room."""
        self.bad_lines += 1
        if len(self.bad) < BAD_LINES_KEPT:
            self.bad.append(BadLine(file, line, reason))


class Stager:
    """Stages files of any format into ``import_line``.

    Args:
        folder: An empty folder for copies; the caller removes it.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, options: ImportOptions, folder: Path
    ) -> None:
        self._connection = connection
        self._options = options
        self._folder = folder
        self._copies = 0
        self._columns = generic.column_map(options.columns)
        self._mended: dict[Format, list[tuple[Path, int, bytes]]] = {one: [] for one in Format}
        # A copy stands in for a source: which one, and the number of each of its lines if they
        # are not those of the source.
        self._originals: dict[str, tuple[Path, array[int] | None]] = {}
        self.staged = Staged()

    def stage(self, sources: Sequence[Source], on_progress: OnProgress) -> Staged:
        """Stage all files; one that cannot be read, or lacks required columns, is a bad line."""
        self._connection.execute(CREATE_LINES)
        total = sum(source.size_bytes for source in sources)
        done = 0
        # The order of lines matters only where they are numbered; without it reading is faster.
        self._connection.execute("SET preserve_insertion_order = false")
        for batch in _batches(sources):
            on_progress(ImportProgress("reading", done, total))
            self._stage_batch(batch)
            done += sum(source.size_bytes for source in batch)
        self._connection.execute("RESET preserve_insertion_order")
        on_progress(ImportProgress("reading", total, total))
        self._explain_unusable(sources)
        self._connection.execute(claude_code.STAGE_ITERATIONS)
        counted = self._connection.execute(COUNT_LINES).fetchone() or (0, 0, 0)
        self.staged.read_lines += counted[0]
        self.staged.usage_lines, self.staged.synthetic = counted[1], counted[2]
        return self.staged

    def _stage_batch(self, batch: list[Source]) -> None:
        readable: list[Path] = []
        for source in batch:
            try:
                readable.append(self._prepared(source))
            except (ImportRefused, OSError) as fault:
                self.staged.add_bad(source.path, None, str(fault))
                continue
            self.staged.files[source.format] = self.staged.files.get(source.format, 0) + 1
        if not readable:
            return
        try:
            self._read(batch[0].format, readable)
        except _OWN_FAULTS:
            raise
        except duckdb.Error:
            # Which of them it was, and why, is only known one by one.
            self._connection.execute(FORGET_FILES, {"names": [str(one) for one in readable]})
            for path in readable:
                self._read_alone(batch[0].format, path)

    def _prepared(self, source: Source) -> Path:
        """Return what DuckDB is to read for a source: the file itself, or a copy as JSON lines."""
        if source.format is Format.CLAUDE_CODE:
            return source.path
        generic.check_columns(source.path, self._columns, is_csv=source.csv)
        if not source.csv:
            return source.path
        copy = self._new_copy()
        numbers, bad = write_as_json(source.path, copy)
        self._originals[str(copy)] = (source.path, numbers)
        self.staged.read_lines += len(bad)
        for number, reason in bad:
            self.staged.add_bad(source.path, number, reason)
        return copy

    def _read_alone(self, form: Format, path: Path) -> None:
        """Read one file of a batch that failed; failing again, a copy without over-long lines."""
        try:
            self._read(form, [path])
        except duckdb.Error:
            self._connection.execute(FORGET_FILES, {"names": [str(path)]})
            copy = self._new_copy()
            try:
                copy_readable(path, copy)
                self._originals[str(copy)] = self._originals.get(str(path), (path, None))
                self._read(form, [copy])
            except (OSError, EOFError, duckdb.Error) as fault:
                reason = getattr(fault, "strerror", None) or str(fault).splitlines()[0]
                self.staged.add_bad(path, None, f"cannot be read: {reason}")

    def _read(self, form: Format, paths: Sequence[Path]) -> None:
        statement = claude_code.STAGE if form is Format.CLAUDE_CODE else generic.STAGE
        self._connection.execute(statement, self._parameters(form, paths))

    def _unusable(self, form: Format, path: Path) -> list[tuple[int, str | None]]:
        """Return position and reason of the lines of a file that could not be used."""
        statement = claude_code.UNUSABLE if form is Format.CLAUDE_CODE else generic.UNUSABLE
        return self._connection.execute(statement, self._parameters(form, [path])).fetchall()

    def _parameters(self, form: Format, paths: Sequence[Path]) -> dict[str, object]:
        parameters: dict[str, object] = {
            # Inside the list, every name is a pattern once more.
            "files": [glob.escape(str(path)) for path in paths],
            "project": self._options.project,
        }
        if form is Format.GENERIC:
            parameters["paths"] = self._columns.paths()
            parameters["tags"] = list(self._columns.tags)
        return parameters

    def _explain_unusable(self, sources: Sequence[Source]) -> None:
        """Number the lines that could not be used, and read again those that are merely unusual."""
        formats = {str(source.path): source.format for source in sources}
        files = self._connection.execute(UNUSABLE_FILES).fetchall()
        self._connection.execute(DROP_SUSPECTS)
        for file, count in files:
            original, numbers = self._originals.get(file, (Path(file), None))
            form = formats[str(original)]
            try:
                if count == 1 and numbers is None and self._is_torn(original):
                    continue
                unusable = self._unusable(form, Path(file))
                if numbers is None:
                    self._explain_file(form, original, unusable)
                else:
                    for ordinal, reason in unusable:
                        self.staged.add_bad(original, numbers[ordinal - 1], reason or "not JSON")
            except (OSError, duckdb.Error) as fault:
                self.staged.add_bad(original, None, f"cannot be read again: {fault}")
        for form, lines in self._mended.items():
            if lines:
                self._stage_mended(form, lines)

    def _is_torn(self, path: Path) -> bool:
        """Tell whether the one unusable line of a file is its last, and report it if so.

        That is the usual case, a log that is still written, and saves reading the file once more.
        """
        number, line = last_line(path)
        text, reason = mended(line)
        if not text:
            self.staged.read_lines += 1
            self.staged.add_bad(path, number, reason)
        return not text

    def _explain_file(
        self, form: Format, path: Path, unusable: list[tuple[int, str | None]]
    ) -> None:
        reasons = {ordinal: reason for ordinal, reason in unusable}
        for ordinal, number, line in pick(path, reasons):
            known = reasons[ordinal]
            if known is not None:
                self.staged.add_bad(path, number, known)
                continue
            text, reason = mended(line)
            if text:
                self._mended[form].append((path, number, text))
            else:
                self.staged.read_lines += 1
                self.staged.add_bad(path, number, reason)

    def _stage_mended(self, form: Format, lines: list[tuple[Path, int, bytes]]) -> None:
        """Stage lines again after mending; one that is still without a type is passed over."""
        copy = self._new_copy()
        copy.write_bytes(b"\n".join(text for _, _, text in lines))
        self._read(form, [copy])
        for ordinal, reason in self._unusable(form, copy):
            if reason is not None:
                path, number, _ = lines[ordinal - 1]
                self.staged.add_bad(path, number, reason)

    def _new_copy(self) -> Path:
        self._copies += 1
        return self._folder / f"{self._copies}.jsonl"


def _batches(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Group neighbouring files of one format, at most so many and so large."""
    batch: list[Source] = []
    for source in sources:
        size = sum(one.size_bytes for one in batch) + source.size_bytes
        if batch and (
            source.format is not batch[0].format
            or len(batch) >= _BATCH_FILES
            or size > _BATCH_BYTES
        ):
            yield batch
            batch = []
        batch.append(source)
    if batch:
        yield batch
