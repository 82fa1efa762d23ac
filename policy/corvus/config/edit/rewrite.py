"""Puts new bytes in the place of a file, whole or not at all (CFG-12).

It knows no TOML. A reader, and whoever pulls the plug, finds the old file or the new one. Refuses
to write over what it was not shown: a file that changed since it was read, a read-only file, or
something that is no regular file.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from corvus.base.errors import EditRefused


def replace_file(path: Path, data: bytes, *, before: bytes | None = None) -> None:
    """Write a file atomically: mode and owner stay, and so does a symbolic link that leads to it.

    Other hard links to the old file keep the old bytes. A process killed half-way leaves the file
    as it was, and a hidden ``.NAME.*.tmp`` beside it.

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
        old = _status(target)
        temporary = _written_beside(target, data, old)
        try:
            if before is not None and target.read_bytes() != before:
                raise EditRefused(f"{path} changed since it was read: nothing is written")
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(target.parent)
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
        raise EditRefused(f"{path} cannot be written: {reason}") from fault


def _status(target: Path) -> os.stat_result | None:
    """Return what is there now; ``None`` when nothing is.

    Raises:
        EditRefused: It is no regular file, or nobody is meant to write to it.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise EditRefused(f"{target} is not a regular file: nothing is written")
    # A rename asks for the folder's permission only; the file's own says what its owner meant.
    effective = os.access in os.supports_effective_ids
    if not os.access(target, os.W_OK, effective_ids=effective):
        raise EditRefused(f"{target} is read-only: nothing is written")
    return status


def _written_beside(target: Path, data: bytes, old: os.stat_result | None) -> str:
    """Write the data to a new file in the same folder, on the disk when this returns."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            _like(stream.fileno(), old)
            os.fsync(stream.fileno())
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return name


def _like(handle: int, old: os.stat_result | None) -> None:
    """Give a new file the owner and mode of the old one, or the usual mode when there was none."""
    if old is None:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(handle, 0o666 & ~mask)
        return
    # Owner first: giving a file away takes its set-user bits. Only root may; others keep theirs.
    with suppress(PermissionError):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the file system has such a thing."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
