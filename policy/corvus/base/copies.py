"""Copies of files for their owner alone, and folders that are there whole or not at all.

A folder is written under a hidden name, locked by its writer, and takes its own name when it is
complete and on disk. What a killed writer leaves is hidden and not locked; the next one removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

from corvus.base.files import sync
from corvus.base.locks import FileLock, try_lock
from corvus.base.private_files import reserve_private

_PART = ".corvus-part"
_GONE = ".corvus-gone"
"""Endings of names that are ours, and of nobody else's folders: what has one may be removed."""


def copy_private(file: Path, target: Path) -> None:
    """Copy a file for its owner alone; the copy survives a power cut once its folder is synced.

    Raises:
        OSError: One of the two cannot be read or written.
    """
    reserve_private(target)
    shutil.copyfile(file, target)
    sync(target)


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """Give a hidden folder to write into; on success it takes its name, durably.

    Args:
        target: The folder; nothing is there. The one above must exist.

    Yields:
        Where to write; an empty folder of its owner alone.

    Raises:
        OSError: It cannot be made, or something has come to be at ``target``.
    """
    _remove_leftovers(target.parent)
    part = Path(tempfile.mkdtemp(_PART, f".{target.name}.", target.parent))
    try:
        with closing(FileLock(part, os.O_RDONLY)) as lock:
            try_lock(lock.descriptor)
            yield part
            for folder, _, _ in os.walk(part):
                sync(Path(folder))
            os.rename(part, target)
            sync(target.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def free_path(path: Path) -> Path:
    """Return a path where nothing is yet: this one, else one with a number after it."""
    numbers = count(1)
    free = path
    while os.path.lexists(free):
        free = path.with_name(f"{path.name}-{next(numbers)}")
    return free


def remove_folder(folder: Path) -> None:
    """Remove a folder; a process that dies meanwhile leaves nothing under its name.

    Raises:
        OSError: It cannot be removed.
    """
    gone = folder.with_name(f".{folder.name}{_GONE}")
    os.rename(folder, gone)
    shutil.rmtree(gone)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes have left, as far as it is ours to remove."""
    for part in folder.glob(f".*{_PART}"):
        with suppress(OSError), closing(FileLock(part, os.O_RDONLY)) as lock:
            if try_lock(lock.descriptor):
                shutil.rmtree(part)
    for gone in folder.glob(f".*{_GONE}"):
        shutil.rmtree(gone, ignore_errors=True)
