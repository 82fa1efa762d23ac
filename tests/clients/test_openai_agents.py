"""PRX-6 for the OpenAI Agents SDK: its real runner and models, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import openai
import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIProvider,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

from corvus import BudgetExceeded, Governor, UnpricedModel
from corvus.clients.openai_agents import GovernedModel, GovernedProvider
from tests.clients.conftest import Governed
from tests.clients.upstream import (
    STREAM,
    Answer,
    Asked,
    Upstream,
    chat_body,
    chat_events,
    event,
    responses,
)

COST = Decimal("0.0018")  # 600 input at $1, 400 cached at $0.5, 500 output at $2 per million

set_tracing_disabled(True)


@pytest.fixture
def client(upstream: Upstream, loop: asyncio.Runner) -> Iterator[AsyncOpenAI]:
    made = AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key="k", max_retries=0)
    yield made
    loop.run(made.close())


@pytest.fixture
def model(client: AsyncOpenAI, governed: Governed) -> GovernedModel:
    return GovernedModel(OpenAIResponsesModel("gpt-test", client), governed.governor, project="p")


@pytest.fixture
def chatting(client: AsyncOpenAI, governed: Governed) -> GovernedModel:
    return GovernedModel(OpenAIChatCompletionsModel("gpt-test", client), governed.governor)


def agent_of(model: GovernedModel, most: int | None = 600, **settings: Any) -> Agent[Any]:
    return Agent(
        name="docs", model=model, model_settings=ModelSettings(max_tokens=most, **settings)
    )


async def ask(model: GovernedModel, most: int | None = 600, **settings: Any) -> str:
    result = await Runner.run(agent_of(model, most, **settings), "hi")
    return str(result.final_output)


async def stream(
    model: GovernedModel, take: int | None = None, *, most: int | None = 600
) -> list[str]:
    result = Runner.run_streamed(agent_of(model, most), "hi")
    kinds: list[str] = []
    async for one in result.stream_events():
        kinds.append(one.type)
        if take is not None and len(kinds) >= take:
            result.cancel()
            await asyncio.sleep(0.1)  # the run goes on in a task of its own
            break
    return kinds


@pytest.mark.parametrize("name", ["model", "chatting"])
def test_a_call_is_recorded_at_what_its_provider_reports(
    name: str,
    request: pytest.FixtureRequest,
    governed: Governed,
    upstream: Upstream,
    loop: asyncio.Runner,
) -> None:
    model: GovernedModel = request.getfixturevalue(name)
    assert loop.run(ask(model)) == "Hello"
    assert loop.run(stream(model))
    assert governed.costs() == [COST, COST]
    assert {row["source"] for row in governed.records()} == {"priced"}
    assert governed.open_holds() == 0
    assert len(upstream.asked) == 2


def test_options_are_of_every_call(
    model: GovernedModel, governed: Governed, loop: asyncio.Runner
) -> None:
    loop.run(ask(model))
    (record,) = governed.records()
    assert record["project"] == "p"
    assert record["provider_request_id"] == "req_7"
    assert record["cache_read_tokens"] == 400
    assert record["reasoning_tokens"] == 100


def test_a_refused_call_is_not_made(
    model: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    with pytest.raises(BudgetExceeded, match="budget 'day' would be exceeded"):
        loop.run(ask(model, most=1_000_000))
    with pytest.raises(BudgetExceeded):
        loop.run(stream(model, most=1_000_000))
    assert upstream.asked == []
    assert governed.open_holds() == 0


def test_a_model_without_a_price_is_refused(
    client: AsyncOpenAI, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    """PRC-5."""
    model = GovernedModel(OpenAIResponsesModel("no-such-model", client), governed.governor)
    with pytest.raises(UnpricedModel, match="no-such-model"):
        loop.run(ask(model))
    assert upstream.asked == []


def test_what_is_made_in_the_background_is_refused(
    model: GovernedModel, loop: asyncio.Runner
) -> None:
    with pytest.raises(ValueError, match="background"):
        loop.run(ask(model, extra_args={"background": True}))


def test_a_maximum_beside_the_setting_counts_and_a_lower_one_replaces_it(
    model: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    with pytest.raises(BudgetExceeded):
        loop.run(ask(model, extra_body={"max_output_tokens": 1_000_000}))
    assert upstream.asked == []
    loop.run(ask(model, most=None, extra_args={"max_output_tokens": 700}))
    assert upstream.asked[0]["max_output_tokens"] == 700


def test_a_maximum_is_stated_where_none_is_known(
    model: GovernedModel, upstream: Upstream, loop: asyncio.Runner
) -> None:
    """PRC-7: nobody vouches for the limit of a model that is not known."""
    loop.run(ask(model, most=None))
    assert upstream.asked[0]["max_output_tokens"] > 0


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_provider_that_refuses_is_not_paid(
    status: int, model: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    body = json.dumps({"error": {"message": "no", "type": "e"}}).encode()
    upstream.script = lambda path, asked: Answer([body], status=status)
    with pytest.raises(openai.APIStatusError):
        loop.run(ask(model))
    with pytest.raises(openai.APIStatusError):
        loop.run(stream(model))
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_a_call_that_never_left_is_released(governed: Governed, loop: asyncio.Runner) -> None:
    client = AsyncOpenAI(base_url="http://127.0.0.1:1/v1", api_key="k", max_retries=0)
    model = GovernedModel(OpenAIResponsesModel("gpt-test", client), governed.governor)
    with pytest.raises(openai.APIConnectionError):
        loop.run(ask(model))
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_a_timeout_costs_what_was_held_for_the_provider_may_have_worked(
    governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    """RES-10."""
    upstream.script = lambda path, asked: Answer([b" "] * 20, pause=0.1)
    client = AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key="k", max_retries=0, timeout=0.3)
    model = GovernedModel(OpenAIResponsesModel("gpt-test", client), governed.governor)

    async def main() -> None:
        await asyncio.wait_for(Runner.run(agent_of(model), "hi"), 0.5)

    with pytest.raises((openai.APIError, TimeoutError)):
        loop.run(main())
    assert governed.settled_soon()
    (record,) = governed.records()
    assert record["source"] == "estimated"
    assert record["cost_nano_usd"] >= 1_200_000  # type: ignore[operator] # 600 tokens at $2


def test_a_stream_that_is_left_is_settled_once_as_an_estimate(
    model: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def slow(path: str, asked: Asked) -> Answer:
        first, _ = responses(asked).pieces
        return Answer([first] * 100, kind=STREAM, pause=0.02)

    upstream.script = slow
    loop.run(stream(model, take=3))
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")


def test_a_task_that_is_cancelled_in_mid_stream_settles(
    model: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def slow(path: str, asked: Asked) -> Answer:
        first, _ = responses(asked).pieces
        return Answer([first] * 100, kind=STREAM, pause=0.02)

    upstream.script = slow

    async def main() -> None:
        task = asyncio.create_task(stream(model))
        await asyncio.sleep(0.5)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        loop.run(main())
    assert governed.settled_soon()
    (record,) = governed.records()
    assert record["outcome"] == "cancelled"


def test_a_failed_response_is_paid_for_what_it_reports(
    model: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def failed(path: str, asked: Asked) -> Answer:
        body = json.loads(responses({**asked, "stream": False}).pieces[0])
        body |= {"status": "failed", "error": {"code": "server_error", "message": "x"}}
        first = responses(asked).pieces[0]
        end = event({"type": "response.failed", "response": body, "sequence_number": 2})
        return Answer([first, end], kind=STREAM)

    upstream.script = failed
    with pytest.raises(Exception, match="failed"):
        loop.run(stream(model))
    assert governed.costs() == [COST]
    assert governed.open_holds() == 0


def test_usage_that_nobody_reports_is_estimated_and_never_free(
    chatting: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def silent(path: str, asked: Asked) -> Answer:
        if asked.get("stream"):
            return Answer([*chat_events({**asked, "stream_options": None})], kind=STREAM)
        body = json.loads(chat_body(asked).pieces[0])
        del body["usage"]
        return Answer([json.dumps(body).encode()])

    upstream.script = silent
    loop.run(ask(chatting))
    loop.run(stream(chatting))
    assert [row["source"] for row in governed.records()] == ["estimated", "estimated"]
    assert all(cost for cost in governed.costs())
    assert governed.open_holds() == 0


def test_every_agent_that_is_handed_over_to_is_governed(
    client: AsyncOpenAI, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    def script(path: str, asked: Asked) -> Answer:
        if len(upstream.asked) > 1:
            return responses(asked)
        call = {
            "type": "function_call",
            "id": "f1",
            "call_id": "c1",
            "name": asked["tools"][0]["name"],
            "arguments": "{}",
            "status": "completed",
        }
        body = json.loads(responses(asked).pieces[0])
        return Answer([json.dumps({**body, "output": [call]}).encode()])

    upstream.script = script
    provider = GovernedProvider(OpenAIProvider(openai_client=client), governed.governor)
    settings = ModelSettings(max_tokens=600)
    other = Agent(name="other", model="gpt-test", model_settings=settings)
    first = Agent(name="first", model="gpt-test", handoffs=[other], model_settings=settings)

    async def main() -> str:
        result = await Runner.run(first, "hi", run_config=RunConfig(model_provider=provider))
        return str(result.final_output)

    assert loop.run(main()) == "Hello"
    assert governed.costs() == [COST, COST]


def test_an_agent_that_is_a_tool_holds_its_own_calls(
    model: GovernedModel, governed: Governed, upstream: Upstream, loop: asyncio.Runner
) -> None:
    inner = agent_of(model)

    @function_tool
    async def ask_inner() -> str:
        """Ask the other agent."""
        return str((await Runner.run(inner, "hi")).final_output)

    def script(path: str, asked: Asked) -> Answer:
        if len(upstream.asked) != 1:
            return responses(asked)
        call = {
            "type": "function_call",
            "id": "f1",
            "call_id": "c1",
            "name": "ask_inner",
            "arguments": "{}",
            "status": "completed",
        }
        body = json.loads(responses(asked).pieces[0])
        return Answer([json.dumps({**body, "output": [call]}).encode()])

    upstream.script = script
    outer = replace(agent_of(model), tools=[ask_inner])
    loop.run(Runner.run(outer, "hi"))
    assert governed.costs() == [COST] * 3
    assert governed.open_holds() == 0


def test_while_governance_is_disabled_calls_are_made_as_they_are(
    client: AsyncOpenAI, governed: Governed, loop: asyncio.Runner
) -> None:
    """EVA-11."""
    off = Governor(replace(governed.governor.policy, enabled=False), governed.governor.store)
    model = GovernedModel(OpenAIResponsesModel("no-such-model", client), off)
    assert loop.run(ask(model)) == "Hello"
    assert governed.records() == []


def test_a_misspelt_option_is_refused(client: AsyncOpenAI, governed: Governed) -> None:
    inner = OpenAIResponsesModel("gpt-test", client)
    with pytest.raises(TypeError, match="did you mean session_id"):
        GovernedModel(inner, governed.governor, sesion_id="s")  # pyright: ignore[reportCallIssue]


@pytest.fixture(autouse=True)
def nothing_is_left(governed: Governed) -> Iterator[None]:
    yield
    assert governed.settled_soon()
