"""Reads what ``usage export`` wrote as CSV, JSON lines or Parquet: whole records, as they are.

Nothing is counted, priced or merged here: each row is a row of ``usage_record``, and
``corvus.ledger.merging`` decides whether it is new. NULL stays NULL and an empty text an empty
text; the apostrophe that the export puts before what a spreadsheet would run is taken off again. An
older export lacks columns; they are empty, or 0 where they count.

Refuses: columns that this version does not know, numbers that have been through a float, values
that do not fit their column, and the end of a file that was cut.
"""

from __future__ import annotations

import glob
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import duckdb

from corvus.base.errors import ImportRefused
from corvus.ledger.connect import clean_message
from corvus.model.columns import COLUMNS, Column
from corvus.model.usage import COUNTS
from corvus.usage.exporters.fields import DEFUSED
from corvus.usage.importers.documents import objects_of_csv
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    PARQUET_SUFFIX,
    Importer,
    Layout,
)
from corvus.usage.importers.lines import MAX_LINE_BYTES, mended, numbered_lines, pick
from corvus.usage.importers.model import BAD_LINES_KEPT
from corvus.usage.importers.sources import Source

_BY_NAME = {column.name: column for column in COLUMNS}
_SIGNS = ("id", "corrects_id", "calls", "import_key", "admitted_at", "cost_nano_usd", "source")
_MAP = '"MAP(VARCHAR, VARCHAR)"'
_BLOCK_BYTES = 1024 * 1024
_WHOLE_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "VARCHAR"})
_FITS = {
    "UUID": "TRY_CAST({0} AS UUID)",
    "TIMESTAMP": "if(regexp_full_match({0}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:]{{8}}"
    "(\\.[0-9]{{1,6}})?Z'), TRY_CAST({0} AS TIMESTAMP), NULL)",
    "BIGINT": "if(regexp_full_match({0}, '-?[0-9]{{1,19}}'), TRY_CAST({0} AS BIGINT), NULL)",
    "INTEGER": "if(regexp_full_match({0}, '-?[0-9]{{1,10}}'), TRY_CAST({0} AS INTEGER), NULL)",
    "BOOLEAN": "CASE {0} WHEN 'true' THEN true WHEN 'false' THEN false END",
    "MAP(VARCHAR, VARCHAR)": "if(starts_with({0}, '{{'), "
    f"TRY(from_json_strict({{0}}, '{_MAP}')), NULL)",
    "VARCHAR": "{0}",
}
"""How a text becomes the value of a column; NULL where it is none."""
_ABSENT = {"BIGINT": "0::BIGINT", "BOOLEAN": "false"}
"""What a column is in an export that is older than it, unless it may be NULL."""
_SUMS = (*COUNTS, "cost_nano_usd")

_JSON = """read_json($file, format = 'newline_delimited', ignore_errors = true,
    maximum_object_size = {largest}, columns = {columns})"""
_CSV = """read_csv($file, auto_detect = false, header = true, delim = '{delimiter}', quote = '"',
    escape = '"', nullstr = '', allow_quoted_nulls = false, new_line = '{newline}',
    columns = {columns}, store_rejects = true, rejects_limit = 0, parallel = false,
    max_line_size = {largest}, buffer_size = {buffer})"""
_PARQUET = "read_parquet($file)"
_COPY = """
COPY (
    SELECT {number} AS file, row_number() OVER () AS n, * EXCLUDE ({stated}), {reason} AS reason
    FROM (SELECT {values}, {texts} FROM (SELECT {read} FROM {source}))
) TO $target (FORMAT parquet)
"""
_UNUSABLE = "SELECT n, reason FROM read_parquet($target) WHERE reason IS NOT NULL ORDER BY n"
_COUNT = "SELECT count(*) FROM read_parquet($target)"
_ACCEPTED = """
COPY (SELECT * EXCLUDE (reason) FROM read_parquet($target) WHERE reason IS NULL AND n <= $last)
TO $rows (FORMAT parquet)
"""
_REJECTED = """
SELECT line, any_value(error_message) FROM reject_errors GROUP BY line ORDER BY line
"""
_FORGET_REJECTED = ("DROP TABLE IF EXISTS reject_errors", "DROP TABLE IF EXISTS reject_scans")


@dataclass(slots=True)
class ExportedRows:
    """The rows of one export.

    Attributes:
        source: The file.
        number: Its number, which its rows have.
        rows: Parquet with the columns of ``usage_record``, ``file``, and ``n``, the number
            of the row.
        read: How many rows it has, also those that cannot be used.
        bad: Line and reason of what cannot be used.
    """

    source: Source
    number: int
    rows: Path
    read: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def lines_of(self, rows: Sequence[int]) -> dict[int, int]:
        """Return in which line of the file rows stand, by their number.

        Raises:
            ImportRefused: The file has changed meanwhile.
            OSError: The file cannot be read.
        """
        return dict(_lines(self.source, sorted(set(rows))))


