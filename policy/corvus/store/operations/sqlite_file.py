"""Copies the file of a SQLite store next to its writers, and puts a copy back (LED-6).

A copy needs no log next to it. Who opens the store while it is put back waits at its lock, and
finds the copy; who has it open already keeps it from being put back.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from corvus.base.copies import copy_private
from corvus.base.errors import StoreUnavailable
from corvus.base.files import sync
from corvus.base.private_files import reserve_private
from corvus.store.sqlite import OPEN_SECONDS
from corvus.store.sqlite_files import explain, make_folder, taken_lock

_PATIENCE_SECONDS = 2.0
"""How long somebody may have the file open who only looks at it."""
_SIDES = ("-wal", "-shm")


class SqliteFile:
    """A store in a file; implements ``corvus.store.operations.admin.StoreFile``.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def copy(self, target: Path) -> None:
        """Write the store as it is at one instant to a new file.

        All pages are copied in one step: between two, a writer would make it begin again.

        Raises:
            StoreError: It cannot be read, or the copy not be written.
        """
        reserve_private(target)
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            with (
                closing(sqlite3.connect(address, uri=True)) as source,
                closing(sqlite3.connect(target, isolation_level=None)) as copy,
            ):
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as fault:
            if getattr(fault, "sqlite_errorname", "") == "SQLITE_FULL":
                raise StoreUnavailable(f"the disk of {target.parent} is full: make room") from fault
            raise explain(fault, self._path, str(self._path)) from fault

    def put_back(self, copy: Path, aside: Path) -> None:
        """Let a copy be the store, while nobody has it open.

        A store that is damaged is moved aside unexamined: a program that had it open is refused at
        its next transaction.

        Raises:
            StoreUnavailable: Another process has the store open.
            OSError: A file cannot be written or moved.
        """
        make_folder(self._path)
        real = Path(os.path.realpath(self._path))
        part = real.with_name(f".{real.name}.restored")
        copy_private(copy, part)
        with closing(taken_lock(real, OPEN_SECONDS)):
            if os.path.isfile(real):
                _refuse_users(real, str(self._path))
            for log in (real.with_name(f"{real.name}{side}") for side in _SIDES):
                if os.path.lexists(log):
                    shutil.move(log, aside / log.name)
            if os.path.lexists(real):
                _keep(real, aside / real.name)
            os.replace(part, real)
            sync(real.parent)


def _keep(real: Path, aside: Path) -> None:
    """Give a store a second name; there is no instant at which it has none."""
    try:
        os.link(real, aside)
    except OSError:  # on another disk, or the file system knows no links
        copy_private(real, aside)


def _refuse_users(real: Path, name: str) -> None:
    """Refuse to go on while somebody has a store open that is whole; its log is written back.

    Raises:
        StoreUnavailable: Somebody has.
    """
    connection = sqlite3.connect(real, timeout=_PATIENCE_SECONDS, isolation_level=None)
    try:
        with closing(connection):
            for statement in ("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "ROLLBACK"):
                connection.execute(statement)
    except sqlite3.Error as fault:
        if getattr(fault, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise StoreUnavailable(
                f"another process has the store {name} open; end every agent, gateway and "
                "program that uses it, and try again: nothing was restored"
            ) from fault
