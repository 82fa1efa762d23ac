"""What was decided of a call is applied to the arguments of an SDK (EVA-14)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from corvus.metering.changes import changed

CHAT: dict[str, Any] = {"model": "gpt-5", "messages": []}
RESPONSES: dict[str, Any] = {"model": "gpt-5", "input": "x"}
MESSAGES: dict[str, Any] = {"model": "claude-opus-4-8", "messages": [], "max_tokens": 64_000}
GEMINI: dict[str, Any] = {"contents": []}
CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (CHAT, {"max_completion_tokens": 5_000}),
    ({**CHAT, "max_tokens": 9_000}, {"max_tokens": 5_000}),
    ({**CHAT, "max_tokens": None}, {"max_tokens": None, "max_completion_tokens": 5_000}),
    ({**CHAT, "max_completion_tokens": 4_000}, {}),
    ({**CHAT, "model": "mistral-large-latest"}, {"max_tokens": 5_000}),
    (
        {**CHAT, "max_tokens": 9_000, "extra_body": {"num_predict": 8_000, "x": 1}},
        {"max_tokens": 5_000, "extra_body": {"num_predict": 5_000, "x": 1}},
    ),
    (RESPONSES, {"max_output_tokens": 5_000}),
    ({**RESPONSES, "max_output_tokens": 9_000}, {"max_output_tokens": 5_000}),
    (MESSAGES, {"max_tokens": 5_000}),
    (
        {**MESSAGES, "thinking": {"type": "enabled", "budget_tokens": 3_976}},
        {"max_tokens": 5_000},
    ),
    (GEMINI, {"generationConfig": {"maxOutputTokens": 5_000}}),
    (
        {**GEMINI, "generationConfig": {"maxOutputTokens": 9_000, "topK": 3}},
        {"generationConfig": {"maxOutputTokens": 5_000, "topK": 3}},
    ),
]


@pytest.mark.parametrize(("request_", "expected"), CASES)
def test_every_maximum_is_lowered_and_one_is_stated_where_there_is_none(
    request_: dict[str, Any], expected: dict[str, Any]
) -> None:
    model = request_.get("model", "gemini-3")
    before = json.dumps(request_)
    assert changed(request_, model=model, cap_tokens=5_000) == {
        **request_,
        "model": model,
        **expected,
    }
    assert json.dumps(request_) == before, "what is given is not touched"


def test_without_a_cap_only_the_model_changes() -> None:
    sent = changed(MESSAGES, model="claude-haiku-5-5", cap_tokens=None)
    assert sent == {**MESSAGES, "model": "claude-haiku-5-5"}


@pytest.mark.parametrize(
    "more",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 3_977}},
        {"extra_body": {"thinking": {"budget_tokens": 60_000}}},
        {"thinking_budget": 5_000},
    ],
)
def test_a_cap_that_leaves_no_room_beyond_thinking_is_not_applied(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="lower its budget for thinking"):
        changed({**MESSAGES, **more}, model="m", cap_tokens=5_000)
