"""PRX-6 for LangChain: a real model class over a real socket, and models of its own kit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import openai
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from corvus import BudgetExceeded, UnpricedModel
from corvus.clients.langchain import GovernedCallback
from tests.clients.conftest import Governed
from tests.clients.upstream import STREAM, Answer, Asked, Upstream, chat_events

CHAT = Decimal("0.0018")


@pytest.fixture
def govern(governed: Governed) -> Iterator[GovernedCallback]:
    callback = GovernedCallback(governed.governor, project="p")
    yield callback
    callback.close()


def model_of(upstream: Upstream, govern: GovernedCallback, **more: Any) -> ChatOpenAI:
    settings: dict[str, Any] = {"max_tokens": 600, **more}
    return ChatOpenAI(
        model="gpt-test",
        base_url=f"{upstream.url}/v1",
        api_key=SecretStr("k"),
        max_retries=0,
        stream_usage=True,
        callbacks=[govern],
        **settings,
    )


def test_calls_and_streams_are_recorded_at_what_is_reported(
    upstream: Upstream, govern: GovernedCallback, governed: Governed
) -> None:
    model = model_of(upstream, govern)
    assert model.invoke("hi").text == "Hello"
    assert "".join(one.text for one in model.stream("hi")) == "Hello"
    assert asyncio.run(model.ainvoke("hi")).text == "Hello"
    assert governed.costs() == [CHAT, CHAT, CHAT]
    assert {row["source"] for row in governed.records()} == {"priced"}
    assert {row["project"] for row in governed.records()} == {"p"}


def test_a_refused_call_is_not_made(
    upstream: Upstream, govern: GovernedCallback, governed: Governed
) -> None:
    model = model_of(upstream, govern, max_tokens=1_000_000)
    with pytest.raises(BudgetExceeded, match="budget 'day' would be exceeded"):
        model.invoke("hi")
    with pytest.raises(BudgetExceeded):
        asyncio.run(model.ainvoke("hi"))
    assert upstream.asked == []
    assert governed.open_holds() == 0


def test_a_provider_that_refuses_is_not_paid(
    upstream: Upstream, govern: GovernedCallback, governed: Governed
) -> None:
    upstream.script = lambda path, asked: Answer([b"{}"], status=500)
    with pytest.raises(openai.InternalServerError):
        model_of(upstream, govern).invoke("hi")
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_a_stream_that_is_left_is_settled_as_an_estimate(
    upstream: Upstream, govern: GovernedCallback, governed: Governed
) -> None:
    def endless(path: str, asked: Asked) -> Answer:
        return Answer([chat_events(asked)[0]] * 100, kind=STREAM, pause=0.05)

    upstream.script = endless
    stream = model_of(upstream, govern).stream("hi")
    next(stream)
    getattr(stream, "close")()  # noqa: B009 - it is a generator, typed as an iterator
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")


def test_an_answer_without_usage_is_never_free(
    govern: GovernedCallback, governed: Governed
) -> None:
    said = AIMessage("one two three four", response_metadata={"model_name": "gpt-test"})
    model = GenericFakeChatModel(messages=iter([said]), callbacks=[govern])
    model.invoke("hi", model="gpt-test")
    (record,) = governed.records()
    assert record["source"] == "estimated"
    assert record["output_tokens"] == 6  # 18 bytes, three to a token


def test_kinds_of_input_are_told_apart(govern: GovernedCallback, governed: Governed) -> None:
    usage: Any = {
        "input_tokens": 1000,
        "output_tokens": 50,
        "total_tokens": 1050,
        "input_token_details": {"cache_read": 200, "ephemeral_1h_input_tokens": 300},
    }
    said = AIMessage("x", usage_metadata=usage, response_metadata={"model_name": "claude-test"})
    model = GenericFakeChatModel(messages=iter([said]), callbacks=[govern])
    model.invoke("hi", model="claude-test")
    (record,) = governed.records()
    kinds = ("input_tokens", "cache_read_tokens", "cache_write_1h_tokens", "output_tokens")
    assert [record[kind] for kind in kinds] == [500, 200, 300, 50]


def answered(govern: GovernedCallback, counted: dict[str, Any], **metadata: Any) -> None:
    """Make a call whose answer has a usage in LangChain's words, and metadata of its provider."""
    counts: Any = {"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050, **counted}
    said = AIMessage("x", usage_metadata=counts, response_metadata=metadata)
    GenericFakeChatModel(messages=iter([said]), callbacks=[govern]).invoke("hi", model="gpt-test")


@pytest.mark.parametrize(
    "metadata",
    [
        {"token_usage": {"prompt_tokens": 1000, "cost": 0.0132}},
        {"token_usage": {"cost_in_usd_ticks": 132_000_000}},
        {"cost": 0.0132, "cost_details": {"upstream_inference_cost": None}},
        {"usage": {"cost": {"total_cost": 0.0132}}},
    ],
)
def test_a_cost_that_the_provider_states_is_recorded(
    govern: GovernedCallback, governed: Governed, metadata: dict[str, Any]
) -> None:
    """PRC-9: a float's shortest spelling is the text that it was read from."""
    answered(govern, {}, **metadata)
    (record,) = governed.records()
    assert (record["cost_nano_usd"], record["source"]) == (13_200_000, "provider")
    assert record["computed_cost_nano_usd"] is not None


def test_details_of_another_tier_are_no_plain_input(
    govern: GovernedCallback, governed: Governed
) -> None:
    """langchain-openai puts the tier before their names."""
    details = {"flex_cache_read": 200, "flex": 800}
    made = {"flex_reasoning": 30, "flex": 20}
    usage = {"input_token_details": details, "output_token_details": made}
    answered(govern, usage, service_tier="flex")
    (record,) = governed.records()
    kinds = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")
    assert [record[kind] for kind in kinds] == [800, 200, 20, 30]
    assert (record["service_tier"], record["source"]) == ("flex", "unknown")


def test_sound_is_no_text(govern: GovernedCallback, governed: Governed) -> None:
    """PRC-8."""
    usage = {"input_token_details": {"audio": 900}, "output_token_details": {"audio": 40}}
    answered(govern, usage)
    (record,) = governed.records()
    kinds = ("input_tokens", "input_audio_tokens", "output_tokens", "output_audio_tokens")
    assert [record[kind] for kind in kinds] == [100, 900, 10, 40]
    assert (record.get("cost_nano_usd"), record["source"]) == (None, "unknown")


def test_a_search_of_the_provider_leaves_a_lower_bound(
    govern: GovernedCallback, governed: Governed
) -> None:
    answered(govern, {}, grounding_metadata={"web_search_queries": ["weather"]})
    (record,) = governed.records()
    assert (record["source"], record["at_least"]) == ("estimated", True)


def test_an_answer_from_the_cache_costs_nothing(
    upstream: Upstream, govern: GovernedCallback, governed: Governed
) -> None:
    model = model_of(upstream, govern, cache=InMemoryCache())
    model.invoke("hi")
    model.invoke("hi")
    assert len(upstream.asked) == 1
    assert governed.costs() == [CHAT]
    assert governed.open_holds() == 0


def test_models_without_a_name_are_refused_as_unpriced(govern: GovernedCallback) -> None:
    with pytest.raises(UnpricedModel, match="has no price"):
        FakeListLLM(responses=["x"], callbacks=[govern]).invoke("hi")


@pytest.mark.parametrize("is_async", [False, True])
def test_plain_text_models_are_known_by_their_metadata(
    govern: GovernedCallback, governed: Governed, is_async: bool
) -> None:
    """What has no parameters of its own names its model in LangChain's metadata."""
    model = FakeListLLM(responses=["one two"], callbacks=[govern])
    told: Any = {"metadata": {"ls_model_name": "gpt-test", "ls_provider": "openai"}}
    if is_async:
        asyncio.run(model.ainvoke("hi", config=told))
    else:
        model.invoke("hi", config=told)
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["requested_model"], record["provider"]) == ("gpt-test", "openai")


