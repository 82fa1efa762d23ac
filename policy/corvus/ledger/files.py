"""What the ledger does with its files: make them durable and private, and tell them apart."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

_DEFAULT_MODE = 0o644


def sync(path: Path) -> None:
    """Make a file, or the entries of a folder, survive a power cut.

    Raises:
        OSError: It cannot be opened or written.
    """
    if os.name == "nt":
        return  # neither can be synced through a descriptor that only reads
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def make_private(path: Path, *, is_new: bool) -> None:
    """Let only its owner read a file: it says who did what, and what it cost.

    The file is never opened: DuckDB may have it open, and would lose its lock.

    Args:
        path: The file; one that is missing or somebody else's stays as it is.
        is_new: Whether it was made just now. Of an older one, only the mode that it was given by
            default is changed: another was given on purpose.
    """
    with suppress(OSError):
        mode = os.stat(path).st_mode & 0o777
        if mode & 0o077 and (is_new or mode == _DEFAULT_MODE):
            os.chmod(path, mode & 0o700)


def reserve_private(path: Path) -> None:
    """Make an empty file that only its owner may read, where there is none.

    An existing file is not opened.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
