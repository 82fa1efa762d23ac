"""Reads OpenTelemetry of generative AI, as JSON: spans, and log records that stand for a call.

Shapes are those of ``telemetry.shapes``, names of counts those of ``telemetry.attributes``.

- A call is a span with counts of tokens. Spans of agents, workflows and tools repeat the counts of
  the calls below them: they are passed over.
- A call is known by the id of its response, else by trace and span: two instrumentations that saw
  the same call report it once, and so do a span and one below it with the same counts. An event of
  the conventions has the ids of the span it belongs to.
- A cost that an instrumentation computed serves only where the book has no price.
- A usage attribute that is in no table is named in a notice and never counted as 0.

Refuses counts that are no whole numbers, and metrics: they are sums without calls.

Source of the names that are not counts: the semantic conventions for generative AI
(opentelemetry.io/docs/specs/semconv/gen-ai) and for version control of 2026-11, their older names
(``gen_ai.system``), OpenLLMetry, OpenInference, Langfuse, LangSmith and the Vercel AI SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from corvus.base.repository_url import public_url
from corvus.usage.importers.importer import (
    LINES_SUFFIXES,
    Importer,
    Layout,
    Notice,
    Object,
    text_at,
)
from corvus.usage.importers.reading.unread import doubt, unread_counts
from corvus.usage.importers.seller import seller_of
from corvus.usage.importers.telemetry import ai_sdk, log_events
from corvus.usage.importers.telemetry.attributes import COSTS
from corvus.usage.importers.telemetry.counts import disjoint
from corvus.usage.importers.telemetry.kinds import is_no_call
from corvus.usage.importers.telemetry.sellers import provider_of
from corvus.usage.importers.telemetry.shapes import Signal, signals
from corvus.usage.importers.telemetry.spellings import Field
from corvus.usage.importers.telemetry.stated_counts import Stated, stated, written

_REQUESTED = (
    "gen_ai.request.model",
    "llm.request.model",
    "llm.model_name",
    "ai.model.id",
    "aisdk.model.id",
    "langfuse.observation.model.name",
    "mlflow.llm.model",
    "model",
)
_RESPONDED = ("gen_ai.response.model", "llm.response.model", "ai.response.model")
_MODEL = (*_REQUESTED, *_RESPONDED)
_TIER = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
    "anthropic.response.service_tier",
    "gen_ai.usage.service_tier",
    "gen_ai.openai.request.service_tier",
    "openai.request.service_tier",
    "gen_ai.request.service_tier",
)
_RESPONSE = ("gen_ai.response.id", "ai.response.id")
_SESSION = (
    "gen_ai.conversation.id",
    "session.id",
    "thread.id",
    "conversation.id",
    "langfuse.session.id",
    "langsmith.trace.session_id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
    "corvus.session",
)
_USER = (
    "user.id",
    "enduser.id",
    "user.email",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
)
_STANDARD = {"default", "auto", "standard", "standard_only", "on_demand"}
_LONG_ID_CHARACTERS = 20
_MARKS = (
    b'"resourceSpans"',
    b'"resourceLogs"',
    b'"resourceMetrics"',
    b'"scopeSpans"',
    b'"scopeLogs"',
    b'"traceID"',
    b'"localEndpoint"',
)
_CONVENTIONS = (b'"gen_ai.', b'"llm.', b'"ai.')
_SPAN_MARKS = (b'"span_id"', b'"spanId"', b'"hrTime"', b'"event.name"')
_REPEATED = (
    "spans of agents, workflows and tools repeat the tokens of the calls below them: not counted"
)


def is_otel(head: bytes) -> bool:
    """Return whether a JSON file that begins so holds spans, log records or metrics."""
    if any(mark in head for mark in _MARKS):
        return True
    if b'"attributes"' not in head:
        return False
    is_printed = b'"traceId"' in head and any(mark in head for mark in _CONVENTIONS)
    return is_printed or any(mark in head for mark in _SPAN_MARKS)


def calls(found: Object) -> Iterator[Object | Notice]:
    """Yield the calls of an export, or of one span, and what there is to say about them.

    Raises:
        BadRecord: A count of one is none, or it holds metrics.
    """
    spans: list[tuple[Signal, Stated]] = []
    for signal in signals(found):
        program = log_events.program_of(signal)
        if program is not None:
            yield from _program_call(signal, program)
        elif not log_events.repeats_another(signal):
            spans.append((signal, _stated(signal)))
    repeated = _repeated_below(spans)
    seen = {signal.span_id: (signal, used) for signal, used in spans}
    for signal, used in spans:
        divided = _most_divided(signal, used, seen)
        yield from _call(signal, divided, is_repeated=signal.span_id in repeated)


def _stated(signal: Signal) -> Stated:
    used = stated(signal)
    ai_sdk.add_metadata(signal.attributes, used)
    return used


def _repeated_below(spans: Sequence[tuple[Signal, Stated]]) -> set[str | None]:
    """Return the ids of spans whose counts a span below them has, too.

    Such are the spans of two instrumentations that saw one call, of a framework and of a client.
    """
    calls = {signal.span_id: _whole(used) for signal, used in spans if not is_no_call(signal)}
    return {
        signal.parent_id
        for signal, used in spans
        if signal.span_id in calls
        and signal.parent_id not in {None, signal.span_id}
        and any(_whole(used))
        and calls.get(signal.parent_id) == _whole(used)
    }


def _most_divided(
    signal: Signal, used: Stated, seen: Mapping[str | None, tuple[Signal, Stated]]
) -> Stated:
    """Return what a span states, or a span above of the same call that knows of cached tokens.

    Without them all that was read would count as plain input.
    """
    best, passed = used, {signal.span_id}
    while (above := seen.get(signal.parent_id)) is not None and signal.parent_id not in passed:
        signal, stated_above = above
        passed.add(signal.span_id)
        if is_no_call(signal) or not any(_whole(used)) or _whole(stated_above) != _whole(used):
            break
        if _cached(stated_above) > _cached(best):
            best = stated_above
    return best


def _cached(used: Stated) -> int:
    return used.of(Field.CACHE_READ) + used.of(Field.CACHED) + written(used)


def _whole(used: Stated) -> tuple[int, int]:
    return used.of(Field.INPUT), used.of(Field.OUTPUT)


def _said(attributes: Object, names: tuple[str, ...]) -> str | None:
    """Return the first text under one of many names, of which a span has few or none."""
    found = [name for name in names if name in attributes]
    return text_at(attributes, *found) if found else None


def _call(signal: Signal, found: Stated, *, is_repeated: bool) -> Iterator[Object | Notice]:
    attributes = signal.attributes
    if is_repeated or is_no_call(signal):
        if not found.is_zero:
            yield Notice(_REPEATED)
        return
    for sentence in found.notices():
        yield Notice(sentence)
    if found.is_zero:
        return
    model, response = (_said(attributes, names) for names in (_MODEL, _RESPONSE))
    yield {
        "id": _identity(signal),
        "timestamp": signal.started,
        "settled_at": signal.ended,
        "model": model,
        "answering_model": _said(attributes, _RESPONDED),
        "provider": provider_of(attributes, model, response),
        "service_tier": _tier(attributes),
        "session_id": _said(attributes, _SESSION),
        "project": text_at(signal.resource, "service.name"),
        "user_name": _said(attributes, _USER),
        "agent": text_at(attributes, "gen_ai.agent.name", "gen_ai.agent.id"),
        "outcome": "failed" if signal.is_error else "completed",
        "provider_request_id": response,
        "client": "opentelemetry",
        "operation": text_at(attributes, "gen_ai.operation.name", "llm.request.type"),
        **_repository(signal),
        **_costs(attributes),
        **disjoint(found),
    }


def _program_call(signal: Signal, program: log_events.Program) -> Iterator[Object | Notice]:
    attributes = signal.attributes
    used = program.counts(attributes)
    unread = unread_counts(attributes, program.names, "")
    yield from map(doubt, unread)
    if used.is_zero:
        return
    model = text_at(attributes, "model", "gen_ai.request.model", "slug")
    yield {
        "id": log_events.identity(signal),
        "timestamp": text_at(attributes, "event.timestamp") or signal.started,
        "model": model,
        "provider": seller_of(model) or program.provider,
        "service_tier": "fast" if text_at(attributes, "speed") == "fast" else None,
        "session_id": _said(attributes, _SESSION),
        "user_name": text_at(attributes, "user.email", "user.account_uuid", "user.id"),
        "agent": program.client,
        "provider_request_id": text_at(attributes, "request_id", "response_id"),
        "client": program.client,
        "estimated_cost_usd": log_events.estimated_cost(attributes),
        "states_modalities": True,
        "unknown_cost": bool(unread) or None,
        **_repository(signal),
        **used.disjoint(),
    }


def _identity(signal: Signal) -> str | None:
    """Return the id of a call; without one, it is known by all that its record says."""
    response = _said(signal.attributes, _RESPONSE) or ""
    if len(response) >= _LONG_ID_CHARACTERS:
        return f"response:{response}"
    return f"span:{signal.trace_id}:{signal.span_id}" if signal.span_id else None


def _tier(attributes: Object) -> str | None:
    if attributes.get("gen_ai.request.batch") is True:
        return "batch"
    tier = (_said(attributes, _TIER) or "default").lower()
    return None if tier in _STANDARD else tier


def _costs(attributes: Object) -> dict[str, object]:
    """Return a cost that the provider stated, or one that an instrumentation computed."""
    said = ai_sdk.stated_cost(attributes)
    if said is None and attributes.get("corvus.source") == "provider":
        said = text_at(attributes, "corvus.cost_usd")
    return {"cost_usd": said, "estimated_cost_usd": _said(attributes, COSTS)}


def _repository(signal: Signal) -> dict[str, object]:
    """Return branch, commit and repository, of the span or of the program."""
    places = {**signal.resource, **signal.attributes}
    if not any(name.startswith("vcs.") for name in places):
        return {}
    branch = text_at(places, "vcs.ref.head.name", "vcs.repository.ref.name")
    url = text_at(places, "vcs.repository.url.full")
    return {
        "branch": branch,
        "git.branch": branch,
        "git.commit": text_at(places, "vcs.ref.head.revision", "vcs.repository.ref.revision"),
        "git.repository": public_url(url) if url else None,
    }


IMPORTER = Importer(
    name="otel",
    suffixes=LINES_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT},
    recognise=is_otel,
    read=calls,
    tags=("client", "operation", "git.branch", "git.commit", "git.repository"),
)
