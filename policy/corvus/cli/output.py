"""Gives an answer in the format asked for, on standard output or into a file (REP-3, REP-4)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.base.errors import ReportParameterInvalid
from corvus.cli.common import is_terminal

if TYPE_CHECKING:
    from corvus.reporting.formats import Format
    from corvus.reporting.table import Table

FORMATS = ("table", "kv", "csv", "json", "jsonl", "markdown", "parquet")
_BY_SUFFIX = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".parquet": "parquet",
}

Output: TypeAlias = Annotated[
    str | None,
    typer.Option("--format", help=f"{', '.join(FORMATS)}; table on a terminal, else kv."),
]
OutputFile: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead.")
]


def choose_format(output: str | None, file: Path | None, *, chart: bool = False) -> Format:
    """Decide the format: the one asked for, else by the file's suffix, else by who reads.

    Args:
        output: The format asked for.
        file: The file to write, if any.
        chart: Whether bars are asked for, which only a table has.

    Raises:
        ReportParameterInvalid: The format is unknown, or does not go with the file or the bars.
    """
    from corvus.reporting.formats import Format

    if output is not None and output not in FORMATS:
        raise ReportParameterInvalid(
            f"--format must be one of {', '.join(FORMATS)}, got {output!r}"
        )
    chosen = output or (_BY_SUFFIX.get(file.suffix.lower()) if file else None)
    shape = Format(chosen or ("table" if file is None and (chart or is_terminal()) else "kv"))
    if shape is Format.PARQUET and file is None:
        raise ReportParameterInvalid("parquet is no text: name a file with -o FILE")
    if shape is Format.TABLE and file is not None:
        raise ReportParameterInvalid("a table is for a terminal: take --format markdown for a file")
    if chart and shape is not Format.TABLE:
        raise ReportParameterInvalid(f"--chart draws beside a table, not in {shape}")
    return shape


def give(
    table: Table,
    shape: Format,
    file: Path | None,
    *,
    about: Mapping[str, object],
    head: Mapping[str, object],
) -> None:
    """Write an answer in any format but ``table``.

    Args:
        table: The answer.
        shape: The format.
        file: The file to write, whole or not at all; ``None`` is standard output.
        about: What JSON tells before columns and rows.
        head: What the lines of ``kv`` start with, before ``rows``.

    Raises:
        ReportError: The file cannot be written.
    """
    from corvus.base.files import whole_file
    from corvus.reporting.formats import write_parquet

    text = _text(table, shape, about, head)
    if file is None:
        sys.stdout.write(text or "")
        return
    with whole_file(file) as path:
        if text is None:
            write_parquet(table, path)
        else:
            path.write_text(text, encoding="utf-8", newline="")


def _text(
    table: Table, shape: Format, about: Mapping[str, object], head: Mapping[str, object]
) -> str | None:
    """Write an answer as text; ``None`` for a format that is no text."""
    from corvus.reporting import formats

    match shape:
        case formats.Format.CSV:
            return formats.csv_text(table)
        case formats.Format.JSON:
            return formats.json_text(table, about)
        case formats.Format.JSONL:
            return formats.jsonl_text(table)
        case formats.Format.MARKDOWN:
            return formats.markdown_text(table)
        case formats.Format.PARQUET:
            return None
        case formats.Format.KV | formats.Format.TABLE:
            lines = [f"{key}={value}" for key, value in {**head, "rows": len(table.rows)}.items()]
            return "\n".join([*lines, *formats.kv_lines(table)]) + "\n"
