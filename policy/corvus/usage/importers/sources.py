"""Which files an import reads: those that the user names, and what lies in folders.

In a folder every file is read whose suffix some format has; what is passed over is counted, and a
file that holds no usage is named. Reads only the beginnings of files.
"""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import stat
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from corvus.base.errors import ImportRefused
from corvus.usage.importers.importer import LINES_SUFFIXES, Importer, Layout, importers
from corvus.usage.importers.model import BadLine, Note
from corvus.usage.importers.recognition import HEAD_BYTES, PACKED, recognise

STDIN = "-"
_SHOWN = 8
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
        is_guess: Whether it was only found in a folder, and no format knows it; then it may be no
            usage at all.
    """

    path: Path
    file: Path
    importer: Importer
    size_bytes: int
    layout: Layout = Layout.LINES
    first_line: int = 1
    is_guess: bool = False

    @property
    def is_copied(self) -> bool:
        """Whether a copy of its records is read, rather than the file itself."""
        return self.importer.is_copied or self.layout is not Layout.LINES


class _Entry(NamedTuple):
    """A file to look at, and whether it was found in a folder rather than named."""

    path: Path
    is_found: bool = False


@dataclass(slots=True)
class Search:
    """What was found behind the paths that a user names.

    Attributes:
        sources: The files to read.
        bad: What cannot be read, or whose format is not recognised.
        notes: What was passed over.
    """

    sources: list[Source] = field(default_factory=list[Source])
    bad: list[BadLine] = field(default_factory=list[BadLine])
    notes: list[Note] = field(default_factory=list[Note])


def refuse_nothing(patterns: Sequence[str | Path], wanted: Importer | None) -> None:
    """Refuse patterns that match nothing, before any work is done.

    Raises:
        ImportRefused: A pattern is empty or matches no file.
    """
    for pattern in patterns:
        if not str(pattern):
            raise ImportRefused("an empty path names no file; was a variable not set?")
        if str(pattern) != STDIN and not _matches(pattern, wanted, Search()):
            raise ImportRefused(_nothing_at(pattern, wanted))


def find_sources(patterns: Sequence[str | Path], wanted: Importer | None, folder: Path) -> Search:
    """Find the files behind paths, directories and globs, each once, in a stable order.

    Args:
        patterns: Files, directories (searched recursively), globs (``**`` crosses directories), or
            ``-`` for standard input.
        wanted: The format of all files; ``None`` recognises each.
        folder: Where to keep what comes through a pipe; the caller removes it.

    Raises:
        ImportRefused: A pattern matches nothing.
    """
    refuse_nothing(patterns, wanted)
    search = Search()
    for entry in _expand(patterns, wanted, search):
        try:
            found = _recognised(entry, _readable(entry, folder), wanted)
        except UNREADABLE as fault:
            found = f"cannot be read: {reason_of(fault)}"
        if isinstance(found, str):
            search.bad.append(BadLine(entry.path, None, found))
        else:
            search.sources.append(found)
    return search


def reason_of(fault: BaseException) -> str:
    """Return why a file could not be read, in words without its path."""
    if isinstance(fault, EOFError):
        return "the packed file is cut"
    return getattr(fault, "strerror", None) or str(fault).splitlines()[0]


def _expand(
    patterns: Sequence[str | Path], wanted: Importer | None, search: Search
) -> list[_Entry]:
    found: dict[str, _Entry] = {}
    for pattern in patterns:
        is_stdin = str(pattern) == STDIN
        matched = [_Entry(Path(STDIN))] if is_stdin else _matches(pattern, wanted, search)
        for entry in matched:
            # One file reached in two ways (a link, a relative path) is read once.
            found.setdefault(os.path.realpath(entry.path), entry)
    return sorted(found.values())


def _matches(pattern: str | Path, wanted: Importer | None, search: Search) -> list[_Entry]:
    # NOTE: the functions of os.path answer False where those of Path raise: a folder one may not
    # enter, a name that is too long.
    name = os.path.expanduser(pattern)
    if os.path.isdir(name):
        return [_Entry(path, is_found=True) for path in _below(name, wanted, search)]
    if os.path.lexists(name):
        return [_Entry(Path(name))]
    matches = glob.glob(name, recursive=True)
    return [_Entry(Path(match)) for match in matches if not os.path.isdir(match)]


def _below(directory: str, wanted: Importer | None, search: Search) -> Iterator[Path]:
    suffixes = _suffixes(wanted)
    others: Counter[str] = Counter()

    def note(fault: OSError) -> None:
        path = Path(str(fault.filename or directory))
        search.bad.append(BadLine(path, None, f"cannot be searched: {fault.strerror}"))

    for parent, _, names in os.walk(directory, onerror=note):
        for name in names:
            plain = Path(name.removesuffix(".gz"))
            if plain.suffix.lower() in suffixes:
                yield Path(parent, name)
            elif plain.suffix == ".zst" and Path(plain.stem).suffix in suffixes:
                search.bad.append(BadLine(Path(parent, name), None, PACKED))
            else:
                others[plain.suffix.lower() or "without suffix"] += 1
    if others:
        first = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
        named = ", ".join(f"{suffix} ({count})" for suffix, count in first)
        text = f"files passed over, as no format that is read has them: {named}"
        search.notes.append(Note(Path(directory), text))


def _suffixes(wanted: Importer | None) -> Set[str]:
    """Return the suffixes of the files that are read in a folder."""
    every = [importer.suffixes for importer in importers()]
    return wanted.suffixes if wanted else frozenset[str]().union(*every)


def _is_log(name: str) -> bool:
    return Path(name.removesuffix(".gz")).suffix.lower() in LINES_SUFFIXES


def _nothing_at(pattern: str | Path, wanted: Importer | None) -> str:
    name = os.path.expanduser(pattern)
    if os.path.isdir(name):
        kinds = ", ".join(sorted(f"*{suffix}" for suffix in _suffixes(wanted)))
        return f"no {kinds} file in the directory {name}"
    homes = [importer.home for importer in importers() if importer.home]
    known = ", ".join(f"{home.program} in {home.folder}" for home in homes)
    return f"no file matches {name}; {known.replace(' in ', ' keeps its logs in ', 1)}"


def _readable(entry: _Entry, folder: Path) -> Path:
    """Return a file that can be read twice, and is named ``.gz`` if and only if it is packed.

    Raises:
        OSError: It is neither a file nor a pipe, or cannot be read; or it is a pipe that nobody has
            named: one that lies in a folder may never be written to.
    """
    path = entry.path
    if str(path) == STDIN:
        return _kept(sys.stdin.buffer, folder)
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode) and not entry.is_found:
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


def _recognised(entry: _Entry, file: Path, wanted: Importer | None) -> Source | str:
    """Return the source, or why it is none."""
    found = recognise(entry.path, file, head_of(file), wanted)
    if isinstance(found, str):
        return found
    is_guess = found.is_fallback and entry.is_found and not _is_log(entry.path.name)
    return Source(
        entry.path, file, found.importer, file.stat().st_size, found.layout, is_guess=is_guess
    )


def head_of(file: Path) -> bytes:
    """Return the beginning of a file, unpacked.

    Raises:
        OSError: It cannot be read.
    """
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        return opened.read(HEAD_BYTES)
