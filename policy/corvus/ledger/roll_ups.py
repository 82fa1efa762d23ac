"""Keeps the roll-ups: what the records of the ledger come to, by time and name (LED-5).

Each is a table of sums. Whoever appends records adds their sums in the same transaction, so that no
crash leaves the one without the other; rows for the same time and names are replaced by one once
there are many. Sums cover the records in the archive, too, and stay where they are when retention
moves those. What is not drained yet is summed when it is shown.

Refuses to guess: where a roll-up is not what the records come to, ``corvus ledger verify`` says so,
and only a rebuild computes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corvus.base.time import microseconds
from corvus.model.columns import ESTIMATED_TOKENS
from corvus.model.outbox import LedgerTable
from corvus.model.usage import COUNTS

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

SINCE_VERSION = 17
"""Version of the ledger from which on it has roll-ups."""
MERGED_FROM_ROWS = 50_000
"""From how many new rows on those for the same time and names are replaced by one."""

Progress = Callable[[int, int], None]
"""Called with how many records are summed, and how many there are."""

QUARTER = "time_bucket(INTERVAL 15 MINUTE, admitted_at) AS admitted_at"
"""Since 2021 the offsets of all zones are whole quarters of an hour, and change at such: a day of
any zone is a whole number of rows."""


@dataclass(frozen=True, slots=True)
class RollUp:
    """One table of sums.

    Attributes:
        table: Its name.
        keys: The columns that tell its rows apart, each as it is selected from records.
        counts_refusals: Whether refused calls are in it.
    """

    table: str
    keys: tuple[str, ...]
    counts_refusals: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that tell its rows apart."""
        return tuple(key.rpartition(" AS ")[2] for key in self.keys)


ROLL_UPS = (
    RollUp(
        "model_usage",
        (
            QUARTER,
            "provider",
            "requested_model",
            "source",
            "coalesce(at_least, false) AS at_least",
        ),
    ),
    RollUp("caller_usage", (QUARTER, "project", "user_name", "agent", "surface", "token")),
    RollUp("session_usage", ("session_id", "project", "mission_id"), counts_refusals=True),
)
ROLLED_UP: Mapping[LedgerTable, str] = {
    LedgerTable.USAGE_RECORD: "admitted_at, id",
    LedgerTable.RESERVATION_EVENT: "store_id, seq",
}
"""Tables that roll-ups count, and the order in which their rows are appended."""
SUMMED = (*COUNTS, ESTIMATED_TOKENS)
"""Counts of a record that are summed, besides its calls and costs."""

