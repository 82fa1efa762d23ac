"""OpenTelemetry: a span and the usual metrics of each call, and of what budgets do (OBS-2).

Follows the GenAI conventions as far as ``GenAI`` names them. The names are not imported: the
conventions are in development, and their Python package still has older words. Tokens are reported
as the conventions ask: input includes what came from a cache, and counts that the provider did not
report itself go to a counter of our own. The operation is ``chat``, but for models with "embed" in
their name: the governor does not know it.

Global providers are left alone: a program that has its own keeps them. Prompts and answers are
never in it.

Source:
    https://github.com/open-telemetry/semantic-conventions-genai, "Semantic conventions for
    generative AI", read 2026-11-23.
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
from corvus.events import EVENTS, CallSettled, Event
from corvus.observability.redact import Redactor, Value
from corvus.version import __version__

_TOKEN_BUCKETS = [4**power for power in range(14)]
_SECOND_BUCKETS = [0.01 * 2**power for power in range(14)]
_REPORTED = ("provider", "priced")
_SHOWN = (
    *("session", "mission", "surface", "source", "reservation_id"),
    *("cost_usd", "computed_cost_usd", "is_at_least"),
)
_MODALITIES = ("audio", "image", "video")
_TIMEOUT_SECONDS = 5
_EXPORT_SECONDS = 15


class GenAI:
    """Names of the GenAI conventions that are used."""

    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    REQUEST_MODEL = "gen_ai.request.model"
    RESPONSE_MODEL = "gen_ai.response.model"
    TOKEN_TYPE = "gen_ai.token.type"
    INPUT = "gen_ai.usage.input_tokens"
    OUTPUT = "gen_ai.usage.output_tokens"
    CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
    CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
    REASONING = "gen_ai.usage.reasoning.output_tokens"
    OF_MODALITY = "gen_ai.usage.{}.{}"
    """Of a modality and a total; such tokens stand inside it."""
    ERROR_TYPE = "error.type"
    TOKEN_USAGE = "gen_ai.client.token.usage"
    DURATION = "gen_ai.client.operation.duration"
    FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"


class Own:
    """Names of corvus' own instruments and attributes in OpenTelemetry."""

    COST = "corvus.cost.usd"
    SOURCE = "corvus.cost.source"
    ESTIMATED = "corvus.tokens.estimated"


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
        self._counters = {
            event.kind.name: meter.create_counter(f"corvus.{event.kind.counter.name}")
            for event in EVENTS
            if event.kind.counter is not None
        }

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, CallSettled):
            self._call(event)
            return
        if (counter := self._counters.get(event.kind.name)) is not None:
            counter.add(1, self._redactor.labels(event))
        if not event.is_repetition:
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
        shown = self._redactor.view(call).fields
        attributes |= {f"corvus.{name}": shown[name] for name in _SHOWN if name in shown}
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
        for kind, tokens in (
            ("input", call.input_tokens or 0),
            ("output", call.output_tokens or 0),
        ):
            attributes = {**about, GenAI.TOKEN_TYPE: kind}
            if call.source in _REPORTED:
                self._tokens.record(tokens, attributes)
            elif tokens:
                self._estimated.add(tokens, attributes)
        if call.cost_nano_usd is not None:
            spent = max(0, call.cost_nano_usd - call.replaced_nano_usd)
            self._cost.add(spent / 1e9, {**about, Own.SOURCE: call.source})

    def _span(self, event: Event) -> None:
        kind, fields = self._redactor.view(event)
        span = self._tracer.start_span(kind.name, attributes=fields)
        failure = kind.failure
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


def _usage(call: CallSettled) -> dict[str, Value]:
    """Return what the provider reported; an estimate is none of the conventions' business."""
    if call.source not in _REPORTED:
        return {}
    counts = dict(call.tokens)
    written = counts.get("cache_write_5m", 0) + counts.get("cache_write_1h", 0)
    inside = {
        GenAI.CACHE_READ: sum(n for kind, n in call.tokens if kind.startswith("cache_read")),
        GenAI.CACHE_WRITE: written,
        GenAI.REASONING: counts.get("reasoning", 0),
        **_modalities(counts),
    }
    used: dict[str, Value] = {
        GenAI.INPUT: call.input_tokens or 0,
        GenAI.OUTPUT: call.output_tokens or 0,
    }
    return used | {name: tokens for name, tokens in inside.items() if tokens}


def _modalities(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the tokens of sound, pictures and video by the names that the conventions have."""
    used: dict[str, int] = {}
    for modality in _MODALITIES:
        cached = counts.get(f"cache_read_{modality}", 0)
        read = counts.get(f"input_{modality}", 0) + cached
        used[GenAI.OF_MODALITY.format(modality, "input_tokens")] = read
        used[GenAI.OF_MODALITY.format(modality, "cache_read.input_tokens")] = cached
        written = counts.get(f"output_{modality}", 0)
        used[GenAI.OF_MODALITY.format(modality, "output_tokens")] = written
    return used


def _nanoseconds(instant: datetime) -> int:
    return microseconds(instant) * 1000
