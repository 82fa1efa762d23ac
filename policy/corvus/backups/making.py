"""Makes a backup: store and ledger of one instant, whole or not there (LED-6).

Settlements that wait in a file are copied before the store: one that is booked meanwhile is in the
store as well, and booked once by its key.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from corvus.backups.content import (
    LEDGER,
    MANIFEST,
    STORE,
    BackedUpFile,
    Backup,
    backups_in,
    manifest_of,
    refused,
    spilled_ending,
    spilled_files,
)
from corvus.base.copies import copy_private, free_path, remove_folder, whole_folder
from corvus.base.errors import LedgerError
from corvus.base.files import file_sha256, sync
from corvus.base.time import Clock
from corvus.store.place import StorePlace

LOCK_SECONDS = 30.0
"""How long to wait for somebody who writes the ledger."""


def back_up(
    ledger_path: Path, place: StorePlace, folder: Path, clock: Clock, *, keep: int | None = None
) -> Backup:
    """Make a backup, in a new folder that is named by the instant.

    Args:
        ledger_path: The ledger file.
        place: Where its store lies.
        folder: Where backups lie; made when it is missing.
        clock: Stamps the backup.
        keep: How many backups of this folder to keep, >= 1; the oldest go once this one is whole.
            ``None`` keeps all.

    Raises:
        LedgerError: There is nothing to back up, or something cannot be read or written; no folder
            is left.
        StoreError: The store cannot be read.
    """
    made_at = clock.now()
    with refused(f"cannot back up to {folder}"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = free_path(folder / f"{made_at:%Y%m%dT%H%M%SZ}")
        with whole_folder(target) as part:
            _copy(ledger_path, place, part)
            names = sorted(path for path in part.rglob("*") if path.is_file())
            if not names:
                raise LedgerError(
                    f"there is neither a ledger {ledger_path} nor a store {place.name}, so there "
                    "is nothing to back up; check --ledger"
                )
            files = tuple(
                BackedUpFile(str(name.relative_to(part)), name.stat().st_size, file_sha256(name))
                for name in names
            )
            backup = Backup(target, made_at, str(ledger_path), place.name, place.is_shared, files)
            manifest = part / MANIFEST
            manifest.write_text(manifest_of(backup), encoding="utf-8")
            sync(manifest)
        removed = _prune(folder, keep)
    return Backup(target, made_at, backup.ledger, backup.store, backup.is_shared, files, removed)


def _copy(ledger_path: Path, place: StorePlace, part: Path) -> None:
    """Copy store and ledger; a ledger that the first drain makes meanwhile is not missed."""
    from corvus.ledger.copying import copy_files, held_still

    if os.path.isfile(ledger_path):
        with held_still(ledger_path, timeout_seconds=LOCK_SECONDS):
            _copy_store(place, part)
            copy_files(ledger_path, part / LEDGER)
        return
    _copy_store(place, part)
    if os.path.isfile(ledger_path):
        for file in part.iterdir():
            file.unlink()
        _copy(ledger_path, place, part)


def _copy_store(place: StorePlace, part: Path) -> None:
    for file in spilled_files(place):
        with suppress(FileNotFoundError):  # it was booked a moment ago
            copy_private(file, part / f"{STORE}{spilled_ending(file)}")
    if (file := place.admin.file()) is not None and place.exists:
        file.copy(part / STORE)


def _prune(folder: Path, keep: int | None) -> tuple[Path, ...]:
    old = tuple(backups_in(folder)[:-keep]) if keep else ()
    for one in old:
        remove_folder(one)
    return old
