"""OBS-2: what a collector receives over a real socket, read by the official protobufs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from corvus.base.ids import new_id
from corvus.events import EVENTS, CallSettled
from corvus.model.observability import ObservabilityOptions
from corvus.observability.otel import OtelListener
from corvus.observability.redact import Redactor
from corvus.observability.sinks import open_sinks
from corvus.prices.lookup import PriceBooks
from corvus.usage.importers.importer import Notice
from corvus.usage.importers.otel import calls
from tests.observability.collector import Collector
from tests.observability.happenings import CANARY, all_events


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Collector:
    found, redactor = all_events(tmp_path_factory.mktemp("scene"))
    collector = Collector()
    with collector.running():
        options = ObservabilityOptions(log="off", otlp_endpoint=collector.url)
        with open_sinks(options, redactor) as telemetry:
            for event in found:
                telemetry.listener(event)
    return collector


def test_a_call_is_a_span_by_the_conventions(received: Collector) -> None:
    name, told, span = received.spans[0]
    assert name == "chat house"
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert span.end_time_unix_nano - span.start_time_unix_nano == 2_000_000_000
    session, mission = told.pop("corvus.session"), told.pop("corvus.mission")
    assert len(session) == len(mission) == 16
    assert session != mission
    assert told.pop("corvus.reservation_id")
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme",
        "gen_ai.request.model": "house",
        "gen_ai.response.model": "other",
        "gen_ai.usage.input_tokens": 500_400,
        "gen_ai.usage.output_tokens": 107,
        "gen_ai.usage.cache_read.input_tokens": 400,
        "gen_ai.usage.reasoning.output_tokens": 7,
        "corvus.surface": "cli-agent",
        "corvus.source": "priced",
        "corvus.cost_usd": "0.500414",
    }


def test_an_import_reads_the_spans_that_corvus_writes(received: Collector) -> None:
    name, attributes, span = received.spans[0]
    start = str(span.start_time_unix_nano)
    written = {"name": name, "attributes": attributes, "startTimeUnixNano": start}
    (record,) = calls({"resourceSpans": [{"scopeSpans": [{"spans": [written]}]}]})
    assert not isinstance(record, Notice)
    kinds = ("input", "cache_read", "output", "reasoning")
    assert [record[f"{kind}_tokens"] for kind in kinds] == [500_000, 400, 100, 7]
    assert record["estimated_cost_usd"] == "0.500414"


def test_what_budgets_do_is_told_as_spans(received: Collector) -> None:
    names = [name for name, _, _ in received.spans]
    calls = {CallSettled.kind.name}
    assert {event.kind.name for event in EVENTS} - calls <= set(names)
    ((_, told, span),) = [one for one in received.spans if one[0] == "budget.exceeded"]
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "budget exceeded")
    assert told["limit_usd"] == "10.0000"
    assert names.count("budget.warning") == 1, "only the transition"


def test_metrics_have_the_usual_names_and_what_was_reported(received: Collector) -> None:
    points = received.points
    by_kind = {
        told["gen_ai.token.type"]: point
        for told, point in points["gen_ai.client.token.usage"]
        if told["gen_ai.request.model"] == "house" and "gen_ai.response.model" in told
    }
    assert (by_kind["input"].count, by_kind["input"].sum) == (1, 500_400)
    assert by_kind["output"].sum == 107
    assert list(by_kind["input"].explicit_bounds)[:4] == [1, 4, 16, 64]
    assert sum(one.as_int for _, one in points["corvus.budget.warnings"]) == 2
    assert sum(one.as_int for _, one in points["corvus.budget.exceeded"]) == 1
    actions = {told["action"] for told, _ in points["corvus.budget.overrides"]}
    assert {"granted", "consumed"} <= actions
    assert points["gen_ai.client.operation.duration"]
    first = points["gen_ai.client.operation.time_to_first_chunk"]
    assert {point.sum / point.count for _, point in first} == {1.0}


def test_calls_whose_usage_nobody_reported_are_no_token_usage(received: Collector) -> None:
    sources = {
        told.get("corvus.source")
        for _, told, _ in received.spans
        if "gen_ai.usage.input_tokens" in told
    }
    assert sources == {"priced"}
    counted = received.points["corvus.cost.usd"]
    spent = {told["corvus.cost.source"]: one.as_double for told, one in counted}
    assert spent["presumed"] > 0


def test_tokens_that_no_provider_priced_are_counted_apart_by_kind(received: Collector) -> None:
    ((about, point),) = received.points["corvus.tokens.estimated"]
    assert (point.as_int, about["gen_ai.token.type"]) == (5, "input")
    assert about["gen_ai.request.model"] == "other", "a model of no price book has no name here"


def test_no_secret_reaches_the_wire(received: Collector) -> None:
    assert len(received.bodies) >= 2
    assert CANARY.encode() not in b"".join(received.bodies)


def test_a_collector_that_is_not_there_holds_up_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found, _ = all_events(tmp_path)
    options = ObservabilityOptions(log="off", otlp_endpoint="http://127.0.0.1:1")
    with open_sinks(options, Redactor(PriceBooks())) as telemetry:
        begin = time.monotonic()
        for event in found * 50:
            telemetry.listener(event)
        assert time.monotonic() - begin < 2


def test_sound_is_named_inside_the_totals_and_a_lower_bound_is_marked() -> None:
    exporter = InMemorySpanExporter()
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    now = datetime(2026, 11, 28, tzinfo=UTC)
    listener = OtelListener(Redactor(PriceBooks([])), traces, MeterProvider())
    listener(
        CallSettled(
            reservation_id=new_id(0),
            provider="openrouter",
            model="m",
            answering_model=None,
            session_id="s",
            mission_id=None,
            surface="proxy",
            outcome="completed",
            source="provider",
            cost_nano_usd=13_200_000,
            replaced_nano_usd=0,
            tokens=(
                ("input", 10),
                ("input_audio", 20),
                ("cache_read_audio", 5),
                ("output_image", 7),
                ("file_search", 3),
            ),
            admitted_at=now,
            settled_at=now,
            computed_cost_nano_usd=12_000_000,
            is_at_least=True,
        )
    )
    (span,) = exporter.get_finished_spans()
    shown = dict(span.attributes or {})
    assert {name: value for name, value in shown.items() if "usage" in name} == {
        "gen_ai.usage.input_tokens": 35,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.audio.input_tokens": 25,
        "gen_ai.usage.audio.cache_read.input_tokens": 5,
        "gen_ai.usage.image.output_tokens": 7,
    }
    assert shown["corvus.cost_usd"] == "0.0132"
    assert shown["corvus.computed_cost_usd"] == "0.0120"
    assert shown["corvus.is_at_least"] is True
