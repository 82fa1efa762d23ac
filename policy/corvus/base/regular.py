"""Opening what may be there: a file, and never a pipe or a device, which might not end."""

from __future__ import annotations

import errno
import os
import stat

_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
"""Without waiting: to open a pipe is to wait for who is at its other end."""
_OWN = _AT_ONCE | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def read_regular(path: str) -> bytes | None:
    """Return the bytes of a regular file; ``None`` for what is none.

    Raises:
        OSError: It cannot be read.
        ValueError: The path has a NUL.
    """
    descriptor = os.open(path, os.O_RDONLY | _AT_ONCE)
    with open(descriptor, "rb") as stream:
        return stream.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def open_own(path: str | os.PathLike[str], flags: int) -> int:
    """Open a regular file that corvus itself has made; one it makes only its owner may read.

    Args:
        path: The file. A link in its place is not followed: somebody else has put it there.
        flags: As for ``os.open``.

    Returns:
        A descriptor.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, flags | _OWN, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
