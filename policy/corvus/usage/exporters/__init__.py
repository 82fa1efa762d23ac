"""Hands recorded usage over to other tools (EXP-1): the shapes of a file, and what it may say."""

from __future__ import annotations

from enum import StrEnum


class Shape(StrEnum):
    """What kind of file is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


SUFFIXES = {
    ".csv": Shape.CSV,
    ".jsonl": Shape.JSONL,
    ".ndjson": Shape.JSONL,
    ".parquet": Shape.PARQUET,
}
"""The shape that the suffix of a file names."""

FORMATS = ("focus",)
"""What else than whole records can be written; the module of that name has its ``EXPORTER``."""
