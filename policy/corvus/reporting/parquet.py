"""Writes an answer as Parquet (REP-3); the one format that takes DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb

from corvus.base.errors import ReportError
from corvus.ledger.connect import clean_message
from corvus.reporting.table import Table


def write_parquet(table: Table, path: Path) -> None:
    """Write a Parquet file with the columns and types of the report, amounts as exact nano-USD.

    Raises:
        ReportError: The file cannot be written.
    """
    # Types are of a closed set; names are words of a header, or whatever a statement calls them.
    columns = ", ".join(f"{_identifier(column.name)} {column.type}" for column in table.columns)
    try:
        with duckdb.connect() as scratch:
            scratch.execute(f"CREATE TABLE answer ({columns})")
            with scratch.appender("answer") as appender:
                appender.append_rows(list(table.rows))
            scratch.table("answer").write_parquet(str(path))
    except duckdb.Error as error:
        raise ReportError(f"cannot write {path}: {clean_message(error)}") from None


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
