"""Runs a SELECT of a user's on the ledger, and shapes its answer like a report's (REP-4).

``corvus.reporting.sql_guard`` judges the statement; here the connection is locked, the time is
limited, and whatever types the answer has become those that every format can write. Refuses to show
a float as money: a column named ``…_nano_usd`` holds whole nano-USD, rounded half to even.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from queue import SimpleQueue
from sys import getsizeof
from threading import Thread
from typing import TypeVar

import duckdb

from corvus.base.errors import ReportError
from corvus.base.memory import memory_bounded
from corvus.diagnostics.plain import escape
from corvus.ledger.connect import clean_message
from corvus.reporting.sql_guard import judge
from corvus.reporting.table import MONEY_UNIT, Cell, Column, Table

_T = TypeVar("_T")
_RETRY_SECONDS = 0.05
_BATCH_ROWS = 2048
_ANSWER_BYTES = 1024 * 2**20
"""The largest answer that is held, bytes in Python."""
MEMORY_BYTES = 2 * 2**30
"""How much memory a statement may take, besides what the process has, bytes; DuckDB's own limit
counts neither long texts nor what leaves it."""
_LOCKS = ("SET python_enable_replacements = false", "SET lock_configuration = true")
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_LARGE = {"UBIGINT", "HUGEINT"}
_KEPT = {"VARCHAR", "DOUBLE", "DATE", "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement answered.

    Attributes:
        has_more: Whether there are rows beyond those of the table.
        plan: The plan, when the statement wants one; the table then holds it as rows.
    """

    table: Table
    has_more: bool = False
    plan: str | None = None


def run_sql(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    *,
    rows_max: int | None = None,
    timeout_seconds: float | None = None,
    explain: bool = False,
) -> Answer:
    """Run one SELECT; the settings of the connection are locked from then on.

    Args:
        connection: To a ledger, without access to anything outside it.
        text: The statement.
        rows_max: Rows to fetch at most, >= 1; ``None`` fetches all.
        timeout_seconds: After how long to give up, > 0; ``None`` waits.
        explain: Ask for the plan instead of the rows.

    Raises:
        ReportError: The statement is refused, failed, or took too long.
    """
    for lock in _LOCKS:
        _set(connection, lock)
    statement = judge(connection, text, explain=explain)
    with memory_bounded(MEMORY_BYTES):
        described, rows = _limited(
            connection, lambda: _fetched(connection, statement.sql, rows_max), timeout_seconds
        )
    has_more = rows_max is not None and len(rows) > rows_max
    table = _table(described, rows[:rows_max])
    plan = "\n".join(str(row[-1]) for row in rows) if statement.explains else None
    return Answer(table, has_more, plan)


def _set(connection: duckdb.DuckDBPyConnection, setting: str) -> None:
    try:
        connection.execute(setting)
    except duckdb.InvalidInputException as error:
        if "locked" not in str(error):
            raise


def _fetched(
    connection: duckdb.DuckDBPyConnection, sql: str, rows_max: int | None
) -> tuple[list[tuple[str, str]], list[tuple[object, ...]]]:
    """Return the described columns of an answer, and its rows up to one more than wanted."""
    result = connection.execute(sql)
    described = [(str(name), str(kind)) for name, kind, *_ in result.description or ()]
    rows: list[tuple[object, ...]] = []
    held = 0
    while batch := result.fetchmany(_BATCH_ROWS if rows_max is None else _rest(rows_max, rows)):
        rows += batch
        held += sum(sum(map(getsizeof, row)) for row in batch)
        if held > _ANSWER_BYTES:
            connection.execute("SELECT 1").fetchall()
            raise ReportError(
                f"the answer is larger than {_ANSWER_BYTES // 2**20} MiB after {len(rows):,} rows; "
                "ask for less, as with LIMIT or GROUP BY; `corvus usage export` writes all records"
            )
    # An unread rest would pin a transaction of the ledger.
    connection.execute("SELECT 1").fetchall()
    return described, rows


def _rest(rows_max: int, rows: list[tuple[object, ...]]) -> int:
    return min(_BATCH_ROWS, rows_max + 1 - len(rows))


