"""The lock that stands before DuckDB's own: readers share it, a writer has it alone.

It is a ``flock`` on a file beside the ledger, never on the ledger itself: closing any descriptor of
a file that DuckDB has open drops DuckDB's lock and lets a second writer in. Refuses to wait for
ever.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from policy.errors import LedgerError, LedgerLocked

_POLL_SECONDS = 0.02


@contextmanager
def ledger_lock(path: Path, *, write: bool, timeout_seconds: float) -> Generator[None]:
    """Hold the lock of a ledger.

    Args:
        path: The ledger file; the lock is ``<path>.lock`` beside it.
        write: Take it alone, and create the lock file; else share it, and create nothing.
        timeout_seconds: How long to wait for other processes, >= 0.

    Raises:
        LedgerLocked: It was not free in time; names the process that writes, if known.
        LedgerError: The lock file cannot be created or opened.
    """
    if sys.platform == "win32":
        yield  # no flock there: DuckDB's own lock refuses the second process
        return
    descriptor = _open(path.with_name(f"{path.name}.lock"), write=write)
    if descriptor is None:
        # No writer has ever been here, or the lock is not ours to open; DuckDB's own still stands.
        yield
        return
    try:
        _wait(descriptor, path, write=write, timeout_seconds=timeout_seconds)
        if write:
            _sign(descriptor)
        yield
    finally:
        os.close(descriptor)  # the kernel frees the lock, also when the process is killed


def _open(lock_path: Path, *, write: bool) -> int | None:
    try:
        if write:
            return os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return os.open(lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as fault:
        if not write:
            return None
        raise LedgerError(
            f"cannot write {lock_path}: {fault.strerror}; name another ledger with --ledger"
        ) from fault


def _sign(descriptor: int) -> None:
    """Write who holds the lock, for the message of those who wait; a full disk may forbid it."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _wait(descriptor: int, path: Path, *, write: bool, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not _try(descriptor, write=write):
        if time.monotonic() >= deadline:
            holder = _holder(descriptor)
            by = f"process {holder}" if holder else "another process"
            raise LedgerLocked(
                f"the ledger {path} was in use by {by} for all of {timeout_seconds:g} s; "
                "try again later"
            )
        time.sleep(_POLL_SECONDS)


def _try(descriptor: int, *, write: bool) -> bool:
    """Take the lock if it is free."""
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int | None:
    """Return the process that last took the lock to write, if it still lives."""
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    if not text.isdigit():
        return None
    try:
        os.kill(int(text), 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return int(text)
