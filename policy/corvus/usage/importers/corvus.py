"""Reads the state that the upstream runtime keeps: ``state/costs.jsonl``.

Each line is ``{id, usage: {model, input_tokens, output_tokens, total_tokens, cost_usd, timestamp},
session_id}``, with instants of nanoseconds. A line that a crash has cut has no end, so that the
next one is glued to it: what is whole of such a line counts, and the line is reported.

``cost_usd`` is what the runtime made of its own prices, not what a provider charged: it counts
where no book has a price. The runtime writes 0 for a model it has no price for, so a 0 is no cost.

Refuses ``state/cost-audit.jsonl``: its events are no usage, and no part of the ledger's own audit
events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from corvus.base.errors import ImportRefused
from corvus.usage.importers.importer import (
    LINES_SUFFIXES,
    BadRecord,
    CopySummary,
    Found,
    Importer,
    Layout,
    Object,
    OnBytes,
    count_at,
    object_at,
    text_at,
    write_records,
)
from corvus.usage.importers.lines import numbered_lines, object_of_line
from corvus.usage.importers.reading.amounts import amount_at
from corvus.usage.importers.reading.rows import read_each
from corvus.usage.importers.seller import seller_of

_RECORD = {"id", "usage", "session_id"}
_USAGE = {"model", "cost_usd", "timestamp"}
_EVENT = {"kind", "recorded_at", "override_scope", "reset_scope"}
_AUDIT = (
    "audit events of the upstream runtime (state/cost-audit.jsonl): overrides and resets, which "
    "are no usage; they stay in that file, nothing of it is imported"
)
_START = re.compile(r"\{\s*\"")
_FINER = re.compile(r"(\.[0-9]{6})[0-9]+")
"""Digits of a second beyond microseconds, which is what the ledger keeps."""


def is_state(head: bytes) -> bool:
    """Return whether a JSON file that begins so is a state file of the runtime."""
    for line in head.splitlines()[:_LINES_TRIED]:
        found = _object(line)
        if found is not None:
            return _is_event(found) or (
                set(found) == _RECORD and _USAGE.issubset(object_at(found, "usage"))
            )
    return False


_LINES_TRIED = 8
"""A log may begin with lines that were cut."""


def _object(line: bytes) -> Object | None:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("Object", found) if isinstance(found, dict) else None


def _is_event(found: Object) -> bool:
    return _EVENT.issubset(found)


def copy_state(path: Path, named: Path, target: Path, on_bytes: OnBytes) -> CopySummary:
    """Write the calls of a state file as records.

    Raises:
        ImportRefused: The file has audit events.
        OSError: The file cannot be read, or the copy not written.
    """
    del named
    found = ((number, _found(line)) for number, line in numbered_lines(path))
    copied = write_records(found, target, CopySummary())
    on_bytes(path.stat().st_size)
    return copied


def _found(line: bytes | None) -> Iterator[Found] | str:
    whole = object_of_line(line)
    if not isinstance(whole, str):
        return _record(whole)
    rest = list(_whole_parts(line or b""))
    return read_each(rest, _record, BadRecord(whole)) if rest else whole


def _whole_parts(line: bytes) -> Iterator[Object]:
    """Yield the records that are whole in a line of which something was cut."""
    text = line.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    for start in _START.finditer(text):
        try:
            found: object = decoder.raw_decode(text, start.start())[0]
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and set(cast("Object", found)) == _RECORD:
            yield cast("Object", found)


def _record(line: Object) -> Iterator[Object]:
    if _is_event(line):
        raise ImportRefused(_AUDIT)
    usage = object_at(line, "usage")
    if not usage:
        return
    model, at = text_at(usage, "model"), text_at(usage, "timestamp")
    yield {
        "id": text_at(line, "id"),
        "timestamp": None if at is None else _FINER.sub(r"\1", at),
        "model": model,
        "provider": seller_of(model),
        "session_id": text_at(line, "session_id"),
        "input_tokens": count_at(usage, "input_tokens"),
        "output_tokens": count_at(usage, "output_tokens"),
        "estimated_cost_usd": amount_at(usage, "cost_usd"),
        "client": "corvus runtime",
    }


IMPORTER = Importer(
    name="corvus",
    suffixes=LINES_SUFFIXES,
    layouts={Layout.LINES},
    recognise=is_state,
    copier=lambda: copy_state,
    tags=("client",),
)
