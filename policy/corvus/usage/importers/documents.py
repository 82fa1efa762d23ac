"""Reads the objects of a file, however they are laid out: JSON lines, one array, documents, CSV.

Refuses documents too large to hold in memory; files of JSON lines and CSV may have any size. CSV is
read with the line number of every row: DuckDB's own reader is faster, but knows no line numbers
once a value spans lines. A ``Copier`` writes the records of a file as JSON lines, for the statement
of the generic format.
"""

from __future__ import annotations

import csv
import glob
import gzip
import io
import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO, cast

import duckdb

from corvus.base.errors import ImportRefused
from corvus.ledger.connect import clean_message
from corvus.usage.importers.importer import (
    CopyFile,
    CopySummary,
    Layout,
    Object,
    OnBytes,
    write_records,
)
from corvus.usage.importers.lines import numbered_lines, object_of_line
from corvus.usage.importers.sources import Source

_PARQUET_ROWS = """
COPY (SELECT * FROM read_parquet($file)) TO $copy (FORMAT json)
"""
_SNIFFED_CHARACTERS = 16_384
_LINES_BETWEEN = 1_000
MAX_BYTES = 256 * 1024 * 1024
"""The largest document that is read, in bytes."""


def objects_of_lines(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, Object | str]]:
    """Yield number and object of each line that is not blank, or the reason why it has none.

    Raises:
        OSError: The file cannot be read.
    """
    read = 0
    for number, line in numbered_lines(path):
        read += len(line or b"") + 1
        if number % 1000 == 0:
            on_bytes(read)
        yield number, object_of_line(line)


def objects_of_csv(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, Object | str]]:
    """Yield the number of each row's last line, and its values by column, or what is wrong with it.

    Raises:
        ImportRefused: The header is no CSV, or names a column twice.
        OSError: The file cannot be read.
    """
    for number, row, reason in _csv_rows(path, on_bytes):
        yield number, reason or cast("Object", row)


def objects_of_document(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, Object | str]]:
    """Yield position from 1 and content of the objects of a file: values that follow each other.

    An array stands for its items.

    Raises:
        ImportRefused: The file is too large, or no JSON.
        OSError: The file cannot be read.
    """
    for number, item in enumerate(_values(_whole(path)), start=1):
        yield (
            number,
            cast("Object", item) if isinstance(item, dict) else "the item is no JSON object",
        )
    on_bytes(path.stat().st_size)


def _whole(path: Path) -> str:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ImportRefused("a JSON document of more than 256 MiB; convert it to JSON lines")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ImportRefused(f"no JSON: not UTF-8 at byte {fault.start + 1}") from fault


def _values(text: str) -> Iterator[object]:
    decoder = json.JSONDecoder()
    position = _next(text, 0)
    while position < len(text):
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as fault:
            raise ImportRefused(f"no JSON: {fault}") from fault
        yield from cast("list[object]", value) if isinstance(value, list) else [value]
        position = _next(text, end)


def _next(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position


class _Reader(Protocol):
    """What ``csv.reader`` returns; its own type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def _csv_rows(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield the rows of a CSV file whose first row names the columns.

    The delimiter is recognised: comma, semicolon or tab.

    Args:
        path: The file; ``.gz`` is unpacked on the way.
        on_bytes: Called now and then with how many bytes of the file are read, packed or not.

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
        while (row := _next_row(reader)) is not None:
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
    row = _next_row(reader)
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


def _next_row(reader: _Reader) -> list[str] | str | None:
    """Return the next row, the reason why it cannot be read, or ``None`` at the end."""
    try:
        return next(reader)
    except StopIteration:
        return None
    except csv.Error as fault:
        return str(fault)


_OBJECTS = {
    Layout.LINES: objects_of_lines,
    Layout.DOCUMENT: objects_of_document,
    Layout.CSV: objects_of_csv,
}


def _as_it_is(found: Object) -> Iterator[Object]:
    yield found


class Copier:
    """Copies files; one serves a whole import.

    Args:
        connection: A database to read Parquet with.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._copiers: dict[str, CopyFile] = {}

    def copy(self, source: Source, target: Path, on_bytes: OnBytes) -> CopySummary:
        """Copy the records of a file.

        Args:
            source: The file.
            target: Where to write.
            on_bytes: Called now and then with how many bytes are read.

        Returns:
            Which line each record stands in, and what could not be used.

        Raises:
            ImportRefused: The file is not what it seems.
            OSError: It cannot be read, or the copy not written.
        """
        if source.layout is Layout.PARQUET:
            return self._parquet(source, target)
        importer = source.importer
        if importer.copier is not None:
            if importer.name not in self._copiers:
                self._copiers[importer.name] = importer.copier()
            return self._copiers[importer.name](source.file, source.path, target, on_bytes)
        read = importer.read or _as_it_is
        records = (
            (number, item if isinstance(item, str) else read(item))
            for number, item in _OBJECTS[source.layout](source.file, on_bytes)
        )
        return write_records(records, target, CopySummary())

    def _parquet(self, source: Source, target: Path) -> CopySummary:
        names = {"file": glob.escape(str(source.file)), "copy": str(target)}
        try:
            rows = self._connection.execute(_PARQUET_ROWS, names).fetchone()
        except duckdb.Error as fault:
            reason = clean_message(fault)
            raise ImportRefused(
                f"no Parquet file that can be read; was it cut? ({reason})"
            ) from fault
        return CopySummary(array("q", range(1, 1 + (rows[0] if rows else 0))))
