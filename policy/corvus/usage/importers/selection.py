"""Knows which files were imported before, so that only what is new is read (IMP-1).

A file is unchanged when its size and its time of modification are those of the last import; where
they are not, its content decides, so that a renamed or copied file is known too. A log whose lines
each stand for themselves goes on where reading ended; any other file that has changed is read
whole. Nothing here decides what counts: a file that is read twice adds nothing, as each call is
known by its key. Refuses to trust a time of modification so recent that the file may have changed
since.

A file is read whole as well when it is imported with other options, by another version of the
reader, or when calls without a price may have one now.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from corvus.base.time import microseconds, naive_utc
from corvus.ledger.ledger import Ledger
from corvus.usage.importers.importer import Layout
from corvus.usage.importers.model import ImportedFile, ImportedFiles, ImportOptions
from corvus.usage.importers.pricing import PriceHistory
from corvus.usage.importers.sources import Source

READER_VERSION = 2
"""Counts up when a reader reads more, or other things, from the same file."""

_HEAD_BYTES = 4096
_BLOCK_BYTES = 1024 * 1024
_FRESH_NS = 2_000_000_000

_COLUMNS = (
    "file, format, settings, prices, size_bytes, modified_ns, read_bytes, read_lines, "
    "head_hash, content_hash"
)
_EXISTS = "SELECT count(*) > 0 FROM duckdb_tables() WHERE table_name = 'import_file'"
_READ = f"SELECT {_COLUMNS}, epoch_us(imported_at) * 1000 FROM import_file ORDER BY imported_at"  # noqa: S608 - names of this module
_HAS_UNPRICED = """
SELECT coalesce(sum(calls), 0) > 0 FROM usage_record
WHERE surface = 'import' AND cost_nano_usd IS NULL
"""


def imported_files(ledger: Ledger) -> ImportedFiles:
    """Read what a ledger knows of files.

    Raises:
        LedgerError: It cannot be read.
    """
    connection = ledger.connection
    with ledger.explaining():
        if connection.execute(_EXISTS).fetchone() != (True,):
            return ImportedFiles()  # a ledger that was not upgraded yet
        rows = connection.execute(_READ).fetchall()
        has_unpriced = connection.execute(_HAS_UNPRICED).fetchone() == (True,)
    return ImportedFiles(tuple(ImportedFile(*row) for row in rows), has_unpriced)


@dataclass(slots=True)
class Selection:
    """Which sources are read, and how.

    Attributes:
        sources: What is to be read; of a log that has grown a copy of its new end.
        unchanged: How many files are passed over.
        seen: What is to be remembered of files when they are read, by their path.
    """

    sources: list[Source] = field(default_factory=list[Source])
    unchanged: int = 0
    seen: dict[Path, ImportedFile] = field(default_factory=dict[Path, ImportedFile])


class Selector:
    """Chooses what of each file is read.

    Args:
        options: How files are read, and what the ledger knows of them.
        books: Where prices come from.
        folder: A folder for copies; the caller removes it.
    """

    def __init__(self, options: ImportOptions, books: PriceHistory, folder: Path) -> None:
        self._books = books
        self._folder = folder
        self._settings = _settings(options)
        self._now_ns = microseconds(options.clock.now()) * 1000
        self._has_unpriced = options.imported.has_unpriced
        self._by_name = {file.file: file for file in options.imported.files}
        self._by_head: dict[str, list[ImportedFile]] = {}
        for file in options.imported.files:
            self._by_head.setdefault(file.head_hash, []).append(file)

    @cached_property
    def _prices(self) -> str:
        return self._books.version

    def select(self, sources: Sequence[Source]) -> Selection:
        """Choose; a file that cannot be read is left to the stager, which says so."""
        selection = Selection()
        for source in sources:
            try:
                self._select(source, selection)
            except OSError:
                selection.sources.append(source)
        return selection

    def _select(self, source: Source, selection: Selection) -> None:
        if source.file != source.path or source.path.is_symlink():
            selection.sources.append(source)  # what came through a pipe has no second time
            return
        stat = source.file.stat()
        name = str(source.path.resolve())
        latest = self._by_name.get(name)
        if latest and self._is_usable(latest, source) and _is_as_it_was(latest, stat):
            selection.unchanged += 1
            return
        seen = ImportedFile(
            name,
            source.importer.name,
            self._settings,
            self._prices,
            stat.st_size,
            stat.st_mtime_ns,
            imported_ns=self._now_ns,
        )
        self._read(source, seen, selection)

    def _read(self, source: Source, seen: ImportedFile, selection: Selection) -> None:
        """Look at the content of a file, and read of it what is not known."""
        is_log = source.layout is Layout.LINES and source.file.suffix != ".gz"
        with source.file.open("rb") as file:
            whole_bytes = _last_line_end(file, seen.size_bytes) if is_log else seen.size_bytes
            head = _head_hash(file, whole_bytes)
            candidates = [
                earlier
                for earlier in self._by_head.get(head, ())
                if earlier.read_bytes <= whole_bytes and self._is_usable(earlier, source)
            ]
            longest, seen = _compare(file, replace(seen, head_hash=head), whole_bytes, candidates)
        selection.seen[source.path] = seen
        if longest is None:
            selection.sources.append(source)
        elif longest.read_bytes == seen.size_bytes:
            selection.unchanged += 1
        elif is_log and source.importer.is_resumable:
            copy = self._rest(source, longest.read_bytes, len(selection.sources))
            size, line = copy.stat().st_size, longest.read_lines + 1
            selection.sources.append(replace(source, file=copy, size_bytes=size, first_line=line))
        else:
            selection.sources.append(source)

    def _is_usable(self, known: ImportedFile, source: Source) -> bool:
        """Return whether what was read then is what would be read now."""
        if (known.format, known.settings) != (source.importer.name, self._settings):
            return False
        return not self._has_unpriced or known.prices == self._prices

    def _rest(self, source: Source, start: int, number: int) -> Path:
        copy = self._folder / f"rest-{number}.jsonl"
        with source.file.open("rb") as file, copy.open("wb") as target:
            file.seek(start)
            while block := file.read(_BLOCK_BYTES):
                target.write(block)
        return copy


def _is_as_it_was(known: ImportedFile, stat: os.stat_result) -> bool:
    is_old = stat.st_mtime_ns < known.imported_ns - _FRESH_NS
    return is_old and (stat.st_size, stat.st_mtime_ns) == (known.size_bytes, known.modified_ns)


def remember(ledger: Ledger, files: Iterable[ImportedFile], imported_at: datetime) -> None:
    """Keep what was read, in the transaction of what was read from it.

    Args:
        ledger: Open for writing.
        files: The files.
        imported_at: When they were looked for, aware.
    """
    rows = [[getattr(file, name) for name in _COLUMNS.split(", ")] for file in files]
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    unnested = ", ".join("UNNEST(?)" for _ in columns)
    ledger.connection.execute(
        f"INSERT INTO {ledger.table('import_file')} ({_COLUMNS}, imported_at) SELECT {unnested}, ?",
        [*columns, naive_utc(imported_at)],
    )


def _settings(options: ImportOptions) -> str:
    settings = [
        READER_VERSION,
        options.project,
        options.provider,
        sorted(options.columns.items()),
        options.inclusive,
    ]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def _compare(
    file: BinaryIO, seen: ImportedFile, whole_bytes: int, candidates: Sequence[ImportedFile]
) -> tuple[ImportedFile | None, ImportedFile]:
    """Hash a file, and compare it on the way with what is known to begin like it.

    Returns:
        The longest of the candidates that the file begins with, and what was seen.
    """
    longest: ImportedFile | None = None
    digest = hashlib.sha256()
    position = lines = 0
    file.seek(0)
    for end in sorted({candidate.read_bytes for candidate in candidates} | {whole_bytes}):
        while position < end:
            block = file.read(min(_BLOCK_BYTES, end - position))
            if not block:
                raise OSError(None, "became shorter while it was read")
            digest.update(block)
            position += len(block)
            lines += block.count(b"\n")
        found = digest.hexdigest()
        for candidate in candidates:
            if (candidate.read_bytes, candidate.content_hash) == (end, found):
                longest = candidate
    return longest, replace(
        seen, read_bytes=position, read_lines=lines, content_hash=digest.hexdigest()
    )


def _head_hash(file: BinaryIO, size_bytes: int) -> str:
    """Hash the first line, which stays as it is while a log grows; of a long one its beginning."""
    file.seek(0)
    return hashlib.sha256(file.readline(min(_HEAD_BYTES, size_bytes))).hexdigest()


def _last_line_end(file: BinaryIO, size_bytes: int) -> int:
    """Return how many bytes of a file its whole lines have: what is after them may still grow."""
    end = size_bytes
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
