"""What SQLite's faults mean to a user of the store, and what to do about them."""

from __future__ import annotations

import sqlite3

from policy.errors import StoreCorrupt, StoreError, StoreUnavailable


def explain(fault: sqlite3.Error, name: str) -> StoreError:
    """Turn a fault of SQLite into ours.

    Args:
        fault: What SQLite raised.
        name: The store, as the user knows it.
    """
    kind = getattr(fault, "sqlite_errorname", "")
    match kind.split("_")[1] if "_" in kind else "":
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
            return StoreCorrupt(
                f"{name} is no store, or is damaged: {fault}; keep the file and its -wal, "
                "move them away, and the next start counts anew from the ledger"
            )
        case _:
            return StoreUnavailable(f"the store {name} failed: {fault}")
