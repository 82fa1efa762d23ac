"""Tells from the beginning of a file in which format it is, and how its records are laid out.

Refuses to guess: a file that looks like nothing known has no layout.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from corvus.usage.importers import codex, litellm, openai_usage, otel
from corvus.usage.importers.model import Format

CSV_SUFFIXES = {".csv", ".tsv"}
PARQUET_SUFFIX = ".parquet"
_PARQUET = b"PAR1"
# Every line of a session log has one of these near its beginning; other JSON lines do not.
_CLAUDE_MARKS = (b'"sessionId"', b'"parentUuid"', b'"leafUuid"', b'"isSnapshotUpdate"')
_JSON_MARKS = {
    Format.CODEX: codex.is_codex,
    Format.OPENAI: openai_usage.is_openai_usage,
    Format.LITELLM: litellm.is_litellm,
    Format.OTEL: otel.is_otel,
}
_WITH_CSV = {Format.GENERIC, Format.LITELLM, Format.OPENAI}


class Layout(Enum):
    """How the records of a file are written down."""

    LINES = "JSON lines"
    DOCUMENT = "JSON values over several lines, such as one array"
    CSV = "CSV"
    PARQUET = "Parquet"


def layout_of(path: Path, head: bytes, wanted: Format | None) -> Layout | None:
    """Return how a file is laid out, or nothing when its format cannot be told.

    Args:
        path: Its name.
        head: Its beginning, without a byte order mark and blank space.
        wanted: Its format, if the user said so.
    """
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if head.startswith(_PARQUET) or suffix == PARQUET_SUFFIX:
        return Layout.PARQUET if wanted in {None, Format.GENERIC} else Layout.LINES
    if head.startswith((b"{", b"[")):
        is_spread = head.startswith(b"[") or head.split(b"\n", 1)[0].strip() == b"{"
        return Layout.DOCUMENT if is_spread else Layout.LINES
    if suffix in CSV_SUFFIXES or wanted in _WITH_CSV or (wanted is None and _looks_like_csv(head)):
        return Layout.CSV
    return Layout.LINES if wanted is not None or not head else None


def format_of(head: bytes, layout: Layout) -> Format:
    """Return the format of a file that begins so."""
    if layout is Layout.PARQUET:
        return Format.GENERIC
    if layout is Layout.CSV:
        return _csv_format(head)
    if _is_claude_code(head):
        return Format.CLAUDE_CODE
    return next((form for form, is_it in _JSON_MARKS.items() if is_it(head)), Format.GENERIC)


def _csv_format(head: bytes) -> Format:
    header = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    columns = {
        name.strip(' "\r') for name in header.replace(";", ",").replace("\t", ",").split(",")
    }
    if columns >= litellm.COLUMNS:
        return Format.LITELLM
    return Format.OPENAI if openai_usage.is_usage_header(columns) else Format.GENERIC


def _is_claude_code(head: bytes) -> bool:
    return (
        head.startswith(b"{")
        and any(mark in head for mark in _CLAUDE_MARKS)
        and (b'"type"' in head or b'"message"' in head)
    )


def _looks_like_csv(head: bytes) -> bool:
    header = head.split(b"\n", 1)[0]
    return b"\x00" not in head and any(mark in header for mark in (b",", b";", b"\t"))