def _limited(
    connection: duckdb.DuckDBPyConnection, work: Callable[[], _T], timeout_seconds: float | None
) -> _T:
    """Do work on a connection, until it takes too long or a signal arrives."""
    outcome = _outcome(connection, work, timeout_seconds)
    if outcome is None:
        raise ReportError(
            f"the statement took longer than {timeout_seconds:g} s; ask for less, or give it "
            "longer with --timeout"
        )
    try:
        return outcome.result()
    except (MemoryError, duckdb.OutOfMemoryException) as error:
        raise ReportError(
            "the statement wants more memory than corvus gives it (2 GiB); ask for less"
        ) from error
    except duckdb.Error as error:
        raise ReportError(clean_message(error)) from None


def _outcome(
    connection: duckdb.DuckDBPyConnection, work: Callable[[], _T], timeout_seconds: float | None
) -> Future[_T] | None:
    """Return how work on a connection ended; ``None`` if it took too long and was stopped.

    NOTE: DuckDB 2.0 looks for signals between its tasks only, and a task may take hours; so it
    works in another thread, while this one can stop it. That thread never works beyond this call:
    a process that closes a connection, or ends, while DuckDB works is aborted.
    """
    outcome: Future[_T] = Future()
    permits: SimpleQueue[bool] = SimpleQueue()

    def run() -> None:
        if not permits.get():
            outcome.cancel()
            return
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    worker = Thread(target=run, name="corvus-sql", daemon=True)
    has_started = False
    try:
        worker.start()  # a signal may cut this off after the thread has begun
        has_started = True
        permits.put(True)
        wait([outcome], timeout_seconds)
        is_late = not outcome.done()
    finally:
        permits.put(False)  # only a thread that has no permit yet takes this one
        while has_started and not outcome.done():
            connection.interrupt()  # once is not enough, should the work only now begin
            wait([outcome], _RETRY_SECONDS)
    worker.join()
    return None if is_late else outcome


def _table(described: list[tuple[str, str]], rows: Iterable[tuple[object, ...]]) -> Table:
    columns = [
        _column(name, kind)
        for name, (_, kind) in zip(
            _distinct([escape(name) for name, _ in described]), described, strict=True
        )
    ]
    shaped = tuple(
        tuple(_cell(column, value) for column, value in zip(columns, row, strict=True))
        for row in rows
    )
    return Table(tuple(columns), shaped)


def _distinct(names: list[str]) -> list[str]:
    """Number the repetitions of a name, which no object and no file could hold twice."""
    taken: set[str] = set()
    distinct: list[str] = []
    for name in names:
        new, number = name, 1
        while new.lower() in taken:
            number += 1
            new = f"{name}_{number}"
        taken.add(new.lower())
        distinct.append(new)
    return distinct


def _column(name: str, kind: str) -> Column:
    declared = _declared(kind)
    column = Column(name, declared)
    if column.is_money and column.is_number:
        return Column(name, "BIGINT" if kind in _WHOLE else "DECIMAL(38,0)", MONEY_UNIT)
    if column.is_money:
        return Column(f"{name}_", declared)  # a text of this name is no amount
    return Column(name, declared, "tokens" if name.endswith("_tokens") else "")


def _declared(kind: str) -> str:
    """Return the type that formats know for one of DuckDB's."""
    if kind in _WHOLE:
        return "BIGINT"
    if kind in _LARGE:
        return "DECIMAL(38,0)"
    if kind == "FLOAT":
        return "DOUBLE"
    if kind.startswith("TIMESTAMP") and not kind.endswith("]"):
        return "TIMESTAMP"
    return kind if kind in _KEPT or _is_decimal(kind) else "VARCHAR"


def _is_decimal(kind: str) -> bool:
    return kind.startswith("DECIMAL") and not kind.endswith("]")


def _cell(column: Column, value: object) -> Cell:
    match value:
        case float() if not math.isfinite(value):
            return None
        case float() | Decimal() if column.is_money:
            return _nano_usd(value)
        case datetime() if column.type == "TIMESTAMP":
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        case None | str() | bool() | int() | float() | Decimal() | date():
            return value if column.type != "VARCHAR" or value is None else str(value)
        case _:
            return _text(value)


def _text(value: object) -> str:
    """Return what has no type of its own in a report: nested values as JSON, bytes in hex."""
    match value:
        case bytes():
            return value.hex()
        case dict() | list() | tuple():
            return json.dumps(value, default=str, ensure_ascii=False)
        case _:
            return str(value)


def _nano_usd(value: float | Decimal) -> int:
    return int(Decimal(value).to_integral_value(ROUND_HALF_EVEN))
