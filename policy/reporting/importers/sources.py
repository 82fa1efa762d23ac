"""Which files an import reads, and in which format each is; reads only their beginnings."""

from __future__ import annotations

import glob
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from policy.errors import ImportRefused
from policy.reporting.importers.model import BadLine, Format

_HEAD_BYTES = 65_536
_CSV_SUFFIXES = {".csv", ".tsv"}
_SUFFIXES = {
    None: {".jsonl"},
    Format.CLAUDE_CODE: {".jsonl"},
    Format.GENERIC: {".jsonl", ".ndjson", *_CSV_SUFFIXES},
}
# Every line of a session log has one of these near its beginning; other JSON lines do not.
_CLAUDE_MARKS = (b'"sessionId"', b'"parentUuid"', b'"leafUuid"', b'"isSnapshotUpdate"')


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read.

    Attributes:
        size_bytes: Size when it was found; a live log may have grown since.
        csv: Whether the file is CSV instead of JSON lines; only for the generic format.
    """

    path: Path
    format: Format
    size_bytes: int
    csv: bool = False


def find_sources(
    patterns: Sequence[str | Path], wanted: Format | None
) -> tuple[list[Source], list[BadLine]]:
    """Find the files behind paths, directories and globs, each once, in a stable order.

    Args:
        patterns: Files, directories (searched recursively) or globs (``**`` crosses directories).
        wanted: The format of all files; ``None`` recognises each.

    Returns:
        The files, and those whose format cannot be told or that cannot be opened.

    Raises:
        ImportRefused: A pattern matches nothing.
    """
    sources: list[Source] = []
    unknown: list[BadLine] = []
    for path in _expand(patterns, wanted):
        try:
            found = _recognised(path, wanted)
        except OSError as fault:
            unknown.append(BadLine(path, None, f"cannot be read: {fault.strerror or fault}"))
            continue
        if found is None:
            reason = "neither a Claude Code log nor JSON lines nor CSV; name it with --format"
            unknown.append(BadLine(path, None, reason))
        else:
            sources.append(found)
    return sources, unknown


def _expand(patterns: Sequence[str | Path], wanted: Format | None) -> list[Path]:
    found: dict[Path, Path] = {}
    for pattern in patterns:
        matched = _matches(pattern, wanted)
        if not matched:
            raise ImportRefused(_nothing_at(pattern, wanted))
        for path in matched:
            # One file reached in two ways (a link, a relative path) is read once.
            found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _matches(pattern: str | Path, wanted: Format | None) -> list[Path]:
    path = Path(pattern).expanduser()
    if path.is_dir():
        suffixes = _SUFFIXES[wanted]
        return [one for one in path.rglob("*") if one.suffix in suffixes and one.is_file()]
    if path.exists():
        return [path]
    return [Path(one) for one in glob.glob(str(path), recursive=True) if Path(one).is_file()]


def _nothing_at(pattern: str | Path, wanted: Format | None) -> str:
    path = Path(pattern).expanduser()
    if path.is_dir():
        kinds = ", ".join(sorted(f"*{suffix}" for suffix in _SUFFIXES[wanted]))
        return f"no {kinds} file in the directory {path}"
    return f"no file matches {path}; Claude Code keeps its logs in ~/.claude/projects"


def _recognised(path: Path, wanted: Format | None) -> Source | None:
    size = path.stat().st_size
    head = _head(path)
    name = path.with_suffix("") if path.suffix == ".gz" else path
    csv = name.suffix.lower() in _CSV_SUFFIXES or (
        name.suffix.lower() not in {".jsonl", ".ndjson"} and not head.lstrip().startswith(b"{")
    )
    if wanted is not None:
        return Source(path, wanted, size, csv=csv and wanted is Format.GENERIC)
    if not head.strip():
        return Source(path, Format.CLAUDE_CODE, size)
    if any(mark in head for mark in _CLAUDE_MARKS):
        return Source(path, Format.CLAUDE_CODE, size)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{") or (csv and _looks_like_csv(text)):
        return Source(path, Format.GENERIC, size, csv=csv)
    return None


def _head(path: Path) -> bytes:
    if path.suffix == ".gz":
        with gzip.open(path) as packed:
            return packed.read(_HEAD_BYTES)
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _looks_like_csv(head: bytes) -> bool:
    header = head.split(b"\n", 1)[0]
    return b"\x00" not in head and any(mark in header for mark in (b",", b";", b"\t"))
