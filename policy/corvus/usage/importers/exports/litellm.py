"""Reads spend logs of the LiteLLM proxy: rows of its table ``LiteLLM_SpendLogs``.

They come as JSON lines, one JSON array (the answer of ``GET /spend/logs``), or CSV (a dump of the
table), where nested values are JSON in text. Source of the columns: ``schema.prisma`` and
``spend_tracking_utils.py`` of github.com/BerriAI/litellm, read on 2026-11-26.

- ``prompt_tokens`` include what was read from and written to a cache, and ``completion_tokens``
  reasoning; details stand in ``metadata.usage_object`` or ``metadata.additional_usage_values``.
- ``spend`` is what LiteLLM charged its keys with. It is recorded as it stands where it is more than
  zero. LiteLLM writes 0 for a model it has no price for (and lost costs that its own breakdown has:
  BerriAI/litellm issue 40100, read on 2026-11-28), so a zero is no price: what
  ``metadata.cost_breakdown`` states as the total counts, else the price of the books, unless the
  answer came from LiteLLM's own cache.
- Details say of which modality tokens are; they stand inside of the counts.
- Rows of requests that failed and used nothing are passed over.

Refuses counts that are no whole numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from corvus.prices.names import provider_id
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    Counts,
    Importer,
    Layout,
    Object,
    count_at,
    object_at,
    text_at,
)
from corvus.usage.importers.reading.amounts import amount_at
from corvus.usage.importers.reading.modalities import Split, details_of

_COLUMNS = {"request_id", "spend", "startTime"}


def is_litellm(head: bytes) -> bool:
    """Return whether a JSON file that begins so holds spend logs."""
    return all(b'"' + name.encode() + b'"' in head for name in _COLUMNS)


def spend_log(row: Object) -> Iterator[Object]:
    """Yield the call of a row.

    Raises:
        BadRecord: A count of it is none.
    """
    metadata = object_at(row, "metadata")
    used = _counts(row, metadata)
    failed = "failure" in (text_at(row, "status"), text_at(metadata, "status"))
    if used.is_zero and failed:
        return
    provider = text_at(row, "custom_llm_provider")
    group = text_at(row, "model_group")
    yield {
        "id": text_at(row, "request_id"),
        "timestamp": text_at(row, "startTime"),
        "first_token_at": text_at(row, "completionStartTime"),
        "settled_at": text_at(row, "endTime"),
        "model": _bare(text_at(row, "model") or group, provider),
        "provider": _seller(provider) if provider else None,
        "cost_usd": _cost(row, metadata),
        "is_free": _is_hit(row),
        "session_id": text_at(row, "session_id"),
        "project": text_at(metadata, "user_api_key_team_alias") or text_at(row, "team_id"),
        "user_name": text_at(row, "user") or text_at(row, "end_user"),
        "agent": text_at(row, "agent_id"),
        "outcome": "failed" if failed else "completed",
        "provider_request_id": text_at(row, "request_id"),
        "client": "litellm",
        "api_key": text_at(metadata, "user_api_key_alias"),
        "team": text_at(metadata, "user_api_key_team_alias") or text_at(row, "team_id"),
        "model_group": group,
        "end_user": text_at(row, "end_user"),
        "request_tags": _list(row.get("request_tags")),
        **_modalities(metadata).applied(used.disjoint()),
    }


def _modalities(metadata: Object) -> Split:
    usage = _usage(metadata)
    read = object_at(usage, "prompt_tokens_details", "input_tokens_details")
    return details_of(
        read,
        object_at(read, "cached_tokens_details"),
        object_at(usage, "completion_tokens_details", "output_tokens_details"),
    )


def _usage(metadata: Object) -> Object:
    return object_at(metadata, "usage_object", "additional_usage_values")


def _counts(row: Object, metadata: Object) -> Counts:
    usage = _usage(metadata)
    details = object_at(usage, "prompt_tokens_details", "input_tokens_details")
    writes = object_at(details, "cache_creation_token_details")
    written_1h = count_at(writes, "ephemeral_1h_input_tokens") or 0
    written = _first(usage, details, "cache_creation_input_tokens", "cache_creation_tokens")
    read = _first(usage, details, "cache_read_input_tokens", "cached_tokens")
    searches = object_at(usage, "server_tool_use")
    prompt = count_at(row, "prompt_tokens") or 0
    spent = count_at(row, "completion_tokens") or 0
    return Counts(
        # what is cached is part of the prompt, unless it is more than that
        input=prompt if read + written <= prompt else prompt + read + written,
        output=spent,
        cache_read=read,
        cache_write_5m=max(written - written_1h, 0),
        cache_write_1h=min(written_1h, written),
        reasoning=min(_reasoning(usage), spent),
        web_search=_first(searches, details, "web_search_requests"),
    )


def _first(usage: Object, details: Object, *names: str) -> int:
    return count_at(usage, *names) or count_at(details, *names) or 0


def _reasoning(usage: Object) -> int:
    details = object_at(usage, "completion_tokens_details", "output_tokens_details")
    return count_at(details, "reasoning_tokens") or count_at(usage, "reasoning_tokens") or 0


def _cost(row: Object, metadata: Object) -> str | None:
    stated = amount_at(row, "spend") or amount_at(
        object_at(metadata, "cost_breakdown"), "total_cost"
    )
    return "0" if stated is None and _is_hit(row) else stated


def _is_hit(row: Object) -> bool:
    """Return whether the answer came from LiteLLM's own cache, which costs nothing."""
    hit = row.get("cache_hit")
    return hit is True or str(hit).lower() == "true"


def _seller(provider: str) -> str:
    """Return the book's name of a provider, which LiteLLM writes with low lines."""
    known = provider_id(provider)
    return known if known != provider.lower() else provider_id(provider.replace("_", "-"))


def _bare(model: str | None, provider: str | None) -> str | None:
    if model and provider and model.startswith(f"{provider}/"):
        return model.removeprefix(f"{provider}/")
    return model


def _list(value: object) -> str | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(value).strip("{}") or None  # an array as PostgreSQL writes it
    if isinstance(value, list):
        return ",".join(str(item) for item in cast("list[object]", value)) or None
    return None


IMPORTER = Importer(
    name="litellm",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT, Layout.CSV},
    recognise=is_litellm,
    recognise_columns=_COLUMNS.issubset,
    read=spend_log,
    tags=("client", "api_key", "team", "model_group", "end_user", "request_tags"),
)