def read_export(
    connection: duckdb.DuckDBPyConnection, source: Source, number: int, folder: Path
) -> ExportedRows:
    """Read the rows of an export.

    Args:
        connection: A database of its own.
        source: The file.
        number: Number of the file, for its rows.
        folder: A folder for copies; the caller removes it.

    Raises:
        ImportRefused: The file is not what it seems, or of a newer version.
        OSError: It cannot be read.
    """
    target, rows = folder / f"read-{number}.parquet", folder / f"rows-{number}.parquet"
    columns = _columns_of(connection, source)
    _refuse_columns(columns, is_table=source.layout is not Layout.LINES)
    statement = _COPY.format(number=number, **_parts(source, columns))
    values = {"file": glob.escape(str(source.file)), "target": str(target)}
    for forget in _FORGET_REJECTED:
        connection.execute(forget)
    try:
        connection.execute(statement, values)
        read = connection.execute(_COUNT, {"target": str(target)}).fetchone() or (0,)
        unusable = connection.execute(_UNUSABLE, {"target": str(target)}).fetchall()
        found = ExportedRows(source, number, rows, read[0])
        last = found.read
        if source.layout is Layout.CSV:
            last -= _add_torn(found, connection)
        _add_bad(found, [(n, reason) for n, reason in unusable if n <= last])
        accepted = {"target": str(target), "rows": str(rows), "last": last}
        connection.execute(_ACCEPTED, accepted)
    except duckdb.Error as fault:
        raise ImportRefused(f"no export that can be read: {clean_message(fault)}") from fault
    target.unlink()
    return found


def _columns_of(connection: duckdb.DuckDBPyConnection, source: Source) -> Mapping[str, str]:
    """Return the columns of a file, in order, and their types; those of texts are VARCHAR."""
    if source.layout is Layout.PARQUET:
        name = glob.escape(str(source.file))
        try:
            relation = connection.read_parquet(name)
        except duckdb.Error as fault:
            reason = clean_message(fault)
            raise ImportRefused(f"no Parquet file that can be read: {reason}") from fault
        return dict(zip(relation.columns, map(str, relation.types), strict=True))
    if source.layout is Layout.CSV:
        header = _first_line(source.file)
        return dict.fromkeys((name.strip() for name in header.split(_delimiter(header))), "VARCHAR")
    names: dict[str, str] = {}
    for _, line in numbered_lines(source.file):
        text = mended(line)[0]
        if text:
            names |= dict.fromkeys(cast("dict[str, object]", json.loads(text)), "VARCHAR")
            break
    return names


def _first_line(file: Path) -> str:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        line = opened.readline(_BLOCK_BYTES)
    return line.decode("utf-8-sig", "replace").rstrip("\n").replace('"', "")


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _refuse_columns(columns: Mapping[str, str], *, is_table: bool) -> None:
    newer = [name for name in columns if name.rstrip("\r") not in _BY_NAME]
    if newer:
        raise ImportRefused(
            f"an export of a newer corvus: this one does not know the column {', '.join(newer)}; "
            "upgrade corvus"
        )
    missing = [
        column.name
        for column in COLUMNS
        if column.name not in {name.rstrip("\r") for name in columns}
        and not column.is_nullable
        and column.type not in _ABSENT
    ]
    if missing and (columns or is_table):
        raise ImportRefused(f"an export without the column {', '.join(missing)}")
    for name, kind in columns.items():
        wanted = _BY_NAME[name.rstrip("\r")].type
        if wanted in {"BIGINT", "INTEGER"} and kind not in _WHOLE_NUMBERS:
            raise ImportRefused(
                f"the column {name} is of the type {kind}, which is not exact: export it again"
            )


