"""The same bytes give the same record, outcome, bytes and denial on every driver (RES-11)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import httpx2
import pytest

from corvus.clients.transport import AsyncGovernedTransport, GovernedTransport
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions
from tests.gateway.provider import CHAT_BODY, CHAT_LAST, CHAT_TEXT, DONE, Call, Script
from tests.gateway.proxied import KEY, Proxied, proxied

OWN = {"id", "reservation_id", "surface", "seq", "position", "settlement_key"}
"""What a record has for its own."""
CHAT: dict[str, Any] = {"model": "m", "messages": [], "max_tokens": 50}
STREAM = {**CHAT, "stream": True}
ASKING = {**STREAM, "stream_options": {"include_usage": True}}
FAILED = (
    b'data: {"type":"response.output_text.delta","delta":"half"}\n\n'
    b'data: {"type":"response.failed","response":{"model":"m","error":{"code":"e","message":"x"},'
    b'"usage":{"input_tokens":10,"output_tokens":3,"total_tokens":13}}}\n\n'
)


CHANGED = ("x-corvus-output-cap", "x-corvus-downgraded", "x-corvus-waited")


class Got(NamedTuple):
    """What a client got: a status and a body, or the body as far as it came.

    Attributes:
        changed: Headers that say how its call was changed; of a wait, only that there was one.
    """

    status: int
    body: bytes
    changed: tuple[str | None, ...] = (None, None, None)


def streaming(*pieces: bytes, breaks: bool = False) -> Script:
    async def script(call: Call) -> None:
        await call.begin()
        for piece in pieces:
            await call.chunk(piece)
        if breaks:
            call.die()
        else:
            await call.end()

    return script


async def usual_body(call: Call) -> None:
    await call.answer(CHAT_BODY)


async def refused(call: Call) -> None:
    await call.answer({"error": {"message": "no", "type": "e"}}, 400)


async def refused_with_usage(call: Call) -> None:
    await call.answer({"error": {}, "usage": {"prompt_tokens": 9, "completion_tokens": 1}}, 500)


async def dead(call: Call) -> None:
    call.die()


async def half_a_body(call: Call) -> None:
    await call.raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
    )
    call.die()


CHATS = "/v1/chat/completions"
SCENES: dict[str, tuple[str, dict[str, Any], Script]] = {
    "a body": (CHATS, CHAT, usual_body),
    "a stream": (CHATS, STREAM, streaming(CHAT_TEXT, CHAT_LAST, DONE)),
    "no blank line at the end": (CHATS, ASKING, streaming(CHAT_TEXT, CHAT_LAST.rstrip())),
    "held back at the end": (CHATS, STREAM, streaming(CHAT_TEXT, CHAT_LAST, DONE.rstrip())),
    "no usage": (CHATS, STREAM, streaming(CHAT_TEXT)),
    "a failed response": (
        "/v1/responses",
        {"model": "m", "input": "x", "stream": True, "max_output_tokens": 50},
        streaming(FAILED),
    ),
    "an error at once": (CHATS, STREAM, streaming(b'data: {"error":{"message":"no"}}\n\n')),
    "an error status": (CHATS, CHAT, refused),
    "an error status with usage": (CHATS, CHAT, refused_with_usage),
    "no answer": (CHATS, CHAT, dead),
    "no answer to a stream": (CHATS, STREAM, dead),
    "half a body": (CHATS, CHAT, half_a_body),
    "half a stream": (CHATS, STREAM, streaming(CHAT_TEXT, breaks=True)),
    "no maximum": (CHATS, {"model": "m", "messages": []}, usual_body),
}
DENIED: dict[str, tuple[str, bytes]] = {
    "no price": (CHATS, b'{"model":"no-such-model","max_tokens":5}'),
    "no price, Anthropic": ("/v1/messages", b'{"model":"no-such-model","max_tokens":5}'),
    "too dear": (CHATS, b'{"model":"m","max_tokens":9999999,"n":99}'),
    "twice": (CHATS, b'{"model":"m","max_tokens":5,"max_tokens":6}'),
    "no model": (CHATS, b'{"messages":[]}'),
    "background": ("/v1/responses", b'{"model":"m","background":true,"input":"x"}'),
    "not JSON": (CHATS, b"hello"),
    "no usable maximum": (CHATS, b'{"model":"m","max_tokens":-1}'),
    "no route": ("/v1/images/generations", b"{}"),
}


SAID = {
    "x-corvus-agent": "builder",
    "x-corvus-subagent": "tests",
    "x-corvus-parent-subagent": "plan",
    "x-corvus-branch": "fix/login",
    "x-corvus-tag-team": "search",
}
OPTIONS: CallOptions = {
    "user": "bot",
    "token": "bot",
    "agent": "builder",
    "subagent": "tests",
    "parent_subagent": "plan",
    "branch": "fix/login",
    "tags": {"team": "search"},
}


def options_of(session: str) -> CallOptions:
    return {**OPTIONS, "session_id": session}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_OPENAI_KEY", KEY)
        patch.setenv("TEST_ANTHROPIC_KEY", KEY)
        with proxied(tmp_path_factory.mktemp("life")) as running:
            yield running


@pytest.fixture(scope="module")
def governor(gateway: Proxied) -> Iterator[Governor]:
    with gateway.runtime.governor() as opened:
        yield opened


def by_proxy(gateway: Proxied, path: str, body: bytes, session: str = "s") -> Got:
    sent = {"x-corvus-session": session, "content-type": "application/json", **SAID}
    with gateway.client(**sent) as client, client.stream("POST", path, content=body) as answer:
        return read(answer)


def by_transport(governor: Governor, url: str, path: str, body: bytes, session: str = "s") -> Got:
    transport = GovernedTransport(governor, **options_of(session))
    with httpx2.Client(transport=transport) as client:
        try:
            with client.stream("POST", url + path, content=body) as answer:
                return read(answer)
        except httpx2.TransportError:
            return Got(502, b"")


def by_async_transport(
    governor: Governor, url: str, path: str, body: bytes, session: str = "s"
) -> Got:
    async def ask() -> Got:
        transport = AsyncGovernedTransport(governor, **options_of(session))
        async with httpx2.AsyncClient(transport=transport) as client:
            try:
                async with client.stream("POST", url + path, content=body) as answer:
                    parts: list[bytes] = []
                    with suppress(httpx2.TransportError):
                        async for piece in answer.aiter_raw():
                            parts.append(piece)
                    return Got(answer.status_code, b"".join(parts), changed(answer))
            except httpx2.TransportError:
                return Got(502, b"")

    return asyncio.run(ask())


def read(answer: httpx2.Response) -> Got:
    parts: list[bytes] = []
    with suppress(httpx2.TransportError):
        parts.extend(answer.iter_raw())
    return Got(answer.status_code, b"".join(parts), changed(answer))


def changed(answer: httpx2.Response) -> tuple[str | None, ...]:
    cap, model, waited = (answer.headers.get(name) for name in CHANGED)
    return cap, model, waited and "for a while"


def newest(gateway: Proxied, seen: set[str]) -> list[dict[str, object]]:
    """Return the records that are new, without what each of them has for its own."""
    gateway.settled()
    with gateway.runtime.ledger() as ledger:
        found = ledger.connection.execute("SELECT * FROM usage_call")
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    fresh = [row for row in rows if str(row["id"]) not in seen]
    seen.update(str(row["id"]) for row in fresh)
    return [
        {
            name: value is None if name.endswith("_at") else value
            for name, value in row.items()
            if name not in OWN and not name.endswith("_us")
        }
        for row in fresh
    ]


@pytest.mark.parametrize("name", [*SCENES])
def test_proxy_and_transports_record_and_relay_the_same(
    name: str, gateway: Proxied, governor: Governor
) -> None:
    path, asked, script = SCENES[name]
    gateway.provider.script = script
    body, url = json.dumps(asked).encode(), gateway.provider.url
    seen: set[str] = set()
    newest(gateway, seen)
    proxied = by_proxy(gateway, path, body), newest(gateway, seen)
    called = by_transport(governor, url, path, body), newest(gateway, seen)
    awaited = by_async_transport(governor, url, path, body), newest(gateway, seen)
    assert called == awaited
    assert proxied[1] == called[1]
    assert proxied[0].status == called[0].status
    if called[0].status == 502:
        assert b"upstream_broken" in proxied[0].body
    elif name == "half a stream":  # the proxy adds an event that says so
        assert proxied[0].body.startswith(called[0].body)
    else:
        assert proxied[0] == called[0]


@pytest.mark.parametrize("name", [*DENIED])
def test_proxy_and_transports_refuse_with_the_same_words(
    name: str, gateway: Proxied, governor: Governor
) -> None:
    path, body = DENIED[name]
    before, url = len(gateway.provider.calls), gateway.provider.url
    proxied = by_proxy(gateway, path, body)
    called = by_transport(governor, url, path, body)
    awaited = by_async_transport(governor, url, path, body)
    assert proxied.status >= 400
    assert proxied == called == awaited
    error = json.loads(proxied.body)["error"]
    assert error["code"] == error["corvus"]["code"]
    assert isinstance(error["corvus"]["budget_exceeded"], bool)
    assert len(gateway.provider.calls) == before
