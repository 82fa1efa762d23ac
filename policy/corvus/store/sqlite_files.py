"""The files of a SQLite store: made for their owner alone, and told from others by their inode.

A lock stands before SQLite's own, whose busy handler is unfair: with many writers some wait for
seconds. It is a courtesy among ours: what keeps transactions apart is SQLite's lock.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from corvus.base.errors import StoreUnavailable
from corvus.base.files import FileLock

Identity: TypeAlias = tuple[int, int] | None
"""Device and inode of a file; ``None`` when there is none."""


def make_folder(path: Path) -> None:
    """Make the folder of a file, if it is missing.

    Raises:
        StoreUnavailable: It cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StoreUnavailable(
            f"cannot create the folder {path.parent}: {fault.strerror}; "
            "name another ledger with --ledger"
        ) from fault


def taken_lock(path: Path, seconds: float) -> FileLock:
    """Open the lock of a store, wait until it is free, and hold it.

    Args:
        path: The file of the store, without links; ``<path>.lock`` stands next to it.
        seconds: How long to wait, > 0.

    Raises:
        StoreUnavailable: Its file cannot be made, the file system knows no such locks, or others
            held it all the while.
    """
    lock_path = path.with_name(f"{path.name}.lock")
    try:
        lock = FileLock(lock_path)
    except OSError as fault:
        raise StoreUnavailable(
            f"cannot write {lock_path}: {fault.strerror}; name another ledger with --ledger"
        ) from fault
    try:
        is_taken = lock.take_within(seconds)
    except OSError as fault:
        lock.close()
        raise _unlockable(lock, fault) from fault
    if not is_taken:
        raise StoreUnavailable(
            f"another process held {lock_path} for all of {seconds:.3g} s; look for one that "
            "was stopped, and let it go on or end it"
        )
    return lock


def take(lock: FileLock) -> None:
    """Wait until the lock of a store is free, and hold it.

    Raises:
        StoreUnavailable: The file system knows no such locks.
    """
    try:
        lock.take()
    except OSError as fault:
        raise _unlockable(lock, fault) from fault


def _unlockable(lock: FileLock, fault: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"cannot lock {lock.path}: {fault.strerror}; put the ledger on a local disk"
    )


def identity(path: str | Path) -> Identity:
    """Return which file a path is now."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
