"""Messages of OpenCode, in its files and in exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from corvus.usage.importers.agents.opencode import is_opencode, messages

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

TOKENS = {"input": 100, "output": 50, "reasoning": 20, "cache": {"read": 4000, "write": 30}}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "sessionID": "ses_1",
    "role": "assistant",
    "time": {"created": 1794823200123, "completed": 1794823203000},
    "modelID": "claude-sonnet-4-5-20250929",
    "providerID": "anthropic",
    "mode": "build",
    "path": {"cwd": "/home/dev/app/src", "root": "/home/dev/app"},
    "cost": 0.0123,
    "tokens": TOKENS,
}


def read(**rest: Any) -> dict[str, Any]:
    (record,) = messages(MESSAGE | rest)
    assert isinstance(record, Mapping)
    return {**record}


def test_a_message_is_a_file_with_disjoint_counts(desk: Desk) -> None:
    (desk.folder / "msg_1.json").write_text(json.dumps(MESSAGE, indent=2))
    summary = desk.take(desk.folder / "msg_1.json")
    assert (summary.files, summary.new) == ({"opencode": 1}, 1)
    assert desk.ask(
        "SELECT session_id, provider, project, admitted_at::VARCHAR, input_tokens, output_tokens, "
        "cache_read_tokens, cache_write_5m_tokens, reasoning_tokens FROM usage_call"
    ) == [("ses_1", "anthropic", "/home/dev/app", "2026-11-16 10:00:00.123", 100, 50, 4000, 30, 20)]


def test_an_export_has_all_messages_of_a_session(desk: Desk) -> None:
    user: dict[str, Any] = {
        "info": {"id": "msg_0", "sessionID": "ses_1", "role": "user"},
        "parts": [],
    }
    answers: list[dict[str, Any]] = [
        {"info": MESSAGE | {"id": f"msg_{n}"}, "parts": []} for n in (1, 2)
    ]
    export: dict[str, Any] = {"info": {"id": "ses_1", "title": "t"}, "messages": [user, *answers]}
    path = desk.folder / "export.json"
    path.write_text(json.dumps(export, indent=2))
    assert (desk.take(path).new, desk.totals()[0]) == (2, 2)
    assert desk.take(desk.write("msg_1.json", [MESSAGE])).duplicate == 1


def test_its_own_reckoning_is_an_estimate() -> None:
    assert read()["estimated_cost_usd"] == "0.0123"
    assert read(cost=0)["estimated_cost_usd"] is None
    assert "cost_usd" not in read()


def test_a_total_says_that_reasoning_is_part_of_the_output() -> None:
    inside = read(tokens=TOKENS | {"total": 4180})
    assert (inside["output_tokens"], inside["reasoning_tokens"]) == (30, 20)
    beside = read(tokens=TOKENS | {"total": 4200})
    assert (beside["output_tokens"], beside["reasoning_tokens"]) == (50, 20)


def test_the_form_of_an_id_says_who_billed() -> None:
    assert read(modelID="eu.anthropic.claude-sonnet-4-20250514-v1:0")["provider"] == "aws"
    assert read(providerID="google-vertex-anthropic")["provider"] == "google"
    assert read(providerID="amazon-bedrock")["provider"] == "aws"


def test_what_is_no_answer_with_tokens_is_no_call() -> None:
    empty = {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    assert list(messages(MESSAGE | {"tokens": empty})) == []
    assert list(messages(MESSAGE | {"role": "user"})) == []
    assert list(messages({"id": "ses_1", "projectID": "p", "directory": "/x"})) == []


def test_a_session_without_messages_is_not_recognised() -> None:
    assert is_opencode(json.dumps(MESSAGE).encode())
    assert not is_opencode(b'{"id": "ses_1", "projectID": "p", "title": "sessionID"}')
