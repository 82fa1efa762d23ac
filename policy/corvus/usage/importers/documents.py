"""Reads the JSON objects of a file, however they are laid out: lines, one array, or documents.

Refuses documents too large to hold in memory; files of JSON lines may have any size.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from corvus.base.errors import ImportRefused
from corvus.usage.importers.csv_rows import csv_rows
from corvus.usage.importers.lines import mended, numbered_lines
from corvus.usage.importers.records import Object, OnBytes

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


def object_of_line(line: bytes | None) -> Object | str:
    """Return the object of a line, or the reason why it has none."""
    text, reason = mended(line)
    return cast("Object", json.loads(text)) if text else reason


def objects_of_csv(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, Object | str]]:
    """Yield the number of each row's last line, and its values by column, or what is wrong with it.

    Raises:
        ImportRefused: The header is no CSV, or names a column twice.
        OSError: The file cannot be read.
    """
    for number, row, reason in csv_rows(path, on_bytes):
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
