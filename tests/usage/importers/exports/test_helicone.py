"""Requests of Helicone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from corvus.usage.importers.exports.helicone import is_helicone, requests
from corvus.usage.importers.importer import Notice

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

ROW: dict[str, Any] = {
    "request_id": "r-1",
    "response_id": "x-1",
    "request_created_at": "2026-11-16T10:00:00.000Z",
    "response_created_at": "2026-11-16T10:00:03.000Z",
    "response_status": 200,
    "request_model": "claude-sonnet-4-5",
    "response_model": "claude-sonnet-4-5-20250929",
    "model_override": None,
    "provider": "ANTHROPIC",
    "prompt_tokens": 2000,
    "completion_tokens": 200,
    "prompt_cache_read_tokens": 10_000,
    "prompt_cache_write_tokens": 0,
    "total_tokens": 12_200,
    "cost": 12345,
    "costUSD": 0.012,
    "request_user_id": "ada",
    "request_properties": {"Helicone-Session-Id": "s-1", "team": "search"},
}


def read(**rest: Any) -> dict[str, Any]:
    (record,) = [one for one in requests(ROW | rest) if not isinstance(one, Notice)]
    return dict(record)


def test_json_lines_are_read(desk: Desk) -> None:
    summary = desk.take(desk.write("output.jsonl", [ROW]))
    assert (summary.files, summary.new) == ({"helicone": 1}, 1)
    assert desk.ask(
        "SELECT session_id, user_name, provider, input_tokens, cache_read_tokens, output_tokens, "
        "cost_nano_usd FROM usage_call"
    ) == [("s-1", "ada", "anthropic", 2000, 10_000, 200, 12_000_000)]


def test_the_answer_of_the_api_is_the_same(desk: Desk) -> None:
    desk.take(desk.write("output.jsonl", [ROW]))
    path = desk.folder / "answer.json"
    path.write_text(json.dumps({"data": [ROW], "error": None}, indent=1))
    assert desk.take(path).duplicate == 1


def test_a_total_of_prompt_and_completion_includes_what_was_cached() -> None:
    inside = read(prompt_tokens=12_000, total_tokens=12_200)
    assert (inside["input_tokens"], inside["cache_read_tokens"]) == (2000, 10_000)
    apart = read(total_tokens=None)
    assert (apart["input_tokens"], apart["cache_read_tokens"]) == (2000, 10_000)


def test_a_csv_without_cached_tokens_has_no_known_cost(desk: Desk) -> None:
    path = desk.folder / "output.csv"
    path.write_text(
        "response_id,response_created_at,response_status,request_created_at,request_body,"
        "request_properties,request_user_id,model,prompt_tokens,completion_tokens,latency,cost\n"
        '"x-1","2026-11-16T10:00:03Z","200","2026-11-16T10:00:00Z","","","ada","gpt-5","10","2",,\n'
    )
    assert desk.take(path).files == {"helicone": 1}
    row = {name: value for name, value in ROW.items() if "cache" not in name}
    found = list(requests(row))
    assert isinstance(found[0], Notice)
    assert "--format jsonl" in found[0].text
    assert [one["unknown_cost"] for one in found if not isinstance(one, Notice)] == [True]


def test_its_own_reckoning_is_an_estimate() -> None:
    assert read()["estimated_cost_usd"] == "0.012"
    assert read(costUSD=0)["estimated_cost_usd"] is None
    assert "cost_usd" not in read()


def test_an_answer_out_of_its_cache_used_nothing() -> None:
    cached = ROW | {"cache_reference_id": "5b8efff7-9803-4103-a269-b633813fc60c"}
    assert list(requests(cached)) == []
    assert read(cache_reference_id="00000000-0000-0000-0000-000000000000")


def test_properties_are_tags_but_for_its_own() -> None:
    assert read()["tags"] == {"team": "search"}
    assert read(provider="CUSTOM")["provider"] is None
    assert read(response_status=500)["outcome"] == "failed"


def test_a_quotation_is_not_taken_for_a_request() -> None:
    assert is_helicone(json.dumps(ROW).encode())
    assert not is_helicone(json.dumps({"text": json.dumps(ROW)}).encode())
