"""Usage reports of Anthropic: sums in all their shapes, and which price they are for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from corvus.model.price import Tier
from tests.usage.importers.conftest import SONNET, Books, price

if TYPE_CHECKING:
    from pathlib import Path

    from tests.usage.importers.conftest import Desk

MODEL = "claude-sonnet-4-5"
DEAR = {kind: 2 * rate for kind, rate in SONNET.items()}
ROWS = (
    "SELECT calls, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, "
    "output_tokens, web_search_requests, cost_nano_usd FROM usage_call ORDER BY ALL"
)


@pytest.fixture
def books() -> Books:
    return Books(price(MODEL, SONNET, tiers=(Tier(200_000, DEAR),)))


def row(**rest: Any) -> dict[str, Any]:
    return {
        "uncached_input_tokens": 1000,
        "cache_read_input_tokens": 200,
        "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 500,
        "server_tool_use": {"web_search_requests": 2},
        "model": MODEL,
        "service_tier": "standard",
        "context_window": "0-200k",
        "inference_geo": "global",
    } | rest


def bucket(*rows: dict[str, Any], day: int = 2) -> dict[str, Any]:
    at, until = (f"2026-11-{number:02}T00:00:00Z" for number in (day, day + 1))
    return {"starting_at": at, "ending_at": until, "results": list(rows)}


def written(desk: Desk, *buckets: dict[str, Any], name: str = "usage.json") -> Path:
    path = desk.folder / name
    page = {"data": list(buckets), "has_more": True, "next_page": "page_2"}
    path.write_text(json.dumps(page, indent=1))
    return path


COST = 1000 * 3000 + 200 * 300 + 30 * 3750 + 4 * 6000 + 500 * 15_000 + 2 * 10_000_000
CALL = (1, 1000, 200, 30, 4, 500, 2, COST)


def test_a_page_is_read_by_kind(desk: Desk) -> None:
    summary = desk.take(written(desk, bucket(row()), bucket(row(), day=3)))
    assert (summary.files, summary.new, summary.bad_lines) == ({"anthropic": 1}, 2, 0)
    assert desk.ask(ROWS) == [CALL, CALL]
    assert desk.ask("SELECT DISTINCT provider FROM usage_call") == [("anthropic",)]


def test_a_bucket_that_grew_counts_once(desk: Desk) -> None:
    desk.take(written(desk, bucket(row(output_tokens=100))))
    desk.take(written(desk, bucket(row()), name="later.json"))
    assert desk.ask(ROWS) == [CALL]


def test_rows_of_analytics_count_their_calls(desk: Desk) -> None:
    counts = {name: count for name, count in row().items() if name.endswith(("tokens", "use"))}
    usage = {**counts, "cache_creation": row()["cache_creation"], "requests": 7}
    flat = {
        "starting_at": "2026-11-02T00:00:00Z",
        "ending_at": "2026-11-03T00:00:00Z",
        "group": {
            "model": MODEL,
            "service_tier": "standard",
            "speed": None,
            "product": "claude_code",
        },
        "usage": usage,
    }
    desk.take(written(desk, flat))
    assert desk.ask(ROWS) == [(7, *CALL[1:])]
    assert desk.ask("SELECT tags['product'] FROM usage_call") == [("claude_code",)]


def test_the_export_of_the_console_is_read(desk: Desk) -> None:
    header = (
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
        "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
        "web_search_count,inference_geo,speed"
    )
    lines = [
        f"2026-11-02,{MODEL},ci,Default,standard,≤ 200k,1000,30,4,200,500,2,global,",
        f"2026-11-02,{MODEL},ci,Default,batch,≤ 200k,1000,30,4,200,500,2,global,",
    ]
    path = desk.folder / "claude_api_tokens.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    summary = desk.take(path)
    assert summary.files == {"anthropic": 1}
    assert desk.ask(ROWS) == [CALL, (*CALL[:-1], None)]
    assert desk.ask("SELECT DISTINCT project, tags['api_key'] FROM usage_call") == [
        ("Default", "ci")
    ]


@pytest.mark.parametrize(
    ("window", "calls", "rates"), [("0-200k", 5, SONNET), ("200k-1M", 1, DEAR)]
)
def test_a_sum_pays_the_tier_of_its_context_window(
    desk: Desk, window: str, calls: int, rates: Any
) -> None:
    sums = row(
        uncached_input_tokens=1_000_000,
        cache_read_input_tokens=0,
        cache_creation=None,
        output_tokens=0,
        server_tool_use=None,
        context_window=window,
    )
    desk.take(written(desk, bucket(sums)))
    assert desk.ask("SELECT calls, cost_nano_usd FROM usage_call") == [(calls, rates["input"])]


@pytest.mark.parametrize("tier", ["batch", "priority", "priority_on_demand", "flex_discount"])
def test_each_tier_has_a_price_of_its_own(desk: Desk, tier: str) -> None:
    desk.take(written(desk, bucket(row(service_tier=tier))))
    assert desk.ask("SELECT service_tier, cost_nano_usd FROM usage_call") == [(tier, None)]


def test_a_region_with_a_price_of_its_own_pays_it(desk: Desk) -> None:
    desk.take(written(desk, bucket(row(inference_geo="us", server_tool_use=None))))
    tokens = COST - 2 * 10_000_000
    assert desk.ask("SELECT cost_nano_usd FROM usage_call") == [(tokens * 11 // 10,)]


def test_a_row_that_is_no_usage_is_reported_and_ends_no_other(desk: Desk) -> None:
    odd = row(output_tokens="many")
    summary = desk.take(written(desk, bucket(row(model=None), odd, row(output_tokens=9))))
    assert summary.new == 1
    assert [bad.reason.split(";")[0] for bad in summary.bad] == [
        "the row names no model",
        "output_tokens is no whole number of at most 10 digits, >= 0: 'many'",
    ]


def test_a_region_that_no_book_knows_has_no_known_cost(desk: Desk) -> None:
    desk.take(written(desk, bucket(row(inference_geo="eu"))))
    assert desk.ask("SELECT cost_nano_usd FROM usage_call") == [(None,)]


def test_a_sum_without_a_window_is_a_lower_bound_where_it_may_be_long(desk: Desk) -> None:
    rows = [row(context_window=None, uncached_input_tokens=count) for count in (1000, 300_000)]
    desk.take(written(desk, bucket(rows[0]), bucket(rows[1], day=3)))
    assert desk.ask("SELECT at_least FROM usage_call ORDER BY input_tokens") == [(False,), (True,)]


def test_the_user_hears_what_a_report_does_not_say(desk: Desk) -> None:
    summary = desk.take(written(desk, bucket(row())))
    notes = " ".join(note.text for note in summary.notes)
    assert "does not say how many calls" in notes
    assert "has more pages" in notes


@pytest.mark.parametrize("rest", [{"service_tier": None}, {"service_tier": ""}])
def test_a_report_that_is_not_grouped_by_tier_has_an_unknown_cost(
    desk: Desk, rest: dict[str, Any]
) -> None:
    """PRC-8: calls of a batch may be in it, at half the price."""
    summary = desk.take(written(desk, bucket(row(**rest))))
    assert desk.ask("SELECT cost_nano_usd FROM usage_call") == [(None,)]
    assert any("group_by[]=service_tier" in note.text for note in summary.notes)
