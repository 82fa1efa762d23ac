"""PRX-6 for pydantic-ai: its real agents and models, over a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai import Agent, BinaryContent, CachePoint, DocumentUrl, ImageUrl, ModelHTTPError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import RequestUsage

from corvus import BudgetExceeded, Governor, UnpricedModel
from corvus.calls.gate import Gate, Proposal
from corvus.calls.routes import MeteredCall
from corvus.clients.pydantic_ai import GovernedModel
from corvus.clients.pydantic_ai_text import answer_of, call_text
from tests.clients.conftest import Governed
from tests.clients.upstream import (
    STREAM,
    Answer,
    Asked,
    Upstream,
    chat_body,
    chat_events,
)

CHAT = Decimal("0.0018")  # 600 input at $1, 400 cached at $0.5, 500 output at $2 per million
MESSAGES = Decimal("0.0021")  # 1000 input, 200 cached, 500 output
NOTHING = ModelRequestParameters()
Make = Callable[[str], Model]


@pytest.fixture
def openai(upstream: Upstream, loop: asyncio.Runner) -> Iterator[OpenAIProvider]:
    client = AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key="k", max_retries=0)
    yield OpenAIProvider(openai_client=client)
    loop.run(client.close())


@pytest.fixture
def anthropic(upstream: Upstream, loop: asyncio.Runner) -> Iterator[AnthropicProvider]:
    client = AsyncAnthropic(base_url=upstream.url, api_key="k", max_retries=0)
    yield AnthropicProvider(anthropic_client=client)
    loop.run(client.close())


@pytest.fixture
def chat(openai: OpenAIProvider, governed: Governed) -> GovernedModel:
    model = OpenAIChatModel("gpt-test", provider=openai)
    return GovernedModel(model, governed.governor, project="p")


def agent_of(model: Model, most: int | None = 600, **settings: Any) -> Agent[None, str]:
    more: Any = {**({"max_tokens": most} if most else {}), **settings}
    return Agent(model, model_settings=more)


async def ask(model: Model, most: int | None = 600, **settings: Any) -> str:
    return (await agent_of(model, most, **settings).run("hi")).output


async def stream(model: Model, *, is_left: bool = False, most: int = 600) -> str:
    async with agent_of(model, most).run_stream("hi") as result:
        said = ""
        async for text in result.stream_text(debounce_by=None):
            said = text
            if is_left:
                break
    return said


def test_a_request_is_recorded_at_what_its_provider_reports(
    openai: OpenAIProvider,
    anthropic: AnthropicProvider,
    governed: Governed,
    upstream: Upstream,
    loop: asyncio.Runner,
) -> None:
    for inner in (
        OpenAIChatModel("gpt-test", provider=openai),
        OpenAIResponsesModel("gpt-test", provider=openai),
        AnthropicModel("claude-test", provider=anthropic),
    ):
        model = GovernedModel(inner, governed.governor)
        assert loop.run(ask(model)) == "Hello"
        assert loop.run(stream(model)) == "Hello"
    assert governed.costs() == [CHAT] * 4 + [MESSAGES] * 2
    assert {row["source"] for row in governed.records()} == {"priced"}
    assert governed.open_holds() == 0
    assert len(upstream.asked) == 6


def test_options_are_of_every_request(
    chat: GovernedModel, governed: Governed, loop: asyncio.Runner
) -> None:
    loop.run(ask(chat))
    (record,) = governed.records()
    assert (record["project"], record["answering_model"]) == ("p", "gpt-test")


def test_a_refused_request_is_not_made(
    chat: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    with pytest.raises(BudgetExceeded, match="budget 'day' would be exceeded"):
        loop.run(ask(chat, 1_000_000))
    with pytest.raises(BudgetExceeded):
        loop.run(stream(chat, most=1_000_000))
    with pytest.raises(BudgetExceeded):
        loop.run(ask(chat, extra_body={"max_completion_tokens": 1_000_000}))
    assert upstream.asked == []
    assert governed.open_holds() == 0


def test_a_model_without_a_price_is_refused(
    openai: OpenAIProvider, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    """PRC-5; also where only a fallback has none, or the body of the request names another."""
    unpriced = OpenAIChatModel("no-such-model", provider=openai)
    priced = OpenAIChatModel("gpt-test", provider=openai)
    with pytest.raises(UnpricedModel, match="no-such-model"):
        loop.run(ask(GovernedModel(unpriced, governed.governor)))
    with pytest.raises(UnpricedModel, match="no-such-model"):
        loop.run(ask(GovernedModel(FallbackModel(priced, unpriced), governed.governor)))
    governing = GovernedModel(priced, governed.governor)
    with pytest.raises(UnpricedModel, match="no-such-model"):
        loop.run(ask(governing, extra_body={"model": "no-such-model"}))
    assert upstream.asked == []


def test_a_maximum_is_stated_where_none_is_known(
    chat: GovernedModel, upstream: Upstream, loop: asyncio.Runner
) -> None:
    """PRC-7."""
    loop.run(ask(chat, None))
    assert upstream.asked[0]["max_completion_tokens"] > 0


def test_each_model_inside_a_fallback_holds_for_itself(
    openai: OpenAIProvider, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def script(path: str, asked: Asked) -> Answer:
        return Answer([b"{}"], status=500) if len(upstream.asked) == 1 else chat_body(asked)

    upstream.script = script
    models = [
        GovernedModel(OpenAIChatModel("gpt-test", provider=openai), governed.governor)
        for _ in range(2)
    ]
    assert loop.run(ask(FallbackModel(*models))) == "Hello"
    assert governed.costs() == [CHAT]
    assert governed.open_holds() == 0


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_provider_that_refuses_is_not_paid(
    status: int, chat: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    upstream.script = lambda path, asked: Answer([b"{}"], status=status)
    with pytest.raises(ModelHTTPError):
        loop.run(ask(chat))
    with pytest.raises(ModelHTTPError):
        loop.run(stream(chat))
    assert governed.records() == []
    assert governed.open_holds() == 0


def endless(path: str, asked: Asked) -> Answer:
    return Answer([chat_events(asked)[0]] * 100, kind=STREAM, pause=0.02)


def test_a_stream_that_is_left_is_settled_once_as_an_estimate(
    chat: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    upstream.script = endless
    loop.run(stream(chat, is_left=True))
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")
    assert governed.costs()[0]


def test_a_task_that_is_cancelled_settles(
    chat: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    upstream.script = endless

    async def main(work: Any) -> None:
        task = asyncio.create_task(work)
        await asyncio.sleep(0.5)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        loop.run(main(stream(chat)))
    with pytest.raises(asyncio.CancelledError):
        loop.run(main(ask(chat)))
    assert governed.settled_soon()
    assert [row["outcome"] for row in governed.records()] == ["cancelled", "cancelled"]
    assert [row["source"] for row in governed.records()] == ["estimated", "estimated"]


def test_an_exception_of_the_reader_settles_and_is_not_masked(
    chat: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    upstream.script = endless

    async def main() -> None:
        async with agent_of(chat).run_stream("hi") as result:
            async for _ in result.stream_text(debounce_by=None):
                raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        loop.run(main())
    assert governed.settled_soon()
    (record,) = governed.records()
    assert record["source"] == "estimated"


def test_usage_that_nobody_reports_is_estimated_and_never_free(
    chat: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def silent(path: str, asked: Asked) -> Answer:
        if asked.get("stream"):
            return Answer(chat_events({**asked, "stream_options": None}), kind=STREAM)
        body = json.loads(chat_body(asked).pieces[0])
        del body["usage"]
        return Answer([json.dumps(body).encode()])

    upstream.script = silent
    loop.run(ask(chat))
    loop.run(stream(chat))
    assert [row["source"] for row in governed.records()] == ["estimated", "estimated"]
    assert all(governed.costs())


def test_tools_and_their_turns_are_requests_of_their_own(
    chat: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def script(path: str, asked: Asked) -> Answer:
        if len(upstream.asked) > 1:
            return chat_body(asked)
        body = json.loads(chat_body(asked).pieces[0])
        call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
        body["choices"][0]["message"] = {"role": "assistant", "tool_calls": [call]}
        return Answer([json.dumps(body).encode()])

    upstream.script = script
    agent = agent_of(chat)

    @agent.tool_plain
    def add() -> int:
        return 7

    assert loop.run(agent.run("hi")).output == "Hello"
    assert governed.costs() == [CHAT, CHAT]


def test_a_model_that_is_a_function_is_governed_by_its_name(
    governed: Governed, loop: asyncio.Runner
) -> None:
    async def pieces(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        yield "Hel"
        yield "lo"

    model = FunctionModel(stream_function=pieces, model_name="gpt-test")
    assert loop.run(stream(GovernedModel(model, governed.governor))) == "Hello"
    (record,) = governed.records()
    assert record["outcome"] == "completed"


def test_a_batch_is_refused(chat: GovernedModel, loop: asyncio.Runner) -> None:
    with pytest.raises(ValueError, match="batch"):
        loop.run(chat.batch_create([]))


def test_counting_tokens_is_free(
    anthropic: AnthropicProvider, governed: Governed, loop: asyncio.Runner
) -> None:
    model = GovernedModel(AnthropicModel("claude-test", provider=anthropic), governed.governor)
    counted = loop.run(model.count_tokens([ModelRequest.user_text_prompt("hi")], None, NOTHING))
    assert counted.input_tokens == 9
    assert governed.governor.store.run(lambda unit: [*unit.events(0, 10)]) == []


def test_while_governance_is_disabled_requests_are_made_as_they_are(
    openai: OpenAIProvider, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    """EVA-11."""
    off = Governor(replace(governed.governor.policy, enabled=False), governed.governor.store)
    model = GovernedModel(OpenAIChatModel("no-such-model", provider=openai), off)
    assert loop.run(ask(model, None)) == "Hello"
    assert "max_completion_tokens" not in upstream.asked[0]
    assert governed.records() == []


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 4 + b"IHDR" + (64).to_bytes(4) * 2


def bound_of(
    governed: Governed,
    *said: Any,
    settings: dict[str, Any] | None = None,
    message: ModelRequest | None = None,
) -> int:
    model = FunctionModel(lambda messages, info: ModelResponse([]), model_name="gpt-4o")
    messages: list[ModelMessage] = [message or ModelRequest([UserPromptPart([*said])])]
    stated: Any = {"max_tokens": 1, **(settings or {})}
    text = call_text(model, messages, stated, NOTHING)
    body = json.dumps(text.body).encode()
    proposal = Gate(governed.governor).propose(MeteredCall(text.endpoint, text.endpoint.path), body)
    assert isinstance(proposal, Proposal)
    return proposal.plan.input_tokens


def test_what_is_no_text_is_bounded_as_what_it_is(governed: Governed) -> None:
    """A picture counts by its size, one that is only named as the largest, a file as unseen."""
    text = bound_of(governed, "hi")
    picture = bound_of(governed, "hi", BinaryContent(PNG + b"\0" * 90_000, media_type="image/png"))
    named = bound_of(governed, "hi", ImageUrl("https://x.test/a.png"))
    document = bound_of(governed, "hi", DocumentUrl("https://x.test/a.pdf"))
    stored = bound_of(governed, "hi", settings={"openai_previous_response_id": "r1"})
    cached = bound_of(governed, "hi", settings={"google_cached_content": "c1"})
    sound = BinaryContent(base64.b64decode("AAAA") * 1000, media_type="audio/wav")
    assert text < 200
    assert text + 100 < picture < text + 40_000, "not a third of its bytes"
    assert text + 1_000 < named
    assert document > 30_000
    assert stored > 30_000
    assert cached > 30_000
    assert bound_of(governed, "hi", sound) > 1_000


def test_no_member_hides_a_text(governed: Governed) -> None:
    """What a tool returns may look like a picture, a mark in the cache or what is not sent."""
    long = "x" * 30_000
    for name in ("usage", "metadata", "part_kind", "timestamp"):
        assert returned(governed, {name: long}) > 9_000, name
    for kind in ("binary", "image-url", "cache-point", "uploaded-file", "audio-url"):
        assert returned(governed, {"kind": kind, "text": long}) > 9_000, kind
    assert returned(governed, {"kind": "binary", "media_type": "image/png", "data": long}) > 9_000


def returned(governed: Governed, content: Any) -> int:
    return bound_of(governed, message=ModelRequest([ToolReturnPart("t", content, "c1")]))


def test_a_mark_in_the_cache_is_read(governed: Governed) -> None:
    model = FunctionModel(lambda messages, info: ModelResponse([]), model_name="gpt-test")
    messages: list[ModelMessage] = [ModelRequest([UserPromptPart(["hi", CachePoint(ttl="1h")])])]
    text = call_text(model, messages, None, NOTHING)
    (message,) = text.body["messages"]
    assert any(part.get("cache_control", {}).get("ttl") == "1h" for part in message["content"])


def test_each_count_keeps_its_kind() -> None:
    usage = RequestUsage(
        input_tokens=100,
        cache_read_tokens=40,
        cache_write_tokens=30,
        output_tokens=20,
        details={"reasoning_tokens": 5},
    )
    answer = answer_of(ModelResponse([TextPart("Hello")], usage=usage, model_name="m"))
    counts = answer["usage"]
    assert counts["prompt_tokens"] == 100
    assert counts["prompt_tokens_details"]["cached_tokens"] == 40
    assert counts["prompt_tokens_details"]["cache_write_tokens"] == 30
    assert counts["completion_tokens_details"]["reasoning_tokens"] == 5


def test_counts_of_nothing_are_none() -> None:
    assert "usage" not in answer_of(ModelResponse([TextPart("Hello")]))
    unmeasured = RequestUsage(input_tokens=5, unmeasured_requests=1)
    assert "usage" not in answer_of(ModelResponse([TextPart("Hello")], usage=unmeasured))


@pytest.fixture(autouse=True)
def nothing_is_left(governed: Governed) -> Iterator[None]:
    yield
    assert governed.settled_soon()
