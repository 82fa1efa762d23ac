"""The real SDKs of both providers through the proxy: answers, usage, denials (PRX-2 to PRX-4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.proxied import Proxied, Settings, proxied

SAY: list[Any] = [{"role": "user", "content": "Say hi"}]


@pytest.fixture
def gpt(gateway: Proxied) -> Iterator[openai.OpenAI]:
    with open_gpt(gateway) as client:
        yield client


@pytest.fixture
def claude(gateway: Proxied) -> Iterator[anthropic.Anthropic]:
    with open_claude(gateway) as client:
        yield client


def open_gpt(gateway: Proxied) -> openai.OpenAI:
    return openai.OpenAI(api_key=gateway.secret, base_url=f"{gateway.url}/v1")


def open_claude(gateway: Proxied) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=gateway.secret, base_url=gateway.url)


def test_openai_chat(gateway: Proxied, gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="m", messages=SAY, max_tokens=50)
    assert answer.choices[0].message.content == "Hi"
    assert answer.usage is not None
    record = gateway.record()
    assert (record.input_tokens, record.output_tokens) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )


def test_openai_chat_stream_without_usage_sees_no_chunk_of_ours(
    gateway: Proxied, gpt: openai.OpenAI
) -> None:
    with gpt.chat.completions.create(model="m", messages=SAY, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"
    assert gateway.record()[1:5] == ("priced", "completed", 10, 5)


def test_openai_chat_stream_with_usage(gateway: Proxied, gpt: openai.OpenAI) -> None:
    with gpt.chat.completions.create(
        model="m", messages=SAY, stream=True, stream_options={"include_usage": True}
    ) as stream:
        usage = list(stream)[-1].usage
    assert usage is not None
    record = gateway.record()
    assert (record.input_tokens, record.output_tokens) == (
        usage.prompt_tokens,
        usage.completion_tokens,
    )


def test_openai_responses(gateway: Proxied, gpt: openai.OpenAI) -> None:
    answer = gpt.responses.create(model="m", input="Say hi")
    assert answer.usage is not None
    record = gateway.record()
    assert record.input_tokens + record.cache_read_tokens == answer.usage.input_tokens
    assert record.output_tokens + record.reasoning_tokens == answer.usage.output_tokens


def test_openai_responses_stream(gateway: Proxied, gpt: openai.OpenAI) -> None:
    with gpt.responses.create(model="m", input="Say hi", stream=True) as stream:
        kinds = [event.type for event in stream]
    assert kinds == ["response.created", "response.output_text.delta", "response.completed"]
    assert gateway.record()[1:8] == ("priced", "completed", 6, 3, 4, 0, 2)


def test_openai_embeddings(gateway: Proxied, gpt: openai.OpenAI) -> None:
    answer = gpt.embeddings.create(model="m", input="Hi", encoding_format="float")
    assert answer.data[0].embedding == [0.5, 0.25]
    assert gateway.record().input_tokens == answer.usage.prompt_tokens


def test_anthropic_messages(gateway: Proxied, claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(model="m", max_tokens=50, messages=SAY)
    record = gateway.record()
    assert (record.input_tokens, record.output_tokens, record.cache_read_tokens) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
        answer.usage.cache_read_input_tokens,
    )


def test_anthropic_messages_stream(gateway: Proxied, claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(model="m", max_tokens=50, messages=SAY) as stream:
        answer = stream.get_final_message()
    record = gateway.record()
    assert (record.input_tokens, record.output_tokens, record.cache_write_5m_tokens) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
        answer.usage.cache_creation_input_tokens,
    )


def test_anthropic_count_tokens_and_models_are_free(
    gateway: Proxied, claude: anthropic.Anthropic
) -> None:
    assert claude.messages.count_tokens(model="m", messages=SAY).input_tokens == 10
    assert list(claude.models.list()) == []
    assert gateway.records() == []


def test_an_sdk_shows_a_denial_and_does_not_try_again(tmp_path: Path) -> None:
    with proxied(tmp_path, Settings(limit="0.001")) as gateway:
        with open_gpt(gateway) as gpt, pytest.raises(openai.APIStatusError) as told:
            gpt.chat.completions.create(model="m", messages=SAY)
        assert told.value.status_code == 402
        assert told.value.code == "budget_exceeded"
        assert "cost.daily_limit_usd" in told.value.message
        with open_claude(gateway) as claude, pytest.raises(anthropic.APIStatusError) as seen:
            claude.messages.create(model="m", max_tokens=50, messages=SAY)
        assert seen.value.status_code == 402
        assert "cost.daily_limit_usd" in seen.value.message
        assert gateway.denials() == 2
        assert gateway.provider.calls == []
