"""Opens the files of bills: pages of JSON, or the rows of a CSV, packed with gzip or not.

Numbers of JSON stay decimals. A file that is torn, too large, or states a key twice is refused:
whoever reads on would compare with another total than the one billed.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TextIO, cast

from corvus.base.errors import BillRefused

MAX_BYTES = 256 * 1024 * 1024
"""The largest JSON that is read, in bytes; a CSV may have ten times as many."""
_CSV_MAX_BYTES = 10 * MAX_BYTES
_FIELD_MAX = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_BLANK = " \t\r\n,"


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a file.

    Attributes:
        name: The file as the user named it.
        sha256: Of its bytes, unpacked, in hexadecimal.
        pages: Its JSON objects; empty for a CSV.
        path: Where it is.
        columns: The header of a CSV, in order.
    """

    name: str
    sha256: str
    path: Path
    pages: tuple[Mapping[str, Any], ...] = ()
    columns: tuple[str, ...] = ()

    def rows(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield place and cells of each row of a CSV.

        Raises:
            BillRefused: A row is torn, or no UTF-8.
        """
        with _opened(self.path) as raw, _text(raw) as file:
            yield from _rows(self.name, file)


def read_content(path: Path) -> Content:
    """Read a file far enough to recognise it; JSON is read whole.

    Raises:
        BillRefused: It is missing, too large, or neither JSON nor CSV.
    """
    name = str(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise BillRefused(f"{name}: is no regular file")
        with _opened(path) as raw:
            head = raw.read(4096).removeprefix(_BOM).lstrip()
        sha256 = _sha256(path)
        if head.startswith((b"{", b"[")):
            return Content(name, sha256, path, pages=tuple(_pages(name, _whole(path, name))))
        if not head:
            raise BillRefused(f"{name}: the file is empty")
        with _opened(path) as raw, _text(raw) as file:
            columns = tuple(_header(name, csv.reader(file, delimiter=_delimiter(name, file))))
    except (OSError, EOFError, zlib.error) as fault:
        reason = "the packed file is cut" if isinstance(fault, EOFError) else fault
        why = getattr(fault, "strerror", None) or reason
        raise BillRefused(f"{name}: cannot be read: {why}") from fault
    return Content(name, sha256, path, columns=columns)


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return cast("BinaryIO", gzip.open(path)) if is_packed else path.open("rb")


def _text(raw: BinaryIO) -> TextIO:
    return io.TextIOWrapper(raw, "utf-8-sig", newline="")


def _sha256(path: Path) -> str:
    digest, read = hashlib.sha256(), 0
    with _opened(path) as raw:
        while chunk := raw.read(1024 * 1024):
            digest.update(chunk)
            read += len(chunk)
            if read > _CSV_MAX_BYTES:
                raise BillRefused(f"{path}: more than {_CSV_MAX_BYTES >> 20:,} MiB, unpacked")
    return digest.hexdigest()


def _whole(path: Path, name: str) -> str:
    with _opened(path) as raw:
        content = raw.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BillRefused(f"{name}: JSON of more than {MAX_BYTES >> 20} MiB; export fewer days")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise BillRefused(f"{name}: not UTF-8 at byte {fault.start + 1}") from fault


def _pages(name: str, written: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a file: one, an array of them, or one after the other."""
    decoder = json.JSONDecoder(
        parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique
    )
    position = _next(written, 0)
    while position < len(written):
        try:
            value, end = decoder.raw_decode(written, position)
        except (ValueError, ArithmeticError, RecursionError) as fault:
            raise BillRefused(f"{name}: no JSON that can be read: {fault}") from fault
        for page in cast("list[object]", value) if isinstance(value, list) else [value]:
            if not isinstance(page, dict):
                raise BillRefused(f"{name}: a bill is an object, got {str(page)[:40]!r}")
            yield cast("Mapping[str, Any]", page)
        position = _next(written, end)


def _next(written: str, position: int) -> int:
    while position < len(written) and written[position] in _BLANK:
        position += 1
    return position


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _delimiter(name: str, file: TextIO) -> str:
    try:
        header = file.readline(1024 * 1024)
        file.seek(0)
    except UnicodeDecodeError as fault:
        raise BillRefused(f"{name}: neither JSON nor CSV: {fault}") from fault
    return max(",;\t", key=header.count)


def _header(name: str, reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [column.strip() for column in next(reader, list[str]())]
    except (csv.Error, UnicodeDecodeError) as fault:
        raise BillRefused(f"{name}: neither JSON nor CSV: {fault}") from fault
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise BillRefused(f"{name}: the header names the column {twice!r} twice")
    return header


def _rows(name: str, file: TextIO) -> Iterator[tuple[str, Mapping[str, str]]]:
    delimiter = _delimiter(name, file)
    old = csv.field_size_limit(_FIELD_MAX)
    try:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = _header(name, reader)
        while True:
            try:
                row = next(reader, None)
            except (csv.Error, UnicodeDecodeError) as fault:
                raise BillRefused(f"{name}:{reader.line_num}: no CSV: {fault}") from fault
            if row is None:
                return
            if not row:
                continue
            if len(row) != len(header):
                raise BillRefused(
                    f"{name}:{reader.line_num}: {len(row)} values instead of {len(header)}; "
                    "was the file cut?"
                )
            yield f"{name}:{reader.line_num}", dict(zip(header, row, strict=True))
    finally:
        csv.field_size_limit(old)
