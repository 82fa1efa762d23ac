"""What staging found in the files of an import, besides the lines themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from corvus.usage.importers.model import BAD_LINES_KEPT, NOTES_KEPT, BadLine, FileColumns, Note


@dataclass(slots=True)
class StagingSummary:
    """What staging found.

    Attributes:
        files: Files read, by format.
        bad: The first ``BAD_LINES_KEPT`` bad lines.
        failed: Files of which something could not be read at all.
        notes: The first ``NOTES_KEPT`` things to know of files.
        columns: Which columns were read of files of the generic format, as many at most.
    """

    files: dict[str, int] = field(default_factory=dict[str, int])
    read_lines: int = 0
    usage_lines: int = 0
    synthetic: int = 0
    bad_lines: int = 0
    failed: set[Path] = field(default_factory=set[Path])
    bad: list[BadLine] = field(default_factory=list[BadLine])
    notes: list[Note] = field(default_factory=list[Note])
    columns: list[FileColumns] = field(default_factory=list[FileColumns])

    def note(self, file: Path, text: str, lines: int = 0) -> None:
        """Keep a note while there is room."""
        if len(self.notes) < NOTES_KEPT:
            self.notes.append(Note(file, text, lines))

    def add_bad(self, file: Path, line: int | None, reason: str) -> None:
        """Count a bad line, and keep it while there is room."""
        self.bad_lines += 1
        if line is None:
            self.failed.add(file)
        if len(self.bad) < BAD_LINES_KEPT:
            self.bad.append(BadLine(file, line, reason))
