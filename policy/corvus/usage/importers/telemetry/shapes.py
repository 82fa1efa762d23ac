"""Spans and log records in the shapes that exporters, collectors and stores write.

OTLP as JSON (``resourceSpans``, ``resourceLogs``; ``batches`` and ``trace`` of Grafana Tempo), what
the console and in-memory exporters of the Python and JavaScript SDKs print, what Gemini CLI and
Copilot CLI write to a file, and the JSON of Jaeger and Zipkin. Refuses metrics that count tokens:
they are sums, in which no call can be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from corvus.usage.importers.importer import (
    NOTHING,
    BadRecord,
    Object,
    object_at,
    objects_at,
    text_at,
)
from corvus.usage.importers.telemetry.values import attributes_of, end_of, instant, value_of

_SCOPES = (
    (("scopeSpans", "instrumentationLibrarySpans", "scope_spans"), ("spans",)),
    (("scopeLogs", "instrumentationLibraryLogs", "scope_logs"), ("logRecords", "log_records")),
)
_ERRORS = {"2", "STATUS_CODE_ERROR", "ERROR"}
_METRICS = ("token", "cost")
METRICS_REFUSED = (
    "metrics are sums of tokens in which no call can be found; export spans or logs instead"
)


@dataclass(frozen=True, slots=True)
class Signal:
    """A span or a log record.

    Attributes:
        name: Name of the span, or of the event.
        attributes: Its attributes; what was nested stands under dotted names.
        resource: Those of the program that wrote it.
        trace_id: Id of its trace, as it was written.
        span_id: Id of the span, or of the span that the log record was written in.
        parent_id: Id of the span above.
        started: Instant as text: ISO 8601, or seconds since 1970.
        ended: Likewise.
        is_error: Whether its status is an error.
        doubled: Names of attributes that stand more than once, with other values.
    """

    name: str
    attributes: Object
    resource: Object
    trace_id: str | None = None
    span_id: str | None = None
    parent_id: str | None = None
    started: str | None = None
    ended: str | None = None
    is_error: bool = False
    doubled: frozenset[str] = field(default_factory=frozenset[str])


def signals(found: Object) -> Iterator[Signal]:
    """Yield the spans and log records of an export, or of one of its lines.

    Raises:
        BadRecord: It holds metrics of tokens.
    """
    for batch in _batches(found):
        yield from _otlp(batch)
    for trace in [*objects_at(found, "data"), found]:
        yield from _jaeger(trace)
    if "tags" in found and "localEndpoint" in found:
        yield _zipkin(found)
    elif "attributes" in found:
        yield signal_of(found, resource_of(found))


def _otlp(batch: Object) -> Iterator[Signal]:
    resource = resource_of(batch)
    for scopes, records in _SCOPES:
        for scope in objects_at(batch, *scopes):
            for record in objects_at(scope, *records):
                yield signal_of(record, resource)
    if any(_counts_tokens(metric) for metric in _metrics(batch)):
        raise BadRecord(METRICS_REFUSED)


def _batches(found: Object) -> Iterator[Object]:
    trace = object_at(found, "trace")
    for name in ("resourceSpans", "resourceLogs", "resourceMetrics", "batches", "resource_spans"):
        yield from objects_at(found, name)
        yield from objects_at(trace, name)
    if "scopeSpans" in found or "scopeLogs" in found:
        yield found


def _metrics(batch: Object) -> Iterator[Object]:
    for scope in objects_at(batch, "scopeMetrics", "instrumentationLibraryMetrics"):
        yield from objects_at(scope, "metrics")


def _counts_tokens(metric: Object) -> bool:
    name = (text_at(metric, "name") or "").lower()
    return any(word in name for word in _METRICS)


def resource_of(owner: Object) -> Object:
    """Return the attributes of the program that wrote a batch."""
    resource = object_at(owner, "resource")
    for name in ("attributes", "_attributes", "_rawAttributes"):
        if name in resource:
            return attributes_of(resource.get(name))[0]
    return NOTHING


def signal_of(one: Object, resource: Object) -> Signal:
    """Return a span or a log record as OTLP writes it.

    Args:
        one: The span or record.
        resource: The attributes of the program that wrote it (``resource_of``).
    """
    attributes, doubled = attributes_of(one.get("attributes"))
    context = object_at(one, "context", "_spanContext", "spanContext")
    status = object_at(one, "status")
    return Signal(
        name=_name(one, attributes),
        attributes=attributes,
        resource=resource,
        trace_id=text_at(one, "traceId", "trace_id") or text_at(context, "trace_id", "traceId"),
        span_id=text_at(one, "spanId", "span_id")
        or text_at(context, "span_id", "spanId")
        or text_at(one, "id"),
        parent_id=text_at(one, "parentSpanId", "parent_span_id", "parent_id")
        or text_at(object_at(one, "parentSpanContext"), "spanId"),
        started=_first_instant(one, _STARTS) or text_at(attributes, "event.timestamp"),
        ended=_first_instant(one, _ENDS) or end_of(one),
        is_error=str(status.get("code", status.get("status_code"))) in _ERRORS,
        doubled=doubled,
    )


_STARTS = (
    "startTimeUnixNano",
    "start_time_unix_nano",
    "startTime",
    "start_time",
    "timeUnixNano",
    "time_unix_nano",
    "hrTime",
    "timestamp",
    "observedTimeUnixNano",
)
_ENDS = ("endTimeUnixNano", "end_time_unix_nano", "endTime", "end_time")


def _name(one: Object, attributes: Object) -> str:
    """Return the name of a span; of a log record, that of its event with its program's name."""
    event = text_at(attributes, "event.name") or text_at(one, "eventName", "event_name") or ""
    body = one.get("body", one.get("_body"))
    said = str(value_of(body) or "")
    if "." not in event and said.endswith(f".{event}"):
        event = said
    return text_at(one, "name") or event or said[:200]


def _jaeger(trace: Object) -> Iterator[Signal]:
    """Yield the spans of a trace as Jaeger exports it; times are microseconds."""
    processes = object_at(trace, "processes")
    for span in objects_at(trace, "spans"):
        if "operationName" not in span:
            continue
        attributes, doubled = attributes_of(span.get("tags"))
        process = object_at(processes, str(span.get("processID")))
        service = {"service.name": process.get("serviceName")}
        yield Signal(
            name=text_at(span, "operationName") or "",
            attributes=attributes,
            resource={**attributes_of(process.get("tags"))[0], **service},
            trace_id=text_at(span, "traceID"),
            span_id=text_at(span, "spanID"),
            parent_id=next(
                (text_at(one, "spanID") for one in objects_at(span, "references")), None
            ),
            started=instant(span.get("startTime")),
            ended=end_of(span),
            is_error=attributes.get("otel.status_code") == "ERROR"
            or attributes.get("error") is True,
            doubled=doubled,
        )


def _zipkin(span: Object) -> Signal:
    attributes, doubled = attributes_of(span.get("tags"))
    service = text_at(object_at(span, "localEndpoint"), "serviceName")
    return Signal(
        name=text_at(span, "name") or "",
        attributes=attributes,
        resource={"service.name": service} if service else NOTHING,
        trace_id=text_at(span, "traceId"),
        span_id=text_at(span, "id"),
        parent_id=text_at(span, "parentId"),
        started=instant(span.get("timestamp")),
        ended=end_of(span),
        is_error="error" in attributes,
        doubled=doubled,
    )


def _first_instant(owner: Object, names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := instant(owner.get(name)))), None)
