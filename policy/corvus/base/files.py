"""Files: written whole or not at all, and durable.

A reader of a file that is replaced, and whoever pulls the plug, finds the old bytes or the new
ones. Two rewrites at once come one after the other (CFG-12). It knows no format.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from corvus.base.errors import EditRefused, ReportError
from corvus.base.locks import HAS_LOCKS, lock_within

_NOT_OURS = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENODATA, errno.EINVAL)
"""What the system answers to an attribute that it sets itself, or that has just gone."""


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
    """Write a file atomically: mode, owner, attributes and a link that leads to it stay.

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
        raise _refusal(path, fault) from fault


class HeldFile:
    """A file whose rewrites all wait for this one, and what it held when its turn came.

    Attributes:
        path: As the user named it.
        data: Its bytes.
    """

    __slots__ = ("data", "path")

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data

    def replace(self, data: bytes) -> None:
        """Write it atomically, unless it holds those bytes already.

        Raises:
            EditRefused: Something else wrote to the file without waiting, or as ``replace_file``.
        """
        if data != self.data:
            replace_file(self.path, data, before=self.data)
            self.data = data


@contextmanager
def hold_file(path: Path, *, wait_seconds: float = 20) -> Generator[HeldFile]:
    """Hold a file against all other rewrites, and read it (CFG-12).

    No file of a lock is left behind: what is locked is the folder, or the file where one may not
    read the folder. The kernel serves those who wait about in order, and lets the next one in when
    the holder dies. Between machines that share a folder there is no such lock: there the last
    look before the rename has to do.

    NOTE: the lock of a file stays with the replaced one. Whoever waited for it looks whether the
    file is still that of the path, and waits for the new one if not.

    Args:
        path: A file that is there. Of a symbolic link, the file that it leads to.
        wait_seconds: How long to wait for others.

    Yields:
        The file. Another one of the same folder cannot be held meanwhile.

    Raises:
        EditRefused: It is not ours to replace, somebody held it all the time, or the file system
            knows no locks.
    """
    with ExitStack() as locks:
        try:
            while not _is_held(path, locks, wait_seconds):
                locks.close()
            data = path.read_bytes()
        except TimeoutError:
            raise EditRefused(
                f"{path} was being changed by another program for all of {wait_seconds:g} s: "
                "nothing is written, try again"
            ) from None
        except (OSError, ValueError) as fault:
            raise _refusal(path, fault) from fault
        yield HeldFile(path, data)


def rewrite_file(
    path: Path, change: Callable[[bytes], bytes], *, wait_seconds: float = 20
) -> tuple[bytes, bytes]:
    """Change a file as it is when nobody else of us changes it (CFG-12).

    Args:
        path: A file that is there.
        change: Returns the new bytes for those that the file holds by now; what it raises leaves
            the file as it was.
        wait_seconds: As for ``hold_file``.

    Returns:
        The bytes before and after; equal when nothing was written.

    Raises:
        EditRefused: As for ``hold_file`` and ``replace_file``.
    """
    with hold_file(path, wait_seconds=wait_seconds) as held:
        before = held.data
        held.replace(change(before))
        return before, held.data


def count_hard_links(path: Path) -> int:
    """Return how many other names a file has, which keep the old bytes when it is replaced."""
    try:
        return os.stat(path).st_nlink - 1
    except OSError:
        return 0


def _is_held(path: Path, locks: ExitStack, seconds: float) -> bool:
    """Lock the folder of a file; return whether the path still leads to what is locked."""
    target = Path(os.path.realpath(path))
    _refuse_irreplaceable(target)
    if not HAS_LOCKS:
        return True
    lock = locks.enter_context(lock_within(target.parent, seconds))
    lock = lock or locks.enter_context(lock_within(target, seconds))
    if lock is None:
        raise EditRefused(f"{path} cannot be locked: nothing is written")
    if Path(os.path.realpath(path)) != target:
        return False
    return os.path.samestat(os.fstat(lock.descriptor), lock.path.stat())


def _refusal(path: Path, fault: OSError | ValueError) -> EditRefused:
    reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    return EditRefused(f"{path} cannot be written: {reason}")


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
        try:
            os.chown(part, old.st_uid, old.st_gid)
        except PermissionError:
            with suppress(PermissionError):  # whoever is of the group may keep that
                os.chown(part, -1, old.st_gid)
    os.chmod(part, stat.S_IMODE(old.st_mode))
    _keep_attributes(part, target)


def _keep_attributes(part: Path, target: Path) -> None:
    """Give a new file the extended attributes of the old one, such as an access list.

    Those that only the system may set stay away, as they do in a copy.
    """
    if not hasattr(os, "listxattr"):
        return
    try:
        names = os.listxattr(target)
    except OSError:
        return  # the file system has none
    for name in names:
        try:
            os.setxattr(part, name, os.getxattr(target, name))
        except OSError as fault:
            if fault.errno not in _NOT_OURS:
                raise


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
