"""The files of a SQLite store: made for their owner alone, known by their inode, and their faults.

A lock stands before SQLite's own, whose busy handler is unfair: with many writers some wait for
seconds. It is a courtesy among ours: what keeps transactions apart is SQLite's lock.

A disk that fails for a moment looks like damage, and the advice for damage loses the open holds. So
it is given only after the file was opened again and found damaged.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from corvus.base.errors import StoreCorrupt, StoreError, StoreUnavailable
from corvus.base.locks import FileLock

Identity: TypeAlias = tuple[int, int] | None
"""Device and inode of a file; ``None`` when there is none."""

_DAMAGE = ("CORRUPT", "NOTADB")


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


def explain(fault: sqlite3.Error, path: Path, name: str) -> StoreError:
    """Turn a fault of SQLite into ours.

    Args:
        fault: What SQLite raised.
        path: The file, which is examined where the fault looks like damage.
        name: The store, as the user knows it.
    """
    match _kind(fault):
        case "FULL":
            return StoreUnavailable(
                f"the disk of the store {name} is full; nothing was changed: "
                "make room and try again"
            )
        case "IOERR":
            return StoreUnavailable(
                f"the disk of the store {name} failed or is full ({fault}); nothing was admitted: "
                "look at the disk and try again"
            )
        case "BUSY" | "LOCKED":
            return StoreUnavailable(
                f"another program holds the store {name}; close it and try again"
            )
        case "READONLY" | "PERM" | "CANTOPEN" | "AUTH":
            return StoreUnavailable(
                f"no permission for the store {name}, or its folder is missing; "
                "name another ledger with --ledger"
            )
        case "NOTADB" | "CORRUPT":
            return _explain_damage(fault, path, name)
        case _:
            return StoreUnavailable(f"the store {name} failed: {fault}")


def _explain_damage(fault: sqlite3.Error, path: Path, name: str) -> StoreError:
    if not is_damaged(path):
        return StoreUnavailable(
            f"the store {name} could not be read just now ({fault}), but is whole; nothing was "
            "admitted: look at the disk and try again"
        )
    return StoreCorrupt(
        f"{name} is no store, or is damaged: {fault}; keep the file and its -wal, "
        "move them away, and the next start counts again from the ledger"
    )


def is_damaged(path: Path) -> bool:
    """Open a store again and examine it; ``True`` only if SQLite finds it damaged."""
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            return found != "ok"
    except sqlite3.Error as fault:
        return _kind(fault) in _DAMAGE


def _kind(fault: sqlite3.Error) -> str:
    name = getattr(fault, "sqlite_errorname", "") or ""
    return name.split("_")[1] if "_" in name else ""
