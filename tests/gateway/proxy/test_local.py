"""Who may make proxied calls without a token: this machine, where the app was made so (API-5)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from corvus.gateway.asgi import Message, Receive, Scope, Send
from corvus.gateway.auth import RunKey
from corvus.gateway.guards import TOKEN, Guards
from corvus.model.gateway import GatewayOptions


def answer(
    *, serves_own_machine: bool, is_needed: bool, peer: str, secret: str = "", path: str = "/v1/x"
) -> tuple[int, bool]:
    """Ask guards; return the status, and whether the app behind them saw a token."""
    sent: list[Message] = []
    seen: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(TOKEN in scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    key = RunKey("the-key", datetime(2026, 11, 26, tzinfo=UTC), is_needed=is_needed)
    guards = Guards(app, GatewayOptions(), key, serves_own_machine=serves_own_machine)
    headers = [(b"host", b"localhost")]
    if secret:
        headers.append((b"x-api-key", secret.encode()))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": headers,
        "client": (peer, 1),
    }
    asyncio.run(guards(scope, receive, send))
    return sent[0]["status"], any(seen)


@pytest.mark.parametrize("secret", ["", "sk-of-its-own"])
def test_only_where_it_was_made_so_and_there_is_no_proxy_token(secret: str) -> None:
    own = "127.0.0.1"
    for serves, needed, peer, status in (
        (True, False, own, 200),
        (True, False, "::1", 200),
        (True, True, own, 401),
        (False, False, own, 401),
        (True, False, "10.0.0.7", 401),
    ):
        got = answer(serves_own_machine=serves, is_needed=needed, peer=peer, secret=secret)
        assert got == (status, False), (serves, needed, peer)


def test_what_is_no_model_call_needs_a_token_all_the_same() -> None:
    got = answer(
        serves_own_machine=True, is_needed=False, peer="127.0.0.1", path="/web/cost/summary"
    )
    assert got == (401, False)


def test_the_key_of_the_run_is_known() -> None:
    got = answer(serves_own_machine=False, is_needed=True, peer="127.0.0.1", secret="the-key")
    assert got == (200, True)
