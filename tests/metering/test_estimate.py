"""What a request says before it is made (PRC-7), and the option put into it (PRX-2)."""

from __future__ import annotations

import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.metering.anthropic import MessagesBodyTap, MessagesStreamTap
from policy.metering.endpoints import Endpoint
from policy.metering.estimate import (
    FRAME_TOKENS,
    HIDDEN_TOKENS,
    RequestFacts,
    input_token_bound,
    read_request,
    with_usage_requested,
)
from policy.metering.openai import (
    ChatBodyTap,
    ChatStreamTap,
    EmbeddingsTap,
    ResponsesBodyTap,
    ResponsesStreamTap,
)
from policy.metering.tap import Tap
from policy.metering.taps import open_tap
from tests.metering.streams import chat_chunk, pass_through, sse


def facts(endpoint: Endpoint, **request: object) -> RequestFacts:
    found = read_request(endpoint, json.dumps(request).encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("abc", 1), ("abcd", 2), ("é", 1), ("日本", 3), ("abcd日", 4), ("a日b", 3)],
)
def test_input_is_bounded_by_three_bytes_of_ascii_and_two_of_all_else(
    text: str, tokens: int
) -> None:
    assert input_token_bound(text.encode()) == tokens


@given(st.text(), st.text())
def test_the_bound_grows_with_the_text(first: str, second: str) -> None:
    both = input_token_bound((first + second).encode())
    assert both >= max(input_token_bound(first.encode()), input_token_bound(second.encode()))
    assert both <= input_token_bound(first.encode()) + input_token_bound(second.encode())


@pytest.mark.parametrize(
    ("endpoint", "request_members", "most"),
    [
        (Endpoint.CHAT, {"max_tokens": 7}, 7),
        (Endpoint.CHAT, {"max_completion_tokens": 9, "max_tokens": 7}, 9),
        (Endpoint.CHAT, {"max_tokens": 7, "n": 3}, 21),
        (Endpoint.CHAT, {}, None),
        (Endpoint.CHAT, {"max_tokens": "many"}, None),
        (Endpoint.RESPONSES, {"max_output_tokens": 11, "max_tokens": 1}, 11),
        (Endpoint.RESPONSES, {"max_output_tokens": 11, "n": 3}, 11),
        (Endpoint.MESSAGES, {"max_tokens": 5}, 5),
        (Endpoint.MESSAGES, {"max_tokens": 5, "thinking": {"budget_tokens": 90}}, 90),
        (Endpoint.MESSAGES, {"max_tokens": 100, "thinking": {"budget_tokens": 90}}, 100),
        (Endpoint.EMBEDDINGS, {"input": "x"}, 0),
    ],
)
def test_the_most_output_is_what_the_request_allows(
    endpoint: Endpoint, request_members: dict[str, object], most: int | None
) -> None:
    assert facts(endpoint, **request_members).max_output_tokens == most


def test_a_request_tells_model_stream_usage_choices_and_tier() -> None:
    options = {"include_usage": True}
    asked = facts(
        Endpoint.CHAT, model="m", stream=True, stream_options=options, n=2, service_tier="flex"
    )
    assert (asked.model, asked.is_stream, asked.asks_usage) == ("m", True, True)
    assert (asked.choices, asked.service_tier) == (2, "flex")
    bare = facts(Endpoint.CHAT)
    assert (bare.model, bare.is_stream, bare.asks_usage) == (None, False, False)
    assert (bare.choices, bare.service_tier, bare.reads_more) == (1, None, False)


@pytest.mark.parametrize(
    "members",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"context_management": {"edits": []}},
        {"tools": [{"type": "function"}, {"type": "web_search_20250305"}]},
        {"input": [{"type": "input_file", "file_id": "file_1"}]},
        {"messages": [{"content": [{"type": "image", "source": {"url": "https://x/y"}}]}]},
    ],
)
def test_input_that_is_not_in_the_request_shows(members: dict[str, object]) -> None:
    assert facts(Endpoint.RESPONSES, **members).reads_more


