"""Files that only their owner may read: they say who did what, and what it cost.

None is ever opened here: a database engine may have it open, and would lose its locks.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_DEFAULT_MODE = 0o644


def make_private(path: Path, *, is_new: bool) -> None:
    """Let only its owner read a file.

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
