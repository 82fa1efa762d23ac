"""Exports of LiteLLM, OpenAI and OpenTelemetry, and Parquet: shapes, counts, refusals."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from corvus.base.errors import ImportRefused
from corvus.ledger.ledger import open_ledger
from corvus.model.price import Price, Tier
from corvus.model.usage import TokenKind
from corvus.reporting.catalog import load_catalog
from corvus.reporting.run import run_report
from tests.usage.importers.conftest import SONNET, Books, price

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

GPT = {
    TokenKind.INPUT: 1_000_000_000,
    TokenKind.OUTPUT: 10_000_000_000,
    TokenKind.CACHE_READ: 100_000_000,
    TokenKind.CACHE_WRITE_5M: 1_000_000_000,
    TokenKind.REASONING: 10_000_000_000,
}
LONG = {kind: 2 * rate for kind, rate in GPT.items()}
COUNTS = (
    "SELECT sum(calls)::BIGINT, sum(input_tokens)::BIGINT, sum(cache_read_tokens)::BIGINT, "
    "sum(cache_write_5m_tokens)::BIGINT, sum(cache_write_1h_tokens)::BIGINT, "
    "sum(output_tokens)::BIGINT, sum(reasoning_tokens)::BIGINT FROM usage_record"
)


@pytest.fixture
def books() -> Books:
    entry = "bundled:openai/gpt-5@always"
    tiers = (Tier(272_000, LONG),)
    return Books(
        Price("openai", "gpt-5", "bundled", entry, GPT, tiers, None),
        price("claude-sonnet-4-5", SONNET),
    )


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        nested = {
            name: json.dumps(value) if isinstance(value, dict | list) else value
            for name, value in row.items()
        }
        writer.writerow(nested)
    return text.getvalue().encode()


def written(desk: Desk, name: str, content: bytes) -> Path:
    path = desk.folder / name
    path.write_bytes(content)
    return path


def in_shape(desk: Desk, shape: str, rows: list[dict[str, Any]]) -> Path:
    """Write rows as a user's export may have them."""
    match shape:
        case "lines":
            return desk.write("export.jsonl", rows)
        case "array":
            return written(desk, "export.json", json.dumps(rows).encode())
        case "pretty":
            return written(desk, "export.json", json.dumps(rows, indent=2).encode())
        case "bom":
            return written(desk, "export.json", b"\xef\xbb\xbf" + json.dumps(rows).encode())
        case "packed":
            return written(desk, "export.json.gz", gzip.compress(json.dumps(rows).encode()))
        case _:
            return written(desk, "export.csv", as_csv(rows))


# LiteLLM


def spend_log(number: int, **rest: Any) -> dict[str, Any]:
    return {
        "request_id": f"chatcmpl-{number:030}",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05",
        "spend": 0.0,
        "total_tokens": 1100,
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "startTime": "2026-10-01T10:00:00.123Z",
        "endTime": "2026-10-01T10:00:03Z",
        "model": "gpt-5",
        "model_group": "smart",
        "custom_llm_provider": "openai",
        "user": "ada",
        "team_id": "team-7",
        "metadata": {"user_api_key_alias": "ci", "user_api_key_team_alias": "search"},
        "cache_hit": "False",
        "request_tags": ["nightly", "eval"],
        "session_id": "session-1",
        "status": "success",
    } | rest


def test_tags_that_are_nested_without_end_cost_no_call(desk: Desk) -> None:
    deep = "[" * 100_000
    summary = desk.take(in_shape(desk, "lines", [spend_log(1, request_tags=deep), spend_log(2)]))
    assert (summary.new, summary.bad_lines) == (2, 0)


