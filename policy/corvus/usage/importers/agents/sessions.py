"""Reads a session whose lines mean something only together, as JSON lines or as one document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from corvus.usage.importers.documents import (
    objects_of_csv,
    objects_of_document,
    objects_of_lines,
)
from corvus.usage.importers.importer import (
    CopyFile,
    CopySummary,
    Notice,
    Object,
    OnBytes,
    write_records,
)
from corvus.usage.importers.lines import numbered_lines, object_of_line


class Session(Protocol):
    """One file: what its objects say, in their order."""

    def take(self, found: Object) -> Iterator[Object | Notice]:
        """Yield the calls of the next object.

        Raises:
            BadRecord: The object cannot be used.
            ImportRefused: The file cannot.
        """
        ...

    def end(self) -> Iterator[Notice]:
        """Yield what there is to say when all of it is read."""
        ...


def copier_of(begin: Callable[[], Session]) -> Callable[[], CopyFile]:
    """Return what copies the files of a format.

    Args:
        begin: Begins a file.
    """

    def write(path: Path, named: Path, target: Path, on_bytes: OnBytes) -> CopySummary:
        del named
        session = begin()
        found = (
            (number, item if isinstance(item, str) else session.take(item))
            for number, item in _objects(path, on_bytes)
        )
        copied = write_records(found, target, CopySummary())
        copied.notes.update(notice.text for notice in session.end())
        return copied

    return lambda: write


def _objects(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, Object | str]]:
    first = next((line for _, line in numbered_lines(path)), None) or b""
    if not isinstance(object_of_line(first or None), str):
        return objects_of_lines(path, on_bytes)
    if first.removeprefix(b"\xef\xbb\xbf").startswith((b"{", b"[")):
        return objects_of_document(path, on_bytes)
    return (objects_of_csv if first else objects_of_lines)(path, on_bytes)
