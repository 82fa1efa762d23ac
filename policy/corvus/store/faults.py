"""What SQLite's faults mean to a user of the store, and what to do about them.

A disk that fails for a moment looks like damage, and the advice for damage loses the open holds. So
it is given only after the file was opened again and found damaged.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from corvus.base.errors import StoreCorrupt, StoreError, StoreUnavailable

_DAMAGE = ("CORRUPT", "NOTADB")


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
