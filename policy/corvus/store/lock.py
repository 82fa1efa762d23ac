"""The lock that stands before SQLite's own: a ``flock`` on a file beside the store.

SQLite's busy handler is unfair: with many writers some wait for seconds. A blocking ``flock`` is
served about in order, and the kernel frees it when its holder dies. A forked child lets go of it at
once, so that the death of its parent frees it too. It is a courtesy among ours: what keeps
transactions apart is SQLite's lock.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from weakref import WeakSet

from corvus.base.errors import StoreUnavailable


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
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            raise StoreUnavailable(
                f"cannot write {self._path}: {fault.strerror}; name another ledger with --ledger"
            ) from fault
        _open_locks.add(self)

    def take_within(self, seconds: float) -> None:
        """Wait until the lock is free, though not for ever, and hold it.

        Args:
            seconds: How long to wait, > 0.

        Raises:
            StoreUnavailable: Somebody held it all the while, and this lock is closed now; or the
                file system knows no such locks.
        """
        faults: list[StoreUnavailable] = []

        def wait() -> None:
            try:
                self.take()
            except StoreUnavailable as fault:
                faults.append(fault)

        waiter = threading.Thread(target=wait, name="corvus-lock", daemon=True)
        waiter.start()
        waiter.join(seconds)
        if waiter.is_alive():
            self.close()  # should it be granted after all, it goes with the file it was granted to
            raise StoreUnavailable(
                f"another process held {self._path} for all of {seconds:.3g} s; look for one that "
                "was stopped, and let it go on or end it"
            )
        if faults:
            raise faults[0]

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
            raise StoreUnavailable(
                f"cannot lock {self._path}: {fault.strerror}; put the ledger on a local disk"
            ) from fault

    def give_back(self) -> None:
        """Let the next one in."""
        if sys.platform == "win32" or self._descriptor < 0:
            return
        import fcntl

        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def touch_us(self) -> int | None:
        """Return the present of the file system, microseconds; ``None`` where it has none."""
        try:
            os.utime(self._path)
            return os.stat(self._path).st_mtime_ns // 1000
        except OSError:
            return None

    def close(self) -> None:
        """Let go of the file. May be called again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


_open_locks: WeakSet[StoreLock] = WeakSet()


def _let_go_in_child() -> None:
    """Close a child's share of the locks; those of the parent stay as they are."""
    for lock in [*_open_locks]:
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
