"""EVA-14 for LangChain agents: real models over a real socket, changed before they are called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType]
from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from corvus import BudgetExceeded, open_runtime
from corvus.clients.langchain import BudgetMiddleware, GovernedCallback
from corvus.clients.langchain.calls import describe
from tests.clients.conftest import Governed
from tests.clients.upstream import Answer, Upstream

CONFIG = """
[cost]
enabled = true
daily_limit_usd = {limit}
monthly_limit_usd = 0
on_exceeded = ["cap", "downgrade"]
cap_at_least_tokens = 2000

[cost.downgrade]
"gpt-5.4" = ["gpt-5.4-nano"]

[cost.prices."openai/gpt-test"]
input = 1
output = 2
cache_read = 0.5
"""


@pytest.fixture
def governed(tmp_path: Path) -> Iterator[Governed]:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.format(limit="0.01"))
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as governor:
        yield Governed(governor)


@pytest.fixture
def govern(governed: Governed) -> Iterator[BudgetMiddleware]:
    middleware = BudgetMiddleware(governed.governor, project="p")
    yield middleware
    middleware.close()


@tool
def add(one: int, other: int) -> int:
    """Add two numbers."""
    return one + other


def agent_of(upstream: Upstream, govern: BudgetMiddleware, **more: Any) -> Any:
    settings: dict[str, Any] = {"model": "gpt-test", **more}
    model = ChatOpenAI(
        base_url=f"{upstream.url}/v1", api_key=SecretStr("k"), max_retries=0, **settings
    )
    return create_agent(model, [add], middleware=[govern])


SAID: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


def test_a_call_that_fits_is_made_as_it_is(
    upstream: Upstream, govern: BudgetMiddleware, governed: Governed
) -> None:
    agent = agent_of(upstream, govern, max_tokens=600)
    assert agent.invoke(SAID)["messages"][-1].text == "Hello"
    assert asyncio.run(agent.ainvoke(SAID))["messages"][-1].text == "Hello"
    assert [asked["max_completion_tokens"] for asked in upstream.asked] == [600, 600]
    assert governed.costs() == [Decimal("0.0018"), Decimal("0.0018")]
    assert {row["project"] for row in governed.records()} == {"p"}
    assert governed.open_holds() == 0


@pytest.mark.parametrize("stated", [{"max_tokens": 64_000}, {}])
def test_a_call_gets_the_largest_maximum_that_fits(
    upstream: Upstream, govern: BudgetMiddleware, governed: Governed, stated: dict[str, int]
) -> None:
    agent = agent_of(upstream, govern, **stated)
    agent.invoke(SAID)
    (asked,) = upstream.asked
    assert 3_000 < asked["max_completion_tokens"] < 5_000, "a cent buys 5,000 tokens of output"
    assert governed.costs() == [Decimal("0.0018")]


def test_a_call_is_made_with_a_cheaper_model_where_all_that_it_uses_is_known(
    upstream: Upstream, govern: BudgetMiddleware, governed: Governed
) -> None:
    """Of gpt-5.4 a cent buys some 600 tokens of output, which are too few."""
    agent = agent_of(upstream, govern, model="gpt-5.4", reasoning_effort="low", max_tokens=5_000)
    agent.invoke(SAID)
    (asked,) = upstream.asked
    assert (asked["model"], asked["max_completion_tokens"]) == ("gpt-5.4-nano", 5_000)
    (record,) = governed.records()
    assert record["requested_model"] == "gpt-5.4-nano"


def test_a_call_whose_needs_are_not_known_there_keeps_its_model(
    upstream: Upstream, govern: BudgetMiddleware
) -> None:
    agent = agent_of(
        upstream, govern, model="gpt-5.4", reasoning_effort="minimal", max_tokens=5_000
    )
    with pytest.raises(BudgetExceeded):
        agent.invoke(SAID)
    assert upstream.asked == []


def test_a_refused_call_is_not_made(
    upstream: Upstream, govern: BudgetMiddleware, governed: Governed
) -> None:
    long = {"messages": [{"role": "user", "content": "x" * 60_000}]}
    agent = agent_of(upstream, govern)
    with pytest.raises(BudgetExceeded, match="budget 'day' would be exceeded"):
        agent.invoke(long)
    with pytest.raises(BudgetExceeded):
        asyncio.run(agent.ainvoke(long))
    assert upstream.asked == []
    assert governed.open_holds() == 0


def test_a_refused_call_ends_the_run_where_that_was_requested(
    upstream: Upstream, governed: Governed
) -> None:
    """The agent itself says why; what it had done before stays in the messages."""
    ending = BudgetMiddleware(governed.governor, on_refusal="end")
    long = {"messages": [{"role": "user", "content": "x" * 60_000}]}
    agent = agent_of(upstream, ending)
    for said in (agent.invoke(long), asyncio.run(agent.ainvoke(long))):
        last = said["messages"][-1]
        assert "budget 'day' would be exceeded" in last.text
        assert last.response_metadata["corvus"]["budget_exceeded"] is True
    assert upstream.asked == []
    assert governed.open_holds() == 0
    ending.close()
    with pytest.raises(ValueError, match="on_refusal"):
        BudgetMiddleware(governed.governor, on_refusal="stop")  # pyright: ignore[reportArgumentType]


def test_pictures_and_files_that_are_only_named_are_bounded(governed: Governed) -> None:
    """PRC-7: a model that does not show its request may read what an address stands for."""

    def bound(*parts: dict[str, Any]) -> int:
        text = HumanMessage([{"type": "text", "text": "hi"}, *parts]).model_dump_json()
        return describe(text, {}, {"model": "gpt-test"}).input_tokens

    picture = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    file = {"type": "file", "url": "https://x.test/a.pdf"}
    assert bound() < 200
    assert bound(picture, picture) > bound(picture) + 2_000 > bound() + 4_000
    assert bound(file) > 30_000


def test_a_callback_cannot_lower_a_maximum_so_the_call_is_refused(
    upstream: Upstream, governed: Governed
) -> None:
    callback = GovernedCallback(governed.governor)
    model = ChatOpenAI(
        model="gpt-test",
        base_url=f"{upstream.url}/v1",
        api_key=SecretStr("k"),
        max_tokens=64_000,  # pyright: ignore[reportCallIssue] - by its alias
        callbacks=[callback],
    )
    with pytest.raises(BudgetExceeded):
        model.invoke("hi")
    assert upstream.asked == []
    callback.close()


def test_a_provider_that_refuses_is_not_paid(
    upstream: Upstream, govern: BudgetMiddleware, governed: Governed
) -> None:
    upstream.script = lambda path, asked: Answer([b"{}"], status=500)
    agent = agent_of(upstream, govern, max_tokens=600)
    with pytest.raises(openai.InternalServerError):
        agent.invoke(SAID)
    with pytest.raises(openai.InternalServerError):
        asyncio.run(agent.ainvoke(SAID))
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_a_model_that_does_not_show_its_request_keeps_its_name(
    govern: BudgetMiddleware, governed: Governed
) -> None:
    said = AIMessage("one two", response_metadata={"model_name": "gpt-test"})
    model = GenericFakeChatModel(messages=iter([said]))
    request: Any = ModelRequest(
        model=model, messages=[HumanMessage("hi")], model_settings={"model": "gpt-test"}
    )
    sent: list[dict[str, Any]] = []

    def handle(form: Any) -> Any:
        sent.append(form.model_settings)
        return ModelResponse(result=[said])

    govern.wrap_model_call(request, handle)
    assert sent[0]["model"] == "gpt-test"
    assert 3_000 < sent[0]["max_tokens"] < 5_000
    (record,) = governed.records()
    assert record["source"] == "estimated"