_AMOUNTS = ("calls", *SUMMED, "cost_nano_usd", "computed_cost_nano_usd")
_LARGE = " OR ".join(f"{name} NOT BETWEEN -{2**44} AND {2**44}" for name in _AMOUNTS)
"""Of a record that is kept apart, so that no sum is ever too large for its column: 17,592 USD."""
_FITS = " AND ".join(f"coalesce(sum({name}), 0) BETWEEN -{2**62} AND {2**62}" for name in _AMOUNTS)
_SUMS = ", ".join(f"sum(coalesce({name}, 0)){{kind}} AS {name}" for name in SUMMED)
_SUM = f"""
SELECT * EXCLUDE (is_priced, is_refusal, apart) FROM (
    SELECT {{keys}}, cost_nano_usd IS NOT NULL AS is_priced, {{refusals}} > 0 AS is_refusal,
        {{apart}} AS apart, min(first_at) AS first_at, max(last_at) AS last_at,
        sum(coalesce(calls, 0)){{kind}} AS calls, {{denied}}
        {_SUMS},
        sum(cost_nano_usd){{kind}} AS cost_nano_usd,
        sum(computed_cost_nano_usd){{kind}} AS computed_cost_nano_usd
    FROM ({{rows}}) GROUP BY ALL {{having}}
)
"""  # noqa: S608 - made of constants of this package
_RECORDS = """
SELECT *, admitted_at AS first_at, admitted_at AS last_at, 0 AS denied_calls
FROM (SELECT * FROM {whole} WHERE false UNION ALL BY NAME SELECT * FROM {source})
"""
"""A source may lack columns, which are then NULL."""
_REFUSALS = """
SELECT *, admitted_at AS first_at, admitted_at AS last_at, 0 AS denied_calls
FROM (SELECT * FROM {whole} WHERE false)
UNION ALL BY NAME
SELECT session_id, project, mission_id, recorded_at AS first_at, recorded_at AS last_at,
    coalesce(times, 1) AS denied_calls
FROM {source} WHERE kind = 'denied'
"""
_ADD = "INSERT INTO {target} BY NAME SELECT * FROM ({sums}) ORDER BY first_at"
_REPEATED = "CREATE OR REPLACE TEMP TABLE repeated AS {sums}"
_REMOVE = "DELETE FROM {target} AS old USING temp.repeated AS new WHERE {same}"
_PUT_BACK = "INSERT INTO {target} BY NAME SELECT * FROM temp.repeated ORDER BY first_at"
_NOTE_MERGE = """
INSERT INTO {state} SELECT '{table}', make_timestamp($now_us), count(*) FROM {target}
"""
_NEW_ROWS = """
SELECT count(*), coalesce((
    SELECT arg_max(rows, merged_at) FROM roll_up_merge WHERE table_name = '{table}'
), 0) FROM {target}
"""
_DIFFERS = """
SELECT (SELECT (count(*), sum(hash(one)::HUGEINT)) FROM ({recorded}) AS one)
    IS DISTINCT FROM (SELECT (count(*), sum(hash(one)::HUGEINT)) FROM ({kept}) AS one)
"""
_MONTHS = """
SELECT date_trunc('month', admitted_at)::TIMESTAMP AS month, count(*) FROM usage_record
GROUP BY month ORDER BY month
"""
_OF_MONTH = """
(SELECT * FROM usage_record
WHERE admitted_at >= TIMESTAMP '{month}' AND admitted_at < TIMESTAMP '{month}' + INTERVAL 1 MONTH)
"""

Table = Callable[[str], str]
"""Gives a table of the ledger's file as SQL writes it."""


def sums_of(roll_up: RollUp, table: LedgerTable, source: str, whole: str) -> str | None:
    """Return the SELECT of what rows of a table add to a roll-up; ``None`` where they add nothing.

    Args:
        roll_up: The roll-up.
        table: What the rows are rows of.
        source: The rows, as SQL writes a table or a subquery.
        whole: ``usage_record``, as SQL writes it.
    """
    if table is LedgerTable.USAGE_RECORD:
        rows = _RECORDS.format(whole=whole, source=source)
        return _sums(roll_up, rows, apart=f"CASE WHEN {_LARGE} THEN id END")
    if table is LedgerTable.RESERVATION_EVENT and roll_up.counts_refusals:
        return _sums(roll_up, _REFUSALS.format(whole=whole, source=source))
    return None


def add(
    connection: DuckDBPyConnection,
    table: Table,
    kind: LedgerTable,
    source: str,
    values: Mapping[str, object] | None = None,
) -> None:
    """Add rows that are appended to a table of the ledger, in the transaction under way.

    Args:
        connection: To the ledger.
        table: Gives its tables.
        kind: The table.
        source: The rows, as SQL writes a table or a subquery; they need not be there yet.
        values: Parameters of ``source``.
    """
    for roll_up in ROLL_UPS:
        sums = sums_of(roll_up, kind, source, table("usage_record"))
        if sums is not None:
            connection.execute(_ADD.format(target=table(roll_up.table), sums=sums), values)


