"""A file is of the format that wrote it, although many formats share the names of their keys."""

from __future__ import annotations

import json

import pytest

from corvus.usage.importers.importer import importers

HEADS: dict[str, dict[str, object]] = {
    "gemini-cli": {"sessionId": "s", "projectHash": "h", "type": "x", "messages": []},
    "opencode": {"id": "m", "sessionID": "s", "role": "assistant", "modelID": "m", "type": "x"},
    "copilot": {
        "type": "session.start",
        "data": {"sessionId": "s"},
        "id": "e",
        "timestamp": "2026-11-16T10:00:00Z",
        "parentId": None,
    },
    "langfuse": {
        "id": "o",
        "traceId": "t",
        "type": "GENERATION",
        "usageDetails": {},
        "sessionId": "",
    },
    "helicone": {"request_created_at": "x", "response_status": 200, "prompt_tokens": 1},
    "bedrock": {"schemaType": "ModelInvocationLog", "modelId": "m", "input": {}, "output": {}},
    "claude-code": {"type": "assistant", "sessionId": "s", "uuid": "u", "message": {}},
    "codex": {"type": "session_meta", "timestamp": "x", "payload": {"id": "t", "originator": "c"}},
    "litellm": {"request_id": "r", "spend": 0, "startTime": "x"},
    "otel": {"resourceSpans": [], "traceId": "t"},
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("indent", [None, 2], ids=["line", "document"])
def test_a_file_is_of_the_format_that_wrote_it(name: str, indent: int | None) -> None:
    head = json.dumps(HEADS[name], indent=indent).encode()
    assert next(one.name for one in importers() if one.recognise(head)) == name


@pytest.mark.parametrize("name", HEADS)
def test_a_log_that_quotes_another_stays_what_it_is(name: str) -> None:
    said = {"role": "user", "content": [{"text": json.dumps(HEADS[name], indent=1)}]}
    head = json.dumps(HEADS["claude-code"] | {"message": said}).encode()
    assert next(one.name for one in importers() if one.recognise(head)) == "claude-code"
