"""Remembers which state of a store this host has seen (STO-3).

A standby that was behind when it was promoted, or a backup, has an older one: holds that were
acknowledged are gone, and what they stood for could be spent twice.

What is seen is in the file before anything is acknowledged, so that a process that is killed at any
moment leaves it there. The disk has it within a second: only a machine that loses its power in the
same second in which a standby takes over may forget what it saw in that second.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from corvus.base.locks import FileLock

SEEN: Final = ".seen"
"""Ending of the file, after the name of the ledger and the id of the store."""

_SYNCED_EVERY_SECONDS = 1.0
_DIGITS = 19
_SIZE_BYTES = _DIGITS + 1


class SeenGeneration:
    """The newest generation of a store that was seen.

    Args:
        path: The file that outlives the process; ``None`` keeps none, nor does a folder that may
            not be written. What another process of this host has seen counts, too.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: FileLock | None = None
        self._synced_at = float("-inf")
        self._is_synced = True
        self._is_forgotten = False
        self._seen = self._read()

    def forget(self) -> None:
        """Take what the server has for all there is: somebody has decided to go on without."""
        self._seen, self._is_forgotten = -1, True

    def missing(self, generation: int) -> int:
        """Return how many changes a server lacks that were seen; 0 or less when it lacks none.

        Args:
            generation: That of the server.
        """
        return self._seen - generation

    def note(self, generation: int) -> None:
        """Note that a generation was seen; the file has it on return."""
        if generation <= self._seen:
            return
        self._seen = generation
        with suppress(OSError):
            self._write()

    def close(self) -> None:
        """Let go of the file, which is on disk then."""
        with suppress(OSError):
            self._sync()
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Let go of the file and remove it: the store that it was of is no more."""
        self.close()
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def _write(self) -> None:
        """Write the newest generation, unless another process of this host has a newer one."""
        if self._path is None:
            return
        if self._file is None or self._file.descriptor < 0:
            os.makedirs(self._path.parent, exist_ok=True)
            self._file = FileLock(self._path)
        self._file.take()
        try:
            descriptor = self._file.descriptor
            there = os.pread(descriptor, _SIZE_BYTES + 1, 0)
            if self._is_forgotten or self._seen > _number(there):
                os.pwrite(descriptor, f"{self._seen:0{_DIGITS}}\n".encode(), 0)
                if len(there) > _SIZE_BYTES:
                    os.ftruncate(descriptor, _SIZE_BYTES)
                self._is_forgotten = self._is_synced = False
        finally:
            self._file.give_back()
        if time.monotonic() - self._synced_at >= _SYNCED_EVERY_SECONDS:
            self._sync()

    def _sync(self) -> None:
        self._synced_at = time.monotonic()
        if not self._is_synced and self._file is not None:
            os.fsync(self._file.descriptor)
            self._is_synced = True

    def _read(self) -> int:
        if self._path is None:
            return -1
        try:
            return _number(self._path.read_bytes())
        except OSError:
            return -1


def _number(content: bytes) -> int:
    """Return the generation that a file holds; -1 for what is none of ours."""
    digits = content.removesuffix(b"\n")
    return int(digits) if len(digits) == _DIGITS and digits.isdigit() else -1
