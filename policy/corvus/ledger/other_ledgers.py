"""Copies what another ledger has, and takes it over: which tables, and by what a row is known.

Usage comes by ``corvus.ledger.merging``. What other stores have recorded of reservations, sessions,
missions, budgets and their audit is known by store and number; the hash chain of each store stays a
chain of its own, which ``corvus ledger verify`` follows as before. What decides over money stays
with its store: a reset there lifts nothing here, a window that opened there is no window here, and
a watermark says what this very file has drained.

Refuses: the same ledger, a copy of it that is further on, and rows that contradict each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.ledger.ledger import Ledger, open_file
from corvus.ledger.merging import MergedUsage, merge_usage
from corvus.ledger.outbox import LEDGER_ITSELF
from corvus.ledger.roll_ups import ROLL_UPS, ROLLED_UP
from corvus.ledger.views import archived_files, quoted, reach, show_all
from corvus.model.outbox import LedgerTable

MERGED = (
    "reservation_event",
    "audit_event",
    "session",
    "mission",
    "budget_event",
)
"""Tables of which every row of other stores is taken over, known by ``store_id`` and ``seq``."""

KEPT_APART: Mapping[str, str] = {
    "reset": "a reset lifts the budgets of its own store alone",
    "opened_window": "a window opens for the budgets of its own store alone",
    "ledger_watermark": "says how far this file has drained a store",
    "ledger_replica": "says under which id a store knows this file",
    "ledger_archive": "names the files of this ledger; rows of an archive come as rows",
    "archive_place": "says which archives this ledger writes to",
    "archive_leftover": "says what this ledger may have left in them",
    "ledger_migration": "is the history of this file",
    "roll_up_merge": "is the history of this file",
    **{one.table: "is the sum of the records of this file" for one in ROLL_UPS},
    "import_file": "names files of another machine; reading one again adds nothing",
    "provider_charge": "bills are read again with `corvus reconcile`",
    "charge_model": "is made from bills",
    "reconciliation": "is what was found there, of what was known there",
}
"""Tables that are not merged, and why; besides ``usage_record`` and ``price_entry``, which have
rules of their own."""

OnTable = Callable[[], None]
"""Called after each table that was copied or taken over."""

_COPY = "COPY (SELECT {columns} FROM {table}) TO {file} (FORMAT parquet)"
_USAGE = "{number} AS file, row_number() OVER () AS n, *"
_NEWEST = "SELECT coalesce(max(seq), 0) FROM ledger_watermark WHERE store_id = ?"
_CONTRADICTION = """
SELECT theirs.store_id::VARCHAR, theirs.seq
FROM read_parquet({file}) AS theirs JOIN {table} AS ours USING (store_id, seq)
WHERE hash(theirs) <> hash(ours)
ORDER BY ALL LIMIT 1
"""
_NEW = """
(SELECT * FROM read_parquet({file}) AS theirs
WHERE (theirs.store_id, theirs.seq) NOT IN (SELECT (store_id, seq) FROM {table})
    AND (theirs.store_id IS DISTINCT FROM $own::UUID OR theirs.seq <= $watermark))
"""
_TAKE = f"INSERT INTO {{target}} BY NAME SELECT * FROM {_NEW} ORDER BY store_id, seq"  # noqa: S608 - made of constants
_TAKE_PRICES = """
INSERT INTO {target} BY NAME
WITH known AS (FROM price_entry),
theirs AS (
    SELECT * EXCLUDE (store_id, seq, recorded_at), min(recorded_at) AS recorded_at
    FROM read_parquet({file}) AS theirs
    WHERE NOT EXISTS (
        SELECT 1 FROM known WHERE known.entry = theirs.entry AND known.book = theirs.book
            AND known.rates IS NOT DISTINCT FROM theirs.rates)
    GROUP BY ALL
)
SELECT *, '{ledger}'::UUID AS store_id,
    row_number() OVER (ORDER BY recorded_at, entry, rates)
        + (SELECT coalesce(max(seq), 0) FROM known WHERE store_id = '{ledger}') AS seq
FROM theirs ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class LedgerCopy:
    """What another ledger had at one moment.

    Attributes:
        path: The ledger.
        files: A Parquet file of each table, by its name.
        own_seq: Number of the newest event of the store of the merging ledger that it has.
    """

    path: Path
    files: Mapping[str, Path]
    own_seq: int


