"""Files that corvus itself keeps beside others, in a folder where somebody may have put anything.

A link in the place of one is not followed, and a pipe or a device is not waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

SAFE = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))
"""Flags for ``os.open``: no link is followed, and nobody is waited for."""


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
    descriptor = os.open(path, flags | SAFE, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))
