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
- ``input_tokens`` and ``output_tokens`` once counted text alone, and count all modalities today
  (OpenAI's API description 2.3.0, read on 2026-11-28). ``input_text_tokens`` says which; without it
  they are taken to count all, which costs least, and the result is marked as a lower bound.

Refuses results without a model, usage that is not counted in tokens, and reports of costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import NamedTuple

from corvus.prices.names import tier_of
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    NOTHING,
    BadRecord,
    Counts,
    Found,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    objects_at,
    text_at,
)
from corvus.usage.importers.reading.modalities import Parts, Split, parts_at, states
from corvus.usage.importers.reading.rows import MORE_PAGES, read_each

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
_KINDS = ("audio", "image")
_CHATS = "organization.usage.completions.result"
_NO_TIER = (
    "does not say which calls were of a batch or in which service tier, so the cost is unknown; "
    "export it with group_by=batch and group_by=service_tier"
)
_COSTS = "organization.costs.result"


def is_openai_usage(head: bytes) -> bool:
    """Return whether a JSON file that begins so is a usage export."""
    is_bucket = b'"bucket"' in head and b'"start_time"' in head and b'"results"' in head
    return is_bucket or any(mark in head for mark in _MARKS)


def is_usage_header(columns: Set[str]) -> bool:
    """Return whether a CSV file with these columns is a usage export."""
    return bool(columns & set(_REQUESTS)) and bool(
        columns & {"start_time", "start_time_iso", "aggregation_timestamp"}
    )


def usage_results(found: Object, bucket: Object = NOTHING) -> Iterator[Found]:
    """Yield the records of a page, a bucket or a result.

    Raises:
        BadRecord: A result cannot be used.
    """
    inner = objects_at(found, "data", "results", "result")
    if found.get("has_more") is True:
        yield Notice(MORE_PAGES)
    if inner:
        around = found if "start_time" in found else bucket
        yield from read_each(inner, lambda item: usage_results(item, around))
    elif any(name in found for name in ("data", "results", "result")):
        return  # a page or a bucket without usage
    else:
        yield from _record(found, bucket)


def _record(result: Object, bucket: Object) -> Iterator[Object | Notice]:
    kind = text_at(result, "object") or ""
    if kind == _COSTS or "amount" in result:
        raise BadRecord("a charge, not usage; compare it with the ledger: corvus reconcile")
    if kind.startswith("organization.usage.") and not _is_counted(result):
        raise BadRecord(f"{kind} is not counted in tokens; it is not imported")
    calls = count_at(result, *_REQUESTS)
    fields = _fields(result)
    if calls == 0 or not any(type(count) is int and count for count in fields.values()):
        return
    model = text_at(result, "model", "snapshot_id")
    if model is None:
        raise BadRecord("the result names no model; export it with group_by=model")
    if not (has_tier := _states_tier(result, kind)):
        yield Notice(_NO_TIER)
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
        "unknown_cost": None if has_tier else True,
        **fields,
    }


def _is_counted(result: Object) -> bool:
    return "input_tokens" in result or "output_tokens" in result


def _fields(result: Object) -> dict[str, object]:
    """Return the counts of a result, by disjoint kind.

    Raises:
        BadRecord: A count is none, or less than its parts.
    """
    read, written = _side(result, "input"), _side(result, "output")
    cached = count_at(result, "input_cached_tokens", "n_cached_context_tokens_total") or 0
    cached_parts = parts_at(result, {kind: f"input_cached_{kind}_tokens" for kind in _KINDS})
    says_cached = states(result, [f"input_cached_{kind}_tokens" for kind in _KINDS])
    counts = Counts(
        input=read.whole,
        output=written.whole,
        cache_read=max(cached, sum(cached_parts.values())),
        cache_write_5m=count_at(result, "input_cache_write_tokens", "input_cache_creation_tokens")
        or 0,
    )
    split = Split(
        read.parts,
        cached_parts if says_cached else None,
        written.parts,
        is_stated=read.is_stated or written.is_stated,
    )
    fields = split.applied(counts.disjoint())
    return {**fields, "at_least": True} if read.is_unsure or written.is_unsure else fields


class _Side(NamedTuple):
    """Input or output of a result.

    Attributes:
        whole: All of its tokens.
        parts: Those of other modalities than text.
        is_stated: Whether modalities are stated.
        is_unsure: Whether ``whole`` may lack the tokens of ``parts``.
    """

    whole: int
    parts: Parts
    is_stated: bool
    is_unsure: bool


def _side(result: Object, name: str) -> _Side:
    total = count_at(result, f"{name}_tokens", _OLDER[name]) or 0
    parts = parts_at(result, {kind: f"{name}_{kind}_tokens" for kind in _KINDS})
    others = sum(parts.values())
    text = count_at(result, f"{name}_text_tokens")
    is_stated = text is not None or states(result, [f"{name}_{kind}_tokens" for kind in _KINDS])
    if text is not None:
        return _Side(max(total, text + others), parts, is_stated, is_unsure=False)
    is_beside = others > total
    return _Side(
        total + others if is_beside else total,
        parts,
        is_stated,
        is_unsure=bool(others) and not is_beside,
    )


_OLDER = {"input": "n_context_tokens_total", "output": "n_generated_tokens_total"}


def _start(owner: Object) -> str | None:
    return text_at(owner, "start_time", "start_time_iso", "aggregation_timestamp")


def _tier(result: Object) -> str | None:
    if (text_at(result, "batch") or str(result.get("batch"))).lower() == "true":
        return "batch"
    return tier_of((text_at(result, "service_tier") or "").lower())


def _states_tier(result: Object, kind: str) -> bool:
    """Return whether a result says if it is of a batch; of other kinds than chats none can."""
    stated = (result.get("batch"), result.get("service_tier"))
    return kind != _CHATS or any(value is not None for value in stated)


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
