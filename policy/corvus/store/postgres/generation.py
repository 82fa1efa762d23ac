"""Remembers which state of a store this host has seen (STO-3).

A standby that was behind when it was promoted, or a backup, has an older one: holds that were
acknowledged are gone, and what they stood for could be spent twice.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from corvus.base.errors import StoreCorrupt
from corvus.base.own_files import open_own, replace_own

_SAVED_EVERY_SECONDS = 1.0
_SIZE_MAX = 100


def refuse_older(missing: int, name: str) -> None:
    """Refuse a server that has lost what this host has seen: a standby that was behind.

    Args:
        missing: How many changes it lacks; 0 or less when it lacks none.
        name: The store, as the user knows it.

    Raises:
        StoreCorrupt: It lacks some.
    """
    if missing > 0:
        raise StoreCorrupt(
            f"the server of the store {name} has lost the last {missing} changes that this host "
            "has seen: a standby that was behind was promoted, or a backup restored; bring back "
            "the right server, or run `corvus ledger verify --rebuild` to go on without them"
        )


class SeenGeneration:
    """The newest generation of a store that was seen.

    Args:
        beside: A path with which the name of the file begins that outlives the process; ``None``
            keeps none. What another process of this host has seen counts, too.
    """

    def __init__(self, beside: Path | None) -> None:
        self._path = beside and beside.with_name(f"{beside.name}.seen")
        self._saved = self._saved_at = float("-inf")
        self._store_id, self._seen = self._read()
        self._is_forgotten = False

    def forget(self) -> None:
        """Take what the server has for all there is: somebody has decided to go on without."""
        self._seen, self._is_forgotten = -1, True

    def missing(self, generation: int, store_id: str | None) -> int:
        """Return how many changes a server lacks that were seen; 0 or less when it lacks none.

        Args:
            generation: That of the server.
            store_id: Of its store, which may be another; ``None`` is the one seen.
        """
        if store_id is not None and store_id != self._store_id:
            self._store_id, self._seen = store_id, generation
        return self._seen - generation

    def note(self, generation: int) -> None:
        """Note that a generation was seen; the file follows within a second of use."""
        self._seen = max(self._seen, generation)
        if time.monotonic() - self._saved_at >= _SAVED_EVERY_SECONDS:
            self.save()

    def save(self) -> None:
        """Write what was seen, if it may be written."""
        self._saved_at = time.monotonic()
        if self._path is None or self._seen in (-1, self._saved) or not self._store_id:
            return
        store_id, seen = self._read()
        if store_id == self._store_id and seen >= self._seen and not self._is_forgotten:
            return  # by another process of this host
        with suppress(OSError):
            os.makedirs(self._path.parent, exist_ok=True)
            replace_own(self._path, f"{self._store_id} {self._seen}\n".encode())
            self._saved = self._seen

    def _read(self) -> tuple[str, int]:
        """Return the store, and its newest generation, that the file names."""
        if self._path is not None:
            with suppress(OSError, ValueError):
                with open(open_own(self._path, os.O_RDONLY), "rb") as stream:
                    store_id, seen = stream.read(_SIZE_MAX).decode().split()
                return store_id, int(seen)
        return "", -1
