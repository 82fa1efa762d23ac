"""Reads usage exports of OpenAI: sums of many calls in buckets of time.

Three shapes, as JSON (pages, buckets or bare results) or CSV: the answers of
``GET /v1/organization/usage/completions`` and ``…/embeddings``, the export of the dashboard with
the same names, and its older one (``n_context_tokens_total``, ``snapshot_id``). Sources:
platform.openai.com/docs/api-reference/usage,
cookbook.openai.com/examples/completions_usage_api and elastic.co's description of the older shape,
read on 2026-11-26.

- A result stands for ``num_model_requests`` calls. It is one record with that many calls; reports
  of single calls leave it out, and its tier of price is that of its average context.
- ``input_tokens`` include cached ones and those written to a cache.
- A result is known by its bucket and what it is grouped by. A bucket that is not over yet grows
  from export to export; the greatest counts hold. Buckets of other widths are other calls: export
  one width.
- Tokens of audio have prices of their own: such a result is priced as ``<model>-audio``.

Refuses results without a model, and usage that is not counted in tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    NOTHING,
    BadRecord,
    Counts,
    Importer,
    Layout,
    Object,
    count_at,
    objects_at,
    text_at,
)

_MARKS = (
    b'"organization.usage.',
    b'"num_model_requests"',
    b'"n_context_tokens_total"',
)
_REQUESTS = ("num_model_requests", "n_requests")
_DIMENSIONS = (
    "project_id",
    "user_id",
    "api_key_id",
    "model",
    "snapshot_id",
    "batch",
    "service_tier",
    "operation",
    "email",
    "organization_id",
)
_STANDARD = {"default", "auto", "standard"}


def is_openai_usage(head: bytes) -> bool:
    """Return whether a JSON file that begins so is a usage export."""
    is_bucket = b'"bucket"' in head and b'"start_time"' in head and b'"results"' in head
    return is_bucket or any(mark in head for mark in _MARKS)


def is_usage_header(columns: Set[str]) -> bool:
    """Return whether a CSV file with these columns is a usage export."""
    return bool(columns & set(_REQUESTS)) and bool(
        columns & {"start_time", "start_time_iso", "aggregation_timestamp"}
    )


def usage_results(found: Object, bucket: Object = NOTHING) -> Iterator[Object]:
    """Yield the records of a page, a bucket or a result.

    Raises:
        BadRecord: A result cannot be used.
    """
    inner = objects_at(found, "data", "results", "result")
    if inner:
        for item in inner:
            yield from usage_results(item, found if "start_time" in found else bucket)
    elif any(name in found for name in ("data", "results", "result")):
        return  # a page or a bucket without usage
    else:
        yield from _record(found, bucket)


def _record(result: Object, bucket: Object) -> Iterator[Object]:
    kind = text_at(result, "object") or ""
    if kind.startswith("organization.usage.") and not _is_counted(result):
        raise BadRecord(f"{kind} is not counted in tokens; it is not imported")
    calls = count_at(result, *_REQUESTS)
    used = _counts(result)
    if used.is_zero or calls == 0:
        return
    model = text_at(result, "model", "snapshot_id")
    if model is None:
        raise BadRecord("the result names no model; export it with group_by=model")
    start = _start(result) or _start(bucket)
    yield {
        "id": _identity(result, bucket, start),
        "timestamp": start,
        "model": model,
        "calls": calls or 1,
        "provider": "openai",
        "service_tier": _tier(result),
        "project": text_at(result, "project_name", "project_id"),
        "user_name": text_at(result, "user_email", "email", "user_id"),
        "client": "openai usage export",
        "api_key": text_at(result, "api_key_name", "api_key_id"),
        "operation": text_at(result, "operation"),
        **used.disjoint(),
    }


def _is_counted(result: Object) -> bool:
    return "input_tokens" in result or "output_tokens" in result


def _counts(result: Object) -> Counts:
    cached = count_at(result, "input_cached_tokens", "n_cached_context_tokens_total") or 0
    written = count_at(result, "input_cache_write_tokens", "input_cache_creation_tokens") or 0
    return Counts(
        input=count_at(result, "input_tokens", "n_context_tokens_total") or 0,
        output=count_at(result, "output_tokens", "n_generated_tokens_total") or 0,
        cache_read=cached,
        cache_write_5m=written,
    )


def _start(owner: Object) -> str | None:
    return text_at(owner, "start_time", "start_time_iso", "aggregation_timestamp")


def _tier(result: Object) -> str | None:
    if count_at(result, "input_audio_tokens") or count_at(result, "output_audio_tokens"):
        return "audio"
    if (text_at(result, "batch") or str(result.get("batch"))).lower() == "true":
        return "batch"
    tier = (text_at(result, "service_tier") or "default").lower()
    return None if tier in _STANDARD else tier


def _identity(result: Object, bucket: Object, start: str | None) -> str:
    end = text_at(result, "end_time", "end_time_iso") or text_at(bucket, "end_time") or ""
    return "|".join([start or "", end, *(_dimension(result, name) for name in _DIMENSIONS)])


def _dimension(result: Object, name: str) -> str:
    """Return what a result is grouped by; CSV has texts where JSON has truth values or nothing."""
    value = str(result.get(name)).strip().lower()
    return "" if value in {"none", "null", "false", "default"} else value


IMPORTER = Importer(
    name="openai",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT, Layout.CSV},
    recognise=is_openai_usage,
    recognise_columns=is_usage_header,
    read=usage_results,
    tags=("client", "api_key", "operation"),
)
