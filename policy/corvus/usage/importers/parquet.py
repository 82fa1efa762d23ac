"""Reads the names of the columns of a Parquet file, without its rows."""

from __future__ import annotations

import glob
from pathlib import Path

import duckdb

_NO_ROWS = "SELECT * FROM read_parquet($file) LIMIT 0"


def parquet_columns(file: Path) -> frozenset[str]:
    """Return the columns of a Parquet file; none where it cannot be read."""
    try:
        with duckdb.connect() as connection:
            described = connection.execute(_NO_ROWS, {"file": glob.escape(str(file))}).description
    except duckdb.Error:
        return frozenset()  # whoever reads the rows says what is wrong
    return frozenset(str(column[0]) for column in described or ())
