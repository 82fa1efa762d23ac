"""Says what a file without calls holds, so that whoever imported it knows what to do (IMP-1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import cast

from corvus.base.errors import ImportRefused
from corvus.usage.importers.documents import (
    objects_of_csv,
    objects_of_document,
    objects_of_lines,
)
from corvus.usage.importers.importer import Layout, Object
from corvus.usage.importers.parquet import parquet_columns
from corvus.usage.importers.recognition import looks_like
from corvus.usage.importers.sources import UNREADABLE, Source, head_of

_LINES = 1_000
_DOCUMENT_BYTES = 16 * 1024 * 1024
_SHOWN = 8
_KINDS = ("type", "object", "kind", "event", "name")
"""Members that say what a line is."""


def describe_contents(source: Source) -> str:
    """Return what a file holds in which its format found no call."""
    name = source.importer.name
    try:
        seen = _shown(source)
        others = looks_like(head_of(source.file), besides=source.importer)
    except (ImportRefused, *UNREADABLE):
        return f"0 calls; read as {name}"
    if not seen:
        return f"0 calls; read as {name}, it is empty"
    advice = f"; it looks like {' or '.join(others)}: name the format with --from" if others else ""
    return f"0 calls; read as {name}, {seen}{advice}"


def _shown(source: Source) -> str:
    if source.layout is Layout.PARQUET:
        return _columns(sorted(parquet_columns(source.file)))
    if source.layout is Layout.CSV:
        first = next(objects_of_csv(source.file, _ignore), (0, ""))[1]
        return "" if isinstance(first, str) else _columns(list(first))
    if source.layout is Layout.DOCUMENT and source.size_bytes > _DOCUMENT_BYTES:
        return "it is a large document"
    read = objects_of_lines if source.layout is Layout.LINES else objects_of_document
    what = "lines" if source.layout is Layout.LINES else "items"
    kinds = list(dict.fromkeys(_kinds(islice(read(source.file, _ignore), _LINES))))
    return f"its {what} are {_list(kinds)}" if kinds else ""


def _kinds(found: Iterable[tuple[int, Object | str]]) -> Iterator[str]:
    for _, item in found:
        if isinstance(item, str):
            yield "unreadable"
            continue
        stated = (item.get(name) for name in _KINDS)
        kind = next((one for one in stated if isinstance(one, str) and one), None)
        yield kind[:80] if kind else "{" + _list(list(cast("dict[str, object]", item))) + "}"


def _columns(names: list[str]) -> str:
    return f"its columns are {_list(names)}" if names else ""


def _list(names: list[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _ignore(read_bytes: int) -> None:
    del read_bytes
