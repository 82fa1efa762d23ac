"""Finds reports: the shipped ones and those of a user's own folder, by name (REP-1, REP-3).

A name is the path below the folder without ``.sql``: ``spend/by-model``; ``by-model`` alone will
do while it is unique. A user's file shadows the shipped one of the same name. Names are looked up
among the files found, so that none can lead out of the folders. A broken file is refused when it
is run; it never hides the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from corvus.base.errors import ReportInvalid, ReportNotFound
from corvus.base.resources import shipped
from corvus.reporting.header import Header, parse_header

_MAX_BYTES = 1_048_576
_MAX_DEPTH = 4


@dataclass(frozen=True)
class Report:
    """One report file.

    Attributes:
        name: Full name, such as ``spend/by-model``.
        origin: ``shipped`` with corvus, or the ``user``'s own.
        file: Name of the file for messages.
        fault: Why the file cannot be read, if it cannot.
    """

    name: str
    origin: Literal["shipped", "user"]
    file: str
    content: bytes
    fault: str = ""

    @cached_property
    def sql(self) -> str:
        """The text of the file.

        Raises:
            ReportInvalid: It cannot be read, is larger than 1 MiB or not UTF-8.
        """
        if self.fault:
            raise ReportInvalid(f"{self.file}: {self.fault}")
        if len(self.content) > _MAX_BYTES:
            raise ReportInvalid(f"{self.file}: a report is 1 MiB at most")
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            raise ReportInvalid(f"{self.file}:{line}: the file is not UTF-8") from None

    @cached_property
    def header(self) -> Header:
        """The contract that the file declares.

        Raises:
            ReportInvalid: The header breaks a rule.
        """
        return parse_header(self.sql, self.file)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All reports that can be run, by full name, sorted."""

    reports: Mapping[str, Report]

    def find(self, name: str) -> Report:
        """Return the report of a full name, or of a short name that is unique.

        Raises:
            ReportNotFound: No report, or more than one, has the name.
        """
        if name in self.reports:
            return self.reports[name]
        fitting = [full for full in self.reports if full.rpartition("/")[2] == name]
        if len(fitting) == 1:
            return self.reports[fitting[0]]
        if fitting:
            raise ReportNotFound(f"{name!r} names several reports: {', '.join(fitting)}")
        raise ReportNotFound(f"there is no report {name!r}{self._hint(name)}")

    def _hint(self, name: str) -> str:
        shorts = {full.rpartition("/")[2]: full for full in self.reports}
        near = get_close_matches(name, [*self.reports, *shorts], n=1, cutoff=0.65)
        if near:
            return f"; did you mean {shorts.get(near[0], near[0])}?"
        return f" (there are: {', '.join(self.reports) or 'none'})"


def load_catalog(folder: Path | None = None) -> Catalog:
    """Collect the shipped reports and those of a folder.

    Args:
        folder: A user's own folder of ``.sql`` files, at most four levels deep.

    Raises:
        ReportNotFound: The folder does not exist or cannot be read.
    """
    found = dict(_shipped_reports())
    if folder is not None:
        if not os.path.isdir(folder):
            raise ReportNotFound(f"--reports-dir {folder} is no folder")
        try:
            found |= {report.name: report for report in _reports(folder, "user")}
        except OSError as error:
            raise ReportNotFound(f"cannot read {folder}: {error.strerror}") from None
    return Catalog(dict(sorted(found.items())))


@cache
def _shipped_reports() -> Mapping[str, Report]:
    """Read what corvus ships once: it does not change while a process runs."""
    return {report.name: report for report in _reports(shipped("reports"), "shipped")}


def _reports(folder: Traversable, origin: Literal["shipped", "user"]) -> Iterator[Report]:
    for name, entry in _files(folder, "", _MAX_DEPTH):
        file = str(entry) if origin == "user" else f"reports/{name}.sql"
        try:
            content = entry.read_bytes() if entry.is_file() else None
        except OSError as error:
            yield Report(name, origin, file, b"", f"cannot be read: {error.strerror}")
        else:
            fault = "is no file" if content is None else ""
            yield Report(name, origin, file, content or b"", fault)


def _files(folder: Traversable, prefix: str, depth: int) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if depth > 1:
                yield from _files(entry, f"{prefix}{entry.name}/", depth - 1)
        elif entry.name.endswith(".sql"):
            yield f"{prefix}{entry.name.removesuffix('.sql')}", entry