@pytest.mark.parametrize("shape", ["lines", "array", "pretty", "bom", "packed", "csv"])
def test_spend_logs_are_recognised_in_every_shape(desk: Desk, shape: str) -> None:
    rows = [spend_log(1), spend_log(2, spend=0.5)]
    summary = desk.take(in_shape(desk, shape, rows))
    assert (summary.files, summary.new, summary.bad_lines) == ({"litellm": 1}, 2, 0)
    who = ("openai", "search", "ada", "session-1")
    assert desk.ask(
        "SELECT requested_model, provider, project, user_name, session_id, cost_nano_usd, source, "
        "tags['api_key'], tags['request_tags'], tags['model_group'] FROM usage_call ORDER BY 6"
    ) == [
        ("gpt-5", *who, 2_000_000, "imported", "ci", "nightly,eval", "smart"),
        ("gpt-5", *who, 500_000_000, "provider", "ci", "nightly,eval", "smart"),
    ]
    assert desk.take(in_shape(desk, shape, rows)).new == 0


def test_cached_and_reasoning_tokens_of_spend_logs_count_once(desk: Desk) -> None:
    """BerriAI/litellm#9812, #11364, #14849, #18599, and 1-hour writes priced as 5-minute ones."""
    usage = {
        "prompt_tokens_details": {
            "cached_tokens": 600,
            "cache_creation_tokens": 300,
            "cache_creation_token_details": {
                "ephemeral_5m_input_tokens": 100,
                "ephemeral_1h_input_tokens": 200,
            },
        },
        "completion_tokens_details": {"reasoning_tokens": 40},
    }
    row = spend_log(1, model="anthropic/claude-sonnet-4-5", custom_llm_provider="anthropic")
    desk.take(desk.write("export.jsonl", [row | {"metadata": {"usage_object": usage}}]))
    assert desk.ask(COUNTS) == [(1, 100, 600, 100, 200, 60, 40)]


def test_older_spend_logs_state_cached_tokens_beside_the_usage(desk: Desk) -> None:
    values = {"cache_creation_input_tokens": 300, "cache_read_input_tokens": 600}
    row = spend_log(1, metadata={"additional_usage_values": values})
    desk.take(desk.write("export.jsonl", [row]))
    assert desk.ask(COUNTS) == [(1, 100, 600, 300, 0, 100, 0)]


def test_an_unknown_model_with_a_spend_of_zero_is_unpriced_not_free(desk: Desk) -> None:
    """BerriAI/litellm#12337: a provider whose calls always cost 0."""
    rows = [spend_log(1, model="house-model"), spend_log(2, model="house-model", cache_hit="True")]
    summary = desk.take(desk.write("export.jsonl", rows))
    assert summary.unpriced_models == (("openai", "house-model", 1),)
    assert desk.ask("SELECT cost_nano_usd FROM usage_call ORDER BY ALL NULLS LAST") == [
        (0,),
        (None,),
    ]


def test_failed_requests_that_used_nothing_are_passed_over(desk: Desk) -> None:
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    rows = [spend_log(1, status="failure", **nothing), spend_log(2, status="failure"), spend_log(3)]
    summary = desk.take(desk.write("export.jsonl", rows))
    assert (summary.read_lines, summary.new) == (3, 2)
    assert desk.ask("SELECT outcome FROM usage_call ORDER BY ALL") == [("completed",), ("failed",)]


def test_a_spend_that_is_no_amount_is_not_believed(desk: Desk) -> None:
    rows = [spend_log(1, spend="a lot"), spend_log(2, prompt_tokens=-3), spend_log(3)]
    summary = desk.take(desk.write("export.jsonl", rows))
    assert sorted((bad.line, bad.reason) for bad in summary.bad) == [
        (2, "prompt_tokens is no whole number of at most 10 digits, >= 0: -3"),
    ]
    assert summary.new == 2
    assert [note.lines for note in summary.notes if "not believed" in note.text] == [1]


# OpenAI


def bucket(*results: dict[str, Any], start: int = 1_790_812_800) -> dict[str, Any]:
    return {
        "object": "bucket",
        "start_time": start,
        "end_time": start + 86_400,
        "results": list(results),
    }


def result(**rest: Any) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": 1000,
        "output_tokens": 500,
        "input_cached_tokens": 800,
        "num_model_requests": 5,
        "project_id": "proj_1",
        "user_id": None,
        "api_key_id": "key_1",
        "model": "gpt-5",
        "batch": False,
        "service_tier": "default",
    } | rest


