"""What calls without messages may cost: prompts, pictures, recordings, Ollama's own (PRC-7)."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.calls.routes import Unreadable
from corvus.metering.provider import Endpoint
from corvus.metering.providers.openai import (
    CHAT,
    COMPLETIONS,
    EDITS,
    FILL_IN,
    GENERATIONS,
    OLLAMA_CHAT,
    OLLAMA_EMBED,
    OLLAMA_GENERATE,
    TRANSCRIPTIONS,
)
from corvus.model.usage import TokenKind

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + b"IHDR"[:0] + bytes(20_000)
TOKENS = st.lists(st.integers(0, 9), min_size=1, max_size=20)


def plan(endpoint: Endpoint, **members: object) -> Plan:
    found = read(endpoint, json.dumps({"model": "m", **members}).encode())
    assert isinstance(found, Plan), found
    return found


def form(endpoint: Endpoint, files: list[Any], **fields: str) -> Plan | Unreadable:
    request = httpx2.Request("POST", "http://a/", data=fields, files=files)
    return read(endpoint, request.read(), headers=dict(request.headers))


def written(found: Plan) -> int:
    usage = found.with_maximum(is_maker=False).expected(None)
    return usage.total_tokens - usage.context_tokens


@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=5)
    | st.lists(TOKENS, min_size=1, max_size=5),
    st.integers(1, 50),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_every_prompt_is_answered_as_often_as_any_member_says(
    prompts: list[object], most: int, number: int, best_of: int
) -> None:
    found = plan(COMPLETIONS, prompt=prompts, max_tokens=most, n=number, best_of=best_of)
    assert written(found) == most * max(number, best_of) * len(prompts)


@given(TOKENS)
def test_tokens_are_counted_one_by_one(tokens: list[int]) -> None:
    for endpoint, members in (
        (COMPLETIONS, {"prompt": tokens}),
        (COMPLETIONS, {"prompt": [tokens]}),
        (OLLAMA_EMBED, {"input": tokens}),
        (OLLAMA_GENERATE, {"prompt": "a", "context": tokens}),
    ):
        assert plan(endpoint, **members).input_tokens >= len(tokens)


def test_a_completion_that_states_no_maximum_is_sent_with_that_of_its_api() -> None:
    found = plan(COMPLETIONS, prompt="a").with_maximum(is_maker=True)
    assert json.loads(found.forward()) == {"model": "m", "prompt": "a", "max_tokens": 16}
    assert written(found) == 16


def test_a_prompt_is_no_reference_to_a_stored_one() -> None:
    assert plan(COMPLETIONS, prompt="a").input_tokens < 1_000
    assert plan(CHAT, messages=[], prompt={"id": "p"}).input_tokens > 30_000


def test_what_azure_searches_in_data_of_its_customer_is_input_that_is_not_in_the_request() -> None:
    sources = [{"type": "azure_search", "parameters": {"endpoint": "https://a"}}]
    assert plan(CHAT, messages=[], data_sources=sources).input_tokens > 30_000


def test_usage_of_a_streamed_completion_is_requested_and_that_of_code_is_not() -> None:
    sent = json.loads(plan(COMPLETIONS, prompt="a", stream=True, max_tokens=1).forward())
    assert sent["stream_options"] == {"include_usage": True}
    assert "stream_options" not in json.loads(plan(FILL_IN, prompt="a", stream=True).forward())


@pytest.mark.parametrize("odd", [{"a": 1}, 3, [["a"]], [1, "a"]])
def test_a_prompt_that_is_none_is_refused(odd: object) -> None:
    found = read(COMPLETIONS, json.dumps({"model": "m", "prompt": odd}).encode())
    assert isinstance(found, Unreadable)


def test_ollama_states_its_maximum_among_its_options() -> None:
    found = plan(OLLAMA_CHAT, messages=[], options={"temperature": 0}).stating(50)
    assert json.loads(found.forward())["options"] == {"num_predict": 50, "temperature": 0}
    assert found.is_stream
    assert not plan(OLLAMA_CHAT, messages=[], stream=False).is_stream
    assert written(plan(OLLAMA_CHAT, messages=[], options={"num_predict": 7})) == 7
    unbounded: dict[str, Any] = {"model": "m", "messages": [], "options": {"num_predict": -1}}
    refused = read(OLLAMA_CHAT, json.dumps(unbounded).encode())
    assert isinstance(refused, Unreadable)
    assert refused.code == "maximum_invalid"


@pytest.mark.parametrize(
    ("model", "members", "tokens"),
    [
        ("gpt-image-1", {}, 6_240),
        ("gpt-image-1-mini", {"n": 4}, 4 * 6_240),
        ("gpt-image-1.5-2025-12-16", {"partial_images": 3}, 6_540),
        ("gpt-image-2", {"size": "3840x2160", "quality": "high"}, 24_000),
    ],
)
def test_pictures_are_held_at_the_most_that_one_costs(
    model: str, members: dict[str, object], tokens: int
) -> None:
    found = plan(GENERATIONS, model=model, prompt="a cat", **members)
    assert written(found) == tokens
    assert TokenKind.OUTPUT_IMAGE in found.media.written
    assert json.loads(found.forward()) == {"model": model, "prompt": "a cat", **members}


@pytest.mark.parametrize("model", ["gpt-image-2.5-flare", "dall-e-3", "demo", "gpt-image-12"])
def test_a_picture_of_which_nobody_knows_the_most_is_refused(model: str) -> None:
    found = read(GENERATIONS, json.dumps({"model": model, "prompt": "a"}).encode())
    assert isinstance(found, Unreadable)
    assert found.code == "unbounded_model"
    assert model in found.message


def test_pictures_that_are_edited_are_read_as_such_and_not_as_text() -> None:
    files = [("image[]", ("a.png", PNG)), ("image[]", ("b.png", PNG)), ("mask", ("m.png", PNG))]
    found = form(EDITS, files, model="gpt-image-1", prompt="a cat", n="2")
    assert isinstance(found, Plan)
    assert written(found) == 2 * 6_240
    assert 3 * 6_240 <= found.input_tokens < 120_000
    assert TokenKind.INPUT_IMAGE in found.media.read
    none = plan(EDITS, model="gpt-image-1", prompt="a cat")
    assert none.input_tokens < 1_000


def test_a_form_goes_on_as_it_came() -> None:
    files = [("file", ("a.wav", b"RIFF" * 1_000))]
    request = httpx2.Request(
        "POST", "http://a/", data={"model": "gpt-4o-transcribe", "stream": "true"}, files=files
    )
    body = request.read()
    found = read(TRANSCRIPTIONS, body, headers=dict(request.headers))
    assert isinstance(found, Plan)
    assert found.is_stream
    assert found.forward("openai") == body
    assert found.downgraded("gpt-4o-mini-transcribe") is None
    assert not found.endpoint.may_be_capped


@pytest.mark.parametrize("model", ["whisper-1", "demo", "gpt-transcribe"])
def test_a_recording_whose_model_counts_seconds_is_refused(model: str) -> None:
    found = form(TRANSCRIPTIONS, [("file", ("a.wav", b"RIFF"))], model=model)
    assert isinstance(found, Unreadable)
    assert found.code == "unbounded_model"


def test_the_length_of_a_file_does_not_bound_what_a_recording_costs() -> None:
    bounds = {
        found.input_tokens
        for size in (4, 2_000_000)
        if isinstance(
            found := form(
                TRANSCRIPTIONS, [("file", ("a.mp3", b"a" * size))], model="gpt-4o-transcribe"
            ),
            Plan,
        )
    }
    assert len(bounds) == 1
    assert 32_000 <= bounds.pop() < 34_000


def test_a_form_is_taken_only_where_its_endpoint_has_one() -> None:
    found = form(CHAT, [("file", ("a", b"a"))], model="m")
    assert isinstance(found, Unreadable)
    assert found.code == "not_json"


def test_two_models_in_a_form_are_refused() -> None:
    files: list[Any] = [("file", ("a.wav", b"a")), ("model", (None, "gpt-4o-transcribe"))]
    found = form(TRANSCRIPTIONS, files, model="gpt-4o-mini-transcribe")
    assert isinstance(found, Unreadable)
    assert found.code == "json_ambiguous"
