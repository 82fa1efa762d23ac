"""Sessions of Gemini CLI, in both layouts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from corvus.model.price import Price
from corvus.model.usage import TokenKind
from tests.usage.importers.conftest import Books

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

RATES = {
    TokenKind.INPUT: 1_250_000_000,
    TokenKind.CACHE_READ: 125_000_000,
    TokenKind.OUTPUT: 10_000_000_000,
    TokenKind.REASONING: 10_000_000_000,
}
TOKENS = {"input": 1000, "output": 50, "cached": 200, "thoughts": 30, "tool": 0, "total": 1080}
HEAD = {"sessionId": "g-1", "projectHash": "h", "startTime": "2026-11-01T10:00:00Z"}
COUNTS = (
    "SELECT requested_model, input_tokens, cache_read_tokens, output_tokens, reasoning_tokens, "
    "cost_nano_usd FROM usage_call ORDER BY admitted_at"
)
USED = ("gemini-2.5-pro", 800, 200, 50, 30, 800 * 1250 + 200 * 125 + 80 * 10_000)


@pytest.fixture
def books() -> Books:
    entry = "bundled:google/gemini-2.5-pro@always"
    return Books(Price("google", "gemini-2.5-pro", "bundled", entry, RATES, (), None))


def message(number: int, **rest: Any) -> dict[str, Any]:
    usual = {"id": f"m{number}", "timestamp": f"2026-11-01T10:00:0{number}Z", "type": "gemini"}
    return usual | {"model": "gemini-2.5-pro", "content": "hello", "tokens": TOKENS} | rest


def test_a_session_is_one_document(desk: Desk) -> None:
    user = {"id": "m0", "timestamp": "2026-11-01T10:00:00Z", "type": "user", "content": "hi"}
    document = HEAD | {"messages": [user, message(1), message(2, tokens=None)]}
    path = desk.folder / "session.json"
    path.write_text(json.dumps(document, indent=2))
    summary = desk.take(path)
    assert (summary.files, summary.new) == ({"gemini-cli": 1}, 1)
    assert desk.ask(COUNTS) == [USED]
    assert desk.ask("SELECT session_id, tags['project_hash'] FROM usage_call") == [("g-1", "h")]


def test_a_session_on_one_line_is_the_same(desk: Desk) -> None:
    document = HEAD | {"messages": [message(1)]}
    desk.take(desk.write("a.json", [document]))
    (desk.folder / "b.json").write_text(json.dumps(document, indent=1))
    assert desk.take(desk.folder / "b.json").duplicate == 1
    assert desk.ask(COUNTS) == [USED]


def test_a_message_that_is_written_again_counts_once(desk: Desk) -> None:
    first = message(1, tokens=TOKENS | {"output": 5, "total": 1035})
    lines = [HEAD, first, message(1), {"$set": {"lastUpdated": "x"}}, message(2)]
    summary = desk.take(desk.write("session.jsonl", lines))
    assert (summary.files, summary.new, summary.bad_lines) == ({"gemini-cli": 1}, 2, 0)
    assert desk.ask(COUNTS) == [USED, USED]


def test_tokens_of_tool_results_stand_next_to_the_input(desk: Desk) -> None:
    tokens = TOKENS | {"tool": 70, "total": 1150}
    desk.take(desk.write("session.jsonl", [HEAD, message(1, tokens=tokens)]))
    assert desk.ask(COUNTS)[0][1:5] == (870, 200, 50, 30)


def test_a_message_that_makes_no_sense_is_told_with_its_line(desk: Desk) -> None:
    odd = message(2, tokens={"input": "many"})
    summary = desk.take(desk.write("session.jsonl", [HEAD, message(1), odd]))
    assert (summary.new, [bad.line for bad in summary.bad]) == (1, [3])
