"""Reads observations of Langfuse: exports of its tables, of its API, and to blob storage.

Rows have camel case (table, API) or underscores (blob storage); nested values may be JSON in text.
A ``GENERATION`` or ``EMBEDDING`` is a call; spans, agents and tools of a trace are none.

- ``usageDetails`` has a count for each type of usage. Types are disjoint, as Langfuse counts,
  unless input and output alone make the total. A type that is in no table may have any price: it is
  named, and the cost of the call is unknown.
- Costs are computed by Langfuse or by who sent them, which an export does not tell apart: they
  serve only where the book has no price.

Source: langfuse.com/docs, "Blob storage export field reference" and "Token and cost tracking",
read on 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

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
from corvus.usage.importers.seller import seller_of
from corvus.usage.importers.telemetry.attributes import field_of, shown
from corvus.usage.importers.telemetry.counts import apart, disjoint
from corvus.usage.importers.telemetry.spellings import Field
from corvus.usage.importers.telemetry.stated_counts import Stated

_USAGE = ("usageDetails", "usage_details", "usage")
_COLUMNS = (
    (Field.INPUT, ("inputUsage", "inputTokens", "promptTokens", "usage.input", "input_usage")),
    (Field.OUTPUT, ("outputUsage", "outputTokens", "completionTokens", "usage.output")),
    (Field.TOTAL, ("totalUsage", "totalTokens", "usage.total", "total_usage")),
)
_TRACE = {"traceId", "trace_id"}
_MARKS = {"usageDetails", "usage_details", "costDetails", "cost_details", "calculatedTotalCost"}
_OF_TABLE = {
    "inputUsage",
    "outputUsage",
    "totalUsage",
    "inputCost",
    "outputCost",
    "timeToFirstToken",
}
_CALLS = {"GENERATION", "EMBEDDING", ""}
_NO_COUNTS = {"unit", "inputCost", "outputCost", "totalCost"}


def is_langfuse(head: bytes) -> bool:
    """Return whether a JSON file that begins so has observations."""
    if not any(f'"{name}"'.encode() in head for name in _MARKS):
        return False
    return is_langfuse_table({key.removeprefix("data.") for key in first_keys(head)})


def is_langfuse_table(columns: AbstractSet[str]) -> bool:
    """Return whether a table with these columns has observations."""
    return bool(columns & _TRACE) and bool(columns & _MARKS or len(columns & _OF_TABLE) > 1)


def observations(found: Object) -> Iterator[Object | Notice]:
    """Yield the calls of a page of the API, or of one observation.

    Raises:
        BadRecord: A count is none.
    """
    for item in objects_at(found, "data", "observations"):
        yield from observations(item)
    if (text_at(found, "type") or "").upper() in _CALLS and found.keys() & _TRACE:
        yield from _call(found)


def _call(row: Object) -> Iterator[Object | Notice]:
    used, unknown = _stated(row)
    for name in unknown:
        yield Notice(
            f"usage type {shown(name)} is in no table of names, so it is not known what it counts: "
            "the cost of these calls is unknown"
        )
    if used.is_zero:
        return
    model = text_at(row, "providedModelName", "provided_model_name", "model")
    yield {
        "id": text_at(row, "id"),
        "timestamp": text_at(row, "startTime", "start_time"),
        "first_token_at": text_at(row, "completionStartTime", "completion_start_time"),
        "settled_at": text_at(row, "endTime", "end_time"),
        "model": model,
        "provider": seller_of(model),
        "session_id": text_at(row, "sessionId", "session_id"),
        "user_name": text_at(row, "userId", "user_id"),
        "agent": text_at(row, "traceName", "trace_name"),
        "outcome": "failed" if text_at(row, "level") == "ERROR" else "completed",
        "client": "langfuse",
        "environment": text_at(row, "environment"),
        "estimated_cost_usd": _cost(row),
        **_counts(used),
        **({"unknown_cost": True} if unknown else {}),
    }


def _stated(row: Object) -> tuple[Stated, list[str]]:
    """Return the counts by type, and the types that are in no table."""
    counts: dict[Field, int] = {}
    unknown: list[str] = []
    details = object_at(row, *_USAGE)
    for name in details:
        if name in _NO_COUNTS or not (count := count_at(details, name)):
            continue
        field = field_of(f"usage.{name}")
        if field is None or field in counts:
            unknown.append(name)
        else:
            counts[field] = count
    for field, names in () if details else _COLUMNS:
        if count := count_at(row, *names):
            counts[field] = count
    return Stated(counts), unknown


def _counts(used: Stated) -> dict[str, object]:
    total, parts = used.of(Field.TOTAL), used.of(Field.INPUT) + used.of(Field.OUTPUT)
    is_inside = total == parts != sum(used.counts.values()) - total
    return disjoint(used) if is_inside else apart(used)


def _cost(row: Object) -> str | None:
    details = object_at(row, "costDetails", "cost_details")
    cost = text_at(row, "totalCost", "total_cost", "calculatedTotalCost") or text_at(
        details, "total"
    )
    return cost if cost and cost.strip("0.") else None


IMPORTER = Importer(
    name="langfuse",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT, Layout.CSV},
    recognise=is_langfuse,
    recognise_columns=is_langfuse_table,
    read=observations,
    tags=("client", "environment"),
)
