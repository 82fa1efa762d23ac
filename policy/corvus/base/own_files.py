"""Files that corvus itself keeps beside others, in a folder where somebody may have put anything.

A link in the place of one is not followed, and a pipe or a device is not waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from corvus.base.files import sync

_SAFE = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))


def open_own(path: Path, flags: int) -> int:
    """Open a regular file; one that this makes only its owner may read.

    Args:
        path: The file.
        flags: As for ``os.open``.

    Returns:
        A descriptor.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, flags | _SAFE, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def replace_own(path: Path, data: bytes) -> None:
    """Write a file atomically, in the place of whatever is there; only its owner may read it.

    Args:
        path: The file; its folder exists.
        data: All of its bytes.

    Raises:
        OSError: It cannot be written.
    """
    import tempfile  # slow to import, and of no use to a reservation

    handle, name = tempfile.mkstemp(".tmp", f".{path.name}.", path.parent)
    part = Path(name)
    try:
        with open(handle, "wb") as stream:
            stream.write(data)
        sync(part)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
