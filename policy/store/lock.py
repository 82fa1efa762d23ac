"""The lock that stands before SQLite's own: a ``flock`` on a file beside the store.

SQLite's busy handler is unfair: with many writers some wait for seconds. A blocking ``flock`` is
served about in order, and the kernel frees it when its holder dies.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from policy.errors import StoreUnavailable


class StoreLock:
    """The lock of a store.

    Args:
        path: The file of the store; ``<path>.lock`` stands beside it, and is made when missing.

    Raises:
        StoreUnavailable: The file cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as fault:
            raise StoreUnavailable(
                f"cannot write {self._path}: {fault.strerror}; name another ledger with --ledger"
            ) from fault

    def take(self) -> None:
        """Wait until the lock is free, and hold it.

        Raises:
            StoreUnavailable: The file system knows no such locks.
        """
        if sys.platform == "win32":
            return  # no flock there: SQLite's own lock keeps others out
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as fault:
            raise StoreUnavailable(f"cannot lock {self._path}: {fault.strerror}") from fault

    def give_back(self) -> None:
        """Let the next one in."""
        if sys.platform == "win32":
            return
        import fcntl

        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)