def fill(
    connection: DuckDBPyConnection,
    table: Table,
    now: datetime,
    *,
    on_progress: Progress | None = None,
) -> None:
    """Compute the roll-ups from all records, in the transaction under way, month by month.

    Args:
        connection: To the ledger, with its archive in sight.
        table: Gives its tables.
        now: The present instant, aware.
        on_progress: Called after each month.
    """
    for roll_up in ROLL_UPS:
        connection.execute(f"DELETE FROM {table(roll_up.table)}")  # noqa: S608 - a table of ours
    months = connection.execute(_MONTHS).fetchall()
    total, done = sum(count for _, count in months), 0
    for month, count in months:
        add(connection, table, LedgerTable.USAGE_RECORD, _OF_MONTH.format(month=month))
        done += count
        if on_progress is not None:
            on_progress(done, total)
    add(connection, table, LedgerTable.RESERVATION_EVENT, "reservation_event")
    for roll_up in ROLL_UPS:
        _merge(connection, table, roll_up, now)


def merge_due(connection: DuckDBPyConnection, table: Table) -> list[RollUp]:
    """Return the roll-ups that have many new rows since rows were last merged."""
    due: list[RollUp] = []
    for roll_up in ROLL_UPS:
        statement = _NEW_ROWS.format(table=roll_up.table, target=table(roll_up.table))
        row = connection.execute(statement).fetchone()
        rows, merged = row if row is not None else (0, 0)
        if rows - merged >= max(MERGED_FROM_ROWS, merged // 10):
            due.append(roll_up)
    return due


def merge(
    connection: DuckDBPyConnection, table: Table, due: Sequence[RollUp], now: datetime
) -> None:
    """Replace rows for the same time and names by one, in the transaction under way."""
    for roll_up in due:
        _merge(connection, table, roll_up, now)


def _merge(connection: DuckDBPyConnection, table: Table, roll_up: RollUp, now: datetime) -> None:
    target = table(roll_up.table)
    having = f"HAVING count(*) > 1 AND {_FITS}"
    sums = _sums(roll_up, f"SELECT * FROM {target}", having=having)  # noqa: S608 - a table of ours
    connection.execute(_REPEATED.format(sums=sums))
    same = [f"old.{name} IS NOT DISTINCT FROM new.{name}" for name in roll_up.names]
    same.append("(old.cost_nano_usd IS NULL) = (new.cost_nano_usd IS NULL)")
    if roll_up.counts_refusals:
        same.append("(old.denied_calls > 0) = (new.denied_calls > 0)")
    connection.execute(_REMOVE.format(target=target, same=" AND ".join(same)))
    connection.execute(_PUT_BACK.format(target=target))
    connection.execute("DROP TABLE temp.repeated")
    state = table("roll_up_merge")
    connection.execute(
        _NOTE_MERGE.format(state=state, table=roll_up.table, target=target),
        {"now_us": microseconds(now)},
    )


def differing(connection: DuckDBPyConnection) -> list[str]:
    """Return the roll-ups that are not what the records come to.

    Args:
        connection: To the ledger, with its archive and the outbox in sight.
    """
    found: list[str] = []
    for roll_up in ROLL_UPS:
        rows = _RECORDS.format(whole="usage_record", source="usage_record")
        if roll_up.counts_refusals:
            refusals = _REFUSALS.format(whole="usage_record", source="reservation_event")
            rows = f"{rows} UNION ALL BY NAME {refusals}"
        kept = _sums(roll_up, f"SELECT * FROM {roll_up.table}", kind="")  # noqa: S608 - a table of ours
        statement = _DIFFERS.format(recorded=_sums(roll_up, rows, kind=""), kept=kept)
        if connection.execute(statement).fetchone() != (False,):
            found.append(roll_up.table)
    return found


def _sums(
    roll_up: RollUp, rows: str, *, apart: str = "NULL", kind: str = "::BIGINT", having: str = ""
) -> str:
    """Return the SELECT of sums.

    Args:
        roll_up: By whose names they are.
        rows: SELECT of what is summed.
        apart: What else keeps rows apart.
        kind: Cast of a sum; without one it is never too large.
        having: Which sums are wanted.
    """
    counted = f"sum(denied_calls){kind} AS denied_calls,"
    return _SUM.format(
        keys=", ".join(roll_up.keys),
        refusals="denied_calls" if roll_up.counts_refusals else "0",
        denied=counted if roll_up.counts_refusals else "",
        apart=apart,
        kind=kind,
        rows=rows,
        having=having,
    )
