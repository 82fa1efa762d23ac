"""Moves months of a ledger to an archive at a URL, exactly once (LED-4).

The steps, of which a process may die at any: the month is copied to a file on this machine and
compared with the ledger; the URL of the file to be is noted; the file is uploaded and read back;
its entry is made at the archive, which is the instant from which the file counts; one transaction
then removes its rows from the ledger and records it. Before the entry, what is left is a leftover,
which the next run removes. After it, this ledger and every other replica do the last step alone:
the rows of a ledger go when all rows of the file are in it. Until then the ledger has the rows and
does not know the file, so a report counts each once.

The ledger is not held during an upload: whoever reads or drains does not wait for a network.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.base.files import file_sha256
from corvus.base.time import microseconds
from corvus.ledger.archives.manifest import (
    Entry,
    create_entry,
    entry_names,
    has_entry,
    next_number,
    owner_of,
    read_entry,
)
from corvus.ledger.archives.place import ArchiveFault, ArchiveFileExists, ArchivePlace
from corvus.ledger.archives.records import AMOUNT, ArchiveRecords, note_leftover
from corvus.ledger.archives.tables import WRITE, ArchiveTable, selected_month
from corvus.ledger.views import quoted

_TRIES = 3
_ROWS = "SELECT count(*), sum(hash(row_of)) FROM (SELECT * {source}) AS row_of"
_IN_FILE = "FROM read_parquet({file})"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A file that a ledger has recorded.

    Attributes:
        url: Where it is.
        rows: How many rows of the ledger it took the place of.
    """

    url: str
    rows: int


