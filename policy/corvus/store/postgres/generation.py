"""Remembers which store this host uses, and which state of it was seen (STO-3).

A standby that was behind when it was promoted, or a backup, has an older state: holds that were
acknowledged are gone, and what they stood for could be spent twice. So it could in a store that was
made again in the place of one that was lost.

What is seen is in the file before anything is acknowledged, so that a process that is killed at any
moment leaves it there. The disk has it within a second: only a machine that loses its power in the
same second in which a standby takes over may forget what it saw in that second.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from corvus.base.errors import StoreCorrupt
from corvus.base.locks import FileLock
from corvus.base.own_files import SAFE, open_own

_SYNCED_EVERY_SECONDS = 1.0
_DIGITS = 19
_READ_BYTES = 256
_SEEN = ".seen"
_NOTHING_SEEN = "", -1

_log = logging.getLogger("corvus.store")


class SeenGeneration:
    """The store that this host uses, and the newest generation of it that was seen.

    Args:
        beside: A path with which the name of the file begins that outlives the process; ``None``
            keeps none. What another process of this host has seen counts, too.
    """

    def __init__(self, beside: Path | None) -> None:
        self._path = beside and beside.with_name(f"{beside.name}{_SEEN}")
        self._file: FileLock | None = None
        self._written, self._synced_at = _NOTHING_SEEN, float("-inf")
        self._store_id, self._seen = self._read()
        self._is_forgotten = self._is_noted = self._is_logged = False

    @property
    def knows_a_store(self) -> bool:
        """Whether this host has used a store here."""
        return bool(self._store_id)

    def forget(self) -> None:
        """Take what the server has for all there is: somebody has decided to go on without."""
        (self._store_id, self._seen), self._is_forgotten = _NOTHING_SEEN, True

    def follow(self, store_id: str) -> None:
        """Use a store from now on that was moved here, in place of any other."""
        if store_id != self._store_id:
            self._store_id, self._seen = store_id, -1

    def judge(self, name: str, generation: int, store_id: str | None) -> None:
        """Refuse a server that lacks what was seen; else note what it has.

        Args:
            name: The store, as the user knows it.
            generation: That of the server.
            store_id: Of its store; ``None`` is the one seen.

        Raises:
            StoreCorrupt: It has an older state of the store, or another store.
        """
        if store_id is not None and not self._store_id:
            self._store_id = store_id
        if store_id not in (None, self._store_id):
            raise StoreCorrupt(
                f"the store {name} is not the one that this host has used: that one was dropped "
                f"and another made, or the URL leads to another server; {_BRING_BACK}"
            )
        missing, self._seen = self._seen - generation, max(self._seen, generation)
        if missing > 0:
            raise StoreCorrupt(
                f"the server of the store {name} has lost the last {missing} changes that this "
                "host has seen: a standby that was behind was promoted, or a backup restored; "
                "bring back the right server, or run `corvus ledger verify --rebuild` to go on "
                "without them"
            )

    def judge_absence(self, name: str) -> None:
        """Refuse a server that has no store.

        Args:
            name: The store, as the user knows it.

        Raises:
            StoreCorrupt: This host has used one here, which is lost.
        """
        if self.knows_a_store:
            raise StoreCorrupt(
                f"this host has used the store {name}, and there is none any more: it was dropped, "
                f"or the URL leads to another server; {_BRING_BACK}"
            )

    def note(self, generation: int, *, may_wait: bool = False) -> None:
        """Note a generation that this process made.

        Args:
            generation: What it made.
            may_wait: Whether the file follows at the next note or ``close``; else it has it on
                return.
        """
        self._seen, self._is_noted = max(self._seen, generation), True
        if not may_wait:
            self._keep()

    def close(self) -> None:
        """Let go of the file, which is on disk then if this process has changed the store."""
        if self._is_noted:
            self._keep()
        if self._file is not None:
            with suppress(OSError):
                os.fsync(self._file.descriptor)
            self._file.close()
            self._file = None

    def _keep(self) -> None:
        """Write what was seen.

        A file that cannot be written is logged once, and stops nothing: what was committed is
        durable, and this process knows what it has seen.
        """
        if self._path is None or self._written == (self._store_id, self._seen):
            return
        try:
            self._write(self._path)
        except OSError as fault:
            if not self._is_logged:
                _log.warning(
                    "which state of the store was seen cannot be kept (%s): until it can, a "
                    "restart makes this host trust a server that has lost changes",
                    fault,
                )
            self._is_logged = True
        else:
            self._written, self._is_logged = (self._store_id, self._seen), False

    def _write(self, path: Path) -> None:
        """Write what was seen in its place, unless another process of this host has seen more."""
        if self._file is None or self._file.descriptor < 0:
            os.makedirs(path.parent, exist_ok=True)
            self._file = FileLock(path, os.O_RDWR | os.O_CREAT | SAFE)
        descriptor = self._file.descriptor
        self._file.take()
        try:
            there = os.pread(descriptor, _READ_BYTES, 0)
            store_id, seen = _seen_in(there)
            if store_id != self._store_id or seen < self._seen or self._is_forgotten:
                content = f"{self._store_id} {self._seen:0{_DIGITS}}\n".encode()
                os.pwrite(descriptor, content, 0)
                if len(there) > len(content):
                    os.ftruncate(descriptor, len(content))
                self._is_forgotten = False
        finally:
            self._file.give_back()
        if time.monotonic() - self._synced_at >= _SYNCED_EVERY_SECONDS:
            self._synced_at = time.monotonic()
            os.fsync(descriptor)

    def _read(self) -> tuple[str, int]:
        """Return the store, and its newest generation, that the file names."""
        if self._path is not None:
            with suppress(OSError), open(open_own(self._path, os.O_RDONLY), "rb") as stream:
                return _seen_in(stream.read(_READ_BYTES))
        return _NOTHING_SEEN


def _seen_in(content: bytes) -> tuple[str, int]:
    try:
        store_id, seen = content.decode().split()
        return store_id, int(seen)
    except ValueError:
        return _NOTHING_SEEN


_BRING_BACK = (
    "bring back the right server, or restore a backup. To begin again without what was held and "
    "spent, name another ledger with --ledger"
)
