"""A call that its ladder changes is changed alike on every driver, and says so (EVA-14, RES-11)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from corvus.governor.governor import Governor
from corvus.model.decision import Decision
from corvus.model.reservation import Reservation
from tests.calls.test_one_life import Got, by_async_transport, by_proxy, by_transport, newest
from tests.gateway.provider import Call
from tests.gateway.proxied import KEY, Proxied, Settings, proxied

LADDER = """
on_exceeded = ["cap", "wait", "downgrade"]
cap_at_least_tokens = 50
wait_seconds = 20

[cost.downgrade]
"claude-opus-4-6" = ["claude-haiku-4-5"]

[cost.prices.asked]
input = 1000
output = 10000

[[cost.budgets]]
name = "asked"
match = { model = "asked" }
period = "total"
limit_usd = 0.01
on_exceeded = ["ask"]
"""
CHATS, MESSAGES = "/v1/chat/completions", "/v1/messages"
TEXT = [{"role": "user", "content": "h\u00e9llo"}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A gateway whose sessions have a dollar each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_OPENAI_KEY", KEY)
        patch.setenv("TEST_ANTHROPIC_KEY", KEY)
        place = tmp_path_factory.mktemp("ladder")
        with proxied(place, Settings(session="1", cost=LADDER)) as running:
            yield running


@pytest.fixture(scope="module")
def governor(gateway: Proxied) -> Iterator[Governor]:
    with gateway.runtime.governor() as opened:
        yield opened


async def echoing(call: Call) -> None:
    """Answer as the model that was called, and say that hardly anything was used."""
    model = call.json["model"]
    if call.target == MESSAGES:
        usage = {"input_tokens": 9, "output_tokens": 3}
        content = [{"type": "text", "text": "Hi"}]
        body = {"type": "message", "role": "assistant", "model": model, "content": content}
        await call.answer({**body, "id": "m", "stop_reason": "end_turn", "usage": usage})
        return
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    await call.answer({"id": "c", "model": model, "choices": [choice], "usage": usage})


Before = Callable[[str], None]


def on_each_driver(
    gateway: Proxied, governor: Governor, path: str, body: bytes, before: Before = lambda _: None
) -> list[tuple[Got, list[dict[str, object]], bytes]]:
    """Make a call in three ways, each in a session of its own."""
    gateway.provider.script = echoing
    url = gateway.provider.url
    drivers: dict[str, Callable[[str], Got]] = {
        "proxy": lambda session: by_proxy(gateway, path, body, session),
        "transport": lambda session: by_transport(governor, url, path, body, session),
        "async": lambda session: by_async_transport(governor, url, path, body, session),
    }
    seen: set[str] = set()
    newest(gateway, seen)
    found: list[tuple[Got, list[dict[str, object]], bytes]] = []
    for name, driver in drivers.items():
        session = f"{name}-{time.monotonic_ns()}"
        before(session)
        got = driver(session)
        rows = [{**row, "session_id": None} for row in newest(gateway, seen)]
        found.append((got, rows, gateway.provider.calls[-1].body))
    return found


def only(found: list[tuple[Got, list[dict[str, object]], bytes]]) -> tuple[Got, bytes]:
    """Return what all drivers have in common, which is all of it."""
    first = found[0]
    assert found == [first] * 3
    return first[0], first[2]


def test_a_capped_call_is_the_same_on_every_driver(gateway: Proxied, governor: Governor) -> None:
    document = {"model": "m", "messages": TEXT, "max_tokens": 64_000, "user": "{x}"}
    body = json.dumps(document, indent=1).encode()
    got, sent = only(on_each_driver(gateway, governor, CHATS, body))
    cap, model, waited = got.changed
    assert (got.status, model, waited) == (200, None, None)
    assert cap is not None
    assert 50 <= int(cap) < 100
    assert sent == body.replace(b"64000", cap.encode())


def test_a_call_that_fits_is_sent_byte_for_byte(gateway: Proxied, governor: Governor) -> None:
    body = b' {"model" :"m","messages":[ {"role":"user","content":"\\u00e9"}],"max_tokens":5.0e1 }'
    got, sent = only(on_each_driver(gateway, governor, CHATS, body))
    assert (got.status, got.changed) == (200, (None, None, None))
    assert sent == body


def test_a_downgraded_call_is_the_same_on_every_driver(
    gateway: Proxied, governor: Governor
) -> None:
    """Thinking and an answer cost more than a dollar at $25 for a million, and 32 cents at $5."""
    document: dict[str, Any] = {"model": "claude-opus-4-6", "max_tokens": 64_000, "messages": TEXT}
    document["thinking"] = {"type": "enabled", "budget_tokens": 40_000}
    body = json.dumps(document).encode()
    got, sent = only(on_each_driver(gateway, governor, MESSAGES, body))
    assert (got.status, got.changed) == (
        200,
        (None, "claude-opus-4-6->claude-haiku-4-5", None),
    )
    assert sent == body.replace(b"claude-opus-4-6", b"claude-haiku-4-5")
    assert b"claude-haiku-4-5" in got.body


def test_a_call_that_waits_is_the_same_on_every_driver(
    gateway: Proxied, governor: Governor
) -> None:
    """Another call holds most of the session for a while, and then costs nothing."""
    body = json.dumps({"model": "m", "messages": TEXT, "max_tokens": 60}).encode()
    threads: list[threading.Thread] = []

    def be_in_the_way(session: str) -> None:
        asked = governor.request("m", session_id=session, estimate_usd=Decimal("0.95"), user="bot")
        held = reserved(governor.reserve(asked))

        def leave() -> None:
            time.sleep(0.6)
            governor.release(held)

        threads.append(threading.Thread(target=leave))
        threads[-1].start()

    got, sent = only(on_each_driver(gateway, governor, CHATS, body, be_in_the_way))
    for thread in threads:
        thread.join()
    assert (got.status, got.changed) == (200, (None, None, "for a while"))
    assert sent == body


def test_a_stream_says_in_its_head_how_its_call_was_changed(
    gateway: Proxied, governor: Governor
) -> None:
    document: dict[str, Any] = {"model": "m", "messages": TEXT, "max_tokens": 64_000}
    document |= {"stream": True, "stream_options": {"include_usage": True}}

    async def streaming(call: Call) -> None:
        await call.begin()
        await call.chunk(b"data: [DONE]\n\n")
        await call.end()

    gateway.provider.script = streaming
    with gateway.client(**{"x-corvus-session": "streamed"}) as client:
        answer = client.post(CHATS, json=document)
    assert answer.status_code == 200
    assert 50 <= int(answer.headers["x-corvus-output-cap"]) < 100


def test_a_client_that_leaves_while_its_call_waits_frees_its_place(
    gateway: Proxied, governor: Governor
) -> None:
    """No call of it is made, and nothing is held for it, when there is room again."""
    session = "left"
    asked = governor.request("m", session_id=session, estimate_usd=Decimal("0.95"), user="bot")
    held = reserved(governor.reserve(asked))
    before = len(gateway.provider.calls)
    body = {"model": "m", "messages": TEXT, "max_tokens": 60}
    with gateway.client(**{"x-corvus-session": session}) as client:
        client.timeout = 0.8
        with pytest.raises(httpx2.ReadTimeout):
            client.post(CHATS, json=body)
    governor.release(held)
    time.sleep(0.5)
    assert len(gateway.provider.calls) == before
    assert gateway.held() == 0
    gateway.provider.script = echoing
    after = gateway.post(CHATS, body, **{"x-corvus-session": session})
    assert after.status_code == 200
    assert "x-corvus-waited" not in after.headers, "nobody is before it in the queue"


def test_a_client_that_leaves_while_its_call_is_parked_is_not_asked_about_any_more(
    gateway: Proxied, governor: Governor
) -> None:
    before = len(gateway.provider.calls)
    body = {"model": "asked", "messages": TEXT, "max_tokens": 60}
    with gateway.client(**{"x-corvus-session": "parked"}) as client:
        client.timeout = 1.5
        with pytest.raises(httpx2.ReadTimeout):
            client.post(CHATS, json=body)
    until = time.monotonic() + 10
    while governor.approvals():
        assert time.monotonic() < until, "the call of a client that left is still shown"
        time.sleep(0.1)
    assert len(gateway.provider.calls) == before
    assert gateway.held() == 0


def reserved(decision: Decision) -> Reservation:
    assert decision.reservation is not None, decision
    return decision.reservation