@dataclass(frozen=True, slots=True)
class MergedLedger:
    """What was taken over of another ledger.

    Attributes:
        path: The ledger.
        usage: What came of its usage records.
        rows: Rows of each other table.
    """

    path: Path
    usage: MergedUsage
    rows: Mapping[str, int]


def copy_ledger(
    path: Path,
    folder: Path,
    *,
    number: int = 0,
    own_store: str | None = None,
    on_table: OnTable | None = None,
) -> LedgerCopy:
    """Copy the tables of a ledger that may be merged, of one moment; it is only read.

    Args:
        path: The ledger file.
        folder: A folder for the copies; the caller removes it.
        number: Number of the ledger among those that are merged.
        own_store: Id of the store next to the ledger that it will be merged into.
        on_table: Called after each table.

    Raises:
        LedgerError: As for ``open_file``, with the name of the ledger.
    """
    files: dict[str, Path] = {}
    try:
        with open_file(path) as ledger, ledger.explaining():
            archived = archived_files(ledger.connection, path)
            reach(ledger.connection, archived, fenced=False)
            show_all(ledger.connection, "", [], archived)
            for table in ("usage_record", "price_entry", *MERGED):
                file = files[table] = folder / f"{table}-{number}.parquet"
                columns = _USAGE.format(number=number) if table == "usage_record" else "*"
                ledger.connection.execute(
                    _COPY.format(columns=columns, table=table, file=quoted(file))
                )
                if on_table is not None:
                    on_table()
            own = ledger.connection.execute(_NEWEST, [own_store or LEDGER_ITSELF]).fetchone()
    except LedgerError as fault:
        if str(path) in str(fault):
            raise
        raise type(fault)(f"{path}: {fault}") from fault
    return LedgerCopy(path, files, own[0] if own else 0)


def merge_ledger(
    ledger: Ledger,
    copy: LedgerCopy,
    *,
    own_store: str | None = None,
    on_table: OnTable | None = None,
) -> MergedLedger:
    """Take over what another ledger had, in the transaction under way.

    Args:
        ledger: Open for writing.
        copy: What the other one had.
        own_store: Id of the store next to the ledger. Of its events those are taken that it has
            forgotten already, as after a loss; the others come by draining.
        on_table: Called after each table.

    Raises:
        LedgerCorrupt: A row contradicts one of this ledger.
        LedgerError: The other is a copy of this ledger that is further on, or this one cannot be
            written.
    """
    watermark = ledger.watermark(own_store) if own_store is not None else 0
    if copy.own_seq > watermark:
        raise LedgerError(
            f"{copy.path} is a later copy of {ledger.path}: it has events of its store that this "
            "one lacks; put it in the place of this one instead"
        )
    connection, rows = ledger.connection, dict[str, int]()
    usage = merge_usage(ledger, [copy.files["usage_record"]])
    if on_table is not None:
        on_table()
    with ledger.explaining():
        for table in (*MERGED, "price_entry"):
            names = {
                "file": quoted(copy.files[table]),
                "target": ledger.table(table),
                "table": table,
                "ledger": LEDGER_ITSELF,
            }
            if table == "price_entry":
                statement, values = _TAKE_PRICES, dict[str, object]()
            else:
                _refuse_contradiction(ledger, copy, table)
                statement, values = _TAKE, {"own": own_store, "watermark": watermark}
            if LedgerTable(table) in ROLLED_UP:
                rows[table] = ledger.append(LedgerTable(table), _NEW.format(**names), values)
            else:
                taken = connection.execute(statement.format(**names), values).fetchone()
                rows[table] = taken[0] if taken else 0
            if on_table is not None:
                on_table()
    return MergedLedger(copy.path, usage, rows)


def _refuse_contradiction(ledger: Ledger, copy: LedgerCopy, table: str) -> None:
    statement = _CONTRADICTION.format(file=quoted(copy.files[table]), table=table)
    found = ledger.connection.execute(statement).fetchone()
    if found is not None:
        raise LedgerCorrupt(
            f"event {found[1]} of store {found[0]} is in {table} of {copy.path} and of "
            f"{ledger.path}, with different values; nothing was merged"
        )


def refuse_itself(path: Path, other: Path) -> None:
    """Refuse to merge a ledger into itself, by whatever name.

    Raises:
        LedgerError: Both are the same file.
    """
    is_same = os.path.realpath(path) == os.path.realpath(other)
    if is_same or (
        os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)
    ):
        raise LedgerError(f"{other} is the ledger itself; name another one to merge into it")
