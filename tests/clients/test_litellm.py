"""PRX-6 for LiteLLM: its real functions and router, over a real socket."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import litellm as library
import pytest
from litellm.llms.custom_httpx.http_handler import HTTPHandler

from corvus import BudgetExceeded, Governor, UnpricedModel
from corvus.clients.litellm import BudgetLogger
from tests.clients.conftest import Governed
from tests.clients.upstream import (
    STREAM,
    Answer,
    Asked,
    Upstream,
    chat_body,
    chat_events,
    event,
    usual,
)

litellm: Any = library  # much of it has no types
CHAT = Decimal("0.0018")  # 600 input at $1, 400 cached at $0.5, 500 output at $2 per million
MESSAGES = Decimal("0.0021")  # 1000 input, 200 cached, 500 output
pytestmark = pytest.mark.filterwarnings("ignore")  # LiteLLM warns of itself, and of pydantic
HELLO: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture(autouse=True, scope="module")
def _connections() -> Iterator[None]:
    """Close the connections that LiteLLM keeps for as long as a process lives."""
    yield
    kept = cast("Any", library.in_memory_llm_clients_cache).cache_dict
    for client in [*kept.values(), library.module_level_client]:
        if isinstance(client, HTTPHandler):
            client.close()
    kept.clear()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the globals of LiteLLM to one test, and its faults out of the log."""
    for name in (
        "callbacks", "success_callback", "failure_callback", "_async_success_callback",
        "_async_failure_callback", "input_callback",
    ):  # fmt: skip
        monkeypatch.setattr(litellm, name, [])
    monkeypatch.setattr(litellm, "num_retries", None)
    monkeypatch.setattr(litellm, "suppress_debug_info", True)
    yield
    gc.collect()


@pytest.fixture
def budget(governed: Governed) -> Iterator[BudgetLogger]:
    logger = BudgetLogger(governed.governor, project="p")
    litellm.callbacks = [logger]
    yield logger
    logger.close()


@pytest.fixture
def gpt(upstream: Upstream) -> dict[str, Any]:
    return {
        "model": "openai/gpt-test",
        "api_base": f"{upstream.url}/v1",
        "api_key": "k",
        "messages": HELLO,
        "max_tokens": 600,
    }


@pytest.fixture
def claude(upstream: Upstream, gpt: dict[str, Any]) -> dict[str, Any]:
    return {**gpt, "model": "anthropic/claude-test", "api_base": upstream.url}


async def ask(**kwargs: Any) -> Any:
    found = await litellm.acompletion(**kwargs)
    await asyncio.sleep(0.1)
    return found


async def stream(most: int | None = None, **kwargs: Any) -> str:
    said = ""
    chunks: Any = await litellm.acompletion(stream=True, **kwargs)
    async for chunk in chunks:
        said += chunk.choices[0].delta.content or ""
        if most is not None and len(said) >= most:
            break
    await asyncio.sleep(0.3)  # LiteLLM logs in a task of its own
    return said


def run(work: Any) -> Any:
    """Run on a loop of its own; LiteLLM's clients are closed with it."""

    async def main() -> Any:
        try:
            return await work
        finally:
            await litellm.close_litellm_async_clients()

    return asyncio.run(main())


def test_calls_and_streams_are_recorded_at_what_is_reported(
    budget: BudgetLogger, gpt: Any, claude: Any, governed: Governed, upstream: Upstream
) -> None:
    assert run(ask(**gpt)).choices[0].message.content == "Hello"
    assert run(stream(**gpt)) == "Hello"
    assert run(ask(**claude)).choices[0].message.content == "Hello"
    assert run(stream(**claude)) == "Hello"
    assert governed.settled_soon()
    assert governed.costs() == [CHAT, CHAT, MESSAGES, MESSAGES]
    assert {row["source"] for row in governed.records()} == {"priced"}
    assert {row["project"] for row in governed.records()} == {"p"}
    assert upstream.asked[1]["stream_options"] == {"include_usage": True}


