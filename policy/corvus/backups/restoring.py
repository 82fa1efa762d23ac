"""Puts a backup in its place (LED-6).

Refuses what somebody uses and, unless it may be put aside, to take the place of anything. Files
arrive in an order in which a process that dies leaves a place that is refused, and not one that has
forgotten spend: the store, the archive, the ledger.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from corvus.backups.content import LEDGER, STORE, Backup, refused, spilled_files
from corvus.base.copies import copy_private, free_path
from corvus.base.errors import LedgerError
from corvus.base.files import sync
from corvus.base.time import Clock
from corvus.store.place import StorePlace
from corvus.store.spill import UNSETTLED

_LOCK_SECONDS = 30.0


def restore(
    backup: Backup, ledger_path: Path, place: StorePlace, clock: Clock, *, replaces: bool = False
) -> Path | None:
    """Put a backup in its place; the backup stays.

    Args:
        backup: It was read, and so examined.
        ledger_path: Where the ledger shall lie; its archive lies next to it.
        place: Where its store shall lie.
        clock: Names the folder for what was there.
        replaces: Whether something may be there; it is put aside.

    Returns:
        The folder, next to the ledger, with what was there; ``None`` if there was nothing.

    Raises:
        LedgerError: Something is there, somebody holds the ledger, or a file cannot be written.
        StoreError: Somebody has the store open.
    """
    from corvus.ledger.lock import ledger_lock

    _refuse(backup, ledger_path, place, replaces=replaces)
    with refused(f"cannot restore to {ledger_path}"):
        ledger_path.parent.mkdir(parents=True, exist_ok=True)
        aside = free_path(
            ledger_path.with_name(f"{ledger_path.name}.replaced-{clock.now():%Y%m%dT%H%M%SZ}")
        )
        aside.mkdir(mode=0o700)
        try:
            with ledger_lock(ledger_path, write=True, timeout_seconds=_LOCK_SECONDS):
                _put_store(backup, place, aside)
                _put_ledger(backup, ledger_path, aside)
        finally:
            with suppress(OSError):
                aside.rmdir()  # if nothing is in it
    return aside if aside.exists() else None


def _refuse(backup: Backup, ledger_path: Path, place: StorePlace, *, replaces: bool) -> None:
    from corvus.ledger.copying import ledger_files

    if backup.is_shared is not place.is_shared:
        other, own = ("shared by hosts", "a file") if backup.is_shared else ("a file", "shared")
        raise LedgerError(
            f"the backup {backup.folder} belongs to a store that is {other}, and the config names "
            f"one that is {own}: see governance.ledger.url"
        )
    is_there = bool(ledger_files(ledger_path) or spilled_files(place))
    if (is_there or (not place.is_shared and place.exists)) and not replaces:
        raise LedgerError(
            f"something lies at {ledger_path} already; --replace puts it aside, or name another "
            "ledger with --ledger"
        )


def _put_store(backup: Backup, place: StorePlace, aside: Path) -> None:
    names = [file.name for file in backup.files]
    if STORE in names and (file := place.admin.file()) is not None:
        file.put_back(backup.folder / STORE, aside)
    for old in spilled_files(place):
        shutil.move(old, aside / old.name)
    if (path := place.unsettled_path) is not None:
        stem = path.name.removesuffix(UNSETTLED)
        for name in names:
            if name.startswith(f"{STORE}."):
                copy_private(backup.folder / name, path.with_name(stem + name.removeprefix(STORE)))


def _put_ledger(backup: Backup, ledger_path: Path, aside: Path) -> None:
    """Put archive and ledger in their place; the ledger, which names the archive, is the last."""
    from corvus.ledger.copying import ledger_files

    real = Path(os.path.realpath(ledger_path))
    for old in ledger_files(ledger_path):
        shutil.move(old if old != ledger_path else real, aside / old.name)
    names = [file.name for file in backup.files]
    own = [name for name in names if name.startswith(LEDGER) and not name.startswith(STORE)]
    for name in sorted(own, reverse=True):
        target = ledger_path.with_name(ledger_path.name + name.removeprefix(LEDGER).split("/")[0])
        if "/" in name:
            target.mkdir(mode=0o700, exist_ok=True)
            copy_private(backup.folder / name, target / name.partition("/")[2])
            sync(target)
            continue
        part = real.with_name(f".{real.name}.restored")
        copy_private(backup.folder / name, part)
        os.replace(part, real)
    sync(real.parent)