def page(*buckets: dict[str, Any]) -> dict[str, Any]:
    return {"object": "page", "data": list(buckets), "has_more": False, "next_page": None}


def shaped(desk: Desk, shape: str) -> Path:
    """Write one bucket of two results."""
    first, second = result(), result(model="claude-x", num_model_requests=2)
    match shape:
        case "page":
            return desk.write("usage.json", [page(bucket(first, second))])
        case "pretty page":
            text = json.dumps(page(bucket(first, second)), indent=4)
            return written(desk, "usage.json", text.encode())
        case "buckets":
            return desk.write("usage.jsonl", [bucket(first), bucket(second)])
        case "array":
            return written(desk, "usage.json", json.dumps([bucket(first, second)]).encode())
        case _:
            times = {"start_time": 1_790_812_800, "end_time": 1_790_899_200}
            return written(desk, "usage.csv", as_csv([times | first, times | second]))


@pytest.mark.parametrize("shape", ["page", "pretty page", "buckets", "array", "csv"])
def test_sums_of_calls_are_recognised_in_every_shape(desk: Desk, shape: str) -> None:
    summary = desk.take(shaped(desk, shape))
    assert (summary.files, summary.new, summary.bad_lines) == ({"openai": 1}, 2, 0)
    assert desk.ask(COUNTS) == [(7, 400, 1600, 0, 0, 1000, 0)]
    assert desk.ask(
        "SELECT requested_model, calls, cost_nano_usd, admitted_at::VARCHAR, project, "
        "tags['api_key'] FROM usage_call ORDER BY 1"
    ) == [
        ("claude-x", 2, None, "2026-10-01 00:00:00", "proj_1", "key_1"),
        (
            "gpt-5",
            5,
            200 * 1000 + 800 * 100 + 500 * 10_000,
            "2026-10-01 00:00:00",
            "proj_1",
            "key_1",
        ),
    ]


def test_all_shapes_of_one_export_are_the_same_calls(desk: Desk) -> None:
    for shape in ("page", "pretty page", "buckets", "array", "csv"):
        desk.take(shaped(desk, shape))
    assert desk.ask("SELECT sum(calls)::BIGINT, count(*) FROM usage_record") == [(7, 2)]


def test_reports_count_the_calls_of_a_sum(desk: Desk) -> None:
    desk.take(shaped(desk, "page"))
    assert {name: reported(desk, name) for name in ("by-model", "by-session", "unpriced")} == {
        "by-model": [5, 2],
        "by-session": [7],
        "unpriced": [2],
    }
    assert reported(desk, "cost-per-call") == []


def reported(desk: Desk, name: str) -> list[Any]:
    """Return the calls of each row of a report; of ``unpriced`` those without a price."""
    with open_ledger(desk.path) as ledger:
        table = run_report(ledger.connection, load_catalog().find(name), {})
    names = [column.name for column in table.columns]
    counted = names.index("calls" if "calls" in names else "unpriced_calls")
    return [row[counted] for row in table.rows]


def test_a_bucket_that_is_not_over_grows_and_is_no_second_one(desk: Desk) -> None:
    desk.take(desk.write("monday.json", [page(bucket(result()))]))
    more = result(input_tokens=3000, output_tokens=900, num_model_requests=9)
    summary = desk.take(desk.write("tuesday.json", [page(bucket(more))]))
    assert (summary.new, summary.updated) == (0, 1)
    assert desk.ask(COUNTS) == [(9, 2200, 800, 0, 0, 900, 0)]
    assert desk.ask("SELECT calls FROM usage_record ORDER BY ALL") == [(-5,), (5,), (9,)]
    desk.take(desk.folder / "monday.json")
    assert desk.ask(COUNTS) == [(9, 2200, 800, 0, 0, 900, 0)]


