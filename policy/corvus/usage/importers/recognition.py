"""In which format a file is, and how its records are laid out: by trying, not by its suffix alone.

Looks only at the beginning of a file. The first line that is a JSON object decides, whatever stands
before it; a text is a table only if its header names columns that some format knows. Refuses to
guess: a file that looks like nothing known has no format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from corvus.usage.importers.bills import refusal_of_columns, refusal_of_head
from corvus.usage.importers.columns import covers_required
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    PARQUET_SUFFIX,
    Importer,
    Layout,
    importers,
)
from corvus.usage.importers.parquet import parquet_columns

_PARQUET = b"PAR1"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
_ARRAY = re.compile(rb"\[\s*(?:[\[{\]]|$)")
_DELIMITERS = ",;\t"
_NAMED_COLUMNS = 40

PACKED = "packed with zstd; unpack it first: zstd -d FILE"
HEAD_BYTES = 65_536
"""How much of a file decides."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a file is.

    Attributes:
        is_fallback: Whether no format knows it, so that the generic one must try.
    """

    importer: Importer
    layout: Layout
    is_fallback: bool = False


def recognise(path: Path, file: Path, raw: bytes, wanted: Importer | None) -> Recognition | str:
    """Return what a file is, or why it cannot be imported.

    Args:
        path: Its name for the user; the suffix decides where the content does not.
        file: Where its content is.
        raw: The first ``HEAD_BYTES`` of it, unpacked.
        wanted: The format, if the user has said so.
    """
    if raw.startswith(_ZSTD):
        return PACKED
    head = raw.removeprefix(_BOM).lstrip()
    layout = layout_of(path, head, wanted)
    columns = _columns(file, head, layout)
    is_generic = wanted is importers()[-1]
    refusal = None if is_generic else _refusal(_from_first_object(head), columns)
    if refusal is not None:
        return refusal
    if layout is None:
        return _unknown(head)
    importer = wanted or _importer_of(_from_first_object(head), columns, layout)
    if importer.layouts == {Layout.LINES}:
        layout = Layout.LINES
    return Recognition(importer, layout, wanted is None and importer is importers()[-1])


def layout_of(path: Path, head: bytes, wanted: Importer | None) -> Layout | None:
    """Return how a file is laid out, or nothing when its format is not recognised.

    Args:
        path: Its name.
        head: Its beginning, without a byte order mark and blank space.
        wanted: Its format, if the user said so.
    """
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if head.startswith(_PARQUET) or suffix == PARQUET_SUFFIX:
        may_be = wanted is None or Layout.PARQUET in wanted.layouts
        return Layout.PARQUET if may_be else Layout.LINES
    if _is_document(head, is_log=suffix in LINES_SUFFIXES):
        return Layout.DOCUMENT
    if head.startswith(b"{"):
        return Layout.LINES
    return _layout_of_text(suffix, head, wanted)


def looks_like(head: bytes, *, besides: Importer) -> list[str]:
    """Return the names of the other formats that recognise a JSON file which begins so."""
    candidates = importers()[:-1]  # the generic one recognises everything
    found = _from_first_object(head.removeprefix(_BOM).lstrip())
    return [one.name for one in candidates if one is not besides and one.recognise(found)]


def _layout_of_text(suffix: str, head: bytes, wanted: Importer | None) -> Layout | None:
    is_table = suffix in CSV_SUFFIXES
    if is_table and _is_known_header(_header(head)):
        return Layout.CSV
    if _first_object(head) is not None:
        return Layout.LINES
    if wanted is not None:
        return Layout.CSV if is_table or Layout.CSV in wanted.layouts else Layout.LINES
    if not head:
        return Layout.CSV if is_table else Layout.LINES
    return Layout.CSV if is_table or _is_known_header(_header(head)) else None


def _is_document(head: bytes, *, is_log: bool) -> bool:
    """Return whether a file is JSON over several lines, rather than one object a line."""
    if head.startswith(b"["):
        return _ARRAY.match(head) is not None
    if not head.startswith(b"{"):
        return False
    first, newline, rest = head.partition(b"\n")
    if first.strip() == b"{":
        return not is_log or _is_value(head)
    # A first line that ends within its value: a document, unless logs are torn like this.
    is_torn = bool(newline) and _object_of(first) is None
    return is_torn and not is_log and _first_object(rest) is None


def _is_value(head: bytes) -> bool:
    """Return whether a JSON value stands at the beginning, whole or cut by the end of the head."""
    text = head.decode("utf-8", "ignore")
    try:
        json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as fault:
        return fault.pos >= len(text.rstrip()) or fault.msg.startswith("Unterminated string")
    except RecursionError:
        return False
    return True


def _first_object(head: bytes) -> int | None:
    """Return where the first line begins that is a JSON object, or seems to be one that is cut."""
    position = 0
    for line in head.splitlines(keepends=True):
        text = line.strip()
        is_cut = not line.endswith(b"\n") and text.startswith(b'{"')
        if text.startswith(b"{") and (is_cut or _object_of(text) is not None):
            return position
        position += len(line)
    return None


def _from_first_object(head: bytes) -> bytes:
    start = None if head.startswith(b"[") else _first_object(head)
    return head[start:] if start is not None else head


def _object_of(line: bytes) -> object | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType] - only whether there is one matters


def _columns(file: Path, head: bytes, layout: Layout | None) -> frozenset[str]:
    """Return the columns of a table; of anything else none."""
    if layout is Layout.PARQUET:
        return parquet_columns(file)
    return _header(head) if layout is Layout.CSV else frozenset()


def _header(head: bytes) -> frozenset[str]:
    line = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    if "\x00" in line or not any(mark in line for mark in _DELIMITERS):
        return frozenset()
    delimiter = max(_DELIMITERS, key=line.count)
    return frozenset(name.strip(' "\r') for name in line.split(delimiter))


def _is_known_header(columns: AbstractSet[str]) -> bool:
    if refusal_of_columns(columns) or covers_required(columns):
        return True
    return any(importer.recognise_columns(columns) for importer in importers()[:-1])


def _refusal(head: bytes, columns: AbstractSet[str]) -> str | None:
    return refusal_of_columns(columns) if columns else refusal_of_head(head)


def _importer_of(head: bytes, columns: AbstractSet[str], layout: Layout) -> Importer:
    """Return the first format that recognises a file, by its columns or by its beginning."""
    for importer in importers():
        is_it = importer.recognise_columns(columns) if columns else importer.recognise(head)
        if is_it and layout in importer.layouts:
            return importer
    raise AssertionError("the generic format recognises everything")


def _unknown(head: bytes) -> str:
    columns = sorted(_header(head))
    if b"\x00" in head[:1024] or not columns:
        return "neither a known log nor JSON, CSV or Parquet; name its format with --from"
    named = ", ".join(columns[:_NAMED_COLUMNS])
    return (
        "neither a known log nor JSON nor a table with known columns; if its first line is a "
        f"header ({named}), say which column is which with --map FIELD=COLUMN"
    )