@pytest.mark.parametrize("name", ["model_name", "model"])
def test_the_model_that_answered_is_recorded(
    govern: GovernedCallback, governed: Governed, name: str
) -> None:
    usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    said = AIMessage("x", usage_metadata=usage, response_metadata={name: "gpt-test-2026"})
    GenericFakeChatModel(messages=iter([said]), callbacks=[govern]).invoke("hi", model="gpt-test")
    (record,) = governed.records()
    assert record["answering_model"] == "gpt-test-2026"


def test_without_a_maximum_the_models_own_limit_is_held(
    governed: Governed, govern: GovernedCallback
) -> None:
    cases: tuple[tuple[dict[str, Any], int], ...] = (
        ({}, 8192),
        ({"n": 3}, 3 * 8192),
        ({"max_tokens": 5, "max_completion_tokens": 900}, 900),
        ({"max_tokens": 5, "extra_body": {"max_completion_tokens": 900, "n": 2}}, 1800),
    )
    for params, least in cases:
        run = uuid4()
        govern.on_llm_start(
            {}, ["hi"], run_id=run, metadata={"ls_model_name": "gpt-test"}, invocation_params=params
        )
        (held,) = governed.governor.store.run(lambda unit: [*unit.held()])
        assert held.hold_nano_usd >= least * 2000
        govern.on_llm_error(_Refused(), run_id=run)
    assert governed.records() == []


@pytest.mark.parametrize(
    ("error", "outcome"), [(ValueError("x"), "failed"), (GeneratorExit(), "cancelled")]
)
def test_a_stream_that_fails_has_failed_and_one_that_is_left_was_cancelled(
    error: BaseException, outcome: str, governed: Governed, govern: GovernedCallback
) -> None:
    run = uuid4()
    govern.on_llm_start({}, ["hi"], run_id=run, metadata={"ls_model_name": "gpt-test"})
    govern.on_llm_new_token("Hello", run_id=run)
    govern.on_llm_error(error, run_id=run)
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", outcome)
    assert record["first_token_at"] is not None


class _Refused(Exception):
    status_code = 400


@pytest.mark.parametrize("inside", [None, "extra_body", "model_kwargs"])
def test_of_several_models_that_may_answer_the_most_expensive_is_held(
    governed: Governed, govern: GovernedCallback, inside: str | None
) -> None:
    others = {"models": ["gpt-test", "anthropic/claude-other"]}
    holds: list[int] = []
    for more in ({}, others if inside is None else {inside: others}):
        run, params = uuid4(), {"model": "gpt-test", "max_tokens": 600, **more}
        govern.on_llm_start({}, ["hi"], run_id=run, metadata={}, invocation_params=params)
        (held,) = governed.governor.store.run(lambda unit: [*unit.held()])
        holds.append(held.hold_nano_usd)
        govern.on_llm_error(_Refused(), run_id=run)
    assert holds[1] > holds[0]


def test_a_fallback_without_a_price_is_refused(govern: GovernedCallback) -> None:
    params = {"model": "gpt-test", "models": ["nobody-sells-this"]}
    with pytest.raises(UnpricedModel, match="nobody-sells-this"):
        govern.on_llm_start({}, ["hi"], run_id=uuid4(), metadata={}, invocation_params=params)
