"""Observations of Langfuse, in the forms of its table, its API and its blob storage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from corvus.usage.importers.exports.langfuse import is_langfuse, is_langfuse_table, observations
from corvus.usage.importers.importer import Notice

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

ROW: dict[str, Any] = {
    "id": "obs-1",
    "traceId": "t-1",
    "type": "GENERATION",
    "startTime": "2026-11-16T10:00:00.000Z",
    "endTime": "2026-11-16T10:00:03.000Z",
    "model": "claude-sonnet-4-5-20250929",
    "sessionId": "s-1",
    "userId": "ada",
    "level": "DEFAULT",
    "usageDetails": {"input": 2000, "cache_read_input_tokens": 10_000, "output": 200},
    "costDetails": {"total": 0.5},
}


def read(**rest: Any) -> dict[str, Any]:
    (record,) = [one for one in observations(ROW | rest) if not isinstance(one, Notice)]
    return dict(record)


def counts(**usage: int) -> dict[str, int]:
    record = read(usageDetails=usage)
    return {name: value for name, value in record.items() if name.endswith("_tokens") and value}


def test_a_page_of_the_api_is_read(desk: Desk) -> None:
    span = {"id": "obs-2", "traceId": "t-1", "type": "SPAN", "startTime": ROW["startTime"]}
    path = desk.folder / "page.json"
    path.write_text(json.dumps({"data": [ROW, span], "meta": {"page": 1}}, indent=1))
    summary = desk.take(path)
    assert (summary.files, summary.new) == ({"langfuse": 1}, 1)
    assert desk.ask(
        "SELECT session_id, user_name, provider, input_tokens, cache_read_tokens, output_tokens, "
        "cost_nano_usd FROM usage_call"
    ) == [("s-1", "ada", "anthropic", 2000, 10_000, 200, 6_000_000 + 3_000_000 + 3_000_000)]


def test_blob_storage_has_underscores(desk: Desk) -> None:
    row = {
        "id": "obs-1",
        "trace_id": "t-1",
        "type": "GENERATION",
        "start_time": "2026-11-16 10:00:00.000000",
        "provided_model_name": "claude-sonnet-4-5-20250929",
        "usage_details": {"input": 2000, "cache_read_input_tokens": 10_000, "output": 200},
        "total_cost": "0.5",
    }
    desk.take(desk.write("a.jsonl", [row]))
    # the same observation, whatever the form of the export
    assert desk.take(desk.write("b.jsonl", [ROW | {"startTime": row["start_time"]}])).new == 0
    assert desk.totals()[:4] == (1, 2000, 200, 10_000)


def test_nested_values_of_a_csv_are_text(desk: Desk) -> None:
    path = desk.folder / "observations.csv"
    usage = json.dumps(ROW["usageDetails"]).replace('"', '""')
    path.write_text(
        "id,traceId,type,startTime,model,usageDetails,totalCost\n"
        f'obs-1,t-1,GENERATION,2026-11-16T10:00:00Z,claude-sonnet-4-5-20250929,"{usage}",0.5\n'
    )
    assert desk.take(path).files == {"langfuse": 1}
    assert desk.totals()[:4] == (1, 2000, 200, 10_000)


def test_types_of_usage_are_disjoint_unless_the_total_denies_it() -> None:
    apart = {"input_tokens": 2000, "cache_read_tokens": 1000, "output_tokens": 200}
    assert counts(input=2000, input_cached_tokens=1000, output=200) == apart
    assert counts(input=2000, input_cached_tokens=1000, output=200, total=3200) == apart
    inside = {"input_tokens": 1000, "cache_read_tokens": 1000, "output_tokens": 200}
    assert counts(input=2000, input_cached_tokens=1000, output=200, total=2200) == inside
    assert counts(input=10, input_audio_tokens=5, output=3, output_reasoning_tokens=2) == {
        "input_tokens": 10,
        "input_audio_tokens": 5,
        "output_tokens": 3,
        "reasoning_tokens": 2,
    }


def test_a_type_in_no_table_makes_the_cost_unknown() -> None:
    found = list(observations(ROW | {"usageDetails": {"input": 5, "thinking_credits": 3}}))
    assert [one.text for one in found if isinstance(one, Notice)] == [
        "usage type thinking_credits is in no table of names, so it is not known what it counts: "
        "the cost of these calls is unknown"
    ]
    assert [one["unknown_cost"] for one in found if not isinstance(one, Notice)] == [True]


def test_columns_of_older_tables_are_counts() -> None:
    row = {name: value for name, value in ROW.items() if "Details" not in name}
    row |= {"inputUsage": "7", "outputUsage": "3", "totalUsage": "10", "inputCost": "1"}
    assert is_langfuse_table(row.keys())
    (record,) = [one for one in observations(row) if not isinstance(one, Notice)]
    assert (record["input_tokens"], record["output_tokens"]) == (7, 3)


def test_a_cost_is_an_estimate_and_zero_is_none() -> None:
    assert read()["estimated_cost_usd"] == "0.5"
    assert read(costDetails={"total": 0})["estimated_cost_usd"] is None


@pytest.mark.parametrize("kind", ["SPAN", "AGENT", "TOOL", "EVENT"])
def test_other_observations_are_no_calls(kind: str) -> None:
    assert list(observations(ROW | {"type": kind})) == []


def test_telemetry_and_other_logs_are_not_taken_for_observations() -> None:
    assert is_langfuse(json.dumps(ROW).encode())
    span = {"traceId": "t", "attributes": {"langfuse.observation.usage_details": "{}"}}
    assert not is_langfuse(json.dumps(span).encode())
    assert not is_langfuse(json.dumps({"text": json.dumps(ROW)}).encode())
