"""What a ledger keeps of its archive at a URL, and the step that lets a file stand for rows.

Each method holds the ledger for itself, and for as short as it can: nothing here waits for a
network. The steps and their order are in ``corvus.ledger.archives.archiver``.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from corvus.base.errors import LedgerCorrupt, LedgerLocked
from corvus.base.private_files import reserve_private
from corvus.base.time import Clock, microseconds
from corvus.ledger.archives.manifest import Entry
from corvus.ledger.archives.reading import tail_of
from corvus.ledger.archives.tables import (
    ARCHIVE_TABLES,
    ArchiveTable,
    archive_table,
    months_before,
    selected_month,
)
from corvus.ledger.ledger import Ledger, open_file
from corvus.ledger.lock import ledger_lock
from corvus.ledger.views import archive_folder, quoted

AMOUNT = "SELECT count(*), coalesce(sum({amount}), 0)::HUGEINT::VARCHAR {source}"
"""How many rows, and the sum that is compared."""

_PART = ".parquet.upload"
_KEYS = "CREATE OR REPLACE TEMP TABLE archived_key AS SELECT {key} FROM read_parquet({file})"
_MATCHING = "{selected} AND ({key}) IN (SELECT ({key}) FROM temp.archived_key)"
_RECORD = """
INSERT INTO {table} (table_name, month, file, rows, sha256, archived_at, size_bytes, entry, tail)
VALUES ($table, $month, $file, $rows, $sha256, make_timestamp($archived_us), $size_bytes, $entry,
    $tail)
