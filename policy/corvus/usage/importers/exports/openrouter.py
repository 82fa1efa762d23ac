"""Reads what OpenRouter states of calls: generations, one by one, and its activity, by day.

- Generations: the CSV of the activity page (``generation_id``, ``cost_total``, ``tokens_prompt``,
  …), and the answers of ``GET /api/v1/generation`` (``id``, ``total_cost``).
- Activity: the CSV or the answer of ``GET /api/v1/activity``, sums of a day, a model and an
  endpoint. A row stands for its ``requests``.

Sources: OpenRouter's documentation and exports of several users in public repositories, read on
2026-11-28.

- Costs are USD. Where the call used a key of one's own, what that key paid comes on top.
- A stated 0 is a cost only of a free variant; else the program had no cost to state.
- Tokens of a prompt include cached ones, those of a completion include reasoning. Native counts are
  those that are billed.

Refuses rows without a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    NOTHING,
    Counts,
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
from corvus.usage.importers.reading.amounts import sum_of
from corvus.usage.importers.reading.rows import read_each

_GENERATION = {"generation_id", "cost_total", "model_permaslug"}
_ACTIVITY = {"date", "model_permaslug", "usage", "requests"}
_ANSWER = (b'"total_cost"', b'"tokens_prompt"', b'"provider_name"')
_ACTIVITIES = tuple(b'"' + name.encode() + b'"' for name in sorted(_ACTIVITY))
_FREE = "free"
_USUAL = {"", "standard"}
_SUMS = (
    "has sums of days: the same calls, imported one by one as generations or from logs, count twice"
)


def is_openrouter(head: bytes) -> bool:
    """Return whether a JSON file that begins so has generations or activity of OpenRouter."""
    rows = tuple(b'"' + name.encode() + b'"' for name in _GENERATION)
    return any(all(mark in head for mark in marks) for marks in (_ANSWER, _ACTIVITIES, rows))


def _has_columns(columns: Set[str]) -> bool:
    return _GENERATION.issubset(columns) or _ACTIVITY.issubset(columns)


def openrouter_rows(found: Object) -> Iterator[Found]:
    """Yield the records of a row, or of an answer that has rows.

    Raises:
        BadRecord: A count is none, or less than its parts.
    """
    inner = objects_at(found, "data")
    answer = object_at(found, "data")
    rows = inner or [answer or (NOTHING if "data" in found else found)]
    yield from read_each(rows, lambda row: _activity(row) if "date" in row else _generation(row))


def _generation(row: Object) -> Iterator[Object]:
    if not row:
        return
    variant = (text_at(row, "variant") or "").lower()
    model = text_at(row, "model_permaslug", "model")
    identity = text_at(row, "generation_id", "id")
    counts = Counts(
        input=count_at(row, "native_tokens_prompt", "tokens_prompt") or 0,
        output=count_at(row, "native_tokens_completion", "tokens_completion") or 0,
        cache_read=count_at(row, "native_tokens_cached", "tokens_cached") or 0,
        reasoning=count_at(row, "native_tokens_reasoning", "tokens_reasoning") or 0,
    )
    if counts.is_zero and _cost(row, "cost_total", "total_cost") is None:
        return
    yield {
        "id": identity,
        "timestamp": text_at(row, "created_at"),
        "model": model if model is None or variant in _USUAL else f"{model}:{variant}",
        **_billed(row, _cost(row, "cost_total", "total_cost"), is_free=variant == _FREE),
        "user_name": text_at(row, "user", "external_user"),
        "provider_request_id": identity,
        "api_key": text_at(row, "api_key_name"),
        "app": text_at(row, "app_name"),
        **counts.disjoint(),
    }


def _activity(row: Object) -> Iterator[Object | Notice]:
    calls = count_at(row, "requests", "total_requests") or 0
    counts = Counts(
        input=count_at(row, "prompt_tokens") or 0,
        output=count_at(row, "completion_tokens") or 0,
        cache_read=count_at(row, "cached_tokens") or 0,
        reasoning=count_at(row, "reasoning_tokens") or 0,
    )
    cost = _cost(row, "usage")
    if calls == 0 or (counts.is_zero and cost is None):
        return
    yield Notice(_SUMS)
    model = text_at(row, "model", "model_permaslug")
    names = ("date", "model", "model_permaslug", "endpoint_id", "provider_name", "api_key_name")
    yield {
        "id": "|".join(["activity", *(text_at(row, name) or "" for name in names)]),
        "timestamp": text_at(row, "date"),
        "model": model,
        "calls": calls,
        **_billed(row, cost, is_free=(model or "").endswith(f":{_FREE}")),
        "api_key": text_at(row, "api_key_name"),
        **counts.disjoint(),
    }


def _billed(row: Object, cost: str | None, *, is_free: bool) -> Object:
    return {
        "provider": "openrouter",
        "cost_usd": "0" if cost is None and is_free else cost,
        "is_free": is_free,
        "client": "openrouter",
        "upstream": text_at(row, "provider_name"),
    }


def _cost(row: Object, *names: str) -> str | None:
    """Return what was charged, with what a key of one's own paid elsewhere."""
    name = next((name for name in names if text_at(row, name) is not None), names[0])
    return sum_of(row, name, *_own_key(row))


def _own_key(row: Object) -> tuple[str, ...]:
    if text_at(row, "byok_usage_inference") is not None:
        return ("byok_usage_inference",)
    return ("upstream_inference_cost",) if row.get("is_byok") is True else ()


IMPORTER = Importer(
    name="openrouter",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT, Layout.CSV},
    recognise=is_openrouter,
    recognise_columns=_has_columns,
    read=openrouter_rows,
    tags=("client", "upstream", "api_key", "app"),
)
