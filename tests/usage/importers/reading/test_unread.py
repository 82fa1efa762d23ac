"""Counts that no reader knows are named, and their calls have no known cost (IMP-1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from corvus.usage.importers.agents import cursor, opencode
from corvus.usage.importers.exports import bedrock, helicone
from corvus.usage.importers.importer import Notice, Object
from corvus.usage.importers.otel import calls
from corvus.usage.importers.reading.unread import unread_counts

Read = Callable[[Object], Iterator[Object | Notice]]
CURSOR = {
    "Date": "2026-11-16T10:00:00Z",
    "Model": "m",
    "Input (w/ Cache Write)": "0",
    "Input (w/o Cache Write)": "10",
    "Cache Read": "0",
    "Output Tokens": "5",
    "Total Tokens": "15",
}
HELICONE = {
    "request_created_at": "x",
    "response_status": 200,
    "prompt_tokens": 1,
    "prompt_cache_read_tokens": 0,
}
OPENCODE = {"id": "m", "sessionID": "s", "role": "assistant"}
BEDROCK: dict[str, Any] = {"modelId": "m", "output": {"outputTokenCount": 1}}
CLAUDE = {"event.name": "claude_code.api_request", "input_tokens": 1}
CASES = [
    (cursor.request, CURSOR | {"Audio Tokens": "7"}, "Audio Tokens"),
    (helicone.requests, HELICONE | {"prompt_image_tokens": 7}, "prompt_image_tokens"),
    (opencode.messages, OPENCODE | {"tokens": {"input": 1, "audio": 7}}, "tokens.audio"),
    (
        bedrock.invocations,
        BEDROCK | {"input": {"inputTokenCount": 1, "inputAudioTokenCount": 7}},
        "input.inputAudioTokenCount",
    ),
    (calls, {"attributes": CLAUDE | {"cache_write_1h_tokens": 7}}, "cache_write_1h_tokens"),
]


@pytest.mark.parametrize(("read", "found", "name"), CASES, ids=[name for _, _, name in CASES])
def test_an_unknown_count_is_named_and_the_cost_unknown(
    read: Read, found: Mapping[str, object], name: str
) -> None:
    notice, record = read(found)
    assert isinstance(notice, Notice)
    assert not isinstance(record, Notice)
    assert name in notice.text
    assert record["unknown_cost"] is True


@pytest.mark.parametrize("value", ["0", 0, None, True, "x", 1.5], ids=repr)
def test_what_is_no_count_or_zero_is_no_news(value: object) -> None:
    assert unread_counts({"audio_tokens": value}, (), "") == []


def test_known_names_and_settings_are_no_news() -> None:
    found = {"input_tokens": 5, "max_tokens": 7, "requests": 3}
    assert unread_counts(found, {"input_tokens"}, "") == []
