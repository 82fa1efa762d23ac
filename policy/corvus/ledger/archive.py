"""Moves old rows to Parquet files next to the ledger, or at a URL, by month (LED-4).

A file is whole and on disk before one transaction removes its rows and records it, so a process may
die at any step: what it leaves is rows without a file, or a file that nobody reads. Refuses to
remove such a file unless the ledger has all of its rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from corvus.base.errors import LedgerError
from corvus.base.files import file_sha256, sync
from corvus.base.private_files import make_private
from corvus.base.time import Clock, SystemClock, microseconds
from corvus.ledger.archives.tables import (
    ARCHIVE_TABLES,
    WRITE,
    ArchiveTable,
    archive_table,
    months_before,
    selected_month,
)
from corvus.ledger.ledger import LOCK_TIMEOUT_SECONDS, Ledger, open_file
from corvus.ledger.views import archive_folder, quoted

_FILE_NAME = re.compile(r"\.?(usage_record|reservation_event)-\d+-\d\d-\d+\.parquet(\.part)?")

_RECORD = """
INSERT INTO {table} (table_name, month, file, rows, sha256, archived_at, size_bytes)
VALUES ($table, $month, $file, $rows, $sha256, make_timestamp($archived_us), $size_bytes)
"""
_REGISTERED = "SELECT file FROM ledger_archive"
_NOT_IN_LEDGER = "SELECT COUNT(*) FROM read_parquet($file) ANTI JOIN {table} USING ({key})"


MayArchive = Callable[[], bool]
"""Whether this host is the one of several that archives."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An archive at a URL.

    Attributes:
        url: Such as ``s3://bucket/prefix``.
        may_archive: Whether this host is the one of several that archives; the others only take
            over what it has archived. Called before each file, and once more before it counts.
    """

    url: str
    may_archive: MayArchive = lambda: True


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """What retention moved.

    Attributes:
        rows: How many rows.
        files: Where they are now, in the order of writing: paths, or URLs.
    """

    rows: int
    files: tuple[Path | str, ...]


def archive(
    path: Path,
    retention_days: int,
    *,
    to: Destination | None = None,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    clock: Clock | None = None,
) -> ArchiveSummary:
    """Move the usage and the reservations of months that ended long enough ago.

    Args:
        path: The ledger file.
        retention_days: A UTC month is moved once this many days have passed since its end; 0 is
            never.
        to: Where to; the folder next to the ledger by default.
        timeout_seconds: How long to wait while others hold the ledger, >= 0.
        clock: What the time is; the machine's by default.

    Raises:
        ValueError: ``retention_days`` is negative.
        LedgerError: The ledger or its archive cannot be opened or written; every row is where it
            was, or moved.
    """
    if retention_days < 0:
        raise ValueError(f"retention_days must be >= 0, got {retention_days}")
    if retention_days == 0:
        return ArchiveSummary(0, ())
    clock = clock or SystemClock()
    kept_from = (clock.now() - timedelta(days=retention_days)).date().replace(day=1)
    if to is not None:
        from corvus.ledger.archives.archiver import Archiver
        from corvus.ledger.archives.records import ArchiveRecords

        records = ArchiveRecords(path, clock, timeout_seconds)
        shipped = Archiver(records, to.url, to.may_archive).run(kept_from)
        return ArchiveSummary(sum(one.rows for one in shipped), tuple(one.url for one in shipped))
    rows, files = 0, list[Path | str]()
    with open_file(path, write=True, timeout_seconds=timeout_seconds, clock=clock) as ledger:
        folder = archive_folder(path)
        with ledger.explaining(), _explaining_files(folder):
            _remove_leftovers(ledger, folder)
            for kind in ARCHIVE_TABLES:
                for first_day in months_before(ledger, kind, kept_from):
                    moved, file = _move(ledger, kind, first_day, clock)
                    rows += moved
                    files.append(file)
            if files:
                ledger.connection.execute("CHECKPOINT")
    return ArchiveSummary(rows, tuple(files))


def _move(ledger: Ledger, kind: ArchiveTable, first_day: date, clock: Clock) -> tuple[int, Path]:
    """Move one month of one table."""
    month = f"{first_day:%Y-%m}"
    file = _free_file(archive_folder(ledger.path), f"{kind.table}-{month}")
    selected = selected_month(ledger, kind, first_day)
    rows = _write(ledger, kind, selected, file)
    with ledger.transaction():
        removed = ledger.connection.execute(f"DELETE {selected}").fetchone()
        assert removed == (rows,), "nobody else writes while we hold the ledger"
        ledger.connection.execute(
            _RECORD.format(table=ledger.table("ledger_archive")),
            {
                "table": kind.table,
                "month": month,
                "file": file.name,
                "rows": rows,
                "sha256": file_sha256(file),
                "archived_us": microseconds(clock.now()),
                "size_bytes": file.stat().st_size,
            },
        )
    return rows, file


def _write(ledger: Ledger, kind: ArchiveTable, selected: str, file: Path) -> int:
    """Write a file so that it is whole, and on disk, before it has its name; return its rows."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    try:
        statement = WRITE.format(
            selected=selected, time=kind.time, key=kind.key_sql, file=quoted(part)
        )
        written = ledger.connection.execute(statement).fetchone()
        make_private(part, is_new=True)
        sync(part)
        os.replace(part, file)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync(file.parent)
    sync(file.parent.absolute().parent)
    return int(written[0]) if written else 0


def _free_file(folder: Path, stem: str) -> Path:
    """Return the first free name: rows that come after their month was moved get a file too."""
    number = 1
    while (file := folder / f"{stem}-{number}.parquet").exists():
        number += 1
    return file


def _remove_leftovers(ledger: Ledger, folder: Path) -> None:
    """Remove the files of runs that died before they were recorded.

    One whose rows the ledger lacks is left alone: it may be all that is left of a lost ledger.
    """
    if not folder.is_dir():
        return
    registered = {name for (name,) in ledger.connection.execute(_REGISTERED).fetchall()}
    for file in folder.iterdir():
        name = _FILE_NAME.fullmatch(file.name)
        if name is None or file.name in registered:
            continue
        if name[2] or _is_in_ledger(ledger, name[1], file):
            file.unlink()


def _is_in_ledger(ledger: Ledger, table: str, file: Path) -> bool:
    kind = archive_table(table)
    assert kind is not None, "the name of the file has a table that is archived"
    statement = _NOT_IN_LEDGER.format(table=ledger.table(table), key=kind.key_sql)
    try:
        return ledger.connection.execute(statement, {"file": str(file)}).fetchone() == (0,)
    except duckdb.Error:
        return False  # no file of ours


@contextmanager
def _explaining_files(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as fault:
        raise LedgerError(
            f"cannot write the archive {folder}: {fault.strerror}; nothing of it was moved"
        ) from fault
