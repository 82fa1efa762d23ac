"""Sessions of Copilot CLI: single calls where they are stated, else what sums have grown by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from corvus.base.errors import ImportRefused

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

COUNTS = (
    "SELECT requested_model, calls, input_tokens, cache_read_tokens, output_tokens, "
    "reasoning_tokens FROM usage_record ORDER BY admitted_at, requested_model"
)


def event(number: int, kind: str, **data: Any) -> dict[str, Any]:
    at = f"2026-11-16T10:00:{number:02}.000Z"
    return {"type": kind, "data": data, "id": f"e{number}", "timestamp": at, "parentId": None}


def start() -> dict[str, Any]:
    context = {"cwd": "/home/dev/app/x", "gitRoot": "/home/dev/app", "branch": "main"}
    context |= {"repository": "acme/app"}
    return event(0, "session.start", sessionId="s-1", context=context)


def shutdown(number: int, **models: tuple[int, int, int, int, int]) -> dict[str, Any]:
    metrics = {
        model.replace("_", "-"): {
            "requests": {"count": calls, "cost": 1},
            "usage": {
                "inputTokens": entered,
                "outputTokens": made,
                "cacheReadTokens": read,
                "cacheWriteTokens": 0,
                "reasoningTokens": reasoning,
            },
        }
        for model, (calls, entered, made, read, reasoning) in models.items()
    }
    return event(number, "session.shutdown", shutdownType="routine", modelMetrics=metrics)


def test_a_shutdown_has_the_sums_of_each_model(desk: Desk) -> None:
    lines = [start(), event(1, "user.message", content="hi")]
    lines.append(shutdown(2, gpt_5=(3, 1000, 50, 600, 20), o4=(1, 10, 5, 0, 0)))
    summary = desk.take(desk.write("events.jsonl", lines))
    assert (summary.files, summary.bad_lines) == ({"copilot": 1}, 0)
    assert desk.ask(COUNTS) == [("gpt-5", 3, 400, 600, 30, 20), ("o4", 1, 10, 0, 5, 0)]
    assert desk.ask("SELECT DISTINCT provider, project, branch, session_id FROM usage_record") == [
        ("github-copilot", "/home/dev/app", "main", "s-1")
    ]


def test_sums_of_a_resumed_session_count_by_their_growth(desk: Desk) -> None:
    first = [start(), shutdown(2, gpt_5=(3, 1000, 50, 600, 20))]
    desk.take(desk.write("events.jsonl", first))
    resumed = [*first, event(3, "session.resume"), shutdown(4, gpt_5=(5, 1700, 80, 900, 30))]
    desk.take(desk.write("events.jsonl", resumed))
    assert desk.ask(COUNTS) == [("gpt-5", 3, 400, 600, 30, 20), ("gpt-5", 2, 400, 300, 20, 10)]


def test_single_calls_count_and_the_sums_that_repeat_them_do_not(desk: Desk) -> None:
    used = {"model": "gpt-5", "inputTokens": 100, "outputTokens": 20, "cacheReadTokens": 60}
    lines = [start(), event(1, "assistant.usage", **used), event(2, "assistant.usage", **used)]
    desk.take(desk.write("events.jsonl", [*lines, shutdown(3, gpt_5=(2, 200, 40, 120, 0))]))
    assert desk.ask(COUNTS) == [("gpt-5", 1, 40, 60, 20, 0)] * 2


def test_usage_inside_of_a_message_is_a_call_of_the_current_model(desk: Desk) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 60}
    change = event(1, "session.model_change", newModel="gpt-5")
    said = event(2, "assistant.message", content="", usage=usage)
    desk.take(desk.write("events.jsonl", [start(), change, said]))
    assert desk.ask(COUNTS) == [("gpt-5", 1, 40, 60, 20, 0)]


def test_a_session_that_has_not_ended_is_not_guessed(desk: Desk) -> None:
    said = event(1, "assistant.message", content="", outputTokens=20)
    assert desk.take(desk.write("events.jsonl", [start(), said])).new == 0


def test_reports_without_tokens_are_refused(desk: Desk) -> None:
    metrics: list[dict[str, Any]] = [
        {"date": "2026-11-01", "total_engaged_users": 3, "copilot_ide_chat": {}}
    ]
    path = desk.folder / "metrics.json"
    path.write_text(json.dumps(metrics))
    with pytest.raises(ImportRefused, match="no tokens"):
        desk.take(path)
    path = desk.folder / "requests.csv"
    path.write_text("Timestamp,User,Model,Requests Used,Total Monthly Quota\n1,a,b,2,300\n")
    with pytest.raises(ImportRefused, match="no tokens"):
        desk.take(path)
