"""Which processes of a host use its slices: the last one that leaves gives them back.

Nothing depends on it for limits to hold: who gives back slices that others use makes these ask
again. Where a file system knows no locks, every process counts as the last.
"""

from __future__ import annotations

import time
from pathlib import Path

from corvus.base.locks import FileLock, try_lock

_PATIENCE_SECONDS = 3.0
"""How long a process that starts waits for one that gives back."""


class Presence:
    """That this process uses the slices of its host, which its death ends, too.

    Args:
        path: A file next to the host's own store; made when it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._lock: FileLock | None = None
        try:
            lock = FileLock(path)
            until = time.monotonic() + _PATIENCE_SECONDS
            while not try_lock(lock.descriptor, shared=True) and time.monotonic() < until:
                time.sleep(0.02)
            self._lock = lock
        except OSError:
            return

    def leave(self) -> bool:
        """Let go; return whether no other process of the host is there.

        Until ``close``, one that starts waits for a while.
        """
        if self._lock is None or self._lock.descriptor < 0:
            return True
        self._lock.give_back()
        return try_lock(self._lock.descriptor)

    def close(self) -> None:
        """Let go of the file. May be called again."""
        if self._lock is not None:
            self._lock.close()