def _parts(source: Source, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of the statement that reads a file."""
    here = [column for column in COLUMNS if column.name in {name.rstrip("\r") for name in columns}]
    absent = [column for column in COLUMNS if column not in here]
    is_defused = source.layout is Layout.CSV
    values = [
        f"{_value(column, columns.get(column.name, 'VARCHAR'), is_defused=is_defused)} "
        f"AS {column.name}"
        for column in here
    ]
    values += [
        f"{'NULL' if column.is_nullable else _ABSENT[column.type]}::{column.type} AS {column.name}"
        for column in absent
    ]
    return {
        "source": _reader(source, columns),
        "read": ", ".join(f"{column.name} AS stated_{column.name}" for column in here) or "NULL",
        "values": ", ".join(values),
        "texts": ", ".join(f"stated_{column.name}" for column in here),
        "stated": ", ".join(f"stated_{column.name}" for column in here),
        "reason": _reason(here),
    }


def _reader(source: Source, columns: Mapping[str, str]) -> str:
    if source.layout is Layout.PARQUET:
        return _PARQUET
    listed = "{" + ", ".join(f"'{name.rstrip(chr(13))}': 'VARCHAR'" for name in columns) + "}"
    if source.layout is Layout.CSV:
        header = _first_line(source.file)
        newline = "\\r\\n" if header.endswith("\r") else "\\n"
        return _CSV.format(
            columns=listed,
            delimiter=_delimiter(header),
            newline=newline,
            largest=MAX_LINE_BYTES,
            buffer=2 * MAX_LINE_BYTES,
        )
    return _JSON.format(columns=listed, largest=MAX_LINE_BYTES)


def _value(column: Column, kind: str, *, is_defused: bool) -> str:
    """Write SQL for the value of a column; NULL where what is stated is none."""
    stated = f"stated_{column.name}"
    if kind != "VARCHAR":
        return f"TRY_CAST({stated} AS {column.type})"
    if column.choices:
        listed = ", ".join(f"'{choice}'" for choice in column.choices)
        return f"if({stated} IN ({listed}), {stated}, NULL)"
    if column.type == "VARCHAR" and is_defused:
        return f"if(regexp_matches({stated}, '{DEFUSED}'), {stated}[2:], {stated})"
    return _FITS[column.type].format(stated)


def _reason(here: Sequence[Column]) -> str:
    """Write SQL for why a row cannot be used; NULL where it can."""
    if not here:
        return "NULL::VARCHAR"
    branches = ["WHEN stated_id IS NULL THEN 'no id'"]
    for column in here:
        name = column.name
        if not column.is_nullable:
            branches.append(f"WHEN stated_{name} IS NULL THEN 'no {name}'")
        shown = f"'{name} does not fit its column: ' || left(stated_{name}::VARCHAR, 80)"
        branches.append(f"WHEN stated_{name} IS NOT NULL AND {name} IS NULL THEN {shown}")
    sums = ", ".join(f"coalesce({name}, 0)" for name in _SUMS)
    branches += [
        "WHEN calls = 0 THEN 'calls is 0'",
        "WHEN calls < 0 AND corrects_id IS NULL THEN 'takes back a record that it does not name'",
        f"WHEN calls > 0 AND least({sums}) < 0 THEN 'a count or a cost is negative'",
        f"WHEN calls < 0 AND greatest({sums}) > 0 THEN 'adds to what it takes back'",
    ]
    return f"CASE {' '.join(branches)} END"


def _add_bad(found: ExportedRows, unusable: Sequence[tuple[int, str]]) -> None:
    kept = unusable[:BAD_LINES_KEPT]
    lines = found.lines_of([n for n, _ in kept]) if kept else {}
    why: dict[int, str] = {}
    if found.source.layout is Layout.LINES:
        picked = pick(found.source.file, (n for n, _ in kept))
        why = {ordinal: mended(line)[1] for ordinal, _, line in picked}
    found.bad += [(lines.get(n, n), why.get(n) or reason) for n, reason in kept]
    found.bad += [(n, reason) for n, reason in unusable[BAD_LINES_KEPT:]]
    found.bad.sort()


def _add_torn(found: ExportedRows, connection: duckdb.DuckDBPyConnection) -> int:
    """Note the rows of a CSV that DuckDB could not take, and a last one that was cut.

    Returns:
        How many of the rows that it took are not whole.
    """
    rejected = {line - 1: reason for line, reason in connection.execute(_REJECTED).fetchall()}
    row = 0
    if rejected:  # DuckDB numbers rows, not lines
        for row, (line, _) in enumerate(objects_of_csv(found.source.file, _ignore), start=1):
            if row in rejected:
                found.bad.append((line, f"not CSV: {rejected[row]}"))
    found.read += len(found.bad)
    quotes, line_ends, last = 0, 0, b""
    file = found.source.file
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        while block := opened.read(_BLOCK_BYTES):
            quotes += block.count(b'"')
            line_ends += block.count(b"\n")
            last = block[-1:]
    is_inside = quotes % 2 == 1
    if not last or (last == b"\n" and not is_inside):
        return 0
    if row and row in rejected:
        return 0  # it is among these
    number = line_ends + (last != b"\n")
    found.bad.append((number, "the file ends within this row; was it cut?"))
    found.read += is_inside
    return 0 if is_inside else 1


def _lines(source: Source, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield number and line of rows, ascending."""
    if source.layout is Layout.PARQUET:
        yield from ((row, row) for row in rows)
    elif source.layout is Layout.LINES:
        for ordinal, number, _ in pick(source.file, rows):
            yield ordinal, number
    else:
        wanted, ordinal = set(rows), 0
        for number, item in objects_of_csv(source.file, _ignore):
            ordinal += not isinstance(item, str)
            if ordinal in wanted and not isinstance(item, str):
                yield ordinal, number


def _ignore(read_bytes: int) -> None:
    del read_bytes


def _recognise(head: bytes) -> bool:
    line = head.split(b"\n", 1)[0]
    return line.startswith(b"{") and all(f'"{name}":'.encode() in line for name in _SIGNS)


def _recognise_columns(columns: Set[str]) -> bool:
    return columns >= set(_SIGNS)


IMPORTER = Importer(
    name="corvus-export",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {PARQUET_SUFFIX},
    layouts={Layout.LINES, Layout.CSV, Layout.PARQUET},
    recognise=_recognise,
    recognise_columns=_recognise_columns,
    is_of_records=True,
)
"""Its rows are those of the ledger, so that no statement stages them."""