def test_tools_of_the_client_add_what_providers_say_to_the_model_about_tools() -> None:
    bare = facts(Endpoint.MESSAGES, model="m")
    with_tools = facts(Endpoint.MESSAGES, model="m", tools=[{"name": "f"}])
    assert not with_tools.reads_more
    assert with_tools.input_tokens >= bare.input_tokens - FRAME_TOKENS + HIDDEN_TOKENS


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_no_request(body: bytes) -> None:
    assert read_request(Endpoint.CHAT, body) is None
    assert with_usage_requested(body) == body


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        (
            '{"model":"m","stream":true}',
            '{"stream_options":{"include_usage":true},"model":"m","stream":true}',
        ),
        (
            ' { "stream" : true , "stream_options" : { "a" : 1 } , "top_p" : 1.10 } ',
            ' { "stream" : true , "stream_options" : {"a":1,"include_usage":true} , '
            '"top_p" : 1.10 } ',
        ),
        (
            '{"stream_options":null,"stream":true}',
            '{"stream_options":{"include_usage":true},"stream":true}',
        ),
        (
            '{"stream":true,"stream_options":{"include_usage":false}}',
            '{"stream":true,"stream_options":{"include_usage":true}}',
        ),
        (
            '{"stream_options":1,"stream":true,"stream_options":2}',
            '{"stream_options":1,"stream":true,"stream_options":{"include_usage":true}}',
        ),
        (
            '{"x":{"stream_options":3},"y":"stream_options","stream":true}',
            '{"stream_options":{"include_usage":true},'
            '"x":{"stream_options":3},"y":"stream_options","stream":true}',
        ),
    ],
)
def test_usage_is_asked_for_and_every_other_byte_stays(body: str, asking: str) -> None:
    assert with_usage_requested(body.encode()).decode() == asking


@pytest.mark.parametrize(
    "body", [b'{"stream":false}', b"{}", b'{"stream":true,"stream_options":{"include_usage":true}}']
)
def test_a_request_that_needs_no_change_stays_as_it_is(body: bytes) -> None:
    assert with_usage_requested(body) == body


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.dictionaries(st.text() | st.sampled_from(["stream_options", "n"]), VALUES),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)
def test_the_request_means_the_same_but_for_the_option(
    request_members: dict[str, object], indent: int | None, is_ascii: bool
) -> None:
    request_members["stream"] = True
    body = json.dumps(request_members, indent=indent, ensure_ascii=is_ascii)
    try:
        encoded = body.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate: no UTF-8 text
    options = request_members.get("stream_options")
    kept = cast(dict[str, object], options) if isinstance(options, dict) else {}
    expected: dict[str, object] = {
        **request_members,
        "stream_options": {**kept, "include_usage": True},
    }
    assert json.loads(with_usage_requested(encoded)) == expected


@pytest.mark.parametrize(
    ("endpoint", "is_stream", "kind"),
    [
        (Endpoint.CHAT, True, ChatStreamTap),
        (Endpoint.CHAT, False, ChatBodyTap),
        (Endpoint.RESPONSES, True, ResponsesStreamTap),
        (Endpoint.RESPONSES, False, ResponsesBodyTap),
        (Endpoint.EMBEDDINGS, False, EmbeddingsTap),
        (Endpoint.MESSAGES, True, MessagesStreamTap),
        (Endpoint.MESSAGES, False, MessagesBodyTap),
    ],
)
def test_the_endpoint_chooses_the_tap(endpoint: Endpoint, is_stream: bool, kind: type[Tap]) -> None:
    assert type(open_tap(endpoint, facts(endpoint), is_stream=is_stream)) is kind


@pytest.mark.parametrize("asks", [True, False])
def test_only_a_client_that_asked_gets_the_usage_chunk(asks: bool) -> None:
    text, usage = sse(chat_chunk()), sse(chat_chunk(None, usage={"prompt_tokens": 1}))
    asked = facts(Endpoint.CHAT, stream=True, stream_options={"include_usage": asks})
    tap = open_tap(Endpoint.CHAT, asked, is_stream=True)
    assert pass_through(tap, [text + usage]) == (text + usage if asks else text)
    assert tap.is_settled
