"""Reads requests of Helicone: what ``npx @helicone/export`` and its API write.

- Counts are disjoint: prompt tokens leave out what was read from and written to a cache, unless
  prompt and completion alone make the total.
- The CSV has no columns for cached tokens, so that they may be missing or stand inside the prompt:
  the cost of its calls is unknown. Export JSON lines instead.
- ``costUSD`` is what Helicone reckons; it serves only where the book has no price. ``cost`` has
  other units in other versions and is not read.
- An answer out of Helicone's own cache used nothing; it is passed over.

Source: github.com/Helicone/helicone, ``examples/export``, ``packages/cost`` and
``valhalla/jawn/src/lib/stores/request``, read on 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from corvus.prices.names import provider_id
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    object_at,
    objects_at,
    text_at,
)
from corvus.usage.importers.reading.heads import first_keys
from corvus.usage.importers.reading.unread import doubt, unread_counts
from corvus.usage.importers.seller import seller_of
from corvus.usage.importers.telemetry.counts import apart, disjoint
from corvus.usage.importers.telemetry.spellings import Field
from corvus.usage.importers.telemetry.stated_counts import Stated

_MARKS = {"request_created_at", "response_status", "prompt_tokens"}
_COUNTS = (
    (Field.INPUT, "prompt_tokens"),
    (Field.OUTPUT, "completion_tokens"),
    (Field.TOTAL, "total_tokens"),
    (Field.CACHE_READ, "prompt_cache_read_tokens"),
    (Field.CACHE_WRITE, "prompt_cache_write_tokens"),
    (Field.AUDIO_INPUT, "prompt_audio_tokens"),
    (Field.AUDIO_OUTPUT, "completion_audio_tokens"),
    (Field.REASONING, "reasoning_tokens"),
)
_READ = {name for _, name in _COUNTS}
_CACHED = "prompt_cache_read_tokens"
_NO_CACHE = "00000000-0000-0000-0000-000000000000"
_OTHERS = {"", "custom"}
_FIRST_ERROR = 400
_NOT_COUNTED = (
    "this export of Helicone has no counts of cached tokens: the cost of these calls is unknown; "
    "export JSON lines instead: npx @helicone/export --format jsonl"
)


def is_helicone(head: bytes) -> bool:
    """Return whether a JSON file that begins so has requests of Helicone."""
    if b'"request_created_at"' not in head:
        return False
    return is_helicone_table({key.removeprefix("data.") for key in first_keys(head)})


def is_helicone_table(columns: AbstractSet[str]) -> bool:
    """Return whether a table with these columns has requests of Helicone."""
    return columns >= _MARKS


def requests(found: Object) -> Iterator[Object | Notice]:
    """Yield the calls of an answer of the API, or of one request.

    Raises:
        BadRecord: A count is none.
    """
    for item in objects_at(found, "data"):
        yield from requests(item)
    if "request_created_at" in found:
        yield from _call(found)


def _call(row: Object) -> Iterator[Object | Notice]:
    used = Stated({field: count_at(row, name) or 0 for field, name in _COUNTS})
    reference = text_at(row, "cache_reference_id") or _NO_CACHE
    if used.is_zero or reference != _NO_CACHE:
        return
    unread = unread_counts(row, _READ, "")
    yield from map(doubt, unread)
    if _CACHED not in row:
        yield Notice(_NOT_COUNTED)
    properties = object_at(row, "request_properties", "properties")
    model = text_at(row, "model_override", "response_model", "request_model", "model")
    provider = (text_at(row, "provider") or "").lower()
    status = count_at(row, "response_status") or 0
    yield {
        "id": text_at(row, "request_id", "response_id"),
        "timestamp": text_at(row, "request_created_at"),
        "settled_at": text_at(row, "response_created_at"),
        "model": model,
        "provider": seller_of(model) or (None if provider in _OTHERS else provider_id(provider)),
        "session_id": text_at(properties, "Helicone-Session-Id"),
        "user_name": text_at(row, "request_user_id", "helicone_user"),
        "outcome": "failed" if status >= _FIRST_ERROR else "completed",
        "client": "helicone",
        "estimated_cost_usd": _cost(row),
        "tags": {
            name: str(value)
            for name, value in properties.items()
            if isinstance(value, str) and not name.startswith("Helicone-")
        },
        **_disjoint(used),
        **({} if _CACHED in row and not unread else {"unknown_cost": True}),
    }


def _disjoint(used: Stated) -> dict[str, object]:
    parts = used.of(Field.INPUT) + used.of(Field.OUTPUT)
    is_inside = used.of(Field.TOTAL) == parts
    return disjoint(used) if is_inside else apart(used)


def _cost(row: Object) -> str | None:
    cost = text_at(row, "costUSD", "cost_usd")
    return cost if cost and cost.strip("0.") else None


IMPORTER = Importer(
    name="helicone",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT, Layout.CSV},
    recognise=is_helicone,
    recognise_columns=is_helicone_table,
    read=requests,
    tags=("client",),
)
