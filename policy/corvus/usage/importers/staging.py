"""Brings files into one temporary table of lines, ``import_line``, and finds the bad ones.

Works in batches, so that progress can be shown and memory stays small whatever the number of files.
It has a database of its own: the ledger is not even open while files are read.
"""

from __future__ import annotations

import glob
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from corvus.base.errors import ImportRefused
from corvus.usage.importers import claude_code, generic
from corvus.usage.importers.column_search import ColumnSearch, text_of
from corvus.usage.importers.columns import READ, ColumnMap, path_of
from corvus.usage.importers.contents import describe_contents
from corvus.usage.importers.documents import Copier
from corvus.usage.importers.findings import StagingSummary
from corvus.usage.importers.importer import Importer, Layout, importers
from corvus.usage.importers.lines import (
    MAX_LINE_BYTES,
    copy_readable,
    last_line,
    mended,
    pick,
)
from corvus.usage.importers.meter import Meter
from corvus.usage.importers.model import (
    ImportOptions,
)
from corvus.usage.importers.sources import UNREADABLE, Source, reason_of
from corvus.usage.importers.statements import (
    COUNT_CALLS,
    COUNT_LINES,
    COUNT_REMARKS,
    CREATE_LINES,
    DROP_SUSPECTS,
    FORGET_FILES,
    UNUSABLE_FILES,
)


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

    Attributes:
        numbers: Those of the lines of a copy, if they are not those of the source.
        columns: For the generic format, where each field stands.
    """

    source: Source
    file: Path
    numbers: array[int] | None
    columns: ColumnMap = ColumnMap()


class Stager:
    """Stages files of any format into ``import_line``.

    Args:
        connection: A database of its own.
        folder: A folder for copies; the caller removes it.
        staged: What was found so far, and gets what is found.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        options: ImportOptions,
        folder: Path,
        staged: StagingSummary,
    ) -> None:
        self._connection = connection
        self._options = options
        self._folder = folder
        self._copies = 0
        self._copier = Copier(connection)
        self._mended: dict[Importer, list[tuple[Path, int, bytes]]] = {
            importer: [] for importer in importers()
        }
        self._readings: dict[str, _Reading] = {}
        self._sources: list[Source] = []
        self.staged = staged
        self._search = ColumnSearch(connection, options.columns, self.staged)

    def stage(self, sources: Sequence[Source], meter: Meter) -> None:
        """Stage all files; one that cannot be read, or lacks required columns, is a bad line."""
        self._connection.execute(CREATE_LINES)
        # The order of lines matters only where they are numbered; without it reading is faster.
        self._connection.execute("SET preserve_insertion_order = false")
        for batch in _batches(sources):
            self._stage_batch(batch, meter)
        self._connection.execute("RESET preserve_insertion_order")
        self._explain_unusable()
        claude_code.complete(self._connection)
        counted = self._connection.execute(COUNT_LINES).fetchone() or (0, 0, 0)
        self.staged.read_lines += counted[0]
        self.staged.usage_lines, self.staged.synthetic = counted[1], counted[2]
        self._note_remarks()
        self._note_files_without_calls()

    def _stage_batch(self, batch: list[Source], meter: Meter) -> None:
        meter.finish(0)
        readable: list[Path] = []
        left_bytes = sum(source.size_bytes for source in batch)
        for source in batch:
            try:
                readable.append(self._prepared(source, meter))
            except (ImportRefused, *UNREADABLE) as fault:
                self._pass_over(source, fault)
                continue
            self._sources.append(source)
            name = source.importer.name
            self.staged.files[name] = self.staged.files.get(name, 0) + 1
            if source.is_copied:
                meter.finish(source.size_bytes // 2)
                left_bytes -= source.size_bytes // 2
        if readable:
            with meter.watching(self._connection, left_bytes):
                for alike in self._alike(readable):
                    self._read(batch[0].importer, alike, 0)
        meter.finish(left_bytes)

    def _pass_over(self, source: Source, fault: BaseException) -> None:
        if isinstance(fault, ImportRefused) and source.is_guess:
            self.staged.note(source.path, f"not read, as corvus knows no usage in it: {fault}")
            return
        reason = str(fault) if isinstance(fault, ImportRefused) else reason_of(fault)
        self.staged.add_bad(source.path, None, reason)

    def _alike(self, paths: Sequence[Path]) -> list[list[Path]]:
        """Group files whose fields stand in the same places."""
        groups: dict[str, list[Path]] = {}
        for path in paths:
            columns = self._readings[str(path)].columns
            same = (columns.paths(), columns.tags, columns.doubtful, columns.includes)
            groups.setdefault(repr((same, columns.stating)), []).append(path)
        return list(groups.values())

    def _prepared(self, source: Source, meter: Meter) -> Path:
        """Return what DuckDB is to read for a source: the file itself, or a copy of its records."""
        reading = _Reading(source, source.file, None)
        if source.is_copied:
            reading = self._copied(source, meter)
        if source.importer is generic.IMPORTER:
            is_table = source.layout in {Layout.CSV, Layout.PARQUET}
            columns = self._search.find(source.path, reading.file, is_table=is_table)
            reading = reading._replace(columns=columns)
        self._readings[str(reading.file)] = reading
        return reading.file

    def _copied(self, source: Source, meter: Meter) -> _Reading:
        copy = self._new_copy()
        # Copying a file takes about as long as reading the copy.
        copied = self._copier.copy(source, copy, lambda read_bytes: meter.within(read_bytes // 2))
        self.staged.read_lines += len(copied.bad) + copied.other
        for number, reason in copied.bad:
            self.staged.add_bad(source.path, number, reason)
        for text, lines in copied.notes.items():
            self.staged.note(source.path, text, lines)
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
            self._readings[str(copy)] = reading._replace(file=copy)
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
            parameters |= self._places(importer, self._readings[str(paths[0])].columns)
        return parameters

    def _places(self, importer: Importer, columns: ColumnMap) -> dict[str, object]:
        """Return where the fields of records stand, for the statement of the generic format."""
        is_generic = importer is generic.IMPORTER
        if not is_generic:  # each field stands under its own name
            columns = ColumnMap(tags={tag: (tag,) for tag in importer.tags})
        names = READ
        return {
            "paths": columns.paths(),
            "tags": list(columns.tags),
            "doubtful": [path_of(one.place) for one in columns.doubtful],
            "twins": [names.index(one.twin) + 1 if one.twin else 0 for one in columns.doubtful],
            "stating": [path_of(place) for place in columns.stating],
            "inclusive": self._options.inclusive if is_generic else False,
            "input_includes": columns.includes[0],
            "output_includes": columns.includes[1],
            "origin": None if is_generic else importer.name,
        }

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
        by_path: dict[Path, list[tuple[int, bytes]]] = {}
        for path, number, text in lines:
            by_path.setdefault(path, []).append((number, text))
        readings = {reading.source.path: reading for reading in self._readings.values()}
        for path, found in by_path.items():
            copy = self._new_copy()
            copy.write_bytes(b"\n".join(text for _, text in found))
            self._readings[str(copy)] = readings[path]._replace(file=copy)
            self._execute(importer, [copy], MAX_LINE_BYTES)
            for ordinal, reason in self._unusable(importer, copy):
                if reason is not None:
                    self.staged.add_bad(path, found[ordinal - 1][0], reason)

    def _note_remarks(self) -> None:
        for file, remark, lines in self._connection.execute(COUNT_REMARKS).fetchall():
            reading = self._readings[file]
            self.staged.note(reading.source.path, text_of(remark, reading.columns), lines)

    def _note_files_without_calls(self) -> None:
        counted: Mapping[str, int] = dict(self._connection.execute(COUNT_CALLS).fetchall())
        with_calls = {self._readings[file].source.path for file in counted}
        for source in self._sources:
            if source.path not in with_calls and source.first_line == 1:
                self.staged.note(source.path, describe_contents(source))

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