"""
_OWN_ID = "SELECT archive_id FROM archive_place WHERE url = ? ORDER BY noted_at DESC LIMIT 1"
_NOTE_ID = "INSERT INTO {table} VALUES (?, ?, make_timestamp(?))"
_STORES = "SELECT store_id::VARCHAR, max(seq) FROM ledger_watermark GROUP BY ALL ORDER BY ALL"
_LEFTOVERS = "SELECT DISTINCT file FROM archive_leftover ORDER BY file"
_NOTE_LEFTOVER = "INSERT INTO {table} VALUES (?, make_timestamp(?))"
_FORGET_LEFTOVER = "DELETE FROM {table} WHERE file = ?"
_RECORDED = "SELECT file FROM ledger_archive"
_ROWS = """
SELECT table_name, month, file, rows, sha256, epoch_us(archived_at), size_bytes, entry
FROM ledger_archive ORDER BY month, table_name, file
"""
_FORGET = "DELETE FROM {table} WHERE file = ?"
_IN_FILE = "FROM read_parquet({file})"


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """What the ledger says of a file of its archive.

    Attributes:
        month: ``YYYY-MM``, of UTC.
        file: Its name in the folder next to the ledger, or its URL.
        archived_us: When it was archived, microseconds since 1970, UTC.
        size_bytes: ``None`` of files that an older version wrote.
        entry: Name of its entry, at a URL.
    """

    table: str
    month: str
    file: str
    rows: int
    sha256: str
    archived_us: int
    size_bytes: int | None
    entry: str | None


@dataclass(frozen=True, slots=True)
class ArchiveRecords:
    """What a ledger keeps of its archive.

    Attributes:
        path: The ledger file.
        timeout_seconds: How long to wait while others hold it, each time, >= 0.
    """

    path: Path
    clock: Clock
    timeout_seconds: float

    @contextmanager
    def alone(self) -> Generator[None]:
        """Be the only process of this machine that changes the archive of the ledger.

        Raises:
            LedgerLocked: Another one does.
        """
        name = self.path.with_name(f"{self.path.name}.archiving")
        try:
            with ledger_lock(name, write=True, timeout_seconds=self.timeout_seconds):
                yield
        except LedgerLocked as fault:
            if str(name) not in str(fault):
                raise
            raise LedgerLocked(
                f"another process moves months of {self.path} to its archive; try again later"
            ) from fault

    @contextmanager
    def opened(self) -> Generator[Ledger]:
        """Open the file of the ledger for writing, for a moment."""
        with (
            open_file(
                self.path, write=True, timeout_seconds=self.timeout_seconds, clock=self.clock
            ) as ledger,
            ledger.explaining(),
        ):
            yield ledger

    @contextmanager
    def part(self, stem: str) -> Generator[Path]:
        """Name a file in the folder next to the ledger, which is gone afterwards."""
        folder = archive_folder(self.path)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / f".{stem}{_PART}"
        reserve_private(part)
        try:
            yield part
        finally:
            with suppress(OSError):
                part.unlink()
            with suppress(OSError):
                folder.rmdir()  # if nothing else is in it

    def remove_parts(self) -> None:
        """Remove what ``part`` named in a process that was killed."""
        folder = archive_folder(self.path)
        with suppress(OSError):
            for part in folder.glob(f".*{_PART}"):
                part.unlink()
            folder.rmdir()  # if nothing else is in it

    def due(self, kept_from: date) -> list[tuple[ArchiveTable, date]]:
        """Return the tables and first days of the months that are to be moved."""
        with self.opened() as ledger:
            return [
                (kind, first_day)
                for kind in ARCHIVE_TABLES
                for first_day in months_before(ledger, kind, kept_from)
            ]

    def own_id(self, url: str) -> UUID | None:
        """Return the id by which the ledger knows an archive."""
        with self.opened() as ledger:
            row = ledger.connection.execute(_OWN_ID, [url]).fetchone()
        return UUID(str(row[0])) if row else None

    def note_id(self, url: str, archive_id: UUID) -> None:
        """Note by which id the ledger knows an archive."""
        values = [url, archive_id, microseconds(self.clock.now())]
        with self.opened() as ledger:
            ledger.connection.execute(_NOTE_ID.format(table=ledger.table("archive_place")), values)

    def stores(self) -> dict[str, int]:
        """Return the stores of which the ledger has events, and the number of the newest each."""
        with self.opened() as ledger:
            return dict[str, int](ledger.connection.execute(_STORES).fetchall())

    def recorded(self) -> set[str]:
        """Return the files that are a part of the ledger: names, or URLs."""
        with self.opened() as ledger:
            return {str(file) for (file,) in ledger.connection.execute(_RECORDED).fetchall()}

    def rows(self) -> list[ArchiveRow]:
        """Return all files that are a part of the ledger, in the order of their months."""
        with self.opened() as ledger:
            return archive_rows(ledger)

    def relocate(self, old: ArchiveRow, new: ArchiveRow, tail: bytes | None) -> None:
        """Name a file in place of another with the same bytes, in one transaction.

        The old one is noted as a leftover, if it is at a URL.
        """
        with self.opened() as ledger, ledger.transaction():
            ledger.connection.execute(
                _FORGET.format(table=ledger.table("ledger_archive")), [old.file]
            )
            _insert(ledger, new, tail)
            forget_leftover(ledger, new.file)
            if old.entry is not None:
                note_leftover(ledger, old.file, self.clock)

    def amount_of(self, kind: ArchiveTable, file: Path) -> int:
        """Return the sum that is compared, of a file on this machine."""
        with self.opened() as ledger:
            source = _IN_FILE.format(file=quoted(file))
            statement = AMOUNT.format(amount=kind.amount, source=source)
            row = ledger.connection.execute(statement).fetchone()
        return int(row[1]) if row else 0

    def leftovers(self) -> list[str]:
        """Return the URLs that were noted and not yet settled."""
        with self.opened() as ledger:
            return [str(url) for (url,) in ledger.connection.execute(_LEFTOVERS).fetchall()]

    def note_leftover(self, url: str) -> None:
        """Note a URL, before its first byte is written."""
        with self.opened() as ledger:
            note_leftover(ledger, url, self.clock)

    def forget_leftover(self, url: str) -> None:
        """Forget a URL that is settled."""
        with self.opened() as ledger:
            forget_leftover(ledger, url)

    def take_over(self, url: str, entry: Entry, file: Path) -> bool:
        """Let a file that counts take the place of its rows in the ledger, in one transaction.

        Args:
            url: The file.
            entry: What the archive says of it.
            file: A copy on this machine.

        Returns:
            Whether it did; not where the ledger lacks any of the rows.
        """
        kind = archive_table(entry.table)
        if kind is None:
            raise LedgerCorrupt(f"{url} is of the table {entry.table}, which is never archived")
        first_day = date.fromisoformat(f"{entry.month}-01")
        with self.opened() as ledger:
            connection = ledger.connection
            connection.execute(_KEYS.format(key=kind.key_sql, file=quoted(file)))
            selected = selected_month(ledger, kind, first_day)
            matching = _MATCHING.format(selected=selected, key=kind.key_sql)
            counted = connection.execute(AMOUNT.format(amount=kind.amount, source=matching))
            if counted.fetchone() != (entry.rows, str(entry.amount)):
                return False
            with ledger.transaction():
                removed = connection.execute(f"DELETE {matching}").fetchone()
                assert removed == (entry.rows,), "nobody else writes while we hold the ledger"
                record(ledger, url, entry, tail_of(file))
                forget_leftover(ledger, url)
        return True


def record(ledger: Ledger, url: str, entry: Entry, tail: bytes) -> None:
    """Record a file as a part of the ledger, in the transaction under way."""
    row = ArchiveRow(
        entry.table,
        entry.month,
        url,
        entry.rows,
        entry.sha256,
        entry.archived_us,
        entry.size_bytes,
        entry.name,
    )
    _insert(ledger, row, tail)


def archive_rows(ledger: Ledger) -> list[ArchiveRow]:
    """Return all files that are a part of an open ledger, in the order of their months."""
    with ledger.explaining():
        found = ledger.connection.execute(_ROWS).fetchall()
    return [ArchiveRow(*row) for row in found]


def _insert(ledger: Ledger, row: ArchiveRow, tail: bytes | None) -> None:
    ledger.connection.execute(
        _RECORD.format(table=ledger.table("ledger_archive")),
        {
            "table": row.table,
            "month": row.month,
            "file": row.file,
            "rows": row.rows,
            "sha256": row.sha256,
            "archived_us": row.archived_us,
            "size_bytes": row.size_bytes,
            "entry": row.entry,
            "tail": tail,
        },
    )


def note_leftover(ledger: Ledger, url: str, clock: Clock) -> None:
    """Note a URL that may be left behind, also in a transaction under way."""
    statement = _NOTE_LEFTOVER.format(table=ledger.table("archive_leftover"))
    ledger.connection.execute(statement, [url, microseconds(clock.now())])


def forget_leftover(ledger: Ledger, url: str) -> None:
    """Forget a URL, also in a transaction under way."""
    statement = _FORGET_LEFTOVER.format(table=ledger.table("archive_leftover"))
    ledger.connection.execute(statement, [url])
