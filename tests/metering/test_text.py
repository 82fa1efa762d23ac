"""Input is bounded from bytes (PRC-7), and the endpoint chooses the tap (PRX-3)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.openai.taps import (
    ChatBodyTap,
    ChatStreamTap,
    EmbeddingsTap,
    ResponsesBodyTap,
    ResponsesStreamTap,
)
from corvus.metering.provider import Endpoint
from corvus.metering.providers.anthropic import MESSAGES, MessagesBodyTap, MessagesStreamTap
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from corvus.metering.tap import Tap
from corvus.metering.text import input_token_bound
from tests.metering.streams import chat_chunk, pass_through, sse


@dataclass(frozen=True)
class Asked:
    asks_usage: bool = False
    is_stream: bool = True
    choices: int = 1
    reads_text: bool = True
    writes_text: bool = True


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
    ("endpoint", "is_stream", "kind"),
    [
        (CHAT, True, ChatStreamTap),
        (CHAT, False, ChatBodyTap),
        (RESPONSES, True, ResponsesStreamTap),
        (RESPONSES, False, ResponsesBodyTap),
        (EMBEDDINGS, False, EmbeddingsTap),
        (MESSAGES, True, MessagesStreamTap),
        (MESSAGES, False, MessagesBodyTap),
    ],
)
def test_the_endpoint_chooses_the_tap(endpoint: Endpoint, is_stream: bool, kind: type[Tap]) -> None:
    assert type(endpoint.open_tap(Asked(), is_stream=is_stream)) is kind


@pytest.mark.parametrize("asks", [True, False])
def test_only_a_client_that_asked_gets_the_usage_chunk(asks: bool) -> None:
    text, usage = sse(chat_chunk()), sse(chat_chunk(None, usage={"prompt_tokens": 1}))
    tap = CHAT.open_tap(Asked(asks_usage=asks), is_stream=True)
    assert pass_through(tap, [text + usage]) == (text + usage if asks else text)
    assert tap.is_settled
