"""The state of the upstream runtime: its costs are calls, its audit events are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from corvus.base.errors import ImportRefused
from tests.usage.importers.conftest import SONNET, Books, price

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

MODEL = "anthropic/claude-sonnet-4-20250514"


@pytest.fixture
def books() -> Books:
    return Books(price(MODEL, SONNET))


def cost(number: int, **usage: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "usage": {
            "model": MODEL,
            "input_tokens": 1000,
            "output_tokens": 500,
            "total_tokens": 1500,
            "cost_usd": 0.0105,
            "timestamp": "2026-11-26T10:00:00.123456789+00:00",
        }
        | usage,
        "session_id": "session-a",
    }


def test_each_cost_is_a_call_of_its_session(desk: Desk) -> None:
    summary = desk.take(desk.write("costs.jsonl", [cost(1), cost(2), cost(1)]))
    assert (summary.files, summary.new) == ({"corvus": 1}, 2)
    assert desk.ask(
        "SELECT DISTINCT admitted_at::VARCHAR, session_id, requested_model, cost_nano_usd "
        "FROM usage_call"
    ) == [("2026-11-26 10:00:00.123456", "session-a", MODEL, 10_500_000)]


def test_a_line_that_was_cut_is_reported_and_loses_nothing_else(desk: Desk) -> None:
    torn = '{"id":"00000000","usage":{"mod'
    summary = desk.take(desk.write("costs.jsonl", [torn, "torn line", cost(1), "", cost(2)]))
    assert (summary.files, summary.new) == ({"corvus": 1}, 2)
    assert [bad.line for bad in summary.bad] == [1, 2]


def test_what_is_whole_of_a_glued_line_counts(desk: Desk) -> None:
    """A crash cuts a line, and the next record is appended to it."""
    one, two, three = (json.dumps(cost(number)) for number in (1, 2, 3))
    lines = [cost(4), one[:40] + two, one + three, '{"id": "x", "usage": {"a": 1}} ' + one[:9]]
    summary = desk.take(desk.write("costs.jsonl", lines))
    assert (summary.new, [bad.line for bad in summary.bad]) == (4, [2, 3, 4])


def test_a_zero_of_the_runtime_is_no_price(desk: Desk) -> None:
    lines = [cost(1, cost_usd=0.0), cost(2, cost_usd=0.0, model="ollama/llama3.2")]
    desk.take(desk.write("costs.jsonl", lines))
    assert desk.ask("SELECT cost_nano_usd, source FROM usage_call ORDER BY 1 NULLS LAST") == [
        (10_500_000, "imported"),
        (None, "imported"),
    ]


def test_what_the_runtime_reckoned_counts_where_no_book_has_a_price(desk: Desk) -> None:
    lines = [cost(1, cost_usd=9.9), cost(2, cost_usd=0.02, model="acme/other")]
    desk.take(desk.write("costs.jsonl", lines))
    assert desk.ask("SELECT cost_nano_usd, source FROM usage_call ORDER BY 1") == [
        (10_500_000, "imported"),
        (20_000_000, "estimated"),
    ]


def test_audit_events_are_refused_as_what_they_are(desk: Desk) -> None:
    event = {
        "id": "a1",
        "kind": "override_granted",
        "recorded_at": "2026-11-27T11:00:00Z",
        "override_scope": "next_request",
        "reset_scope": None,
    }
    path = desk.write("state/cost-audit.jsonl", [event, event])
    for options in ({}, {"format": "corvus"}):
        with pytest.raises(ImportRefused, match="audit events of the upstream runtime"):
            desk.take(path, **options)
    desk.write("state/costs.jsonl", [cost(1)])
    summary = desk.take(desk.folder / "state")
    assert (summary.new, summary.bad_lines, summary.bad[0].file) == (1, 1, path)