def test_the_tier_of_a_sum_is_that_of_its_average_context(desk: Desk) -> None:
    """Ten calls of 100,000 tokens are no call of a million: none of them is in the long tier."""
    many = {"input_tokens": 1_000_000, "input_cached_tokens": 0, "output_tokens": 0}
    sums = bucket(
        result(num_model_requests=10, **many), result(num_model_requests=2, batch=None, **many)
    )
    sums["results"][1]["api_key_id"] = "key_2"
    desk.take(desk.write("usage.json", [page(sums)]))
    assert desk.ask("SELECT calls, cost_nano_usd FROM usage_call ORDER BY ALL") == [
        (2, 2_000_000_000),
        (10, 1_000_000_000),
    ]


def test_the_older_export_is_read(desk: Desk) -> None:
    row = {
        "organization_id": "org-1",
        "aggregation_timestamp": 1_790_812_800,
        "n_requests": 3,
        "operation": "completion",
        "snapshot_id": "gpt-5",
        "n_context_tokens_total": 900,
        "n_cached_context_tokens_total": 100,
        "n_generated_tokens_total": 50,
        "email": "ada@example.com",
    }
    summary = desk.take(written(desk, "old.json", json.dumps({"data": [row]}, indent=1).encode()))
    assert summary.files == {"openai": 1}
    assert desk.ask(COUNTS) == [(3, 800, 100, 0, 0, 50, 0)]
    assert desk.ask("SELECT user_name FROM usage_call") == [("ada@example.com",)]


def test_tiers_of_a_sum_are_told_apart(desk: Desk) -> None:
    results = [
        result(),
        result(batch=True),
        result(service_tier="flex"),
    ]
    desk.take(desk.write("usage.json", [page(bucket(*results))]))
    assert desk.ask(
        "SELECT service_tier, cost_nano_usd IS NULL FROM usage_call ORDER BY 1 NULLS FIRST"
    ) == [(None, False), ("batch", True), ("flex", True)]


def test_results_that_cannot_be_priced_are_told_not_dropped(desk: Desk) -> None:
    images = {"object": "organization.usage.images.result", "images": 2, "num_model_requests": 2}
    pages = [
        page(bucket(result(model=None))),
        page(bucket(images)),
        page(bucket()),
        page(bucket(result())),
    ]
    summary = desk.take(desk.write("usage.jsonl", pages))
    assert [(bad.line, bad.reason) for bad in summary.bad] == [
        (1, "the result names no model; export it with group_by=model"),
        (2, "organization.usage.images.result is not counted in tokens; it is not imported"),
    ]
    assert (summary.new, summary.read_lines) == (1, 4)


# OpenTelemetry


def otlp_value(value: object) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"stringValue": value}


def span(number: int, attributes: Mapping[str, object], **rest: Any) -> dict[str, Any]:
    told: list[dict[str, Any]] = [
        {"key": key, "value": otlp_value(value)} for key, value in attributes.items()
    ]
    usual: dict[str, Any] = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"{number:016x}",
        "name": "chat gpt-5",
        "startTimeUnixNano": "1790812800123456789",
        "endTimeUnixNano": "1790812803000000000",
        "attributes": told,
        "status": {},
    }
    return usual | rest


def otlp(*found: dict[str, Any]) -> dict[str, Any]:
    service = {"key": "service.name", "value": {"stringValue": "search"}}
    resource: dict[str, Any] = {
        "resource": {"attributes": [service]},
        "scopeSpans": [{"spans": list(found)}],
    }
    return {"resourceSpans": [resource]}


NEW: dict[str, object] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.response.model": "gpt-5",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.cache_read.input_tokens": 600,
    "gen_ai.usage.cache_creation.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.reasoning.output_tokens": 20,
    "gen_ai.conversation.id": "conversation-1",
    "gen_ai.agent.name": "planner",
}
OLD: dict[str, object] = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.cache_read_input_tokens": 600,
    "gen_ai.usage.cache_creation_input_tokens": 100,
    "gen_ai.usage.completion_tokens": 50,
    "llm.usage.reasoning_tokens": 20,
}
OPENINFERENCE: dict[str, object] = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-5",
    "llm.token_count.prompt": 1000,
    "llm.token_count.prompt_details.cache_read": 600,
    "llm.token_count.prompt_details.cache_write": 100,
    "llm.token_count.completion": 50,
    "llm.token_count.completion_details.reasoning": 20,
}
USED = (1, 300, 600, 100, 0, 30, 20)


