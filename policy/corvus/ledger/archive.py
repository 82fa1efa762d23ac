"""Moves old rows to Parquet files next to the ledger, by month (LED-4).

A file is whole and on disk before one transaction removes its rows and records it, so a process may
die at any step: what it leaves is rows without a file, or a file that nobody reads. Refuses to
remove such a file unless the ledger has all of its rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from corvus.base.errors import LedgerError
from corvus.base.files import file_sha256, sync
from corvus.base.period import next_month
from corvus.base.private_files import make_private
from corvus.base.time import Clock, SystemClock, microseconds
from corvus.ledger.ledger import LOCK_TIMEOUT_SECONDS, Ledger, open_file
from corvus.ledger.views import archive_folder, quoted


@dataclass(frozen=True, slots=True)
class _ArchiveTable:
    """How a table is archived.

    Attributes:
        table: Its name.
        time: The column that decides the month.
        key: The columns that tell one row from all others.
    """

    table: str
    time: str
    key: tuple[str, ...]


_TABLES = (
    _ArchiveTable("usage_record", "admitted_at", ("id",)),
    _ArchiveTable("reservation_event", "recorded_at", ("store_id", "seq")),
)
_FILE_NAME = re.compile(r"\.?(usage_record|reservation_event)-\d+-\d\d-\d+\.parquet(\.part)?")

_MONTHS = """
SELECT DISTINCT date_trunc('month', {time})::DATE AS first_day FROM {table}
WHERE {time} < make_timestamp($before_us) ORDER BY first_day
"""
_SELECTED = """
FROM {table} WHERE {time} >= make_timestamp({from_us}) AND {time} < make_timestamp({before_us})
"""
_WRITE = """
COPY (SELECT * {selected} ORDER BY {time}, {key}) TO {file} (FORMAT parquet, COMPRESSION zstd)
"""
_RECORD = """
INSERT INTO {table} VALUES ($table, $month, $file, $rows, $sha256, make_timestamp($archived_us))
"""
_REGISTERED = "SELECT file FROM ledger_archive"
_NOT_IN_LEDGER = "SELECT COUNT(*) FROM read_parquet($file) ANTI JOIN {table} USING ({key})"


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """What retention moved.

    Attributes:
        rows: How many rows.
        files: Where they are now, in the order of writing.
    """

    rows: int
    files: tuple[Path, ...]


def archive(
    path: Path,
    retention_days: int,
    *,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    clock: Clock | None = None,
) -> ArchiveSummary:
    """Move the usage and the reservations of months that ended long enough ago.

    Args:
        path: The ledger file.
        retention_days: A UTC month is moved once this many days have passed since its end; 0 is
            never.
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
    rows, files = 0, list[Path]()
    with open_file(path, write=True, timeout_seconds=timeout_seconds, clock=clock) as ledger:
        folder = archive_folder(path)
        with ledger.explaining(), _explaining_files(folder):
            _remove_leftovers(ledger, folder)
            for kind in _TABLES:
                for first_day in _months(ledger, kind, kept_from):
                    moved, file = _move(ledger, kind, first_day, clock)
                    rows += moved
                    files.append(file)
            if files:
                ledger.connection.execute("CHECKPOINT")
    return ArchiveSummary(rows, tuple(files))


def _months(ledger: Ledger, kind: _ArchiveTable, kept_from: date) -> list[date]:
    statement = _MONTHS.format(table=ledger.table(kind.table), time=kind.time)
    found = ledger.connection.execute(statement, {"before_us": _us(kept_from)}).fetchall()
    return [first_day for (first_day,) in found]


def _move(ledger: Ledger, kind: _ArchiveTable, first_day: date, clock: Clock) -> tuple[int, Path]:
    """Move one month of one table."""
    month = f"{first_day:%Y-%m}"
    file = _free_file(archive_folder(ledger.path), f"{kind.table}-{month}")
    selected = _SELECTED.format(
        table=ledger.table(kind.table),
        time=kind.time,
        from_us=_us(first_day),
        before_us=_us(next_month(first_day)),
    )
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
            },
        )
    return rows, file


def _write(ledger: Ledger, kind: _ArchiveTable, selected: str, file: Path) -> int:
    """Write a file so that it is whole, and on disk, before it has its name; return its rows."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    try:
        statement = _WRITE.format(
            selected=selected, time=kind.time, key=", ".join(kind.key), file=quoted(part)
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
    kind = next(kind for kind in _TABLES if kind.table == table)
    statement = _NOT_IN_LEDGER.format(table=ledger.table(table), key=", ".join(kind.key))
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


def _us(day: date) -> int:
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
