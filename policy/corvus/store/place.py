"""The files of a SQLite store: made for their owner alone, and told from others by their inode."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from corvus.base.errors import StoreUnavailable

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


def make_private(path: str) -> None:
    """Make a file that is missing; SQLite gives what it puts beside it the same permissions.

    NOTE: an existing one is never opened here: closing it would drop the locks that SQLite holds on
    it in this process (https://sqlite.org/howtocorrupt.html, section 2.2).
    """
    with suppress(OSError):  # SQLite comes to the same end, and says why
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def identity(path: str | Path) -> Identity:
    """Return which file a path is now."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