@pytest.mark.parametrize("names", [NEW, OLD, OPENINFERENCE], ids=["new", "old", "openinference"])
def test_spans_are_read_under_all_their_names(desk: Desk, names: dict[str, object]) -> None:
    summary = desk.take(desk.write("spans.jsonl", [otlp(span(1, names))]))
    assert (summary.files, summary.bad_lines) == ({"otel": 1}, 0)
    assert desk.ask(COUNTS) == [USED]
    times = ("2026-10-01 00:00:00.123456", "2026-10-01 00:00:03")
    assert desk.ask(
        "SELECT provider, requested_model, project, admitted_at::VARCHAR, settled_at::VARCHAR, "
        "cost_nano_usd FROM usage_call"
    ) == [("openai", "gpt-5", "search", *times, 300 * 1000 + 600 * 100 + 100 * 1000 + 50 * 10_000)]


def test_the_console_exporter_prints_spans_over_many_lines(desk: Desk) -> None:
    printed = [
        {
            "name": "chat gpt-5",
            "context": {"trace_id": "0x5b8e", "span_id": f"0x{number}", "trace_state": "[]"},
            "kind": "SpanKind.CLIENT",
            "start_time": "2026-10-01T00:00:00.123456Z",
            "end_time": "2026-10-01T00:00:03.000000Z",
            "status": {"status_code": "ERROR" if number else "UNSET"},
            "attributes": NEW,
            "resource": {"attributes": {"service.name": "search"}},
        }
        for number in range(2)
    ]
    text = "\n".join(json.dumps(one, indent=4) for one in printed)
    desk.take(written(desk, "console.json", text.encode()))
    assert desk.ask(
        "SELECT project, session_id, agent, outcome, input_tokens FROM usage_call ORDER BY outcome"
    ) == [
        ("search", "conversation-1", "planner", "completed", 300),
        ("search", "conversation-1", "planner", "failed", 300),
    ]


def test_spans_that_repeat_the_calls_below_them_do_not_count(desk: Desk) -> None:
    agent = NEW | {"gen_ai.operation.name": "invoke_agent"}
    workflow = OLD | {"traceloop.span.kind": "workflow"}
    tool = {"gen_ai.operation.name": "execute_tool"}
    found = otlp(span(1, NEW), span(2, agent), span(3, workflow), span(4, tool), span(5, {}))
    summary = desk.take(desk.write("spans.jsonl", [found, {"resourceMetrics": []}]))
    assert (summary.new, summary.bad_lines) == (1, 0)
    assert desk.ask(COUNTS) == [USED]


def test_a_call_that_two_instrumentations_saw_counts_once(desk: Desk) -> None:
    response = {"gen_ai.response.id": "chatcmpl-C1234567890abcdefghij"}
    short = {"gen_ai.response.id": "chatcmpl-957"}
    found = [span(number, NEW | (response if number < 3 else short)) for number in range(1, 5)]
    desk.take(desk.write("spans.jsonl", [otlp(*found)]))
    assert desk.ask(COUNTS)[0][0] == 3


def test_cached_tokens_beside_the_input_are_not_taken_out_of_it(desk: Desk) -> None:
    beside = NEW | {"gen_ai.usage.input_tokens": 10}
    desk.take(desk.write("spans.jsonl", [otlp(span(1, beside))]))
    assert desk.ask(COUNTS) == [(1, 10, 600, 100, 0, 30, 20)]


def test_a_span_that_makes_no_sense_is_told_with_its_line(desk: Desk) -> None:
    odd = NEW | {"gen_ai.usage.input_tokens": "many"}
    summary = desk.take(desk.write("spans.jsonl", [otlp(span(1, NEW)), otlp(span(2, odd))]))
    assert [(bad.line, bad.reason) for bad in summary.bad] == [
        (2, "gen_ai.usage.input_tokens is no whole number of at most 10 digits, >= 0: 'many'")
    ]


