"""The models that a client which has logged in is offered: those that have a price (PRX-8).

The list is the provider's own where there is one, in Anthropic's shape, without what the gateway
would refuse for want of a price; else the models of Anthropic in the price book. The rest of the
world gets the provider's bytes as they are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from corvus.base.errors import PolicyError
from corvus.config.toml.values import as_items, is_array, is_table
from corvus.gateway.asgi import (
    ASGIApp,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    raw_headers,
    send_whole,
)
from corvus.model.signin import ACCESS_PREFIX
from corvus.runtime import Runtime

PATH: Final = "/v1/models"
ANSWER_BYTES_MAX: Final = 4_194_304
_VERSION: Final = b"anthropic-version"
_BEARER: Final = f"bearer {ACCESS_PREFIX}".encode()


class OfferedModels:
    """Serves the list before a proxy that has it from the provider.

    Args:
        proxy: What passes the request on.
        runtime: Returns what is in force: prices and clock.
    """

    def __init__(self, proxy: ASGIApp, runtime: Callable[[], Runtime]) -> None:
        self._proxy, self._runtime = proxy, runtime

    def serves(self, scope: Scope) -> bool:
        """Return whether a request is one for the list, by a client that has logged in."""
        if scope["method"] != "GET" or scope["path"] != PATH:
            return False
        headers = {name.lower(): value for name, value in scope["headers"]}
        bearer = headers.get(b"authorization", b"")
        return _VERSION in headers and bearer[: len(_BEARER)].lower() == _BEARER

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request that has passed the guards."""
        plain = [pair for pair in scope["headers"] if pair[0].lower() != b"accept-encoding"]
        answer = _Answer()
        await self._proxy({**scope, "headers": plain}, receive, answer.take)
        if answer.status == 404:
            own = await asyncio.to_thread(self._own)
            await _send_list(send, {"data": own, "has_more": False})
            return
        listed = answer.listed()
        if listed is None:
            await send_whole(send, answer.status, answer.headers, bytes(answer.body))
            return
        listed["data"] = [model for model in as_items(listed["data"]) if self._is_priced(model)]
        await _send_list(send, listed)

    def _is_priced(self, model: object) -> bool:
        name = model.get("id") if is_table(model) else None
        if not isinstance(name, str):
            return False
        try:
            return self._runtime().books.find(name, on=self._today) is not None
        except PolicyError:
            return False

    def _own(self) -> list[dict[str, str]]:
        prices = self._runtime().books.in_force(self._today)
        names = {
            price.model
            for price in prices
            if price.provider in ("", "anthropic") and price.model.startswith("claude-")
        }
        return [{"type": "model", "id": name, "display_name": name} for name in sorted(names)]

    @property
    def _today(self) -> date:
        return self._runtime().clock.now().date()


class _Answer:
    """An answer of the proxy, held back."""

    def __init__(self) -> None:
        self.status = 502
        self.headers: Headers = []
        self.body = bytearray()

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], [*message["headers"]]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if len(self.body) > ANSWER_BYTES_MAX:
                self.status, self.headers = 502, []
                self.body.clear()

    def listed(self) -> dict[str, object] | None:
        """Return the list of a good answer; ``None`` for any other."""
        if self.status != 200:
            return None
        try:
            found: Any = json.loads(bytes(self.body))
        except (ValueError, RecursionError):
            return None
        return {**found} if is_table(found) and is_array(found.get("data")) else None


async def _send_list(send: Send, listed: Mapping[str, object]) -> None:
    body = json.dumps(listed).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    await send_whole(send, 200, raw_headers(headers), body)
