"""Exports the usage of a period: chooses the rows, writes them line by line (EXP-1).

DuckDB makes the lines; here they only pass from its cursor into the file. It sorts some days at a
time, so that memory grows with a day of the ledger and not with its age. A connection to the ledger
cannot write files, so a Parquet file is made from JSON lines by a second one. What a format cannot
say is left out and counted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import duckdb

from corvus.base.errors import ReportError
from corvus.base.files import whole_file
from corvus.base.time import naive_utc
from corvus.ledger.connect import clean_message
from corvus.model.columns import COLUMNS
from corvus.usage.exporters import Shape
from corvus.usage.exporters.fields import (
    Exporter,
    Field,
    csv_header,
    csv_line,
    json_line,
    parquet_columns,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OnProgress: TypeAlias = Callable[[int, int], None]
"""Gets the number of rows written, and of all."""

_LINES_AT_ONCE = 10_000
_SLICE_ROWS = 50_000
_FILTER = """
FROM {table} AS record
WHERE ($since::TIMESTAMP IS NULL OR record.admitted_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR record.admitted_at < $until)
  AND ($session::VARCHAR IS NULL OR record.session_id = $session)
  AND ($project::VARCHAR IS NULL OR record.project = $project)
"""
_DAYS = f"""
SELECT date_trunc('day', record.admitted_at)::TIMESTAMP AS day,
    count(*) FILTER (NOT {{left_out}}), count(*) FILTER ({{left_out}})
{_FILTER}
GROUP BY day ORDER BY day
"""
_OF_SLICE = """
  AND record.admitted_at >= $first AND record.admitted_at < $last AND NOT {left_out}
ORDER BY {order}
"""
_TO_PARQUET = """
COPY (FROM read_json(?, format = 'newline_delimited', columns = {columns}))
TO '{path}' (FORMAT parquet)
"""


RECORDS = Exporter(
    title="usage records",
    fields=[Field(column.name, column.type, f"record.{column.name}") for column in COLUMNS],
    table="usage_record",
)
"""Every column and row of the ledger.

A call that was corrected has three rows: the sum of any column over all rows is right.
``schemas/usage-record.schema.json`` describes the object of each JSON line.
"""


def exporter_named(name: str) -> Exporter:
    """Return the exporter of a format of ``FORMATS``."""
    return import_module(f"corvus.usage.exporters.{name}").EXPORTER


@dataclass(frozen=True, slots=True)
class Choice:
    """Which usage is exported, and as what.

    Attributes:
        exporter: What is said of each call.
        since: First instant of admission, inclusive, aware; ``None`` is open.
        until: Last instant, exclusive, aware; ``None`` is open.
        session: Session of the calls; ``None`` is any.
        project: Project of the calls; ``None`` is any.
        account: Account that is billed, where it is said; ``None`` names the provider.
    """

    exporter: Exporter = RECORDS
    since: datetime | None = None
    until: datetime | None = None
    session: str | None = None
    project: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was exported.

    Attributes:
        rows: Rows of the file.
        unpriced: Calls left out, as their cost is unknown.
    """

    rows: int
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some days, naive UTC, and how many rows and calls without a price they have."""

    since: datetime
    until: datetime
    rows: int
    unpriced: int


class TextSink(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object:
        """Take text."""
        ...


def export_text(
    connection: DuckDBPyConnection,
    choice: Choice,
    shape: Shape,
    sink: TextSink,
    on_progress: OnProgress | None = None,
) -> ExportSummary:
    """Write usage as CSV or JSON lines.

    Args:
        connection: To the ledger.
        choice: Which usage.
        shape: ``CSV`` or ``JSONL``.
        sink: Where the lines go.
        on_progress: Called from time to time with how far it is.

    Raises:
        ReportError: DuckDB could not read the ledger.
    """
    fields = choice.exporter.fields
    try:
        slices = _slices(connection, choice)
        total = sum(days.rows for days in slices)
        if shape is Shape.CSV:
            sink.write(csv_header(fields) + "\n")
        line = csv_line(fields) if shape is Shape.CSV else json_line(fields)
        done = 0
        for days in slices:
            for lines in _batches(connection, choice, line, days):
                sink.write("\n".join(lines) + "\n")
                done += len(lines)
                if on_progress is not None:
                    on_progress(done, total)
    except duckdb.Error as error:
        raise ReportError(f"the export failed: {clean_message(error)}") from None
    return ExportSummary(total, sum(days.unpriced for days in slices))


def export_file(
    connection: DuckDBPyConnection,
    choice: Choice,
    shape: Shape,
    path: Path,
    on_progress: OnProgress | None = None,
) -> ExportSummary:
    """Write usage into a file, whole or not at all.

    Raises:
        ReportError: The ledger cannot be read, or the file not be written.
    """
    with whole_file(path) as part:
        if shape is not Shape.PARQUET:
            with part.open("w", encoding="utf-8", newline="") as sink:
                return export_text(connection, choice, shape, sink, on_progress)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix=f".{path.name}.", suffix=".jsonl", dir=part.parent
        ) as spool:
            summary = export_text(connection, choice, Shape.JSONL, spool, on_progress)
            spool.flush()
            _make_parquet(Path(spool.name), choice.exporter.fields, part)
            return summary


def _slices(connection: DuckDBPyConnection, choice: Choice) -> list[_Slice]:
    """Return the days that have rows, in order, put together up to a size that is worth a query."""
    slices: list[_Slice] = []
    for day, rows, unpriced in connection.execute(_sql(_DAYS, choice), _values(choice)).fetchall():
        until = day + timedelta(days=1)
        if slices and slices[-1].rows + rows <= _SLICE_ROWS:
            last = slices[-1]
            slices[-1] = _Slice(last.since, until, last.rows + rows, last.unpriced + unpriced)
        else:
            slices.append(_Slice(day, until, rows, unpriced))
    return slices


def _batches(
    connection: DuckDBPyConnection, choice: Choice, line: str, days: _Slice
) -> Iterator[list[str]]:
    values = _values(choice)
    if choice.exporter.names_account:
        values["account"] = choice.account
    values["first"], values["last"] = days.since, days.until
    lines = f"SELECT {line}{_sql(_FILTER + _OF_SLICE, choice)}"
    cursor = connection.execute(lines, values)
    while rows := cursor.fetchmany(_LINES_AT_ONCE):
        yield [str(text) for (text,) in rows]


def _sql(template: str, choice: Choice) -> str:
    """Write a statement for the rows that are chosen."""
    left_out = "record.cost_nano_usd IS NULL" if choice.exporter.needs_cost else "false"
    exporter = choice.exporter
    return template.format(table=exporter.table, left_out=left_out, order=exporter.order)


def _values(choice: Choice) -> dict[str, object]:
    return {
        "since": naive_utc(choice.since) if choice.since else None,
        "until": naive_utc(choice.until) if choice.until else None,
        "session": choice.session,
        "project": choice.project,
    }


def _make_parquet(lines: Path, fields: Sequence[Field], path: Path) -> None:
    columns = parquet_columns(fields)
    try:
        with duckdb.connect(config={"memory_limit": "1GB"}) as scratch:
            scratch.execute(_TO_PARQUET.format(columns=columns, path=_quoted(path)), [str(lines)])
    except duckdb.Error as error:
        raise ReportError(f"cannot write {path}: {clean_message(error)}") from None


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
