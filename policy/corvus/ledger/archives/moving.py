"""Moves the archive of a ledger to a URL, and back to the folder next to it, file by file (LED-4).

A file is copied, read back and made to count where it goes; one transaction then has the ledger
name the new one in place of the old one; the old one goes last. A process may die at any step: the
ledger names one of the two, whole, and the same command goes on. A file that is there already, by
its hash, is not copied again: so each host of a shared store gives the command, in any order.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from corvus.base.errors import LedgerError
from corvus.base.files import file_sha256, sync
from corvus.base.private_files import make_private
from corvus.ledger.archives.archiver import Archiver, explaining_faults
from corvus.ledger.archives.manifest import (
    Entry,
    create_entry,
    entry_names,
    next_number,
    read_entry,
    remove_entry,
)
from corvus.ledger.archives.place import ArchiveFault, ArchivePlace, is_url
from corvus.ledger.archives.reading import tail_at, tail_of
from corvus.ledger.archives.records import ArchiveRecords, ArchiveRow
from corvus.ledger.archives.tables import archive_table
from corvus.ledger.views import archive_folder


@dataclass(frozen=True, slots=True)
class MoveSummary:
    """What was moved.

    Attributes:
        files: Where each file is now, paths or URLs.
    """

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where files go.

    Attributes:
        place: ``None`` is the folder next to the ledger.
        entries: What counts there, by hash.
    """

    place: ArchivePlace | None
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    def has(self, row: ArchiveRow) -> bool:
        """Return whether a file is there by its name."""
        if self.place is None:
            return not is_url(row.file)
        return row.file.startswith(f"{self.place.url}/")


def move_archive(records: ArchiveRecords, url: str | None) -> MoveSummary:
    """Move all files of the archive that are elsewhere.

    Args:
        records: Of the ledger.
        url: Where to; ``None`` is the folder next to the ledger.

    Raises:
        LedgerError: The ledger, or either archive, cannot be read or written. What was moved stays
            moved, the rest is where it was, and the same command goes on.
    """
    moved: list[str] = []
    with records.alone(), explaining_faults():
        records.remove_parts()
        target = _target(records, url)
        for row in records.rows():
            if not target.has(row):
                moved.append(_move(records, row, target))
    return MoveSummary(tuple(moved))


def _target(records: ArchiveRecords, url: str | None) -> _Target:
    if url is None:
        return _Target(None)
    archiver = Archiver(records, url)
    place = archiver.place()
    archiver.settle_leftovers(place, records.leftovers())
    entries = [read_entry(place, name) for name in sorted(entry_names(place))]
    return _Target(place, {entry.sha256: entry for entry in entries})


def _move(records: ArchiveRecords, row: ArchiveRow, target: _Target) -> str:
    if target.place is None:
        new = _move_home(records, row)
    elif (entry := target.entries.get(row.sha256)) is not None:  # another host has moved it
        url = target.place.at(entry.file)
        records.relocate(row, _at(row, url, entry), tail_at(url, entry.size_bytes))
        new = url
    else:
        new = _move_away(records, row, target.place)
    _remove(records, row)
    return new


def _at(row: ArchiveRow, file: str, entry: Entry | None) -> ArchiveRow:
    """Return a row for the same file elsewhere."""
    if entry is None:
        return replace(row, file=file, entry=None)
    return replace(row, file=file, entry=entry.name, size_bytes=entry.size_bytes)


def _move_away(records: ArchiveRecords, row: ArchiveRow, place: ArchivePlace) -> str:
    """Move a file to a URL."""
    kind = archive_table(row.table)
    assert kind is not None, "the ledger has archived it"
    number = next_number(entry_names(place), row.table, row.month)
    stem = f"{row.table}-{row.month}-{number}"
    name = f"{row.table}/{row.month}/{stem}-{uuid4().hex[:12]}.parquet"
    url = place.at(name)
    with records.part(stem) as file:
        _copy_here(records, row, file)
        entry = Entry(
            table=row.table,
            month=row.month,
            number=number,
            file=name,
            rows=row.rows,
            size_bytes=file.stat().st_size,
            sha256=row.sha256,
            amount=records.amount_of(kind, file),
            through=records.stores(),
            archived_us=row.archived_us,
        )
        records.note_leftover(url)
        place.upload(file, name, row.sha256)
        create_entry(place, entry)
        records.relocate(row, _at(row, url, entry), tail_of(file))
    return url


def _move_home(records: ArchiveRecords, row: ArchiveRow) -> str:
    """Move a file to the folder next to the ledger."""
    folder = archive_folder(records.path)
    recorded = records.recorded()
    free = [
        file
        for file in sorted(folder.glob(f"{row.table}-{row.month}-*.parquet"))
        if file.name not in recorded and file_sha256(file) == row.sha256
    ]  # of a run that died
    with records.part(f"{row.table}-{row.month}-0") as part:
        if free:
            file = free[0]
        else:
            _copy_here(records, row, part)
            make_private(part, is_new=True)
            sync(part)
            number = 1
            while (file := folder / f"{row.table}-{row.month}-{number}.parquet").exists():
                number += 1
            os.replace(part, file)
            sync(folder)
            sync(folder.absolute().parent)
        records.relocate(row, _at(row, file.name, None), None)
    return str(file)


def _copy_here(records: ArchiveRecords, row: ArchiveRow, file: Path) -> None:
    """Copy a file of the archive to this machine, and compare it with what was recorded."""
    if is_url(row.file):
        ArchivePlace.holding(row.file).fetch(row.file, file)
    else:
        shutil.copyfile(archive_folder(records.path) / row.file, file)
    if file_sha256(file) != row.sha256:
        raise LedgerError(f"{row.file} is not as it was written; see `corvus ledger verify`")


def _remove(records: ArchiveRecords, row: ArchiveRow) -> None:
    """Remove the old file of a move, which the ledger no longer names.

    One that cannot be removed now stays; nobody reads it.
    """
    if not is_url(row.file):
        folder = archive_folder(records.path)
        with suppress(OSError):
            (folder / row.file).unlink()
            folder.rmdir()  # if nothing else is in it
        return
    with suppress(ArchiveFault):
        place = ArchivePlace.holding(row.file)
        if row.entry is not None:
            remove_entry(place, row.entry)
        place.remove(row.file)
        records.forget_leftover(row.file)
