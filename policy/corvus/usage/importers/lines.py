"""Looks again, in Python, at the few lines that DuckDB could not use: which number, and why.

DuckDB reads a log many times faster, but it skips blank lines, so its row numbers are not line
numbers; it refuses JSON that is merely unusual (half of a surrogate pair, a byte order mark); and
one line beyond its buffer, or one unreadable byte sequence, can fail a whole file.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from corvus.usage.importers.importer import Object

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The longest line that is read; a longer one is reported and skipped."""


_BLOCK_BYTES = 1024 * 1024


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines of a file that are not blank.

    Args:
        path: The file; ``.gz`` is unpacked on the way.

    Yields:
        Number from 1, and the line without its end; ``None`` instead of a line beyond
        ``MAX_LINE_BYTES``, which is never held in memory.

    Raises:
        OSError: The file cannot be read.
    """
    with _opened(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                yield number, None
            elif stripped := line.strip():
                yield number, stripped


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path))
    return path.open("rb")


def pick(path: Path, ordinals: Iterable[int]) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield chosen lines of a file.

    Args:
        path: The file.
        ordinals: Positions among the lines that are not blank, from 1, ascending.

    Yields:
        Position, line number and line (as ``numbered_lines``).
    """
    wanted = iter(ordinals)
    next_wanted = next(wanted, None)
    for ordinal, (number, line) in enumerate(numbered_lines(path), start=1):
        if next_wanted is None:
            return
        if ordinal == next_wanted:
            yield ordinal, number, line
            next_wanted = next(wanted, None)


def last_line(path: Path) -> tuple[int, bytes | None]:
    """Return number and content of the last line that is not blank, as ``numbered_lines`` does.

    Raises:
        OSError: The file cannot be read.
    """
    ends, tail = 0, b""
    with _opened(path) as file:
        while block := file.read(_BLOCK_BYTES):
            ends += block.count(b"\n")
            tail = tail[-_BLOCK_BYTES:] + block
    text = tail.rstrip()
    start = text.rfind(b"\n")
    if start >= 0:
        return ends - tail.count(b"\n", len(text)) + 1, text[start + 1 :].strip()
    # The line is longer than two blocks, or it is the only one.
    number, line = 0, None
    for number, line in numbered_lines(path):  # noqa: B007 - the last pair is wanted
        pass
    return number, line


def mended(line: bytes | None) -> tuple[bytes, str]:
    """Read a line that DuckDB refused.

    Returns:
        The line as plain JSON that DuckDB can read, or empty bytes and the reason why there is
        none.
    """
    if line is None:
        return b"", f"longer than {MAX_LINE_BYTES // 1024 // 1024} MiB"
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as fault:
        return b"", f"not UTF-8 at byte {fault.start + 1} of the line"
    except json.JSONDecodeError as fault:
        return b"", _reason(fault)
    except (ValueError, RecursionError) as fault:
        return b"", f"not JSON: {fault}"
    if not isinstance(value, dict):
        return b"", "not a JSON object"
    # A lone surrogate cannot be written as UTF-8: it is text that nothing here needs.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace"), ""


def object_of_line(line: bytes | None) -> Object | str:
    """Return the object of a line, or the reason why it has none."""
    text, reason = mended(line)
    return cast("Object", json.loads(text)) if text else reason


def _reason(fault: json.JSONDecodeError) -> str:
    # A line that was cut, as the last one of a live log, fails at its end or in its last string.
    cut = fault.pos >= len(fault.doc) or fault.msg.startswith("Unterminated string")
    if cut:
        return (
            "ends in the middle of a JSON value (was the writer stopped, or is it still writing?)"
        )
    return f"not JSON: {fault.msg} at column {fault.colno}"


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def copy_readable(path: Path, target: Path) -> None:
    """Copy a file that DuckDB cannot read as a whole, without the content of over-long lines.

    The copy has as many lines that are not blank as the original, in the same order.

    Raises:
        OSError: The file cannot be read, or the copy not written.
    """
    with target.open("wb") as copy:
        for _, line in numbered_lines(path):
            copy.write(b"!" if line is None else line)
            copy.write(b"\n")
