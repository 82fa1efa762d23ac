"""The options of an import and its summary; knows neither DuckDB nor files' contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from corvus.base.time import Clock, SystemClock

BAD_LINES_KEPT = 1_000
"""How many bad lines a summary lists; all of them are counted."""

NOTES_KEPT = 1_000
"""How many notes a summary lists."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """How much of a file was imported: a row of ``import_file``, whose units are there."""

    file: str
    format: str
    settings: str
    prices: str
    size_bytes: int
    modified_ns: int
    read_bytes: int = 0
    read_lines: int = 0
    head_hash: str = ""
    content_hash: str = ""
    imported_ns: int = 0


@dataclass(frozen=True, slots=True)
class ImportedFiles:
    """What a ledger knows of files.

    Attributes:
        files: In order of import, the latest last.
        has_unpriced: Whether a call that was imported has no price.
    """

    files: tuple[ImportedFile, ...] = ()
    has_unpriced: bool = False


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read the sources.

    Attributes:
        format: Name of the format of all files; ``None`` recognises each by itself.
        columns: For the generic format: field of the usage record (``input_tokens``, ``tags.team``)
            → column or dotted path in the file. A field not named here is read from the column of
            its own name.
        project: The project of every imported call; ``None`` takes it from the file.
        provider: Who bills every imported call; ``None`` takes it from the file, or from the name
            of the model.
        inclusive: For the generic format: whether counts of input include what was cached, and
            counts of output reasoning, as OpenAI and OpenTelemetry count; they are made disjoint.
            ``None`` finds it out for each call.
        clock: Says when the import is recorded.
        imported: What the ledger knows of files; what it has of them is not read again.
        own_store: Id of the store next to the ledger, if there is one: what that has recorded comes
            by draining, never by a file.
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    project: str | None = None
    provider: str | None = None
    inclusive: bool | None = None
    clock: Clock = field(default_factory=SystemClock)
    imported: ImportedFiles = ImportedFiles()
    own_store: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was skipped, or a file that could not be read at all.

    Attributes:
        line: Its number, from 1; ``None`` for the whole file.
    """

    file: Path
    line: int | None
    reason: str

    def __str__(self) -> str:
        """Return ``file:line: reason``."""
        place = f"{self.file}:{self.line}" if self.line is not None else f"{self.file}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know of a file that makes no line bad.

    Attributes:
        file: The file; ``None`` for the whole import.
        lines: How many of its lines, or calls, it is about; 0 for the file as a whole.
    """

    file: Path | None
    text: str
    lines: int = 0


@dataclass(frozen=True, slots=True)
class FileColumns:
    """Which columns of a file of the generic format were read.

    Attributes:
        used: Column by field.
        unused: Columns that nothing reads.
        doubtful: Those that look like usage all the same.
    """

    file: Path
    used: Mapping[str, str]
    unused: tuple[str, ...]
    doubtful: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import read and what it changed (IMP-1).

    Attributes:
        files: Files read, by format.
        unchanged: Files not read, as nothing in them is new.
        read_lines: Lines that are not blank.
        usage_lines: Lines that report usage of a call, repeated snapshots included.
        synthetic: Messages that the client made up itself, such as API errors; they used nothing.
        new: Calls recorded now for the first time.
        updated: Calls already in the ledger of which more is known now: later counts, an earlier
            beginning, a price.
        duplicate: Calls already in the ledger, unchanged.
        unpriced: Calls among ``new`` and ``updated`` whose cost is unknown (PRC-5).
        bad_lines: Lines and files skipped.
        bad: The first ``BAD_LINES_KEPT`` of them.
        new_cost_nano_usd: What the ledger's known spend grew by.
        unpriced_models: Provider, model and number of the ``unpriced`` calls.
        notes: What else is to be known, the first ``NOTES_KEPT`` of it.
        columns: Which columns were read, of the first ``NOTES_KEPT`` files of the generic format.
    """

    files: Mapping[str, int]
    read_lines: int
    usage_lines: int
    synthetic: int
    new: int
    updated: int
    duplicate: int
    unpriced: int
    bad_lines: int
    bad: tuple[BadLine, ...]
    new_cost_nano_usd: int
    unpriced_models: tuple[tuple[str, str, int], ...] = ()
    unchanged: int = 0
    notes: tuple[Note, ...] = ()
    columns: tuple[FileColumns, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        step: ``reading``, ``merging`` or ``recording``.
        done_bytes: Bytes of the sources read so far, <= ``total_bytes``.
    """

    step: str
    done_bytes: int
    total_bytes: int


OnProgress: TypeAlias = Callable[[ImportProgress], None]
