"""Writes a file whole or not at all, so that a run that is stopped leaves the old one (EXP-1)."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from corvus.base.errors import ReportError


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Give a name beside a file to write under; on success it takes the file's place.

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
        handle, name = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
        os.close(handle)
        try:
            yield Path(name)
            os.chmod(name, _mode(target))
            os.replace(name, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise ReportError(f"cannot write {path}: {error.strerror}") from None


def _mode(target: Path) -> int:
    """Return the mode of what is replaced, else that of any new file of this user."""
    if os.path.exists(target):
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
