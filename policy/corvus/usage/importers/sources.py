"""Which files an import reads, and in which format each is; reads only their beginnings."""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from corvus.base.errors import ImportRefused
from corvus.usage.importers.model import BadLine, Format
from corvus.usage.importers.recognise import (
    CSV_SUFFIXES,
    PARQUET_SUFFIX,
    Layout,
    format_of,
    layout_of,
)

STDIN = "-"
_HEAD_BYTES = 65_536
_LINES = {".jsonl", ".ndjson"}
_SUFFIXES = {
    None: {".jsonl"},
    Format.CLAUDE_CODE: {".jsonl"},
    Format.CODEX: {".jsonl"},
    Format.LITELLM: {*_LINES, *CSV_SUFFIXES, ".json"},
    Format.OPENAI: {*_LINES, *CSV_SUFFIXES, ".json"},
    Format.OTEL: {*_LINES, ".json"},
    Format.GENERIC: {*_LINES, *CSV_SUFFIXES, PARQUET_SUFFIX},
}
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
    format: Format
    size_bytes: int
    layout: Layout = Layout.LINES
    first_line: int = 1


def refuse_nothing(patterns: Sequence[str | Path], wanted: Format | None) -> None:
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
    patterns: Sequence[str | Path], wanted: Format | None, folder: Path
) -> tuple[list[Source], list[BadLine]]:
    """Find the files behind paths, directories and globs, each once, in a stable order.

    Args:
        patterns: Files, directories (searched recursively), globs (``**`` crosses directories), or
            ``-`` for standard input.
        wanted: The format of all files; ``None`` recognises each.
        folder: Where to keep what comes through a pipe; the caller removes it.

    Returns:
        The files, and what cannot be read or whose format cannot be told.

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
    patterns: Sequence[str | Path], wanted: Format | None, bad: list[BadLine]
) -> list[Path]:
    found: dict[str, Path] = {}
    for pattern in patterns:
        matched = [Path(STDIN)] if str(pattern) == STDIN else _matches(pattern, wanted, bad)
        for path in matched:
            # One file reached in two ways (a link, a relative path) is read once.
            found.setdefault(os.path.realpath(path), path)
    return sorted(found.values())


def _matches(pattern: str | Path, wanted: Format | None, bad: list[BadLine]) -> list[Path]:
    # NOTE: the functions of os.path answer False where those of Path raise: a folder one may not
    # enter, a name that is too long.
    name = os.path.expanduser(pattern)
    if os.path.isdir(name):
        return list(_below(name, wanted, bad))
    if os.path.lexists(name):
        return [Path(name)]
    return [Path(one) for one in glob.glob(name, recursive=True) if not os.path.isdir(one)]


def _below(directory: str, wanted: Format | None, bad: list[BadLine]) -> Iterator[Path]:
    def tell(fault: OSError) -> None:
        path = Path(str(fault.filename or directory))
        bad.append(BadLine(path, None, f"cannot be searched: {fault.strerror}"))

    for parent, _, names in os.walk(directory, onerror=tell):
        for name in names:
            plain = Path(name.removesuffix(".gz"))
            if plain.suffix in _SUFFIXES[wanted]:
                yield Path(parent, name)
            elif plain.suffix == ".zst" and Path(plain.stem).suffix in _SUFFIXES[wanted]:
                bad.append(BadLine(Path(parent, name), None, _PACKED))


def _nothing_at(pattern: str | Path, wanted: Format | None) -> str:
    name = os.path.expanduser(pattern)
    if os.path.isdir(name):
        kinds = ", ".join(sorted(f"*{suffix}" for suffix in _SUFFIXES[wanted]))
        return f"no {kinds} file in the directory {name}"
    return (
        f"no file matches {name}; Claude Code keeps its logs in ~/.claude/projects, "
        "Codex in ~/.codex/sessions"
    )


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


def _recognised(path: Path, file: Path, wanted: Format | None) -> Source | str:
    """Return the source, or why it is none."""
    raw = _head(file)
    if raw.startswith(_ZSTD):
        return _PACKED
    head = raw.removeprefix(_BOM).lstrip()
    layout = layout_of(path, head, wanted)
    if layout is None:
        return "neither a known log nor JSON, CSV or Parquet; name its format with --from"
    form = wanted or format_of(head, layout)
    if form is Format.CLAUDE_CODE:
        layout = Layout.LINES
    return Source(path, file, form, file.stat().st_size, layout)


def _head(file: Path) -> bytes:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        return opened.read(_HEAD_BYTES)
