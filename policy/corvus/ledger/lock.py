"""The lock that stands before DuckDB's own: readers share it, a writer has it alone.

It is a ``flock`` on a file next to the ledger, never on the ledger itself: closing any descriptor
of a file that DuckDB has open drops DuckDB's lock and lets a second writer in. A second file is the
queue: whoever waits stands in it alone, so that readers who keep coming cannot keep a writer out.
Nobody waits without end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from corvus.base.errors import LedgerError, LedgerLocked
from corvus.base.locks import HAS_LOCKS, FileLock, try_lock

_POLL_SECONDS = 0.02
_LARGEST_PROCESS_ID = 2**31


@contextmanager
def ledger_lock(path: Path, *, write: bool, timeout_seconds: float) -> Generator[None]:
    """Hold the lock of a ledger.

    Args:
        path: The ledger file; ``<path>.lock`` and ``<path>.queue`` stand next to it.
        write: Take it alone, and create the files; else share it, and create nothing.
        timeout_seconds: How long to wait for other processes, >= 0.

    Raises:
        LedgerLocked: It was not free in time; names the process that writes, if there is one.
        LedgerError: A file cannot be created, opened or locked.
    """
    if not HAS_LOCKS:
        yield  # DuckDB's own lock refuses the second process
        return
    lock = _open(_next_to(path, ".lock"), write=write)
    if lock is None:
        # No writer has ever been here, or the lock is not ours to open; DuckDB's own still stands.
        yield
        return
    deadline = time.monotonic() + timeout_seconds
    signed = False
    try:
        queue = _open(_next_to(path, ".queue"), write=write)
        try:
            if queue is not None:
                _wait(queue, lock, path, alone=True, deadline=deadline)
            _wait(lock, lock, path, alone=write, deadline=deadline)
        finally:
            if queue is not None:
                queue.close()
        if write:
            signed = True
            _sign(lock, f"{os.getpid()}\n")
        yield
    finally:
        if signed:
            _sign(lock, "")
        lock.close()  # the kernel frees the lock, also when the process is killed


def _next_to(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}")


def _open(lock_path: Path, *, write: bool) -> FileLock | None:
    try:
        return FileLock(lock_path, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY)
    except OSError as fault:
        if not write:
            return None
        raise LedgerError(
            f"cannot write {lock_path}: {fault.strerror}; name another ledger with --ledger"
        ) from fault


def _sign(lock: FileLock, text: str) -> None:
    """Write who holds the lock, for the message of those who wait; a full disk may forbid it."""
    with suppress(OSError):
        os.ftruncate(lock.descriptor, 0)
        os.pwrite(lock.descriptor, text.encode(), 0)


def _wait(waited: FileLock, lock: FileLock, path: Path, *, alone: bool, deadline: float) -> None:
    started = time.monotonic()
    while not _try(waited, path, alone=alone):
        if time.monotonic() >= deadline:
            writer = _writer(lock)
            by = f"process {writer}" if writer else "other processes"
            raise LedgerLocked(
                f"the ledger {path} was in use by {by} for all of "
                f"{max(deadline - started, 0):.3g} s; try again later"
            )
        time.sleep(_POLL_SECONDS)


def _try(lock: FileLock, path: Path, *, alone: bool) -> bool:
    try:
        return try_lock(lock.descriptor, shared=not alone)
    except OSError as fault:
        raise LedgerError(f"cannot lock the ledger {path}: {fault.strerror}") from fault


def _writer(lock: FileLock) -> int | None:
    """Return the process that has signed the lock, if it still lives."""
    text = os.pread(lock.descriptor, 32, 0).decode("ascii", "replace").strip()
    if not text.isdigit() or int(text) >= _LARGEST_PROCESS_ID:
        return None
    try:
        os.kill(int(text), 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return int(text)
