"""Reads OpenTelemetry spans of generative AI, as JSON.

Shapes: OTLP (``resourceSpans``, what the collector's file exporter writes, one object a line or one
document), and what the console exporter of the Python SDK prints. Source of the names: the semantic
conventions for generative AI (opentelemetry.io/docs/specs/semconv/gen-ai) of 2026-11, their older
names (``gen_ai.usage.prompt_tokens``, ``gen_ai.system``), and those of OpenLLMetry
(``llm.usage.*``) and OpenInference (``llm.token_count.*``).

- A call is a span with counts of tokens. Spans of agents, workflows and tools repeat the counts of
  the calls below them: they are passed over.
- A call is known by the id of its response, else by trace and span: two instrumentations that saw
  the same call report it once.
- By the conventions, input includes cached tokens and output includes reasoning. A count of cached
  tokens that is more than the input is not part of it.

Refuses counts that are no whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from corvus.prices.names import provider_id
from corvus.usage.importers.importer import (
    LINES_SUFFIXES,
    NOTHING,
    Counts,
    Importer,
    Layout,
    Object,
    count_at,
    object_at,
    objects_at,
    text_at,
)

_INPUT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
)
_OUTPUT = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
)
_CACHE_READ = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cached_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
_CACHE_WRITE = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
_REASONING = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "llm.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
)
_REQUESTED = ("gen_ai.request.model", "llm.request.model", "llm.model_name")
_RESPONDED = ("gen_ai.response.model", "llm.response.model")
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
_TIER = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.openai.request.service_tier",
)
_NO_CALLS = {"invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "retrieval"}
_NO_KINDS = {"agent", "workflow", "task", "tool", "chain"}
_STANDARD = {"default", "auto", "standard"}
_LONG_ID_CHARACTERS = 20


def is_otel(head: bytes) -> bool:
    """Return whether a JSON file that begins so holds spans."""
    is_span = b'"span_id"' in head or b'"spanId"' in head
    return b'"resourceSpans"' in head or (is_span and b'"attributes"' in head)


def spans(found: Object) -> Iterator[Object]:
    """Yield the calls of an export, or of one span.

    Raises:
        BadRecord: A count of one is none.
    """
    if "resourceSpans" not in found:
        yield from _span(found, _attributes(object_at(found, "resource")))
        return
    for resource in objects_at(found, "resourceSpans"):
        shared = _attributes(object_at(resource, "resource"))
        for scope in objects_at(resource, "scopeSpans", "instrumentationLibrarySpans"):
            for span in objects_at(scope, "spans"):
                yield from _span(span, shared)


def _span(span: Object, resource: Object) -> Iterator[Object]:
    attributes = _attributes(span)
    operation = text_at(attributes, "gen_ai.operation.name", "llm.request.type") or ""
    kind = text_at(attributes, "traceloop.span.kind", "openinference.span.kind") or ""
    if operation in _NO_CALLS or kind.lower() in _NO_KINDS:
        return
    used = _counts(attributes)
    if used.is_zero:
        return
    context = object_at(span, "context")
    status = object_at(span, "status")
    provider = text_at(attributes, *_PROVIDER)
    yield {
        "id": _identity(span, context, attributes),
        "timestamp": _instant(span, "startTimeUnixNano", "start_time"),
        "settled_at": _instant(span, "endTimeUnixNano", "end_time"),
        "model": text_at(attributes, *_REQUESTED, *_RESPONDED),
        "answering_model": text_at(attributes, *_RESPONDED),
        "provider": provider_id(provider) if provider else None,
        "service_tier": _tier(attributes),
        "session_id": text_at(attributes, "gen_ai.conversation.id", "session.id", "thread.id"),
        "project": text_at(resource, "service.name"),
        "user_name": text_at(attributes, "user.id", "enduser.id", "user.email"),
        "agent": text_at(attributes, "gen_ai.agent.name", "gen_ai.agent.id"),
        "outcome": "failed" if _is_error(status) else "completed",
        "provider_request_id": text_at(attributes, "gen_ai.response.id"),
        "client": "opentelemetry",
        "operation": operation or None,
        **used.disjoint(),
    }


def _counts(attributes: Object) -> Counts:
    read = count_at(attributes, *_CACHE_READ) or 0
    written = count_at(attributes, *_CACHE_WRITE) or 0
    prompt = count_at(attributes, *_INPUT) or 0
    completion = count_at(attributes, *_OUTPUT) or 0
    reasoning = count_at(attributes, *_REASONING) or 0
    return Counts(
        input=prompt if read + written <= prompt else prompt + read + written,
        output=completion if reasoning <= completion else completion + reasoning,
        cache_read=read,
        cache_write_5m=written,
        reasoning=reasoning,
    )


def _identity(span: Object, context: Object, attributes: Object) -> str:
    response = text_at(attributes, "gen_ai.response.id") or ""
    if len(response) >= _LONG_ID_CHARACTERS:
        return f"response:{response}"
    trace = text_at(span, "traceId") or text_at(context, "trace_id")
    return f"span:{trace}:{text_at(span, 'spanId') or text_at(context, 'span_id')}"


def _tier(attributes: Object) -> str | None:
    tier = (text_at(attributes, *_TIER) or "default").lower()
    return None if tier in _STANDARD else tier


def _is_error(status: Object) -> bool:
    return str(status.get("code", status.get("status_code"))) in {"2", "STATUS_CODE_ERROR", "ERROR"}


def _instant(span: Object, nanoseconds: str, text: str) -> str | None:
    since = _whole(span.get(nanoseconds))
    if since is None:
        return text_at(span, text)
    return f"{since // 1_000_000_000}.{since // 1000 % 1_000_000:06}"


def _whole(value: object) -> int | None:
    """Return a whole number that JSON may carry as text, as OTLP does for 64 bits."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _attributes(owner: Object) -> Object:
    """Return attributes as one object; OTLP writes them as a list of keys and typed values."""
    found = owner.get("attributes")
    if isinstance(found, dict):
        return cast("Object", found)
    if not isinstance(found, list):
        return NOTHING
    named: dict[str, object] = {}
    for item in cast("list[object]", found):
        if isinstance(item, dict):
            pair = cast("Mapping[str, object]", item)
            named[str(pair.get("key"))] = next(iter(object_at(pair, "value").values()), None)
    return named


IMPORTER = Importer(
    name="otel",
    suffixes=LINES_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT},
    recognise=is_otel,
    read=spans,
    tags=("client", "operation"),
)
