"""Locks between processes: advisory (``flock``), freed by the kernel when their holder dies.

Those of databases are on files of their own: closing any descriptor of a file that SQLite or DuckDB
has open would drop their locks on it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

HAS_LOCKS = sys.platform != "win32"
"""Whether there is ``flock``; without it, locks are granted to everybody."""


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file if that needs no waiting; return whether it is locked now.

    Raises:
        OSError: The file system knows no such locks.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class FileLock:
    """A lock between processes: a ``flock`` on a file or folder.

    The kernel serves those who wait about in order, and frees the lock when its holder dies. A
    forked child lets go of it at once, so that the death of its parent frees it too.

    Args:
        path: The file of the lock.
        flags: How it is opened, as for ``os.open``; made when it is missing by default.

    Raises:
        OSError: The file cannot be made or opened.
    """

    def __init__(self, path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> None:
        self.path = path
        self.descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        _open_locks.add(self)

    def take(self) -> None:
        """Wait until the lock is free, and hold it alone.

        Raises:
            OSError: The file system knows no such locks.
        """
        if sys.platform == "win32":
            return
        import fcntl

        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def take_within(self, seconds: float) -> bool:
        """Wait some time until the lock is free, and hold it alone.

        Returns:
            Whether it is held; if not, this lock is closed: should it be granted after all, it goes
            with the file that it was granted to.

        Raises:
            OSError: As for ``take``.
        """
        faults: list[OSError] = []

        def wait() -> None:
            try:
                self.take()
            except OSError as fault:
                faults.append(fault)

        waiter = threading.Thread(target=wait, name="corvus-lock", daemon=True)
        waiter.start()
        waiter.join(seconds)
        if waiter.is_alive():
            self.close()
            return False
        if faults:
            raise faults[0]
        return True

    def give_back(self) -> None:
        """Let the next one in; does nothing once closed."""
        if sys.platform == "win32" or self.descriptor < 0:
            return
        import fcntl

        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def touch_us(self) -> int | None:
        """Return the present of the file system, microseconds; ``None`` where it has none."""
        try:
            os.utime(self.path)
            return os.stat(self.path).st_mtime_ns // 1000
        except OSError:
            return None

    def close(self) -> None:
        """Let go of the file. May be called again."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


@contextmanager
def lock_within(place: Path, seconds: float) -> Generator[FileLock | None]:
    """Wait some time until a folder or file is free, and hold it alone.

    Yields:
        The lock; ``None`` where none can be had: one may not open it, or the file system knows no
        such locks.

    Raises:
        TimeoutError: Somebody held it all the time.
    """
    lock = None
    for flags in (os.O_RDONLY, os.O_RDWR):  # NFS locks only what is open for writing
        try:
            lock = FileLock(place, flags)
            if not try_lock(lock.descriptor) and not lock.take_within(seconds):
                raise TimeoutError(place)
            break
        except TimeoutError:
            raise
        except OSError:
            if lock is not None:
                lock.close()
            lock = None
    try:
        yield lock
    finally:
        if lock is not None:
            lock.close()


_open_locks: WeakSet[FileLock] = WeakSet()


def _close_locks_in_child() -> None:
    """Close a child's share of the locks; those of the parent stay as they are."""
    for lock in [*_open_locks]:
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_locks_in_child)
