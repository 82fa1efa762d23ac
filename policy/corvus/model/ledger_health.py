"""How a ledger is, as a value: also where the library that reads one is not installed (CLI-6)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """How a ledger is.

    Attributes:
        exists: Whether the file is there; the first import or drain makes it.
        is_writable: Whether this user may write it, or make it.
        is_busy: Whether another process writes it now, so that it could not be looked into.
        problem: Why it cannot be used, in words; ``None`` when it can.
        size_bytes: Of the file and its write-ahead log, without the archive.
        version: How many migrations it has seen; 0 also where it could not be looked into.
        archive_files: Files of months past retention that belong to it.
        archive_places: Where they are: URLs, or the folder next to the ledger.
        is_installed: Whether the library of the ledger is here; without it, ``problem`` says what
            to install.
    """

    path: Path
    exists: bool = False
    is_writable: bool = False
    is_busy: bool = False
    problem: str | None = None
    size_bytes: int = 0
    version: int = 0
    archive_files: int = 0
    archive_places: tuple[str, ...] = ()
    is_installed: bool = True

    @classmethod
    def unopened(cls, path: Path, *, writable: bool) -> Self:
        """Return what a file shows to those who do not open it; it need not exist."""
        sides = [side for side in (str(path), f"{path}.wal") if os.path.isfile(side)]
        return cls(
            path,
            exists=os.path.lexists(path),
            is_writable=writable,
            size_bytes=sum(map(os.path.getsize, sides)),
        )
