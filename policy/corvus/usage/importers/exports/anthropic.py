"""Reads usage reports of Anthropic: sums of calls in buckets of time.

Three shapes: the answers of ``GET /v1/organizations/usage_report/messages`` (buckets with results)
and ``GET /v1/organizations/analytics/usage`` (flat rows of ``group`` and ``usage``), as pages, rows
or JSON lines of them, and the CSV that the Console exports (``usage_date_utc``, ``model_version``,
``usage_input_tokens_no_cache``, …). Sources: Anthropic's API reference, and the header of the
Console's export as several public readers of it have it, read on 2026-11-28.

- Kinds of tokens are disjoint as they are stated.
- Only ``analytics`` counts calls. Elsewhere a row stands for as few calls as its context window
  allows, so that the price tier is the one that the row was billed in; without a window it is
  the usual one, and a row that may have paid more is marked as a lower bound.
- ``batch``, ``priority``, ``flex`` and their kin are tiers with prices of their own, and so is
  ``fast``. ``inference_geo`` other than ``us`` and ``global`` has no known price.
- A row is known by its bucket and what it is grouped by; a bucket that is not over yet grows from
  report to report, and the greatest counts hold. Export one width of buckets.

Refuses rows without a model, and reports of costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from corvus.prices.names import tier_of
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    NOTHING,
    BadRecord,
    Found,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    object_at,
    objects_at,
    text_at,
)
from corvus.usage.importers.reading.rows import MORE_PAGES, read_each

_ROW = b'"uncached_input_tokens"'
_BUCKET = (b'"starting_at"', b'"ending_at"')
_COLUMNS = {"usage_date_utc", "model_version", "usage_output_tokens"}
_INPUT = ("uncached_input_tokens", "usage_input_tokens_no_cache", "input_tokens")
_OUTPUT = ("output_tokens", "usage_output_tokens")
_READ = ("cache_read_input_tokens", "usage_input_tokens_cache_read")
_WRITE_5M = ("ephemeral_5m_input_tokens", "usage_input_tokens_cache_write_5m")
_WRITE_1H = ("ephemeral_1h_input_tokens", "usage_input_tokens_cache_write_1h")
_WRITE = ("cache_creation_input_tokens", "usage_input_tokens_cache_write")
_LONG_WINDOW = 200_000
_WINDOW_MAX = 1_000_000
_DIMENSIONS = (
    "model",
    "model_version",
    "workspace_id",
    "workspace",
    "api_key_id",
    "api_key",
    "service_tier",
    "usage_type",
    "context_window",
    "inference_geo",
    "speed",
    "account_id",
    "service_account_id",
    "actor",
    "product",
)
_UNCOUNTED = ("code_execution",)
"""Tools whose use costs more than their tokens, and that no count of a report prices."""
_GEOS = {"us", "global", "not_available", ""}
_NO_TIER = (
    "does not say in which service tier calls were served, and a batch costs half, so the cost is "
    "unknown; export it with group_by[]=service_tier"
)
_SUMS = (
    "does not say how many calls a row is: each counts as the fewest that its context window "
    "allows; calls that are also imported from logs count twice"
)


def is_usage_report(head: bytes) -> bool:
    """Return whether a JSON file that begins so is a usage report."""
    return all(mark in head for mark in (_ROW, *_BUCKET))


def usage_rows(found: Object, bucket: Object = NOTHING) -> Iterator[Found]:
    """Yield the records of a page, a bucket or a row.

    Raises:
        BadRecord: A row cannot be used.
    """
    inner = objects_at(found, "data", "results")
    if found.get("has_more") is True:
        yield Notice(MORE_PAGES)
    if inner:
        around = found if "starting_at" in found else bucket
        yield from read_each(inner, lambda item: usage_rows(item, around))
    elif not any(name in found for name in ("data", "results")):
        yield from _record(found, bucket)


def _record(row: Object, bucket: Object) -> Iterator[Object | Notice]:
    if "amount" in row or "cost" in row:
        raise BadRecord("a charge, not usage; compare it with the ledger: corvus reconcile")
    about = {**row, **object_at(row, "group")}
    usage = object_at(row, "usage") or row
    counts = _counts(usage)
    if not any(counts.values()):
        return
    model = text_at(about, "model", "model_version")
    if model is None:
        raise BadRecord("the row names no model; export it with group_by[]=model")
    requests = count_at(usage, "requests")
    if requests is None:
        yield Notice(_SUMS)
    if not _states_tier(about):
        yield Notice(_NO_TIER)
    window = (text_at(about, "context_window") or "").lower()
    start = _start(row) or _start(bucket)
    yield {
        "id": _identity(about, start, text_at(row, "ending_at") or text_at(bucket, "ending_at")),
        "timestamp": start,
        "model": model,
        "calls": max(requests or _fewest(counts, window), 1),
        "provider": "anthropic",
        "service_tier": _tier(about),
        "project": text_at(about, "workspace", "workspace_name", "workspace_id"),
        "user_name": text_at(about, "actor", "account_id", "service_account_id"),
        "client": "anthropic usage report",
        "api_key": text_at(about, "api_key", "api_key_name", "api_key_id"),
        "inference_geo": "us" if _geo(about) == "us" else None,
        "product": text_at(about, "product"),
        "at_least": _is_lower_bound(counts, window, usage),
        "unknown_cost": True if _geo(about) not in _GEOS or not _states_tier(about) else None,
        "states_modalities": True,
        **counts,
    }


def _counts(usage: Object) -> dict[str, int]:
    written = {**usage, **object_at(usage, "cache_creation")}
    written_5m, written_1h = count_at(written, *_WRITE_5M), count_at(written, *_WRITE_1H)
    if written_5m is None and written_1h is None:
        written_5m = count_at(usage, *_WRITE)
    searches = {**usage, **object_at(usage, "server_tool_use")}
    return {
        "input_tokens": count_at(usage, *_INPUT) or 0,
        "output_tokens": count_at(usage, *_OUTPUT) or 0,
        "cache_read_tokens": count_at(usage, *_READ) or 0,
        "cache_write_5m_tokens": written_5m or 0,
        "cache_write_1h_tokens": written_1h or 0,
        "web_search_requests": count_at(searches, "web_search_requests", "web_search_count") or 0,
    }


def _context(counts: Mapping[str, int]) -> int:
    return sum(count for name, count in counts.items() if name.startswith(("input_", "cache_")))


def _fewest(counts: Mapping[str, int], window: str) -> int:
    """Return how many calls a row has at least, by how much the model can have read at once."""
    largest = _WINDOW_MAX if _is_long(window) else _LONG_WINDOW
    return -(-_context(counts) // largest)


def _is_long(window: str) -> bool:
    """Return whether a window is the long one, ``200k-1M``, and not ``0-200k`` or ``≤ 200k``."""
    return window.startswith((">", "200k", "200,")) or window.endswith("1m")


def _is_lower_bound(counts: Mapping[str, int], window: str, usage: Object) -> bool | None:
    tools = object_at(usage, "server_tool_use")
    is_partly_counted = any(count_at(tools, name) for name in tools if name.startswith(_UNCOUNTED))
    may_be_long = not window and _context(counts) > _LONG_WINDOW
    return True if is_partly_counted or may_be_long else None


def _tier(about: Object) -> str | None:
    if (text_at(about, "speed") or "").lower() == "fast":
        return "fast"
    return tier_of((text_at(about, "service_tier", "usage_type") or "").lower())


def _states_tier(about: Object) -> bool:
    return text_at(about, "service_tier", "usage_type", "speed") is not None


def _geo(about: Object) -> str:
    return (text_at(about, "inference_geo") or "").lower()


def _start(owner: Object) -> str | None:
    return text_at(owner, "starting_at", "usage_date_utc")


def _identity(about: Object, start: str | None, end: str | None) -> str:
    named = (str(about.get(name) or "").strip().lower() for name in _DIMENSIONS)
    return "|".join([start or "", end or "", *named])


def _is_export(columns: Set[str]) -> bool:
    return _COLUMNS.issubset(columns)


IMPORTER = Importer(
    name="anthropic",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT, Layout.CSV},
    recognise=is_usage_report,
    recognise_columns=_is_export,
    read=usage_rows,
    tags=("client", "api_key", "inference_geo", "product"),
)
