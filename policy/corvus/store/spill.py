"""Settlements that a process could not write before its end, in a file beside the store (RES-9).

One JSON line a settlement, synced to disk with its folder; only its owner may read it. Whoever
takes the file in applies each line by its settlement key and removes the file afterwards: one who
dies in between leaves lines that are replayed, never counted twice. Refuses to drop a line: what
cannot be read or applied is kept aside.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from corvus.base.files import sync, try_lock
from corvus.base.ids import new_id
from corvus.model.pending import PendingSettlement
from corvus.store.pending_lines import line_of, pending_of

UNSETTLED = ".unsettled.jsonl"
"""Ending of the file, after the name of the store."""

_LOCK_SECONDS = 2.0
_POLL_SECONDS = 0.02


class SpilledLine:
    """A line of the file.

    Attributes:
        text: As it stands there.
        pending: What it says; ``None`` when it cannot be read.
    """

    __slots__ = ("pending", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.pending = pending_of(text)


def spill(path: Path, settlements: Sequence[PendingSettlement]) -> Path:
    """Keep settlements for whoever opens the store next; they are on disk on return.

    Args:
        path: The file for them.
        settlements: In the order in which they are to be applied.

    Returns:
        The file; one of another name when somebody holds the first for long.

    Raises:
        OSError: They cannot be written.
    """
    text = "".join(f"{line_of(one)}\n" for one in settlements)
    with suppress(BlockingIOError):
        _append(path, text)
        return path
    other = path.with_name(f"{path.stem}.{new_id(time.time_ns() // 1000)}{path.suffix}")
    _append(other, text)
    return other


def waiting(path: Path) -> list[Path]:
    """Return the files of a store that wait to be taken in, the oldest first."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return []
    aside = rejected_path(path).name
    found = [name for name in names if _belongs(name, path) and name != aside]
    return [path.with_name(name) for name in sorted(found)]


def is_waiting(path: Path) -> bool:
    """Tell cheaply whether the usual file is there."""
    return os.path.exists(path)


def rejected_path(path: Path) -> Path:
    """Return the file in which lines stand that could not be applied."""
    return path.with_name(f"{path.stem}.rejected{path.suffix}")


@contextmanager
def taking_in(path: Path) -> Generator[list[SpilledLine] | None]:
    """Read a file alone among all processes, and remove it if the context ends well.

    Yields:
        Its lines; ``None`` when there is no file or another process is taking it in.

    Raises:
        OSError: It cannot be read or removed.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        if not try_lock(descriptor) or not _is_file(descriptor, path):
            yield None
            return
        with open(descriptor, encoding="utf-8", errors="replace", closefd=False) as opened:
            lines = [SpilledLine(line.rstrip("\n")) for line in opened if line.strip()]
        yield lines
        os.unlink(path)
        sync(path.absolute().parent)
    finally:
        os.close(descriptor)


def keep_aside(path: Path, lines: Sequence[str]) -> Path:
    """Keep lines that could not be applied, for a person to look at.

    Raises:
        OSError: They cannot be written.
    """
    aside = rejected_path(path)
    _append(aside, "".join(f"{line}\n" for line in lines))
    return aside


def _belongs(name: str, path: Path) -> bool:
    return name.startswith(f"{path.stem}.") and name.endswith(path.suffix)


def _append(path: Path, text: str) -> None:
    """Add to a file, which is made when missing, and sync it and its folder.

    Raises:
        BlockingIOError: Somebody held the file for all of two seconds.
    """
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if try_lock(descriptor) and _is_file(descriptor, path):
                # A line that a full disk cut short ends here.
                start = "\n" if os.fstat(descriptor).st_size else ""
                _write(descriptor, (start + text).encode())
                os.fsync(descriptor)
                sync(path.absolute().parent)
                return
        finally:
            os.close(descriptor)
        if time.monotonic() >= deadline:
            raise BlockingIOError(f"{path} is in use")
        time.sleep(_POLL_SECONDS)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _is_file(descriptor: int, path: Path) -> bool:
    """Tell whether a descriptor is of the file that stands there now, and not of a removed one."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def shown(line: str) -> str:
    """Return the reservation that a line names, as far as it can be read, for a log."""
    try:
        return str(json.loads(line)["reservation"])
    except (ValueError, LookupError, TypeError):
        return "an unreadable line"
