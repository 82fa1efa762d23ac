"""Telemetry as programs and exporters write it: each call once, whoever saw it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from corvus.usage.importers.importer import BadRecord, Notice, Object
from corvus.usage.importers.otel import calls, is_otel

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

NS = "1794823200000000000"
AT = "1794823200.000000"
SEMCONV = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.cache_read.input_tokens": 600,
}
USED = {"input_tokens": 400, "cache_read_tokens": 600, "output_tokens": 50}


def typed(attributes: Mapping[str, object]) -> list[dict[str, Any]]:
    kinds: dict[type, str] = {
        str: "stringValue",
        int: "intValue",
        float: "doubleValue",
        bool: "boolValue",
    }
    return [
        {"key": key, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for key, value in attributes.items()
    ]


def spans(*found: Mapping[str, object], **resource: object) -> dict[str, Any]:
    listed = [
        {
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": f"{number:016x}",
            "name": "chat gpt-5",
            "startTimeUnixNano": NS,
            "endTimeUnixNano": NS,
            "attributes": typed(attributes),
        }
        for number, attributes in enumerate(found)
    ]
    named = {name.replace("_", "."): value for name, value in resource.items()}
    scope = {"scopeSpans": [{"spans": listed}], "resource": {"attributes": typed(named)}}
    return {"resourceSpans": [scope]}


def logs(body: str, *found: Mapping[str, object], service: str = "") -> dict[str, Any]:
    listed = [
        {"timeUnixNano": NS, "body": {"stringValue": body}, "attributes": typed(attributes)}
        for attributes in found
    ]
    resource = {"attributes": typed({"service.name": service})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": listed}]}]}


def records(found: Object) -> list[dict[str, Any]]:
    return [dict(one) for one in calls(found) if not isinstance(one, Notice)]


def said(found: Object) -> list[str]:
    return [one.text for one in calls(found) if isinstance(one, Notice)]


def counts(record: Mapping[str, Any]) -> dict[str, int]:
    return {
        name: value
        for name, value in record.items()
        if name.endswith(("_tokens", "_requests")) and value
    }


# Shapes


def shapes() -> Iterator[Any]:
    plain = {"name": "chat gpt-5", "attributes": SEMCONV}
    tags = [{"key": key, "type": "string", "value": value} for key, value in SEMCONV.items()]
    micro = 1794823200000000
    process: dict[str, Any] = {"p1": {"serviceName": "search", "tags": []}}
    jaeger: dict[str, Any] = {
        "traceID": "t",
        "spanID": "s",
        "operationName": "chat",
        "startTime": micro,
    }
    jaeger |= {"duration": 5, "processID": "p1", "tags": tags}
    scope = {"spans": [plain | {"traceId": "t", "spanId": "s", "startTimeUnixNano": NS}]}
    yield pytest.param(spans(SEMCONV), id="otlp")
    yield pytest.param({"batches": [{"scopeSpans": [scope]}]}, id="tempo")
    yield pytest.param({"trace": {"resourceSpans": [{"scopeSpans": [scope]}]}}, id="tempo-v2")
    older = {"resourceSpans": [{"instrumentationLibrarySpans": [scope]}]}
    yield pytest.param(older, id="older-collector")
    python = {
        "context": {"trace_id": "0x1", "span_id": "0x2"},
        "start_time": "2026-11-16T10:00:00Z",
    }
    yield pytest.param(plain | python, id="python-console")
    js = {"traceId": "t", "spanId": "s", "startTime": [1794823200, 0]}
    yield pytest.param(plain | js, id="js-file")
    yield pytest.param(plain | {"traceId": "t", "id": "s", "timestamp": micro}, id="js-console")
    memory = {"_spanContext": {"traceId": "t", "spanId": "s"}, "startTime": [1794823200, 0]}
    yield pytest.param(plain | memory, id="js-memory")
    traces: list[Any] = [{"traceID": "t", "spans": [jaeger], "processes": process}]
    yield pytest.param({"data": traces}, id="jaeger")
    zipkin = {"traceId": "t", "id": "s", "name": "chat", "timestamp": micro, "duration": 5}
    text = {key: str(value) for key, value in SEMCONV.items()}
    yield pytest.param(
        zipkin | {"localEndpoint": {"serviceName": "search"}, "tags": text}, id="zipkin"
    )


@pytest.mark.parametrize("found", list(shapes()))
def test_a_span_is_read_in_every_shape(found: dict[str, Any]) -> None:
    assert is_otel(json.dumps(found).encode())
    (record,) = records(found)
    assert counts(record) == USED
    assert record["timestamp"] in {AT, "2026-11-16T10:00:00Z"}
    assert record["model"] == "gpt-5"
    assert "None" not in record["id"]


def test_metrics_are_refused_for_they_are_sums() -> None:
    point: dict[str, Any] = {"name": "gen_ai.client.token.usage"}
    metrics: dict[str, Any] = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [point]}]}]}
    assert is_otel(json.dumps(metrics).encode())
    with pytest.raises(BadRecord, match="sums of tokens in which no call can be found"):
        records(metrics)
    point["name"] = "http.server.duration"
    assert records(metrics) == []


# The Vercel AI SDK

AI_SDK = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.id": "gpt-4o-mini",
    "ai.model.provider": "openai.chat",
    "ai.usage.promptTokens": 1000,
    "ai.usage.completionTokens": 100,
}


def test_the_ai_sdk_alone_is_enough() -> None:
    (record,) = records(spans(AI_SDK))
    assert (record["model"], record["provider"]) == ("gpt-4o-mini", "openai")
    assert counts(record) == {"input_tokens": 1000, "output_tokens": 100}


def test_the_span_that_sums_up_the_steps_of_the_ai_sdk_is_no_call() -> None:
    whole = AI_SDK | {"ai.operationId": "ai.generateText"}
    found = spans(whole, AI_SDK)
    assert len(records(found)) == 1
    assert said(found) == [
        "spans of agents, workflows and tools repeat the tokens of the calls below them: "
        "not counted"
    ]


def test_the_words_of_the_provider_say_what_stands_next_to_the_input() -> None:
    raw = {"input_tokens": 1000, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 200}
    given = AI_SDK | {"ai.model.provider": "anthropic.messages", "ai.usage.cachedInputTokens": 200}
    metadata = {"anthropic": {"usage": raw, "cacheCreationInputTokens": 300}}
    (record,) = records(spans(given | {"ai.response.providerMetadata": json.dumps(metadata)}))
    assert record["provider"] == "anthropic"
    assert counts(record) == {
        "input_tokens": 1000,
        "cache_read_tokens": 200,
        "cache_write_5m_tokens": 300,
        "output_tokens": 100,
    }


def test_openrouter_states_its_cost_through_the_ai_sdk() -> None:
    metadata = json.dumps({"openrouter": {"usage": {"cost": 0.0123}}})
    given = AI_SDK | {"ai.model.provider": "openrouter", "ai.response.providerMetadata": metadata}
    (record,) = records(spans(given))
    assert (record["provider"], record["cost_usd"]) == ("openrouter", "0.0123")


# Containers of counts


@pytest.mark.parametrize(
    "given",
    [
        {
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.input_token_details": '{"cache_read": 600, "audio": 0}',
        },
        {
            "braintrust.metrics": '{"prompt_tokens": 1000, "completion_tokens": 50, "tokens": 1050,'
            ' "prompt_cached_tokens": 600}'
        },
        {
            "langfuse.observation.usage_details": '{"input": 400, "output": 50,'
            ' "input_cached_tokens": 600, "total": 1050}'
        },
        {
            "mlflow.chat.tokenUsage": '{"input_tokens": 1000, "output_tokens": 50,'
            ' "total_tokens": 1050, "cache_read_input_tokens": 600}'
        },
    ],
    ids=["langsmith", "braintrust", "langfuse", "mlflow"],
)
def test_counts_inside_of_json_text_are_read(given: dict[str, object]) -> None:
    (record,) = records(spans(given | {"gen_ai.request.model": "gpt-5"}))
    assert counts(record) == USED


# Spans that are no calls


@pytest.mark.parametrize(
    "given",
    [
        {"gen_ai.operation.name": "invoke_agent"},
        {"gen_ai.operation.name": "invoke_workflow"},
        {"openinference.span.kind": "CHAIN", "gen_ai.operation.name": ""},
        {"langfuse.observation.type": "agent", "gen_ai.operation.name": ""},
        {"mlflow.spanType": '"AGENT"', "gen_ai.operation.name": ""},
    ],
    ids=str,
)
def test_spans_of_agents_repeat_the_calls_below_them(given: dict[str, object]) -> None:
    found = spans(SEMCONV | given)
    assert records(found) == []
    assert len(said(found)) == 1


def test_an_agent_run_without_an_operation_is_no_call() -> None:
    found = spans({key: SEMCONV[key] for key in SEMCONV if "operation" not in key})
    span = found["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert len(records(found)) == 1
    span["name"] = "agent run"
    assert records(found) == []


def test_a_span_with_the_counts_of_one_below_it_saw_the_same_call() -> None:
    found = spans(SEMCONV, SEMCONV, SEMCONV | {"gen_ai.usage.output_tokens": 51})
    above, below, other = found["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert len(records(found)) == 3
    below["parentSpanId"] = other["parentSpanId"] = above["spanId"]
    assert [one["output_tokens"] for one in records(found)] == [50, 51]
    below["parentSpanId"] = below["spanId"]
    assert len(records(found)) == 3


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_spans_of_one_answer_the_one_that_states_cached_tokens_counts(
    desk: Desk, first: int
) -> None:
    full = SEMCONV | {"gen_ai.response.id": "chatcmpl-0123456789abcdefghij"}
    poor = {name: full[name] for name in full if "cache" not in name}
    found = [spans(full), spans(poor)]
    log = desk.write("spans.jsonl", [found[first], found[1 - first]])
    assert desk.take(log).new == 1
    counts = "SELECT input_tokens, cache_read_tokens, output_tokens FROM usage_call"
    assert desk.ask(counts) == [(400, 600, 50)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
@pytest.mark.parametrize("is_whole", [True, False], ids=["at once", "in pieces"])
def test_it_counts_also_where_it_has_ended_first(
    desk: Desk, order: tuple[int, ...], is_whole: bool
) -> None:
    """A stream that goes on still counts as it ends, and so does its end."""
    full = SEMCONV | {"gen_ai.response.id": "chatcmpl-0123456789abcdefghij"}
    poor = {name: full[name] for name in full if "cache" not in name}
    begun = poor | {"gen_ai.usage.output_tokens": 7}
    found = [spans(full), spans(poor), spans(begun)]
    for one, seconds in zip(found, (2, 3, 1), strict=True):
        (span,) = one["resourceSpans"][0]["scopeSpans"][0]["spans"]
        span["endTimeUnixNano"] = str(int(NS) + seconds * 10**9)
    ordered = [found[place] for place in order]
    for number, piece in enumerate([ordered] if is_whole else [[one] for one in ordered]):
        desk.take(desk.write(f"spans-{number}.jsonl", piece))
    counts = "SELECT input_tokens, cache_read_tokens, output_tokens FROM usage_call"
    assert desk.ask(counts) == [(400, 600, 50)]
    ended = "SELECT epoch_ns(settled_at) FROM usage_call"
    assert desk.ask(ended) == [(int(NS) + 3 * 10**9,)]
    again = desk.write("again.jsonl", ordered)
    assert desk.take(again).duplicate == 1


def test_cached_tokens_that_only_the_span_above_states_are_the_calls_own() -> None:
    poor = {name: SEMCONV[name] for name in SEMCONV if "cache" not in name}
    found = spans(SEMCONV, poor, poor)
    above, between, below = found["resourceSpans"][0]["scopeSpans"][0]["spans"]
    between["parentSpanId"], below["parentSpanId"] = above["spanId"], between["spanId"]
    (record,) = records(found)
    assert counts(record) == USED
    assert record["id"].endswith(below["spanId"])
    above["parentSpanId"] = below["spanId"]  # in a circle
    assert [counts(one) for one in records(found)] in ([], [USED])


def test_calls_without_ids_are_known_by_all_that_they_say(desk: Desk) -> None:
    event = SEMCONV | {"event.name": "gen_ai.client.inference.operation.details"}
    other = event | {"gen_ai.usage.output_tokens": 51}
    log = desk.write("logs.jsonl", [logs("", event, event, other)])
    assert desk.take(log).new == 3
    assert desk.take(log).duplicate == 3


# Who billed


@pytest.mark.parametrize(
    ("given", "provider"),
    [
        ({"gen_ai.provider.name": "gcp.vertex_ai"}, "google"),
        ({"gen_ai.provider.name": "gcp.vertex.agent"}, "google"),
        ({"gen_ai.provider.name": "aws.bedrock"}, "aws"),
        ({"gen_ai.provider.name": "Langchain"}, None),
        ({"gen_ai.provider.name": "langchain", "llm.provider": "openai"}, "openai"),
        ({"server.address": "acme.openai.azure.com"}, "azure"),
        ({"server.address": "https://bedrock-runtime.us-east-1.amazonaws.com:443/x"}, "aws"),
        ({"server.address": "us-east5-aiplatform.googleapis.com"}, "google"),
        ({"server.address": "notopenrouter.ai"}, "openai"),
        ({"gen_ai.request.model": "eu.anthropic.claude-sonnet-4-20250514-v1:0"}, "aws"),
        ({"gen_ai.response.id": "msg_bdrk_01ABCDEFGHIJKLMNOP"}, "aws"),
        ({"gen_ai.provider.name": "newcomer"}, "newcomer"),
    ],
    ids=str,
)
def test_the_own_sign_of_a_record_says_who_billed(
    given: dict[str, object], provider: str | None
) -> None:
    (record,) = records(spans(SEMCONV | given))
    assert record["provider"] == provider


@pytest.mark.parametrize(
    ("given", "tier"),
    [
        ({"openai.response.service_tier": "flex"}, "flex"),
        ({"openai.response.service_tier": "default", "openai.request.service_tier": "flex"}, None),
        ({"gen_ai.request.batch": True}, "batch"),
        ({"anthropic.response.service_tier": "standard"}, None),
    ],
    ids=str,
)
def test_the_tier_that_answered_counts(given: dict[str, object], tier: str | None) -> None:
    (record,) = records(spans(SEMCONV | given))
    assert record["service_tier"] == tier


def test_branch_commit_and_repository_are_kept_without_credentials(desk: Desk) -> None:
    place = {"vcs.ref.head.name": "feature/login", "vcs.ref.head.revision": "c0ffee"}
    url = "https://ada:secret@git.example.com/acme/app.git"
    found = spans(SEMCONV | place | {"vcs.repository.url.full": url})
    desk.take(desk.write("spans.jsonl", [found]))
    ((branch, tags),) = desk.ask("SELECT branch, tags FROM usage_call")
    assert branch == tags["git.branch"] == "feature/login"
    assert tags["git.commit"] == "c0ffee"
    assert tags["git.repository"] == "https://git.example.com/acme/app.git"


# Logs of coding agents

CLAUDE = {
    "event.name": "api_request",
    "event.timestamp": "2026-11-16T10:00:00.000Z",
    "session.id": "s-1",
    "model": "claude-opus-5",
    "cost_usd": 0.0105,
    "input_tokens": 100,
    "output_tokens": 200,
    "cache_read_tokens": 10_000,
    "cache_creation_tokens": 30,
    "request_id": "req_01",
}


@pytest.mark.parametrize("body", ["claude_code.api_request", "api_request"])
def test_claude_code_counts_cached_tokens_next_to_the_input(body: str) -> None:
    (record,) = records(logs(body, CLAUDE, service="claude-code"))
    assert counts(record) == {
        "input_tokens": 100,
        "cache_read_tokens": 10_000,
        "cache_write_5m_tokens": 30,
        "output_tokens": 200,
    }
    assert (record["provider"], record["session_id"]) == ("anthropic", "s-1")
    assert (record["estimated_cost_usd"], record.get("cost_usd")) == ("0.0105", None)


def test_log_and_span_of_one_request_are_one_call(desk: Desk) -> None:
    span = spans({key: value for key, value in CLAUDE.items() if not key.startswith("event")})
    span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] = "claude_code.llm_request"
    log = logs("claude_code.api_request", CLAUDE, CLAUDE | {"request_id": "req_02"})
    desk.take(desk.write("both.jsonl", [span, log]))
    assert desk.totals()[:2] == (2, 200)


def test_claude_code_through_bedrock_is_billed_by_aws() -> None:
    model = {"model": "us.anthropic.claude-opus-5-v1:0", "speed": "fast"}
    (record,) = records(logs("claude_code.api_request", CLAUDE | model))
    assert (record["provider"], record["service_tier"]) == ("aws", "fast")


GEMINI = {
    "event.name": "gemini_cli.api_response",
    "event.timestamp": "2026-11-16T10:00:00.000Z",
    "session.id": "g-1",
    "prompt_id": "p-1",
    "model": "gemini-2.5-pro",
    "input_token_count": 12_000,
    "cached_content_token_count": 8_000,
    "output_token_count": 350,
    "thoughts_token_count": 420,
    "tool_token_count": 10,
    "total_token_count": 12_780,
}


def test_gemini_cli_counts_thoughts_and_tool_use_next_to_the_rest() -> None:
    details = {"event.name": "gen_ai.client.inference.operation.details"} | SEMCONV
    found = logs("", GEMINI, details, service="gemini-cli")
    (record,) = records(found)
    assert counts(record) == {
        "input_tokens": 4_010,
        "cache_read_tokens": 8_000,
        "output_tokens": 350,
        "reasoning_tokens": 420,
    }
    assert (record["provider"], record["client"]) == ("google", "gemini-cli")


def test_a_log_record_that_an_sdk_prints_is_read() -> None:
    printed = {"hrTime": [1794823200, 0], "_body": "API response", "attributes": GEMINI}
    assert is_otel(json.dumps(printed).encode())
    assert len(records(printed)) == 1


def test_an_event_of_the_conventions_is_the_call_of_its_span(desk: Desk) -> None:
    event = logs("", SEMCONV | {"event.name": "gen_ai.client.inference.operation.details"})
    record = event["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record |= {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": f"{0:016x}"}
    desk.take(desk.write("both.jsonl", [spans(SEMCONV), event]))
    assert desk.totals()[:4] == (1, 400, 50, 600)


CODEX = {
    "event.name": "codex.sse_event",
    "event.kind": "response.completed",
    "event.timestamp": "2026-11-16T10:00:00.000Z",
    "conversation.id": "c-1",
    "model": "gpt-5.5",
    "input_token_count": "100",
    "cached_token_count": "40",
    "output_token_count": "10",
    "reasoning_token_count": "5",
    "tool_token_count": "110",
}


def test_the_total_of_codex_is_not_counted_again() -> None:
    other = {"event.name": "codex.sse_event", "event.kind": "response.created"}
    (record,) = records(logs("", CODEX, other, service="codex_cli_rs"))
    assert counts(record) == {
        "input_tokens": 60,
        "cache_read_tokens": 40,
        "output_tokens": 5,
        "reasoning_tokens": 5,
    }
    assert (record["provider"], record["session_id"]) == ("openai", "c-1")


def test_other_log_records_are_no_calls() -> None:
    assert records(logs("hello", {"event.name": "user_prompt"}, {})) == []


# Costs


def test_a_cost_that_an_instrumentation_computed_is_an_estimate() -> None:
    (record,) = records(spans(SEMCONV | {"gen_ai.usage.cost": 0.5}))
    assert (record["cost_usd"], record["estimated_cost_usd"]) == (None, "0.5")


# What reaches the ledger

SPOKEN = {
    "gen_ai.request.model": "gpt-audio",
    "gen_ai.provider.name": "openai",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 1000,
    "gen_ai.usage.audio.input_tokens": 900,
    "gen_ai.usage.text.output_tokens": 0,
    "gen_ai.usage.audio.output_tokens": 1000,
}


def test_tokens_of_sound_are_kept_apart(desk: Desk) -> None:
    desk.take(desk.write("spans.jsonl", [spans(SPOKEN)]))
    assert desk.ask(
        "SELECT input_tokens, input_audio_tokens, output_tokens, output_audio_tokens "
        "FROM usage_call"
    ) == [(100, 900, 0, 1000)]


def test_a_call_with_an_unknown_cache_count_has_no_cost(desk: Desk) -> None:
    model = {
        "gen_ai.request.model": "claude-haiku-4-5-20251001",
        "gen_ai.provider.name": "anthropic",
    }
    known = SEMCONV | model
    desk.take(desk.write("spans.jsonl", [spans(known, known | {"acme.usage.cache_hits": 77})]))
    assert desk.ask(
        "SELECT cost_nano_usd IS NULL, count(*) FROM usage_call GROUP BY 1 ORDER BY 1"
    ) == [
        (False, 1),
        (True, 1),
    ]