@dataclass(frozen=True, slots=True)
class Archiver:
    """What archives a ledger at a URL.

    Attributes:
        records: What the ledger keeps of it.
        url: The archive.
        may_archive: Called before each file, and once more before it counts.
    """

    records: ArchiveRecords
    url: str
    may_archive: Callable[[], bool] = lambda: True

    def run(self, kept_from: date) -> list[Shipped]:
        """Move the months before a day, and take over what other replicas have moved.

        Without such a month nothing is reached.

        Raises:
            LedgerError: The ledger or the archive cannot be read or written; no row is lost.
        """
        records = self.records
        with records.alone(), explaining_faults():
            records.remove_parts()
            due, leftovers = records.due(kept_from), records.leftovers()
            if not due and not leftovers:
                return []
            place = self.place()
            self.settle_leftovers(place, leftovers)
            done, waiting = self._follow(place, {f"{day:%Y-%m}" for _, day in due})
            for kind, day in due:
                if (kind.table, f"{day:%Y-%m}") not in waiting and self.may_archive():
                    done += self._ship(place, kind, day)
            if done:
                with records.opened() as ledger:
                    ledger.connection.execute("CHECKPOINT")
        return done

    def place(self) -> ArchivePlace:
        """Return the archive, which is this ledger's.

        Raises:
            LedgerError: It is another ledger's.
            ArchiveFault: It cannot be reached.
        """
        place, records = ArchivePlace(self.url), self.records
        own = records.own_id(place.url)
        if own is None:  # noted before it is written there, so that it is never unknown here
            records.note_id(place.url, own := uuid4())
        found = owner_of(place, own, records.stores())
        if found != own:
            records.note_id(place.url, found)
        return place

    def settle_leftovers(self, place: ArchivePlace, leftovers: list[str]) -> None:
        """Remove what runs before may have left; what is elsewhere may wait until it is in reach.

        Raises:
            ArchiveFault: The archive cannot be reached.
        """
        for url in leftovers:
            if url.startswith(f"{place.url}/"):
                self._settle_leftover(url)
            else:
                with suppress(ArchiveFault):
                    self._settle_leftover(url)

    def _settle_leftover(self, url: str) -> None:
        """Remove a file, unless it counts."""
        if url not in self.records.recorded() and not has_entry(url):
            ArchivePlace.holding(url).remove(url)
        self.records.forget_leftover(url)

    def _follow(
        self, place: ArchivePlace, months: set[str]
    ) -> tuple[list[Shipped], set[tuple[str, str]]]:
        """Take over the files that count and that the ledger has not recorded.

        Returns:
            What was taken over, and tables with months of which not all rows are here yet.
        """
        recorded = self.records.recorded()
        done, waiting = list[Shipped](), set[tuple[str, str]]()
        for name in sorted(entry_names(place)):
            entry = read_entry(place, name)
            url = place.at(entry.file)
            if url in recorded or entry.month not in months:
                continue
            with self._fetched(place, entry) as file:
                is_taken = self.records.take_over(url, entry, file)
            if is_taken:
                done.append(Shipped(url, entry.rows))
            else:
                waiting.add((entry.table, entry.month))
        return done, waiting

    def _ship(self, place: ArchivePlace, kind: ArchiveTable, first_day: date) -> list[Shipped]:
        """Move a month of a table."""
        for _ in range(_TRIES):
            with self._copied(place, kind, first_day) as copy:
                if copy is None:
                    return []  # its rows were in files that others had archived
                entry, file = copy
                url = place.at(entry.file)
                place.upload(file, entry.file, entry.sha256)
                if not self.may_archive():
                    self._settle_leftover(url)
                    return []
                try:
                    create_entry(place, entry)
                except ArchiveFileExists:  # another host believed that it archives
                    self._settle_leftover(url)
                    done, waiting = self._follow(place, {entry.month})
                    if done or waiting:
                        return done
                    continue
                if not self.records.take_over(url, entry, file):
                    raise LedgerCorrupt(
                        f"rows of {entry.month} have changed in {self.records.path} while they "
                        f"were archived at {url}"
                    )
                return [Shipped(url, entry.rows)]
        return []

    @contextmanager
    def _copied(
        self, place: ArchivePlace, kind: ArchiveTable, first_day: date
    ) -> Generator[tuple[Entry, Path] | None]:
        """Copy a month to a file on this machine that is gone afterwards, and note its URL."""
        month, records = f"{first_day:%Y-%m}", self.records
        number = next_number(entry_names(place), kind.table, month)
        stem = f"{kind.table}-{month}-{number}"
        name = f"{kind.table}/{month}/{stem}-{uuid4().hex[:12]}.parquet"
        with records.part(stem) as file:
            through = records.stores()
            rows, amount = self._write(kind, first_day, file, place.at(name))
            if not rows:
                yield None
                return
            size_bytes, sha256 = file.stat().st_size, file_sha256(file)
            entry = Entry(
                table=kind.table,
                month=month,
                number=number,
                file=name,
                rows=rows,
                size_bytes=size_bytes,
                sha256=sha256,
                amount=amount,
                through=through,
                archived_us=microseconds(records.clock.now()),
            )
            yield entry, file

    def _write(self, kind: ArchiveTable, first_day: date, file: Path, url: str) -> tuple[int, int]:
        """Write a month to a file, compare the two, and note the URL; return rows and their sum."""
        with self.records.opened() as ledger:
            connection = ledger.connection
            selected = selected_month(ledger, kind, first_day)
            statement = WRITE.format(
                selected=selected, time=kind.time, key=kind.key_sql, file=quoted(file)
            )
            connection.execute(statement)
            written = _IN_FILE.format(file=quoted(file))
            rows_of = [
                connection.execute(_ROWS.format(source=source)).fetchone()
                for source in (selected, written)
            ]
            if rows_of[0] != rows_of[1]:
                raise LedgerError(
                    f"{first_day:%Y-%m} of {self.records.path} could not be copied; nothing moved"
                )
            counted = connection.execute(AMOUNT.format(amount=kind.amount, source=written))
            rows, amount = counted.fetchone() or (0, "0")
            if rows:
                note_leftover(ledger, url, self.records.clock)
        return int(rows), int(amount)

    @contextmanager
    def _fetched(self, place: ArchivePlace, entry: Entry) -> Generator[Path]:
        """Copy a file of the archive to this machine, for as long as it is used."""
        url = place.at(entry.file)
        with self.records.part(entry.name.removesuffix(".json")) as file:
            place.fetch(url, file)
            if file_sha256(file) != entry.sha256:
                raise ArchiveFault(f"{url} is not as it was written; nothing of it is used")
            yield file


@contextmanager
def explaining_faults() -> Generator[None]:
    """Turn the faults of an archive into ``LedgerError``."""
    try:
        yield
    except ArchiveFault as fault:
        raise LedgerError(f"{fault}; no row was moved without being there") from fault
    except OSError as fault:
        raise LedgerError(f"cannot write the archive: {fault.strerror or fault}") from fault
