"""The ledger: one DuckDB file with every usage record (LED-1), opened for moments, never held.

Who may open it is decided by ``corvus.ledger.lock``; its shape is the work of
``corvus.ledger.migrate``; what lies next to the file, in a store's outbox and in the archive, is
shown by ``corvus.ledger.views``. Refuses: files that are something else, ledgers of a newer
version, use after a fork, and any network or extension download. Nothing here reads the ``.duckdb``
or ``.wal`` file itself (see the lock).
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from corvus.base.errors import LedgerCorrupt, LedgerError, LedgerLocked, LedgerOutdated
from corvus.base.private_files import make_private, reserve_private
from corvus.base.time import Clock, SystemClock, microseconds
from corvus.ledger import roll_ups
from corvus.ledger.connect import connect_to_file, connect_to_memory, explained
from corvus.ledger.lock import ledger_lock
from corvus.ledger.migrate import migrate, roll_back, shipped_migrations, verify
from corvus.ledger.outbox import Outbox, batches, last_seq, refuse_lost_rows, removing
from corvus.ledger.views import (
    archived_files,
    qualified,
    reach,
    show_all,
    shown_for_a_moment,
)
from corvus.model.outbox import LedgerTable, OutboxEvent, Row

if TYPE_CHECKING:
    from corvus.ledger.archives.reading import ArchivedFile

LOCK_TIMEOUT_SECONDS = 30.0
"""How long to wait for another process before giving up."""

_APPEND = "INSERT INTO {table} BY NAME SELECT * FROM {source} ORDER BY {order}"
_MARK = """
INSERT INTO {table} VALUES ($store_id, $seq, $events, make_timestamp($drained_us), $mark)
"""
_KEPT_MARK = "SELECT arg_max(mark, seq) FROM ledger_watermark WHERE store_id = ? AND seq = ?"
_HAS_RECORDS = """
SELECT EXISTS (FROM usage_record) OR EXISTS (FROM ledger_archive WHERE table_name = 'usage_record')
"""
_WATERMARK = "SELECT coalesce(max(seq), 0) FROM ledger_watermark WHERE store_id = ?"


class Ledger:
    """An open ledger.

    Attributes:
        path: The file.
        through_seq: Number of the newest event of the store that its tables show; 0 when it was
            opened without an outbox.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._connection = connection
        self._process = os.getpid()
        self.path = path
        self.through_seq = 0

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection; consume every result, an unread one pins a transaction.

        Raises:
            LedgerError: The process has forked since: what a child writes would vanish.
        """
        if os.getpid() != self._process:
            raise LedgerError("a ledger cannot be used after a fork; open it again in the child")
        return self._connection

    def close(self) -> None:
        """Close the connection, also in a process that was forked."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Make everything inside one transaction: all of it is kept, or nothing.

        Raises:
            LedgerError: DuckDB could not do it, for instance because the disk is full.
        """
        connection = self.connection
        reserve_log(self.path)
        with self.explaining():
            connection.execute("BEGIN TRANSACTION")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                roll_back(connection)
                raise

    @contextmanager
    def explaining(self) -> Generator[None]:
        """Turn the faults of DuckDB into ``LedgerError``."""
        try:
            yield
        except duckdb.Error as fault:
            raise explained(fault, self.path) from fault

    def table(self, name: str) -> str:
        """Return a table of the file as SQL writes it, whatever view stands before it."""
        return qualified(self.connection, name)

    def watermark(self, store_id: str) -> int:
        """Return the number of the newest event of a store that the ledger has; 0 without one."""
        with self.explaining():
            row = self.connection.execute(_WATERMARK, [store_id]).fetchone()
        return int(row[0]) if row else 0

    def mark(self, store_id: str) -> str | None:
        """Return what is kept of the newest event of a store that the ledger has."""
        with self.explaining():
            row = self.connection.execute(
                _KEPT_MARK, [store_id, self.watermark(store_id)]
            ).fetchone()
        return row[0] if row else None

    def remove(self, removal: Row) -> None:
        """Take the rows out of a table that a removal names, in the transaction under way."""
        statement, values = removing(self.table(str(removal["table"])), removal)
        self.connection.execute(statement, values)

    def accept_loss(self, store_id: str, through_seq: int, clock: Clock) -> int:
        """Take note that events which a store had handed over are lost for good.

        Returns:
            How many events are lost.
        """
        lost = through_seq - self.watermark(store_id)
        if lost > 0:
            with self.transaction():
                mark_drained(self, store_id, through_seq, lost, clock)
        return max(0, lost)

    def append(
        self, kind: LedgerTable, source: str, values: Mapping[str, object] | None = None
    ) -> int:
        """Append usage or reservations, and what they add to the roll-ups (LED-5).

        All of it is in the transaction under way.

        Args:
            kind: ``usage_record``, appended in order of admission, or ``reservation_event``.
            source: The rows, as SQL writes a table or a subquery; absent columns become NULL.
            values: Parameters of ``source``.

        Returns:
            How many rows were appended.
        """
        self._roll_up(kind, source, values)  # first: the rows may be those that are not there yet
        statement = _APPEND.format(
            table=self.table(kind), source=source, order=roll_ups.ROLLED_UP[kind]
        )
        counted = self.connection.execute(statement, values).fetchone()
        return int(counted[0]) if counted else 0

    def _roll_up(self, kind: LedgerTable, source: str, values: Mapping[str, object] | None) -> None:
        roll_ups.add(self.connection, self.table, kind, source, values)

    def fill_roll_ups(self, clock: Clock, on_progress: roll_ups.Progress | None = None) -> None:
        """Compute the roll-ups from all records, in a transaction of its own."""
        with self.transaction():
            roll_ups.fill(self.connection, self.table, clock.now(), on_progress=on_progress)

    def merge_roll_ups(self, clock: Clock) -> None:
        """Replace rows of the roll-ups for the same time and names by one, where there are many."""
        with self.explaining():
            due = roll_ups.merge_due(self.connection, self.table)
        if due:
            with self.transaction():
                roll_ups.merge(self.connection, self.table, due, clock.now())


def reserve_log(path: Path) -> None:
    """Have the write-ahead log of a ledger that is open for writing be its owner's alone.

    DuckDB makes it by the umask when it is first needed, and uses one that is there and empty.
    """
    reserve_private(_log(path))


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def mark_drained(  # noqa: PLR0913 - one row
    ledger: Ledger,
    store_id: str,
    through_seq: int,
    events: int,
    clock: Clock,
    *,
    mark: str | None = None,
) -> None:
    """Write down, in the transaction under way, that the ledger has all events up to a number."""
    ledger.connection.execute(
        _MARK.format(table=ledger.table("ledger_watermark")),
        {
            "store_id": store_id,
            "seq": through_seq,
            "events": events,
            "drained_us": microseconds(clock.now()),
            "mark": mark,
        },
    )


@contextmanager
def open_ledger(
    path: Path,
    *,
    write: bool = False,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    clock: Clock | None = None,
    outbox: Outbox | None = None,
) -> Generator[Ledger]:
    """Open a ledger for a moment, with all that belongs to it.

    Its tables show, next to the rows of the file, those that retention has moved to the archive
    (LED-4), and those that are still in a store's outbox (LED-2).

    Args:
        path: The ledger file.
        write: Open for writing, alone: creates folder and file, applies missing migrations. Else
            open for reading, together with other readers: creates and changes nothing.
        timeout_seconds: How long to wait while others hold the ledger, >= 0.
        clock: Stamps applied migrations; the machine's by default.
        outbox: The store whose undrained events are shown; a ledger that is yet to be made can be
            read when it has some.

    Yields:
        The open ledger; it is closed on leaving.

    Raises:
        LedgerError: The file is missing (when reading), or cannot be opened, created or written; or
            a file of its archive is missing.
        LedgerLocked: Others held it all the time.
        LedgerTooNew: A newer corvus wrote it.
        LedgerCorrupt: The file is no ledger, or is damaged, or has lost rows of the store.
    """
    events = None if write or outbox is None else _events_before_the_ledger(path, outbox)
    if events and outbox is not None:
        with empty_ledger(path) as ledger:
            ledger.through_seq = events[-1].seq
            _show(ledger, outbox.store_id, [events], {}, write=False)
            yield ledger
        return
    with open_file(path, write=write, timeout_seconds=timeout_seconds, clock=clock) as ledger:
        files = archived_files(ledger.connection, path)
        store_id, found = "", list[list[OutboxEvent]]()
        if outbox is not None:
            watermark = ledger.watermark(outbox.store_id)
            refuse_lost_rows(outbox, watermark, ledger.mark(outbox.store_id))
            refuse_other_rows(ledger, outbox, watermark)
            # Nobody drains while we hold the ledger, so all after the watermark is still there.
            store_id = outbox.store_id
            ledger.through_seq = last_seq(outbox, watermark)
            found = [*batches(outbox, watermark, ledger.through_seq)]
        _show(ledger, store_id, found, files, write=write)
        yield ledger


@contextmanager
def open_file(
    path: Path,
    *,
    write: bool = False,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    clock: Clock | None = None,
    on_upgrade: roll_ups.Progress | None = None,
) -> Generator[Ledger]:
    """Open the file of a ledger alone, without archive and outbox; else as ``open_ledger``.

    Args:
        path: The ledger file.
        write: Open for writing.
        timeout_seconds: How long to wait while others hold the ledger, >= 0.
        clock: Stamps applied migrations; the machine's by default.
        on_upgrade: Called with how many records of an older ledger are summed, and of how many.
    """
    # NOTE: os.path answers False where Path raises, as below a folder one may not enter.
    if not path.name or os.path.isdir(path):
        raise LedgerError(f"{path} is a folder, no ledger; name a file with --ledger")
    if write:
        _make_folder(path)
    elif os.path.isfile(path) and not os.path.getsize(path):
        raise LedgerError(f"the ledger {path} is an empty file; remove it, and a new one is made")
    elif not os.path.isfile(path):
        raise LedgerError(
            f"there is no ledger at {path} yet; make one with `corvus usage import PATH`"
        )
    deadline = time.monotonic() + timeout_seconds
    with ledger_lock(path, write=write, timeout_seconds=timeout_seconds):
        clock = clock or SystemClock()
        ledger = _opened(path, write=write, deadline=deadline, clock=clock, on_upgrade=on_upgrade)
        try:
            yield ledger
        finally:
            ledger.close()


def upgrade(path: Path, on_progress: roll_ups.Progress | None = None) -> None:
    """Bring a ledger that an older corvus wrote to the shape of this version (LED-1).

    One that is up to date is only read.

    Args:
        path: The ledger file.
        on_progress: As ``on_upgrade`` of ``open_file``.

    Raises:
        LedgerError: As for ``open_file``.
    """
    try:
        with open_file(path):
            return
    except LedgerOutdated:
        with open_file(path, write=True, on_upgrade=on_progress):
            return


def refuse_other_rows(ledger: Ledger, outbox: Outbox, watermark: int) -> None:
    """Refuse a ledger with records of its own as a replica of a store that hosts share (STO-3).

    Its reports, and what balances are counted from, would not be those of the other hosts.

    Raises:
        LedgerError: It has records, and none of them is of this store.
    """
    if not outbox.is_shared or watermark:
        return
    with ledger.explaining():
        row = ledger.connection.execute(_HAS_RECORDS).fetchone()
    if row is not None and row[0]:
        raise LedgerError(
            f"the ledger {ledger.path} has records that are not of the store which hosts share; "
            "name another ledger with --ledger, and take the old records over with "
            f"`corvus ledger merge {ledger.path}`"
        )


def _opened(
    path: Path,
    *,
    write: bool,
    deadline: float,
    clock: Clock,
    on_upgrade: roll_ups.Progress | None,
) -> Ledger:
    """Open the file, whose lock is held; one that cannot be made whole is not left behind.

    DuckDB leaves an empty file, or half a head, where a disk is full, and takes neither for a
    database afterwards.
    """
    is_new = write and not os.path.lexists(path)
    try:
        connection = connect_to_file(path, write=write, deadline=deadline)
        try:
            ledger = Ledger(connection, path)
            _prepare(ledger, write=write, is_new=is_new, clock=clock, on_upgrade=on_upgrade)
        except BaseException:
            connection.close()
            raise
    except LedgerLocked:
        raise  # somebody else is making it
    except BaseException:
        if is_new:
            for file in (path, _log(path)):
                with suppress(OSError):
                    file.unlink()
        raise
    return ledger


def _prepare(
    ledger: Ledger,
    *,
    write: bool,
    is_new: bool,
    clock: Clock,
    on_upgrade: roll_ups.Progress | None,
) -> None:
    connection, path, migrations = ledger.connection, ledger.path, shipped_migrations()
    if write:
        make_private(path, is_new=is_new)
    with ledger.explaining():
        connection.execute("SET TimeZone = 'UTC'")
        if write:
            if is_new:
                reserve_log(path)
            migrate(
                connection,
                migrations,
                clock,
                upgraded=lambda before: _fill_roll_ups(ledger, before, clock, on_upgrade),
            )
            make_private(_log(path), is_new=True)
        else:
            verify(connection, migrations)


def _fill_roll_ups(
    ledger: Ledger, before: int, clock: Clock, on_progress: roll_ups.Progress | None
) -> None:
    """Sum the records of a ledger that had no roll-ups, those in its archive included.

    A file of the archive that is missing next to the ledger is left out, so that calls can still be
    recorded; once it is back, ``corvus ledger verify`` asks for a rebuild.
    """
    if before >= roll_ups.SINCE_VERSION:
        return
    connection = ledger.connection
    files = archived_files(connection, ledger.path, may_be_missing=True)
    with shown_for_a_moment(connection, files):
        roll_ups.fill(connection, ledger.table, clock.now(), on_progress=on_progress)


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise LedgerError(
            f"cannot create the folder {path.parent}: {fault.strerror}; "
            "name another ledger with --ledger"
        ) from fault


def _events_before_the_ledger(path: Path, outbox: Outbox) -> list[OutboxEvent]:
    """Return the events of a store whose first drain is yet to come; none if there is a ledger."""
    if os.path.exists(path):
        return []
    try:
        refuse_lost_rows(outbox, 0)
        return [event for batch in batches(outbox, 0, last_seq(outbox, 0)) for event in batch]
    except LedgerCorrupt:
        if os.path.exists(path):
            return []  # the first drain has come meanwhile
        raise


@contextmanager
def empty_ledger(path: Path) -> Generator[Ledger]:
    """Open an empty ledger that stands in for a file yet to be made."""
    with connect_to_memory() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection, shipped_migrations(), SystemClock())
        yield Ledger(connection, path)


def _show(
    ledger: Ledger,
    store_id: str,
    batches: list[list[OutboxEvent]],
    files: dict[str, list[ArchivedFile]],
    *,
    write: bool,
) -> None:
    with ledger.explaining():
        reach(ledger.connection, files, fenced=not write)
        show_all(ledger.connection, store_id, batches, files)
