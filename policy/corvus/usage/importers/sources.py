"""Which files an import reads, in which format each is, and how its records are laid out.

Reads only the beginnings of files. Does not guess: a file that looks like nothing known has no
layout.
"""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from corvus.base.errors import ImportRefused
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    PARQUET_SUFFIX,
    Importer,
    Layout,
    importers,
)
from corvus.usage.importers.model import BadLine

STDIN = "-"
_HEAD_BYTES = 65_536
_LOG_SUFFIXES = frozenset({".jsonl"})
"""Suffixes of the files that are read in a folder when no format is named."""
_PARQUET = b"PAR1"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PACKED = "packed with zstd; unpack it first: zstd -d FILE"
_BOM = b"\xef\xbb\xbf"
UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading a file may raise; a packed one may be cut or damaged."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read.

    Attributes:
        path: The file as the user named it, for messages.
        file: Where its content is: the same, or a copy of what came through a pipe.
        size_bytes: Size when it was found; a live log may have grown since.
        first_line: Number of its first line: above 1 in a copy of what is new in a log.
    """

    path: Path
    file: Path
    importer: Importer
    size_bytes: int
    layout: Layout = Layout.LINES
    first_line: int = 1

    @property
    def is_copied(self) -> bool:
        """Whether a copy of its records is read, rather than the file itself."""
        return self.importer.is_copied or self.layout is not Layout.LINES


def refuse_nothing(patterns: Sequence[str | Path], wanted: Importer | None) -> None:
    """Refuse patterns that match nothing, before any work is done.

    Raises:
        ImportRefused: A pattern is empty or matches no file.
    """
    for pattern in patterns:
        if not str(pattern):
            raise ImportRefused("an empty path names no file; was a variable not set?")
        if str(pattern) != STDIN and not _matches(pattern, wanted, []):
            raise ImportRefused(_nothing_at(pattern, wanted))


def find_sources(
    patterns: Sequence[str | Path], wanted: Importer | None, folder: Path
) -> tuple[list[Source], list[BadLine]]:
    """Find the files behind paths, directories and globs, each once, in a stable order.

    Args:
        patterns: Files, directories (searched recursively), globs (``**`` crosses directories), or
            ``-`` for standard input.
        wanted: The format of all files; ``None`` recognises each.
        folder: Where to keep what comes through a pipe; the caller removes it.

    Returns:
        The files, and what cannot be read or whose format is not recognised.

    Raises:
        ImportRefused: A pattern matches nothing.
    """
    refuse_nothing(patterns, wanted)
    sources: list[Source] = []
    bad: list[BadLine] = []
    for path in _expand(patterns, wanted, bad):
        try:
            found = _recognised(path, _readable(path, folder), wanted)
        except UNREADABLE as fault:
            bad.append(BadLine(path, None, f"cannot be read: {reason_of(fault)}"))
            continue
        if isinstance(found, str):
            bad.append(BadLine(path, None, found))
        else:
            sources.append(found)
    return sources, bad


def reason_of(fault: BaseException) -> str:
    """Return why a file could not be read, in words without its path."""
    if isinstance(fault, EOFError):
        return "the packed file is cut"
    return getattr(fault, "strerror", None) or str(fault).splitlines()[0]


def _expand(
    patterns: Sequence[str | Path], wanted: Importer | None, bad: list[BadLine]
) -> list[Path]:
    found: dict[str, Path] = {}
    for pattern in patterns:
        matched = [Path(STDIN)] if str(pattern) == STDIN else _matches(pattern, wanted, bad)
        for path in matched:
            # One file reached in two ways (a link, a relative path) is read once.
            found.setdefault(os.path.realpath(path), path)
    return sorted(found.values())


def _matches(pattern: str | Path, wanted: Importer | None, bad: list[BadLine]) -> list[Path]:
    # NOTE: the functions of os.path answer False where those of Path raise: a folder one may not
    # enter, a name that is too long.
    name = os.path.expanduser(pattern)
    if os.path.isdir(name):
        return list(_below(name, wanted, bad))
    if os.path.lexists(name):
        return [Path(name)]
    return [Path(match) for match in glob.glob(name, recursive=True) if not os.path.isdir(match)]


def _below(directory: str, wanted: Importer | None, bad: list[BadLine]) -> Iterator[Path]:
    suffixes = _suffixes(wanted)

    def note(fault: OSError) -> None:
        path = Path(str(fault.filename or directory))
        bad.append(BadLine(path, None, f"cannot be searched: {fault.strerror}"))

    for parent, _, names in os.walk(directory, onerror=note):
        for name in names:
            plain = Path(name.removesuffix(".gz"))
            if plain.suffix in suffixes:
                yield Path(parent, name)
            elif plain.suffix == ".zst" and Path(plain.stem).suffix in suffixes:
                bad.append(BadLine(Path(parent, name), None, _PACKED))


def _suffixes(wanted: Importer | None) -> Set[str]:
    """Return the suffixes of the files that are read in a folder."""
    return wanted.suffixes if wanted else _LOG_SUFFIXES


def _nothing_at(pattern: str | Path, wanted: Importer | None) -> str:
    name = os.path.expanduser(pattern)
    if os.path.isdir(name):
        kinds = ", ".join(sorted(f"*{suffix}" for suffix in _suffixes(wanted)))
        return f"no {kinds} file in the directory {name}"
    homes = [importer.home for importer in importers() if importer.home]
    known = ", ".join(f"{program} in {folder}" for program, folder in homes)
    return f"no file matches {name}; {known.replace(' in ', ' keeps its logs in ', 1)}"


def _readable(path: Path, folder: Path) -> Path:
    """Return a file that can be read twice, and is named ``.gz`` if and only if it is packed.

    Raises:
        OSError: It is neither a file nor a pipe, or cannot be read.
    """
    if str(path) == STDIN:
        return _kept(sys.stdin.buffer, folder)
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode):
        with path.open("rb") as pipe:
            return _kept(pipe, folder)
    if not stat.S_ISREG(mode):
        raise OSError(None, "is no regular file")
    is_utf8 = str(path).encode(errors="replace").decode() == str(path)
    if is_utf8 and _is_packed(path) == (path.suffix == ".gz"):
        return path
    link = _unused(folder, path)  # DuckDB takes no name that is not UTF-8
    link.symlink_to(path.resolve())
    return link


def _kept(pipe: IO[bytes], folder: Path) -> Path:
    copy = _unused(folder, Path())
    with copy.open("wb") as file:
        shutil.copyfileobj(pipe, file)
    return copy.rename(copy.with_suffix(".gz")) if _is_packed(copy) else copy


def _unused(folder: Path, path: Path) -> Path:
    packed = ".gz" if path.is_file() and _is_packed(path) else ""
    return folder / f"source-{len(list(folder.iterdir()))}{packed}"


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _recognised(path: Path, file: Path, wanted: Importer | None) -> Source | str:
    """Return the source, or why it is none."""
    raw = _head(file)
    if raw.startswith(_ZSTD):
        return _PACKED
    head = raw.removeprefix(_BOM).lstrip()
    layout = layout_of(path, head, wanted)
    if layout is None:
        return "neither a known log nor JSON, CSV or Parquet; name its format with --from"
    importer = wanted or importer_of(head, layout)
    if importer.layouts == {Layout.LINES}:
        layout = Layout.LINES
    return Source(path, file, importer, file.stat().st_size, layout)


def _head(file: Path) -> bytes:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        return opened.read(_HEAD_BYTES)


def layout_of(path: Path, head: bytes, wanted: Importer | None) -> Layout | None:
    """Return how a file is laid out, or nothing when its format is not recognised.

    Args:
        path: Its name.
        head: Its beginning, without a byte order mark and blank space.
        wanted: Its format, if the user said so.
    """
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if head.startswith(_PARQUET) or suffix == PARQUET_SUFFIX:
        may_be = wanted is None or Layout.PARQUET in wanted.layouts
        return Layout.PARQUET if may_be else Layout.LINES
    if head.startswith((b"{", b"[")):
        is_spread = head.startswith(b"[") or head.split(b"\n", 1)[0].strip() == b"{"
        return Layout.DOCUMENT if is_spread else Layout.LINES
    is_csv = _looks_like_csv(head) if wanted is None else Layout.CSV in wanted.layouts
    if suffix in CSV_SUFFIXES or is_csv:
        return Layout.CSV
    return Layout.LINES if wanted is not None or not head else None


def importer_of(head: bytes, layout: Layout) -> Importer:
    """Return the first format that recognises a file which begins so."""
    if layout is Layout.PARQUET:
        return next(importer for importer in importers() if layout in importer.layouts)
    if layout is not Layout.CSV:
        return next(importer for importer in importers() if importer.recognise(head))
    header = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    columns = {
        name.strip(' "\r') for name in header.replace(";", ",").replace("\t", ",").split(",")
    }
    return next(importer for importer in importers() if importer.recognise_columns(columns))


def _looks_like_csv(head: bytes) -> bool:
    header = head.split(b"\n", 1)[0]
    return b"\x00" not in head and any(mark in header for mark in (b",", b";", b"\t"))
