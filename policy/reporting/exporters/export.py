"""Exports the usage of a period: chooses the rows, writes them line by line (EXP-1).

DuckDB makes the lines; here they only pass from its cursor into the file, so that memory does not
grow with the ledger. A connection to the ledger cannot write files, so a Parquet file is made from
JSON lines by a second one, beside it. Refuses nothing but what the file format cannot say: what is
left out is counted in the summary.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import duckdb

from policy.errors import ReportError
from policy.reporting.exporters import focus, records
from policy.reporting.exporters.lines import (
    Field,
    csv_header,
    csv_line,
    json_line,
    parquet_columns,
)
from policy.reporting.files import whole_file
from policy.reporting.parameters import naive_utc
from policy.reporting.run import clean_message

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OnProgress: TypeAlias = Callable[[int, int], None]
"""Told of rows written, and of all."""

_LINES_AT_ONCE = 10_000
_CHOSEN = """
FROM {table} AS record
WHERE ($since::TIMESTAMP IS NULL OR record.admitted_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR record.admitted_at < $until)
  AND ($session::VARCHAR IS NULL OR record.session_id = $session)
  AND ($project::VARCHAR IS NULL OR record.project = $project)
"""
_ORDER = "ORDER BY record.admitted_at, record.id"

_TO_PARQUET = """
COPY (FROM read_json(?, format = 'newline_delimited', columns = {columns}))
TO '{path}' (FORMAT parquet)
"""


class Shape(StrEnum):
    """What kind of file is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which usage is exported, and as what.

    Attributes:
        focus: As cost and usage data of FOCUS; else every column of the ledger.
        since: First instant of admission, inclusive, aware; ``None`` is open.
        until: Last instant, exclusive, aware; ``None`` is open.
        session: Session of the calls; ``None`` is any.
        project: Project of the calls; ``None`` is any.
        account: Account that is billed, for FOCUS; ``None`` names the provider.
    """

    focus: bool = False
    since: datetime | None = None
    until: datetime | None = None
    session: str | None = None
    project: str | None = None
    account: str | None = None

    @property
    def fields(self) -> Sequence[Field]:
        """The columns of the file, in order."""
        return focus.FIELDS if self.focus else records.FIELDS


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was exported.

    Attributes:
        rows: Rows of the file.
        unpriced: Calls left out of a FOCUS file, as their cost is unknown.
    """

    rows: int
    unpriced: int = 0


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
        on_progress: Told from time to time how far it is.

    Raises:
        ReportError: DuckDB could not read the ledger.
    """
    try:
        counted = _count(connection, choice)
        if shape is Shape.CSV:
            sink.write(csv_header(choice.fields) + "\n")
        line = csv_line(choice.fields) if shape is Shape.CSV else json_line(choice.fields)
        done = 0
        for lines in _batches(connection, choice, line):
            sink.write("\n".join(lines) + "\n")
            done += len(lines)
            if on_progress is not None:
                on_progress(done, counted.rows)
    except duckdb.Error as error:
        raise ReportError(f"the export failed: {clean_message(error)}") from None
    return counted


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
            _make_parquet(Path(spool.name), choice.fields, part)
            return summary


def _count(connection: DuckDBPyConnection, choice: Choice) -> ExportSummary:
    unknown = "record.cost_nano_usd IS NULL" if choice.focus else "false"
    counts = f"SELECT count(*) FILTER (NOT {unknown}), count(*) FILTER ({unknown})"
    row = connection.execute(counts + _chosen(choice), _values(choice)).fetchone()
    return ExportSummary(*row) if row else ExportSummary(0)


def _batches(connection: DuckDBPyConnection, choice: Choice, line: str) -> Iterator[list[str]]:
    priced = " AND record.cost_nano_usd IS NOT NULL" if choice.focus else ""
    values = _values(choice)
    if choice.focus:
        values["account"] = choice.account
    chosen = f"SELECT {line}{_chosen(choice)}{priced} {_ORDER}"
    cursor = connection.execute(chosen, values)
    while rows := cursor.fetchmany(_LINES_AT_ONCE):
        yield [str(text) for (text,) in rows]


def _chosen(choice: Choice) -> str:
    return _CHOSEN.format(table="usage_call" if choice.focus else "usage_record")


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
