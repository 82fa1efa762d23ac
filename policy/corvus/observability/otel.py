"""OpenTelemetry: a span and the usual metrics of each call, and of what budgets do (OBS-2).

Follows the GenAI conventions as far as they are used by name in ``corvus.observability.names``.
Tokens are reported as the conventions ask: input includes what came from a cache, and counts that
the provider did not report itself go to a counter of our own. The operation is ``chat``, but for
models with "embed" in their name: the governor is not told of it.

Refuses to touch global providers: a program that has its own keeps them. Prompts and answers are
never in it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import MeterProvider as AnyMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from corvus.base.time import microseconds
from corvus.events import (
    BudgetExceeded,
    BudgetOverride,
    BudgetWarning,
    CallSettled,
    Event,
    LimitPassed,
    Threshold,
)
from corvus.observability.names import GenAI, Own
from corvus.observability.redact import Redactor, Value, input_tokens, output_tokens, surface
from corvus.version import __version__

_TOKEN_BUCKETS = [4**power for power in range(14)]
_SECOND_BUCKETS = [0.01 * 2**power for power in range(14)]
_REPORTED = ("provider", "priced")
_TIMEOUT_SECONDS = 5
_EXPORT_SECONDS = 15


class OtelListener:
    """Makes spans and metrics of events.

    Args:
        redactor: Decides what is shown.
        traces: Where spans go.
        metrics: Where metrics go.
    """

    def __init__(
        self, redactor: Redactor, traces: AnyTracerProvider, metrics: AnyMeterProvider
    ) -> None:
        self._redactor = redactor
        self._tracer = traces.get_tracer("corvus", __version__)
        meter = metrics.get_meter("corvus", __version__)
        self._tokens = meter.create_histogram(
            GenAI.TOKEN_USAGE, "{token}", explicit_bucket_boundaries_advisory=_TOKEN_BUCKETS
        )
        self._duration = meter.create_histogram(
            GenAI.DURATION, "s", explicit_bucket_boundaries_advisory=_SECOND_BUCKETS
        )
        self._first_chunk = meter.create_histogram(
            GenAI.FIRST_CHUNK, "s", explicit_bucket_boundaries_advisory=_SECOND_BUCKETS
        )
        self._estimated = meter.create_counter(Own.ESTIMATED, "{token}")
        self._cost = meter.create_counter(Own.COST, "usd")
        self._warnings = meter.create_counter(Own.WARNINGS)
        self._exceeded = meter.create_counter(Own.EXCEEDED)
        self._passed = meter.create_counter(Own.LIMIT_PASSED)
        self._overrides = meter.create_counter(Own.OVERRIDES)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        match event:
            case CallSettled():
                self._call(event)
            case BudgetWarning(threshold):
                self._warnings.add(1, _budget(threshold))
                if event.is_transition:
                    self._span(event)
            case BudgetExceeded(threshold):
                self._exceeded.add(1, _budget(threshold))
                self._span(event, "budget exceeded")
            case LimitPassed(threshold):
                self._passed.add(1, _budget(threshold))
                self._span(event, "limit passed")
            case BudgetOverride():
                told = {"action": event.action, "scope": event.scope}
                self._overrides.add(1, {**told, "surface": surface(event.surface)})
                self._span(event)
            case _:
                self._span(event)

    def _call(self, call: CallSettled) -> None:
        listed = self._redactor.listed(call.model, call.provider)
        operation = "embeddings" if "embed" in listed.model else "chat"
        about: dict[str, Value] = {
            GenAI.OPERATION: operation,
            GenAI.PROVIDER: listed.provider,
            GenAI.REQUEST_MODEL: listed.model,
        }
        if call.answering_model is not None:
            answering = self._redactor.listed(call.answering_model, call.provider)
            about[GenAI.RESPONSE_MODEL] = answering.model
        failed = {} if call.outcome == "completed" else {GenAI.ERROR_TYPE: call.outcome}
        if call.outcome != "released":
            self._measure(call, about, failed)
        attributes = {**about, **failed, **_usage(call)}
        told = self._redactor.told(call).fields
        attributes |= {
            f"corvus.{name}": told[name]
            for name in ("session", "mission", "surface", "source", "cost_usd", "reservation_id")
            if name in told
        }
        span = self._tracer.start_span(
            f"{operation} {listed.model}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=_nanoseconds(call.admitted_at),
        )
        if call.outcome == "failed":
            span.set_status(Status(StatusCode.ERROR, call.outcome))
        span.end(_nanoseconds(call.settled_at))

    def _measure(
        self, call: CallSettled, about: Mapping[str, Value], failed: Mapping[str, Value]
    ) -> None:
        seconds = (call.settled_at - call.admitted_at).total_seconds()
        self._duration.record(max(0.0, seconds), {**about, **failed})
        if call.first_token_at is not None:
            waited = (call.first_token_at - call.admitted_at).total_seconds()
            self._first_chunk.record(max(0.0, waited), about)
        for kind, tokens in (("input", input_tokens(call)), ("output", output_tokens(call))):
            attributes = {**about, GenAI.TOKEN_TYPE: kind}
            if call.source in _REPORTED:
                self._tokens.record(tokens, attributes)
            elif tokens:
                self._estimated.add(tokens, attributes)
        if call.cost_nano_usd is not None:
            spent = max(0, call.cost_nano_usd - call.replaced_nano_usd)
            self._cost.add(spent / 1e9, {**about, Own.SOURCE: call.source})

    def _span(self, event: Event, failure: str | None = None) -> None:
        told = self._redactor.told(event)
        span = self._tracer.start_span(told.kind.name, attributes=told.fields)
        status = Status(StatusCode.ERROR, failure) if failure else Status(StatusCode.OK)
        span.set_status(status)
        span.end()


@contextmanager
def exporting(redactor: Redactor, endpoint: str) -> Generator[OtelListener]:
    """Export to a collector over OTLP and HTTP, until the context is left.

    Args:
        redactor: Decides what is shown.
        endpoint: Base URL of the collector, without ``/v1/traces``.
    """
    base = endpoint.rstrip("/")
    resource = Resource({"service.name": "corvus", "service.version": __version__})
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces", timeout=_TIMEOUT_SECONDS))
    )
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{base}/v1/metrics", timeout=_TIMEOUT_SECONDS),
        export_interval_millis=_EXPORT_SECONDS * 1000,
    )
    metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    try:
        yield OtelListener(redactor, traces, metrics)
    finally:
        # At once: where no collector is there, each of them tries until its time is up.
        ending = Thread(target=metrics.shutdown, kwargs={"timeout_millis": _TIMEOUT_SECONDS * 1000})
        ending.start()
        traces.shutdown()
        ending.join()


def _budget(told: Threshold) -> dict[str, str]:
    return {"period": told.period, "surface": surface(told.surface)}


def _usage(call: CallSettled) -> dict[str, Value]:
    """Return what the provider reported; an estimate is none of the conventions' business."""
    if call.source not in _REPORTED:
        return {}
    counts = dict(call.tokens)
    written = counts.get("cache_write_5m", 0) + counts.get("cache_write_1h", 0)
    inside = {
        GenAI.CACHE_READ: counts.get("cache_read", 0),
        GenAI.CACHE_WRITE: written,
        GenAI.REASONING: counts.get("reasoning", 0),
    }
    used: dict[str, Value] = {
        GenAI.INPUT: input_tokens(call),
        GenAI.OUTPUT: output_tokens(call),
    }
    return used | {name: tokens for name, tokens in inside.items() if tokens}


def _nanoseconds(instant: datetime) -> int:
    return microseconds(instant) * 1000