# Parquet


ROWS = """
COPY (
    SELECT TIMESTAMP '2026-10-01 10:00:00' + to_seconds(i) AS at, 'gpt-5' AS model,
        1000 + i AS prompt, 50 AS completion, {'team': 'search'} AS labels
    FROM range($rows) AS t (i)
) TO $path (FORMAT parquet)
"""


def parquet(desk: Desk, rows: int = 3) -> Path:
    path = desk.folder / "usage.parquet"
    with duckdb.connect() as connection:
        connection.execute(ROWS, {"rows": rows, "path": str(path)})
    return path


MAP = {
    "timestamp": "at",
    "input_tokens": "prompt",
    "output_tokens": "completion",
    "project": "labels.team",
}


def test_parquet_is_read_by_a_map(desk: Desk) -> None:
    summary = desk.take(parquet(desk), columns=MAP, provider="openai")
    assert (summary.new, summary.bad_lines, summary.read_lines) == (3, 0, 3)
    assert desk.ask(
        "SELECT input_tokens, project, admitted_at::VARCHAR FROM usage_call ORDER BY 1"
    )[0] == (1000, "search", "2026-10-01 10:00:00")
    assert desk.take(parquet(desk), columns=MAP, provider="openai").new == 0


def test_parquet_without_the_columns_is_refused_with_those_it_has(desk: Desk) -> None:
    with pytest.raises(ImportRefused, match=r"no column 'timestamp'.*at, model, prompt"):
        desk.take(parquet(desk))


@pytest.mark.parametrize("cut", [0.5, 0.99])
def test_a_cut_parquet_file_is_told_and_costs_only_itself(desk: Desk, cut: float) -> None:
    whole = parquet(desk, 1000)
    raw = whole.read_bytes()
    broken = written(desk, "cut.parquet", raw[: int(len(raw) * cut)])
    summary = desk.take(whole, broken, columns=MAP, provider="openai")
    assert summary.new == 1000
    ((path, line, reason),) = [(bad.file, bad.line, bad.reason) for bad in summary.bad]
    assert (path, line) == (broken, None)
    assert "no Parquet file that can be read; was it cut?" in reason
    with pytest.raises(ImportRefused, match=r"cut\.parquet: no Parquet file that can be read"):
        desk.take(broken, columns=MAP)


# Bad input of all of them


@pytest.mark.parametrize(
    ("form", "row"),
    [
        ("litellm", spend_log(1)),
        ("openai", page(bucket(result()))),
        ("otel", otlp(span(1, NEW))),
    ],
)
def test_garbage_among_lines_costs_only_itself(desk: Desk, form: str, row: dict[str, Any]) -> None:
    lines: list[Any] = [row, "{not json", b"\xff\xfe{}", "[1, 2]", row, '{"cut": ']
    summary = desk.take(desk.write("export.jsonl", lines, end=""))
    assert summary.files == {form: 1}
    assert (summary.new, [bad.line for bad in summary.bad]) == (1, [2, 3, 4, 6])


def test_a_document_that_is_cut_is_refused_as_a_whole(desk: Desk) -> None:
    text = json.dumps(page(bucket(result())), indent=2)
    with pytest.raises(ImportRefused, match=r"usage\.json: no JSON"):
        desk.take(written(desk, "usage.json", text[:-40].encode()))


def test_a_file_packed_with_zstd_is_told_not_passed_over(desk: Desk) -> None:
    desk.write("logs/good.jsonl", [spend_log(1)])
    packed = desk.folder / "logs" / "rollout.jsonl.zst"
    packed.write_bytes(b"\x28\xb5\x2f\xfd rest")
    summary = desk.take(desk.folder / "logs")
    assert [(bad.file, bad.reason) for bad in summary.bad] == [
        (packed, "packed with zstd; unpack it first: zstd -d FILE")
    ]
    assert summary.new == 1
