"""Reads CSV with the line number of every row.

DuckDB's own CSV reader is faster, but knows no line numbers once a value spans lines. Refuses
nothing: a row that cannot be read is told with its reason.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO, cast

from corvus.base.errors import ImportRefused

_SNIFFED_CHARACTERS = 16_384
_LINES_BETWEEN = 1_000


class _Reader(Protocol):
    """What ``csv.reader`` returns; its own type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def csv_rows(
    path: Path, on_bytes: Callable[[int], None]
) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield the rows of a CSV file whose first row names the columns.

    The delimiter is recognised: comma, semicolon or tab.

    Args:
        path: The file; ``.gz`` is unpacked on the way.
        on_bytes: Told now and then how many bytes of the file are read, packed ones if it is.

    Yields:
        Number of the row's last line, and its values by column; or no values and the reason why.

    Raises:
        ImportRefused: The header is no CSV, or names a column twice.
        OSError: The file cannot be read.
    """
    with path.open("rb") as raw, _text(raw, is_packed=path.suffix == ".gz") as file:
        head = file.read(_SNIFFED_CHARACTERS)
        file.seek(0)
        reader: _Reader = csv.reader(file, delimiter=_delimiter(head), strict=True)
        header = _header(reader)
        while (row := _next(reader)) is not None:
            if reader.line_num % _LINES_BETWEEN == 0:
                on_bytes(raw.tell())
            if isinstance(row, str):
                yield reader.line_num, {}, f"not CSV: {row}"
            elif len(row) != len(header) and row:
                yield reader.line_num, {}, f"{len(row)} values instead of {len(header)}"
            elif not _is_utf8(row):
                yield reader.line_num, {}, "not UTF-8"
            elif row:
                yield reader.line_num, dict(zip(header, row, strict=True)), ""


def _text(raw: BinaryIO, *, is_packed: bool) -> TextIO:
    # A byte that is no UTF-8 becomes a lone surrogate, so that only its row is lost.
    plain = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if is_packed else raw
    return io.TextIOWrapper(plain, "utf-8-sig", errors="surrogateescape", newline="")


def _header(reader: _Reader) -> list[str]:
    row = _next(reader)
    if isinstance(row, str):
        raise ImportRefused(f"the header is no CSV: {row}")
    header = [name.strip() for name in row or ()]
    for name in header:
        if header.count(name) > 1:
            raise ImportRefused(f"the header names the column {name!r} twice")
    return header


def _is_utf8(row: list[str]) -> bool:
    text = "".join(row)
    return text.isascii() or not any("\udc80" <= char <= "\udcff" for char in text)


def _delimiter(head: str) -> str:
    header = head.split("\n", 1)[0]
    return max(",;\t", key=header.count)


def _next(reader: _Reader) -> list[str] | str | None:
    """Return the next row, the reason why it cannot be read, or ``None`` at the end."""
    try:
        return next(reader)
    except StopIteration:
        return None
    except csv.Error as fault:
        return str(fault)
