"""Writes SQL that makes whole lines of text, so that a million rows never become Python objects.

An export is a list of fields; from it come the line of a CSV, the object of a JSON line, and the
columns of a Parquet file, all three by DuckDB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corvus.usage.exporters import Shape

_FORMULA = r"[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001 - spreadsheets run these as well
_RUN = f"^'*{_FORMULA}".replace("'", "''")
DEFUSED = f"^'+{_FORMULA}".replace("'", "''")
"""What begins so has one apostrophe more than its text: a pattern as SQL writes it."""
_NEEDS_QUOTES = r'[",\r\n]'


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an export.

    Attributes:
        name: Its name in the file.
        type: Its DuckDB type in a Parquet file.
        sql: Where it comes from: an expression over the exported table.
    """

    name: str
    type: str
    sql: str


@dataclass(frozen=True, slots=True)
class Exporter:
    """What an export says: which rows, and what of each.

    Attributes:
        title: Its name in sentences.
        fields: The columns of the file, in order.
        table: ``usage_record``, every row of the ledger, or ``usage_call``, calls as known now; or
            a query in brackets.
        needs_cost: Whether calls without a known cost are left out, and counted.
        names_account: Whether it says which account is billed (``$account`` in its fields).
        shape: What is written when neither the user nor the name of the file says it.
        order: What no two rows have in common: in its order they are written.
    """

    title: str
    fields: Sequence[Field]
    table: str
    needs_cost: bool = False
    names_account: bool = False
    shape: Shape = Shape.JSONL
    order: str = "record.admitted_at, record.id"


def csv_header(fields: Sequence[Field]) -> str:
    """Return the first line of a CSV."""
    return ",".join(field.name for field in fields)


def csv_line(fields: Sequence[Field]) -> str:
    """Return an expression for the line of a CSV; NULL is an empty cell, an empty text is quoted.

    A text that a spreadsheet would run as a formula gets a leading apostrophe; so does one that
    already has some before it, so that whoever takes one off finds what was there.
    """
    return "concat_ws(',', " + ", ".join(_csv_cell(field) for field in fields) + ")"


def json_line(fields: Sequence[Field]) -> str:
    """Return an expression for a JSON object with every field, NULL as ``null``."""
    pairs = ", ".join(f'"{field.name}" := {_json_value(field)}' for field in fields)
    return f"to_json(struct_pack({pairs}))::VARCHAR"


def parquet_columns(fields: Sequence[Field]) -> str:
    """Return the columns of JSON lines as ``read_json`` of DuckDB takes them."""
    return "{" + ", ".join(f"'{field.name}': '{field.type}'" for field in fields) + "}"


def _csv_cell(field: Field) -> str:
    if field.type == "TIMESTAMP":
        return f"coalesce({_instant(field.sql)}, '')"
    if field.type.startswith("MAP"):
        return _csv_text(f"to_json({field.sql})::VARCHAR")
    if field.type == "VARCHAR":
        return _csv_text(field.sql)
    return f"coalesce(({field.sql})::{field.type}::VARCHAR, '')"


def _csv_text(text: str) -> str:
    defused = f"if(regexp_matches({text}, '{_RUN}'), '''' || {text}, {text})"
    return (
        f"CASE WHEN {text} IS NULL THEN '' "
        f"WHEN {text} = '' OR regexp_matches({text}, '{_NEEDS_QUOTES}') "
        f"THEN '\"' || replace({defused}, '\"', '\"\"') || '\"' ELSE {defused} END"
    )


def _json_value(field: Field) -> str:
    if field.type == "TIMESTAMP":
        return _instant(field.sql)
    return f"({field.sql})::{field.type}"


def _instant(sql: str) -> str:
    """Write an instant in ISO 8601, with microseconds only where there are any."""
    return (
        f"if(date_trunc('second', {sql}) = {sql}, strftime({sql}, '%Y-%m-%dT%H:%M:%SZ'), "
        f"strftime({sql}, '%Y-%m-%dT%H:%M:%S.%fZ'))"
    )
