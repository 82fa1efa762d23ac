"""Files: written whole or not at all, locked between processes, durable and private.

A reader of a file that is replaced, and whoever pulls the plug, finds the old bytes or the new
ones. It knows no format. Locks are advisory (``flock``) and on files of their own: closing any
descriptor of a file that SQLite or DuckDB has open would drop their locks on it.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakSet

from corvus.base.errors import EditRefused, ReportError

HAS_LOCKS = sys.platform != "win32"
"""Whether there is ``flock``; without it, locks are granted to everybody."""

_DEFAULT_MODE = 0o644


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Give a name next to a file to write under; on success it takes the file's place (EXP-1).

    What is no regular file, such as ``/dev/stdout`` or a pipe, is written to directly.

    Args:
        path: The file; its folder must exist. A symbolic link stays and leads to the new bytes.

    Yields:
        Where to write; an empty file is there.

    Raises:
        ReportError: The file cannot be written.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            yield path
            return
        target = Path(os.path.realpath(path))
        with _replacing(target) as part:
            yield part
            _like(part, target)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise ReportError(f"cannot write {path}: {error.strerror}") from None


def replace_file(path: Path, data: bytes, *, before: bytes | None = None) -> None:
    """Write a file atomically (CFG-12): its mode, its owner and a link that leads to it stay.

    Other hard links to the old file keep the old bytes. A process killed half-way leaves the file
    as it was, and a hidden ``.NAME.*.tmp`` next to it.

    Args:
        path: The file; it need not exist, its folder must.
        data: All of its new bytes.
        before: The bytes that were read; when the file holds others by now, nothing is written.
            ``None`` writes whatever is there.

    Raises:
        EditRefused: The file changed or is not ours to replace, or the system refused.
    """
    try:
        target = Path(os.path.realpath(path))
        _refuse_irreplaceable(target)
        with _replacing(target) as part:
            part.write_bytes(data)
            _like(part, target)
            sync(part)
            if before is not None and target.read_bytes() != before:
                raise EditRefused(f"{path} changed since it was read: nothing is written")
        with suppress(OSError):  # the rename is durable where the file system has such a thing
            sync(target.parent)
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
        raise EditRefused(f"{path} cannot be written: {reason}") from fault


@contextmanager
def _replacing(target: Path) -> Generator[Path]:
    """Give a new file in the folder of another to write; on success it takes the other's place."""
    import tempfile  # slow to import, and of no use to a reservation

    handle, name = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _refuse_irreplaceable(target: Path) -> None:
    """Refuse what is no regular file, or nobody is meant to write to."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise EditRefused(f"{target} is not a regular file: nothing is written")
    # A rename asks for the folder's permission only; the file's own says what its owner meant.
    effective = os.access in os.supports_effective_ids
    if not os.access(target, os.W_OK, effective_ids=effective):
        raise EditRefused(f"{target} is read-only: nothing is written")


def _like(part: Path, target: Path) -> None:
    """Give a new file the owner and mode of the old one, or the usual mode when there is none."""
    try:
        old = target.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)
        return
    # Owner first: giving a file away takes its set-user bits. Only root may; others keep theirs.
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(part, old.st_uid, old.st_gid)
    os.chmod(part, stat.S_IMODE(old.st_mode))


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
    import hashlib

    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def make_private(path: Path, *, is_new: bool) -> None:
    """Let only its owner read a file: it says who did what, and what it cost.

    The file is never opened: a database engine may have it open, and would lose its locks.

    Args:
        path: The file; one that is missing or somebody else's stays as it is.
        is_new: Whether it was made just now. Of an older one, only the mode that it was given by
            default is changed: another was given on purpose.
    """
    with suppress(OSError):
        mode = os.stat(path).st_mode & 0o777
        if mode & 0o077 and (is_new or mode == _DEFAULT_MODE):
            os.chmod(path, mode & 0o700)


def reserve_private(path: str | Path) -> None:
    """Make an empty file that only its owner may read, where there is none.

    An existing one is not opened: closing it would drop the locks that a database engine holds on
    it in this process (https://sqlite.org/howtocorrupt.html, section 2.2).
    """
    with suppress(OSError):  # the engine comes to the same end, and says why
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


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
    """A lock between processes: a ``flock`` on a file of its own.

    The kernel serves those who wait about in order, and frees the lock when its holder dies. A
    forked child lets go of it at once, so that the death of its parent frees it too.

    Args:
        path: The file of the lock.
        create: Make it when it is missing; else it is only opened, for reading.

    Raises:
        OSError: The file cannot be made or opened.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
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


_open_locks: WeakSet[FileLock] = WeakSet()


def _close_locks_in_child() -> None:
    """Close a child's share of the locks; those of the parent stay as they are."""
    for lock in [*_open_locks]:
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_locks_in_child)
