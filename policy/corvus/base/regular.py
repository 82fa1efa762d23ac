"""Reading what may be there: a file, and never a pipe or a device, which might not end."""

from __future__ import annotations

import os
import stat


def read_regular(path: str) -> bytes | None:
    """Return the bytes of a regular file; ``None`` for what is none.

    Raises:
        OSError: It cannot be read.
        ValueError: The path has a NUL.
    """
    # Without waiting: to open a pipe is to wait for who writes into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as stream:
        return stream.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
