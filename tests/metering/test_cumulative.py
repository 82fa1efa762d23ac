"""Counters of a stream are cumulative: what was told once is not taken back by a smaller number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.facts import grown
from corvus.metering.openai.taps import (
    ChatBodyTap,
    ChatStreamTap,
    ResponsesBodyTap,
    ResponsesStreamTap,
)
from corvus.metering.providers.anthropic import MessagesBodyTap, MessagesStreamTap
from corvus.metering.tap import BodyTap
from corvus.model.usage import Usage
from tests.metering.streams import chat_chunk, pass_through, sse

NAMES = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def messages(*told: dict[str, Any]) -> Usage:
    first, *later = told
    tap = MessagesStreamTap()
    start = {"type": "message_start", "message": {"model": "m", "usage": first}}
    deltas = [{"type": "message_delta", "usage": one} for one in later]
    pass_through(tap, [sse(start, *deltas, {"type": "message_stop"})])
    assert tap.usage is not None
    return tap.usage.total


def test_input_of_the_start_stands_when_the_end_says_0() -> None:
    found = messages(
        {"input_tokens": 100, "output_tokens": 1}, {"input_tokens": 0, "output_tokens": 50}
    )
    assert found == Usage(100, 50)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, st.integers(0, 999))), min_size=2))
def test_of_each_counter_the_largest_holds(told: list[dict[str, Any]]) -> None:
    found = messages(*told)
    assert found.input_tokens == max(one["input_tokens"] for one in told)
    assert found.output_tokens == max(one["output_tokens"] for one in told)
    assert found.cache_read_tokens == max(one["cache_read_input_tokens"] for one in told)
    assert found.cache_write_5m_tokens == max(one["cache_creation_input_tokens"] for one in told)


def test_a_context_that_was_shortened_counts_as_its_requests_say() -> None:
    parts = [
        {"type": "compaction", "input_tokens": 90, "output_tokens": 5},
        {"type": "message", "input_tokens": 10, "output_tokens": 7},
    ]
    found = messages(
        {"input_tokens": 90, "output_tokens": 1},
        {"input_tokens": 10, "output_tokens": 7, "iterations": parts},
    )
    assert found == Usage(100, 12)


def test_a_chat_stream_that_repeats_its_usage_keeps_the_largest() -> None:
    tap = ChatStreamTap()
    told = [
        {"prompt_tokens": 9, "completion_tokens": 2},
        {"prompt_tokens": 0, "completion_tokens": 5},
    ]
    pass_through(tap, [sse(*(chat_chunk(usage=one) for one in told), "[DONE]")])
    assert tap.usage is not None
    assert tap.usage.total == Usage(9, 5)


def test_a_stream_of_responses_that_ends_twice_keeps_the_largest() -> None:
    tap = ResponsesStreamTap()
    told = [{"input_tokens": 9, "output_tokens": 5}, {"input_tokens": 0, "output_tokens": 1}]
    ends = [{"type": "response.completed", "response": {"usage": one}} for one in told]
    pass_through(tap, [sse(*ends)])
    assert tap.usage is not None
    assert tap.usage.total == Usage(9, 5)


@pytest.mark.parametrize("now", [{"a": None}, {}, {"a": 1}, {"a": 1.0}])
def test_what_says_nothing_or_less_changes_nothing(now: dict[str, Any]) -> None:
    assert grown({"a": 2, "b": {"c": 3}}, now | {"b": {"c": 1}}) == {"a": 2, "b": {"c": 3}}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (ChatBodyTap, {"usage": {"prompt_tokens": 20}}),
        (ChatBodyTap, {"usage": {"completion_tokens": 5}}),
        (ChatBodyTap, {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}),
        (ResponsesBodyTap, {"usage": {"input_tokens": 20, "output_tokens": None}}),
        (ResponsesBodyTap, {"usage": {"output_tokens": 5}}),
        (MessagesBodyTap, {"usage": {"input_tokens": 20}}),
        (MessagesBodyTap, {"usage": {"output_tokens": 5}}),
        (MessagesBodyTap, {"usage": {"input_tokens": 0, "output_tokens": 5}}),
    ],
)
def test_a_total_that_is_left_out_is_not_0(make: type[BodyTap], message: dict[str, Any]) -> None:
    tap = make()
    pass_through(tap, [json.dumps({**message, "text": "w " * 300}).encode()])
    found = tap.usage_or_estimate(model="m", input_tokens=400)
    assert found.is_estimated
    assert found.total.context_tokens >= 20
    assert found.total.output_tokens >= 200 or message["usage"].get("output_tokens")


def test_a_stream_that_never_tells_its_input_is_taken_at_the_bound() -> None:
    tap = MessagesStreamTap()
    start = {"type": "message_start", "message": {"model": "m"}}
    delta = {"type": "message_delta", "usage": {"output_tokens": 50}}
    pass_through(tap, [sse(start, delta, {"type": "message_stop"})])
    found = tap.usage_or_estimate(model="m", input_tokens=400)
    assert (found.is_estimated, found.total) == (True, Usage(400, 50))


def test_what_is_thought_aloud_counts_as_written() -> None:
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "w" * 300}]}]
    chunk = {"choices": [{"index": 0, "delta": {"content": thought}}]}
    tap = ChatStreamTap()
    pass_through(tap, [sse(chunk)])
    found = tap.usage_or_estimate(model="m", input_tokens=1)
    assert found.total.output_tokens >= 100
