"""Which tables are archived by month, and the SQL that selects a month of one (LED-4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from corvus.base.period import next_month
from corvus.base.time import microseconds

if TYPE_CHECKING:
    from corvus.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ArchiveTable:
    """How a table is archived.

    Attributes:
        table: Its name.
        time: The column that decides the month.
        key: The columns that identify a row.
        amount: The column whose sum is compared, in addition to the number of rows.
    """

    table: str
    time: str
    key: tuple[str, ...]
    amount: str

    @property
    def key_sql(self) -> str:
        """The key as SQL writes a list of columns."""
        return ", ".join(self.key)


ARCHIVE_TABLES = (
    ArchiveTable("usage_record", "admitted_at", ("id",), "cost_nano_usd"),
    ArchiveTable("reservation_event", "recorded_at", ("store_id", "seq"), "seq"),
)

_MONTHS = """
SELECT DISTINCT date_trunc('month', {time})::DATE AS first_day FROM {table}
WHERE {time} < make_timestamp($before_us) ORDER BY first_day
"""
_SELECTED = """
FROM {table} WHERE {time} >= make_timestamp({from_us}) AND {time} < make_timestamp({before_us})
"""
WRITE = """
COPY (SELECT * {selected} ORDER BY {time}, {key}) TO {file} (FORMAT parquet, COMPRESSION zstd)
"""


def archive_table(name: str) -> ArchiveTable | None:
    """Return how a table is archived; ``None`` of one that is not."""
    return next((kind for kind in ARCHIVE_TABLES if kind.table == name), None)


def months_before(ledger: Ledger, kind: ArchiveTable, kept_from: date) -> list[date]:
    """Return the first days of the months before a day of which the ledger's file has rows."""
    statement = _MONTHS.format(table=ledger.table(kind.table), time=kind.time)
    found = ledger.connection.execute(statement, {"before_us": _us(kept_from)}).fetchall()
    return [first_day for (first_day,) in found]


def selected_month(ledger: Ledger, kind: ArchiveTable, first_day: date) -> str:
    """Return ``FROM … WHERE …`` of the rows of a month in the ledger's file."""
    return _SELECTED.format(
        table=ledger.table(kind.table),
        time=kind.time,
        from_us=_us(first_day),
        before_us=_us(next_month(first_day)),
    )


def _us(day: date) -> int:
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