def test_a_refused_call_is_not_made_and_has_a_final_status(
    budget: BudgetLogger,
    gpt: Any,
    governed: Governed,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outside a router, LiteLLM repeats what failed past every hook."""
    with pytest.raises(BudgetExceeded, match="budget 'day' would be exceeded") as refused:
        run(ask(**{**gpt, "max_tokens": 1_000_000, "num_retries": 2}))
    assert refused.value.status_code == 402  # type: ignore[attr-defined]
    monkeypatch.setattr(litellm, "num_retries", 2)
    with pytest.raises(BudgetExceeded):
        run(ask(**gpt, extra_body={"max_completion_tokens": 1_000_000}))
    assert upstream.asked == []
    assert governed.open_holds() == 0


def test_a_model_without_a_price_is_refused(
    budget: BudgetLogger, gpt: Any, upstream: Upstream
) -> None:
    """PRC-5."""
    with pytest.raises(UnpricedModel, match="no-such-model"):
        run(ask(**{**gpt, "model": "openai/no-such-model"}))
    with pytest.raises(UnpricedModel, match="no-such-model"):
        budget.completion(**{**gpt, "model": "openai/no-such-model"})
    assert upstream.asked == []


def test_what_cannot_be_metered_is_refused(budget: BudgetLogger, upstream: Upstream) -> None:
    with pytest.raises(ValueError, match="cannot be metered"):
        run(litellm.aimage_generation(prompt="x", model="openai/gpt-image-1", api_key="k"))
    assert upstream.asked == []


def test_what_was_given_by_position_counts(
    budget: BudgetLogger, gpt: Any, governed: Governed
) -> None:
    rest = {name: value for name, value in gpt.items() if name not in ("model", "messages")}

    async def main() -> None:
        await litellm.acompletion(gpt["model"], HELLO, **rest)
        long = [{"role": "user", "content": "x" * 4_000_000}]
        with pytest.raises(BudgetExceeded):
            await litellm.acompletion(gpt["model"], long, **rest)

    run(main())
    assert governed.costs() == [CHAT]


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_provider_that_refuses_is_not_paid_and_not_repeated_without_a_hold(
    status: int, budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    body = json.dumps({"error": {"message": "no"}}).encode()
    upstream.script = lambda path, asked: Answer([body], status=status)
    with pytest.raises(Exception, match="no"):
        run(ask(**gpt, num_retries=2))
    assert len(upstream.asked) == 1
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_an_answer_that_cannot_be_read_costs_what_was_held(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    """LiteLLM says status 500, though the provider answered with 200."""
    upstream.script = lambda path, asked: Answer([b"hello"])
    with pytest.raises(litellm.InternalServerError):
        run(ask(**gpt))
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "failed")


def test_a_call_that_never_left_is_released(
    budget: BudgetLogger, gpt: Any, governed: Governed
) -> None:
    with pytest.raises(litellm.InternalServerError):
        run(ask(**{**gpt, "api_base": "http://127.0.0.1:1/v1"}))
    assert governed.records() == []
    assert governed.open_holds() == 0


def failing_once(upstream: Upstream) -> None:
    def script(path: str, asked: Asked) -> Answer:
        return Answer([b"{}"], status=500) if len(upstream.asked) == 1 else usual(path, asked)

    upstream.script = script


def router_of(gpt: Any, **more: Any) -> Any:
    said = {name: value for name, value in gpt.items() if name not in ("messages", "max_tokens")}
    deployments: Any = [
        {"model_name": "one", "litellm_params": said},
        {"model_name": "two", "litellm_params": said},
    ]
    return litellm.Router(model_list=deployments, **more)


def test_each_retry_of_a_router_holds_and_settles_by_itself(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    failing_once(upstream)
    router = router_of(gpt, num_retries=2)
    run(router.acompletion("one", HELLO, max_tokens=600))
    assert len(upstream.asked) == 2
    assert governed.settled_soon()
    assert governed.costs() == [CHAT]
    assert len(holds(governed)) == 2


def test_each_fallback_of_a_router_holds_and_settles_by_itself(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    failing_once(upstream)
    router = router_of(gpt, num_retries=0, fallbacks=[{"one": ["two"]}])
    run(router.acompletion("one", HELLO, max_tokens=600))
    assert governed.settled_soon()
    assert governed.costs() == [CHAT]
    assert len(holds(governed)) == 2


def test_each_fallback_of_a_call_holds_and_settles_by_itself(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    failing_once(upstream)
    run(ask(**gpt, fallbacks=["openai/gpt-test"]))
    assert governed.settled_soon()
    assert governed.costs() == [CHAT]
    assert len(holds(governed)) == 2


def holds(governed: Governed) -> list[object]:
    found = governed.governor.store.run(lambda unit: [*unit.events(0, 1000)])
    return [one.row["reservation_id"] for one in found if one.row.get("kind") == "reserved"]


def test_a_router_does_not_repeat_what_is_refused(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    router = router_of(gpt, num_retries=3)
    with pytest.raises(BudgetExceeded):
        run(router.acompletion("one", HELLO, max_tokens=1_000_000))
    assert upstream.asked == []
    events = governed.governor.store.run(lambda unit: [*unit.events(0, 1000)])
    assert [one.row.get("kind") for one in events].count("denied") == 1


def endless(path: str, asked: Asked) -> Answer:
    return Answer([chat_events(asked)[0]] * 100, kind=STREAM, pause=0.02)


def test_a_stream_that_is_left_is_settled_when_nobody_holds_it(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    upstream.script = endless
    run(stream(most=6, **gpt))
    gc.collect()
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")


def test_a_stream_that_fails_after_a_part_of_it_came_is_paid(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    """RES-5: also where LiteLLM states a status that begins with 4 for it."""

    def script(path: str, asked: Asked) -> Answer:
        error = event({"error": {"message": "slow down", "type": "rate_limit", "code": 429}})
        return Answer([chat_events(asked)[0], error], kind=STREAM)

    upstream.script = script
    with pytest.raises(Exception, match="slow down"):
        run(stream(**gpt))
    gc.collect()
    assert governed.settled_soon()
    (record,) = governed.records()
    assert record["source"] == "estimated"


def test_the_stream_of_a_response_is_recorded_at_what_is_reported(
    budget: BudgetLogger, gpt: Any, governed: Governed
) -> None:
    said = {name: value for name, value in gpt.items() if name not in ("messages", "max_tokens")}

    async def main() -> None:
        answer = await litellm.aresponses(input="hi", max_output_tokens=600, **said)
        assert answer.usage.total_tokens == 1500
        events = await litellm.aresponses(input="hi", max_output_tokens=600, stream=True, **said)
        async for _ in events:
            pass
        await asyncio.sleep(0.3)

    run(main())
    gc.collect()
    assert governed.settled_soon()
    assert governed.costs() == [CHAT, CHAT]


def test_a_task_that_is_cancelled_settles(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    """LiteLLM logs nothing of it."""
    upstream.script = endless

    async def main() -> None:
        task = asyncio.create_task(ask(**gpt))
        await asyncio.sleep(0.5)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        run(main())
    gc.collect()
    assert governed.settled_soon()
    (record,) = governed.records()
    assert record["source"] == "estimated"


def test_counts_of_its_own_tokeniser_are_no_usage(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    def silent(path: str, asked: Asked) -> Answer:
        body = json.loads(chat_body(asked).pieces[0])
        del body["usage"]
        return Answer([json.dumps(body).encode()])

    upstream.script = silent
    run(ask(**gpt))
    (record,) = governed.records()
    assert record["source"] == "estimated"
    assert governed.costs()[0]


def test_what_its_cache_answers_costs_nothing(
    budget: BudgetLogger, gpt: Any, governed: Governed
) -> None:
    async def main() -> None:
        kwargs = {**gpt, "litellm_call_id": "c1"}
        await budget.async_pre_call_deployment_hook(kwargs, "acompletion")
        assert governed.open_holds() == 1
        await budget.async_log_success_event({**kwargs, "cache_hit": True}, {}, None, None)

    asyncio.run(main())
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_the_synchronous_function_is_governed(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    assert budget.completion(**gpt).choices[0].message.content == "Hello"
    said = [chunk.choices[0].delta.content or "" for chunk in budget.completion(**gpt, stream=True)]
    assert "".join(said) == "Hello"
    assert governed.settled_soon()
    assert governed.costs() == [CHAT, CHAT]
    with pytest.raises(BudgetExceeded) as refused:
        budget.completion(**{**gpt, "max_tokens": 1_000_000})
    assert refused.value.status_code == 402  # type: ignore[attr-defined]
    assert len(upstream.asked) == 2


def test_each_retry_of_the_synchronous_function_holds_by_itself(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    failing_once(upstream)
    budget.completion(gpt.pop("model"), gpt.pop("messages"), **gpt, num_retries=2)
    assert governed.costs() == [CHAT]
    assert len(holds(governed)) == 2


def test_a_synchronous_stream_that_is_left_is_settled(
    budget: BudgetLogger, gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    upstream.script = endless
    chunks = budget.completion(**gpt, stream=True)
    next(chunks)
    chunks.close()
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")


def test_a_synchronous_call_past_the_logger_is_said(
    budget: BudgetLogger, gpt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "corvus.clients"):
        litellm.completion(**gpt)
    assert "without a hold" in caplog.text


def test_the_proxy_is_refused_before_it_chooses_a_deployment(
    budget: BudgetLogger, governed: Governed
) -> None:
    data = {"model": "gpt-test", "messages": HELLO, "max_tokens": 1_000_000}
    with pytest.raises(BudgetExceeded):
        asyncio.run(budget.async_pre_call_hook(None, None, data, "completion"))
    assert governed.open_holds() == 0


def test_a_request_of_the_proxy_is_held_until_it_is_settled(
    budget: BudgetLogger, gpt: Any, governed: Governed
) -> None:
    """The hold of a deployment replaces that of the request; without one it is given back."""
    data: dict[str, Any] = {"model": "gpt-test", "messages": HELLO, "max_tokens": 600}

    async def main() -> None:
        held = await budget.async_pre_call_hook(None, None, data, "completion")
        assert governed.open_holds() == 1
        await ask(**gpt, litellm_call_id=held["litellm_call_id"])
        assert governed.open_holds() == 0
        other = {**data, "litellm_call_id": "c2"}
        await budget.async_pre_call_hook(None, None, other, "completion")
        assert governed.open_holds() == 1
        await budget.async_post_call_failure_hook(other, RuntimeError("mine"), None)
        assert governed.open_holds() == 0

    run(main())
    assert governed.costs() == [CHAT]


def test_a_request_that_only_the_events_settle(
    budget: BudgetLogger, gpt: Any, governed: Governed
) -> None:
    data: dict[str, Any] = {"model": "gpt-test", "messages": HELLO, "max_tokens": 600}
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}

    async def main() -> None:
        held = await budget.async_pre_call_hook(None, None, data, "completion")
        kwargs = {**held, "response_cost": 99.0}
        await budget.async_log_success_event(kwargs, {"usage": usage}, None, None)

    asyncio.run(main())
    assert governed.costs() == [Decimal("0.002")], "not what LiteLLM believes"
    assert governed.open_holds() == 0


def test_while_governance_is_disabled_calls_are_made_as_they_are(
    gpt: Any, governed: Governed, upstream: Upstream
) -> None:
    """EVA-11."""
    off = Governor(replace(governed.governor.policy, enabled=False), governed.governor.store)
    logger = BudgetLogger(off)
    litellm.callbacks = [logger]
    run(ask(**{**gpt, "model": "openai/no-such-model"}))
    assert governed.records() == []
    assert len(upstream.asked) == 1
