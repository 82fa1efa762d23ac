"""Copies the files of a ledger while nobody writes to it; reports go on (LED-6).

Our own writers wait at the lock of the ledger. Another DuckDB program is kept out by the lock that
DuckDB itself takes on the file, shared here as its readers share it.

NOTE: closing a descriptor of the file drops every lock of this process on it. So a process that has
the ledger open by DuckDB must not copy it: the command of a backup is a process of its own.

Source:
    https://duckdb.org/docs/stable/connect/concurrency, read 2026-11-29.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from corvus.base.copies import copy_private
from corvus.base.errors import LedgerLocked, LedgerOutdated
from corvus.base.files import sync
from corvus.ledger.archives.place import is_url
from corvus.ledger.archives.records import archive_rows
from corvus.ledger.connect import connect_to_file
from corvus.ledger.ledger import open_file
from corvus.ledger.lock import ledger_lock
from corvus.ledger.views import archive_folder

_LOG = ".wal"


@contextmanager
def held_still(path: Path, *, timeout_seconds: float) -> Generator[None]:
    """Let nobody write to a ledger, which exists.

    Args:
        path: The ledger file.
        timeout_seconds: How long to wait for one of ours that writes, >= 0.

    Raises:
        LedgerLocked: Somebody wrote all the time, or another program has it open for writing.
        OSError: The file cannot be opened.
    """
    with ledger_lock(path, write=False, timeout_seconds=timeout_seconds):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if sys.platform != "win32":
                import fcntl

                try:
                    fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise LedgerLocked(
                        f"the ledger {path} is open in another program; close it and try again"
                    ) from None
            yield
        finally:
            os.close(descriptor)


def copy_files(path: Path, target: Path) -> None:
    """Copy a ledger that is held still, and the archive next to it; a log is taken into the copy.

    Args:
        path: The ledger file.
        target: The file of the copy, in an empty folder.

    Raises:
        LedgerError: The copy cannot be opened, so that it is no use.
        OSError: Something cannot be read or written.
    """
    log, copied_log = (file.with_name(f"{file.name}{_LOG}") for file in (path, target))
    copy_private(path, target)
    if log.is_file() and log.stat().st_size:
        copy_private(log, copied_log)
        connect_to_file(target, write=True, deadline=time.monotonic()).close()
        copied_log.unlink(missing_ok=True)
        sync(target)
    names = _archived(path, target)
    if names:
        archive_folder(target).mkdir(mode=0o700)
    for name in names:
        copy_private(archive_folder(path) / name, archive_folder(target) / name)


def _archived(path: Path, copy: Path) -> list[str]:
    """Return the names of the files next to the ledger that belong to it; nothing at a URL."""
    try:
        with open_file(copy) as ledger:
            return [row.file for row in archive_rows(ledger) if not is_url(row.file)]
    except LedgerOutdated:  # an older corvus wrote it, and knew no archive at a URL
        folder = archive_folder(path)
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(file.name for file in found if not file.name.startswith("."))


def ledger_files(path: Path) -> list[Path]:
    """Return the files and the folder of a ledger that are there, the ledger itself last."""
    files = (archive_folder(path), path.with_name(f"{path.name}{_LOG}"), path)
    return [file for file in files if os.path.lexists(file)]
