"""Writes an answer for machines and documents: kv, csv, json, jsonl and markdown (REP-3).

Exact formats carry every amount twice: the integer ``…_nano_usd`` and ``…_usd`` as decimal text,
so that no reader needs a float. What a person reads (kv, markdown, tables) carries USD only. Text
from imported logs is data: control characters are shown as escapes where a person reads, and in
CSV a text cell that a spreadsheet would run as a formula gets a leading apostrophe; every other
format keeps the text as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from corvus.answers.kv import kv_text
from corvus.base.money import usd, usd_exact
from corvus.diagnostics.plain import escape
from corvus.reporting.table import Cell, Column, Table

_FORMULA_STARTS = tuple("=+-@\t\r\n=+-@")
_AMOUNT = re.compile(r"-[0-9]+\.[0-9]{9}")
"""An amount below 0, which no spreadsheet runs."""
_MARKDOWN_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\|<>*_`[]&"})


class Format(StrEnum):
    """The shapes an answer can be written in."""

    TABLE = "table"
    KV = "kv"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


def kv_lines(table: Table) -> list[str]:
    """Return one line of ``key=value`` pairs for each row; a value with spaces is a JSON string."""
    names = [
        kv_text(column.usd_name if column.is_money else column.name) for column in table.columns
    ]
    return [
        " ".join(
            f"{name}={_kv_cell(column, cell)}"
            for name, column, cell in zip(names, table.columns, row, strict=True)
        )
        for row in table.rows
    ]


def csv_text(table: Table) -> str:
    """Return comma-separated values with a header line; NULL is an empty cell."""
    exact = with_usd(table)
    lines = [",".join(_csv_cell(column.name) for column in exact.columns)]
    lines += [",".join(_csv_cell(cell) for cell in row) or '""' for row in exact.rows]
    return "\n".join(lines) + "\n"


def json_text(table: Table, about: Mapping[str, object]) -> str:
    """Return one JSON object: what is known about the answer, then its columns and rows.

    Args:
        table: The answer.
        about: Entries to put first, such as the name of the report and its parameters.
    """
    exact = with_usd(table)
    columns = [
        {"name": column.name, "type": column.type, "unit": column.unit} for column in exact.columns
    ]
    body = {**about, "columns": columns, "rows": _objects(exact)}
    return json.dumps(body, indent=2, default=_json_value) + "\n"


def jsonl_text(table: Table) -> str:
    """Return one JSON object for each row, one on each line."""
    objects = _objects(with_usd(table))
    return "".join(json.dumps(row, default=_json_value) + "\n" for row in objects)


def markdown_text(table: Table) -> str:
    """Return a Markdown table; amounts are in USD, numbers stand to the right."""
    headings, rows = human(table)
    rule = ["---:" if column.is_number else "---" for column in table.columns]
    escaped = [[cell.translate(_MARKDOWN_SPECIAL) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [headings, rule, *escaped])


def human(table: Table) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells as a person reads them: USD, thousands separators, visible text."""
    headings = [column.usd_name if column.is_money else column.name for column in table.columns]
    by_column = [_human_column(column, table.values(column.name)) for column in table.columns]
    rows = [[cells[place] for cells in by_column] for place in range(len(table.rows))]
    return headings, rows


def usd_places(amounts: Sequence[Cell]) -> int:
    """Return how many decimals show every amount of a column as more than 0 if it is: 4, 6 or 9."""
    known = [abs(amount) for amount in amounts if isinstance(amount, int) and amount]
    smallest = min(known, default=10**9)
    if smallest >= 100_000:
        return 4
    return 6 if smallest >= 1_000 else 9


def with_usd(table: Table) -> Table:
    """Return the table with a column of exact decimal USD text after each column of nano-USD."""
    columns: list[Column] = []
    for column in table.columns:
        columns.append(column)
        if column.is_money:
            columns.append(Column(column.usd_name, "VARCHAR", "USD"))
    rows: list[tuple[Cell, ...]] = []
    for row in table.rows:
        cells: list[Cell] = []
        for column, cell in zip(table.columns, row, strict=True):
            cells.append(cell)
            if column.is_money:
                cells.append(f"{usd(cell):.9f}" if isinstance(cell, int) else None)
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows))


def exact_text(cell: Cell) -> str:
    """Return a cell in full: an instant in ISO 8601 with ``Z``; NULL is empty."""
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case datetime():
            return f"{cell.isoformat()}Z"
        case date():
            return cell.isoformat()
        case Decimal():
            return f"{cell:f}"
        case _:
            return str(cell)


def _kv_cell(column: Column, cell: Cell) -> str:
    if cell is None:
        return "unknown" if column.is_money else "none"
    if column.is_money and isinstance(cell, int):
        return usd_exact(cell)
    return kv_text(cell) if isinstance(cell, str) else exact_text(cell)


def _human_column(column: Column, cells: Sequence[Cell]) -> list[str]:
    places = usd_places(cells)
    return [_human_cell(column, cell, places) for cell in cells]


def _human_cell(column: Column, cell: Cell, places: int) -> str:
    match cell:
        case None:
            return "unknown" if column.is_money else "-"
        case int() if column.is_money:
            return f"{usd(cell):,.{places}f}"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case int() | Decimal() if not isinstance(cell, bool):
            return f"{cell:,}"
        case _:
            return escape(exact_text(cell))


def _csv_cell(cell: Cell) -> str:
    """Quote as RFC 4180 says; defuse a text, but no number, that a spreadsheet would run.

    NOTE: ``csv.writer`` that ends lines with a line feed leaves a lone carriage return unquoted
    (seen with Python 3.11), which every reader takes for the end of a row.
    """
    text = exact_text(cell)
    is_formula = text.startswith(_FORMULA_STARTS) and not _AMOUNT.fullmatch(text)
    if isinstance(cell, str) and is_formula:
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _objects(table: Table) -> list[dict[str, Cell]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _json_value(value: object) -> str | float:
    """Write what JSON has no type for; the decimals of a report are percents, never money."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (datetime, date)):
        return exact_text(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
