"""What the ledger does with the files beside it: make them durable, and tell them apart."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


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
