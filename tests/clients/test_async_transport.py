"""PRX-6 under asyncio: the same ways in and out as the sync transport."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeAlias

import anthropic
import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from corvus.clients.transport import AsyncGovernedTransport
from tests.clients.conftest import Governed
from tests.clients.upstream import STREAM, Answer, Asked, Upstream, chat_events

CHAT = Decimal("0.0018")
MESSAGES = Decimal("0.0021")
Chunks: TypeAlias = openai.AsyncStream[ChatCompletionChunk]
HELLO: Any = [{"role": "user", "content": "hello"}]


@asynccontextmanager
async def sdk(governed: Governed, upstream: Upstream) -> AsyncGenerator[openai.AsyncOpenAI]:
    transport = AsyncGovernedTransport(governed.governor)
    async with httpx2.AsyncClient(transport=transport, timeout=60) as http:
        yield openai.AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key="k", http_client=http)


async def chat(gpt: openai.AsyncOpenAI, most: int = 600) -> str | None:
    answer = await gpt.chat.completions.create(
        model="gpt-test",
        messages=HELLO,
        max_tokens=most,
    )
    return answer.choices[0].message.content


async def chat_stream(gpt: openai.AsyncOpenAI) -> Chunks:
    return await gpt.chat.completions.create(
        model="gpt-test",
        messages=HELLO,
        max_tokens=600,
        stream=True,
    )


def test_calls_and_streams_are_recorded_at_what_is_reported(
    governed: Governed, upstream: Upstream
) -> None:
    async def run() -> None:
        async with sdk(governed, upstream) as gpt:
            assert await chat(gpt) == "Hello"
            assert len([one async for one in await chat_stream(gpt)]) == 3

    asyncio.run(run())
    assert governed.costs() == [CHAT, CHAT]


def test_the_other_sdk_works_too(governed: Governed, upstream: Upstream) -> None:
    async def run() -> None:
        transport = AsyncGovernedTransport(governed.governor)
        async with httpx2.AsyncClient(transport=transport) as http:
            claude = anthropic.AsyncAnthropic(base_url=upstream.url, api_key="k", http_client=http)
            async with claude.messages.stream(
                model="claude-test",
                max_tokens=600,
                messages=HELLO,
            ) as stream:
                assert await stream.get_final_text() == "Hello"
            with pytest.raises(anthropic.APIStatusError) as refused:
                await claude.messages.create(
                    model="claude-test",
                    max_tokens=1_000_000,
                    messages=HELLO,
                    timeout=9,
                )
            assert refused.value.status_code == 402

    asyncio.run(run())
    assert governed.costs() == [MESSAGES]
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("way", ["closed", "cancelled", "forgotten"])
def test_a_stream_that_is_left_is_settled_once(
    way: str, governed: Governed, upstream: Upstream
) -> None:
    def endless(path: str, asked: Asked) -> Answer:
        return Answer([chat_events(asked)[0]] * 100, kind=STREAM, pause=0.05)

    upstream.script = endless

    async def read_all(stream: Chunks) -> None:
        async for _ in stream:
            pass

    async def run() -> None:
        async with sdk(governed, upstream) as gpt:
            stream = await chat_stream(gpt)
            await anext(stream)
            if way == "closed":
                await stream.close()
                assert governed.open_holds() == 0
            elif way == "cancelled":
                task = asyncio.create_task(read_all(stream))
                await asyncio.sleep(0.1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert governed.open_holds() == 0
            del stream
            gc.collect()

    asyncio.run(run())
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")


def test_a_cancelled_call_costs_what_was_held(governed: Governed, upstream: Upstream) -> None:
    def slow(path: str, asked: Asked) -> Answer:
        return Answer([b" ", b"{}"], pause=0.4)

    upstream.script = slow

    async def run() -> None:
        async with sdk(governed, upstream) as gpt:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await chat(gpt)

    asyncio.run(run())
    assert governed.open_holds() == 0
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")


@pytest.mark.parametrize("limit_usd", ["0.01"])
def test_many_tasks_never_overspend(governed: Governed, upstream: Upstream) -> None:
    async def run() -> list[object]:
        async with sdk(governed, upstream) as gpt:
            calls = (chat(gpt, 900) for _ in range(50))
            return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(run())
    ran = outcomes.count("Hello")
    refused = [one for one in outcomes if isinstance(one, openai.APIStatusError)]
    assert ran + len(refused) == 50
    assert {one.status_code for one in refused} == {402}
    assert governed.spent_usd == ran * CHAT
    assert 1 <= ran <= 5
    assert governed.open_holds() == 0


def test_a_request_that_is_compressed_is_metered_and_leaves_as_it_is(
    governed: Governed, upstream: Upstream
) -> None:
    """PRX-1, PRX-2."""
    body = {"model": "gpt-test", "messages": HELLO, "max_tokens": 600}
    packed = gzip.compress(json.dumps(body).encode())

    async def run() -> None:
        transport = AsyncGovernedTransport(governed.governor)
        async with httpx2.AsyncClient(transport=transport, timeout=60) as http:
            headers = {"content-encoding": "GZIP"}
            url = f"{upstream.url}/v1/chat/completions"
            assert (await http.post(url, content=packed, headers=headers)).status_code == 200

    asyncio.run(run())
    assert upstream.raw == [packed]
    assert governed.costs() == [CHAT]
