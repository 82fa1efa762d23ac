"""The files of an archive, and how DuckDB reads those that lie at a URL (LED-4).

DuckDB reads the end of a Parquet file first, which says what columns it has and which instants
each part of it covers. The ledger keeps that end, so a statement that needs nothing of a file is
answered without a connection, and one that does need it fetches the parts that it needs. Refuses to
answer with fewer bytes than a file has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fsspec.spec import AbstractFileSystem

from corvus.ledger.archives.place import ArchiveFault, ArchivePlace, is_url

if TYPE_CHECKING:
    from typing import Any

SCHEME = "corvus-archive"
TAIL_BYTES = 16_384
"""What DuckDB 2.0 reads at the end of a file before anything else; measured, 2026-11-29."""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of the archive.

    Attributes:
        place: URL, or the full path of a file on this machine.
        size_bytes: Of the file; 0 where it was not kept, which are files on this machine alone.
        tail: Its last bytes; empty of a file on this machine.
    """

    place: str
    size_bytes: int = 0
    tail: bytes = b""

    @property
    def is_remote(self) -> bool:
        """Whether it lies at a URL."""
        return is_url(self.place)

    @property
    def source(self) -> str:
        """The file as SQL writes it."""
        name = f"{SCHEME}://{self.place}" if self.is_remote else self.place
        return "'" + name.replace("'", "''") + "'"


class ArchiveFileSystem(AbstractFileSystem):
    """Shows the files of an archive to DuckDB, each by its URL; no other file is there."""

    protocol = SCHEME
    cachable = False

    def __init__(self, files: Iterable[ArchivedFile]) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - fsspec has no types
        self._files: Mapping[str, ArchivedFile] = {file.place: file for file in files}

    def open(  # pyright: ignore[reportIncompatibleMethodOverride] - only what DuckDB calls
        self, path: str, *_: object, **__: object
    ) -> _OpenFile:
        """Open a file for reading."""
        return _OpenFile(self._file(path))

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """Return what is known of a file, without a connection."""
        return {"name": path, "size": self._file(path).size_bytes, "type": "file"}

    def exists(self, path: str, **_: object) -> bool:
        """Return whether a file belongs to the archive."""
        return _place(path) in self._files

    def isfile(self, path: str) -> bool:
        """Return whether a file belongs to the archive."""
        return self.exists(path)

    def glob(  # pyright: ignore[reportIncompatibleMethodOverride] - only what DuckDB calls
        self, path: str, **_: object
    ) -> list[str]:
        """Return the file itself: no name is a pattern."""
        return [path] if self.exists(path) else []

    def modified(self, path: str) -> datetime:
        """Return a constant: a file never changes."""
        return datetime(2026, 1, 1, tzinfo=UTC)

    def _file(self, path: str) -> ArchivedFile:
        if (file := self._files.get(_place(path))) is None:
            raise FileNotFoundError(path)
        return file


class _OpenFile:
    """An open file: the tail comes from the ledger, all before it from the archive."""

    def __init__(self, file: ArchivedFile) -> None:
        self._file = file
        self._at = 0
        self.closed = False

    def read(self, count: int = -1) -> bytes:
        """Read bytes; fewer only at the end of the file."""
        start, size = self._at, self._file.size_bytes
        end = size if count < 0 else min(start + count, size)
        self._at = max(start, end)
        border = size - len(self._file.tail)
        if start >= border:
            return self._file.tail[start - border : end - border]
        fetched = ArchivePlace.holding(self._file.place).read(self._file.place, start, end)
        if len(fetched) != end - start:
            raise ArchiveFault(f"{self._file.place} is not as it was written: it is too short")
        return fetched

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset from the start, from here, or from the end."""
        self._at = offset + (0, self._at, self._file.size_bytes)[whence]
        return self._at

    def tell(self) -> int:
        """Return the offset."""
        return self._at

    def seekable(self) -> bool:
        """Return whether it can be read in any order."""
        return True

    def readable(self) -> bool:
        """Return whether it can be read."""
        return not self.closed

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def close(self) -> None:
        """Close it."""
        self.closed = True


def tail_of(file: Path) -> bytes:
    """Return the end of a Parquet file that DuckDB reads before anything else.

    Raises:
        OSError: It cannot be read.
    """
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - 8))
        footer = int.from_bytes(opened.read(4), "little") + 8
        opened.seek(max(0, size - max(TAIL_BYTES, footer)))
        return opened.read()


def tail_at(url: str, size_bytes: int) -> bytes:
    """Return the same of a file at a URL.

    Raises:
        ArchiveFault: It cannot be had.
    """
    place = ArchivePlace.holding(url)
    footer = int.from_bytes(place.read(url, max(0, size_bytes - 8), size_bytes)[:4], "little") + 8
    return place.read(url, max(0, size_bytes - max(TAIL_BYTES, footer)), size_bytes)


def _place(path: str) -> str:
    return path.removeprefix(f"{SCHEME}://")
