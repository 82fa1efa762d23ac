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
from typing import Any, Final, Protocol

from corvus.base.errors import PolicyError
from corvus.config.toml.values import as_items, is_array, is_table
from corvus.gateway.asgi import Headers, Scope, raw_headers
from corvus.gateway.exchange import Outlet
from corvus.model.signin import ACCESS_PREFIX
from corvus.runtime import Runtime

PATH: Final = "/v1/models"
ANSWER_BYTES_MAX: Final = 4_194_304
_VERSION: Final = b"anthropic-version"
_BEARER: Final = f"bearer {ACCESS_PREFIX}".encode()


class _Serves(Protocol):
    async def serve(self, scope: Scope, body: bytes, outlet: Outlet) -> None: ...


class OfferedModels:
    """Serves the list before a proxy that has it from the provider.

    Args:
        proxy: What passes the request on.
        runtime: Returns what is in force: prices and clock.
    """

    def __init__(self, proxy: _Serves, runtime: Callable[[], Runtime]) -> None:
        self._proxy, self._runtime = proxy, runtime

    def serves(self, scope: Scope) -> bool:
        """Return whether a request is one for the list, by a client that has logged in."""
        if scope["method"] != "GET" or scope["path"] != PATH:
            return False
        headers = {name.lower(): value for name, value in scope["headers"]}
        bearer = headers.get(b"authorization", b"")
        return _VERSION in headers and bearer[: len(_BEARER)].lower() == _BEARER

    async def serve(self, scope: Scope, body: bytes, outlet: Outlet) -> None:
        """Serve one request that has passed the guards."""
        plain = [pair for pair in scope["headers"] if pair[0].lower() != b"accept-encoding"]
        answer = _Answer()
        await self._proxy.serve({**scope, "headers": plain}, body, answer)
        if answer.status == 404:
            own = await asyncio.to_thread(self._own)
            await _send_list(outlet, {"data": own, "has_more": False})
            return
        listed = answer.listed()
        if listed is None:
            outlet.start(answer.status, answer.headers)
            await outlet.end(bytes(answer.body))
            return
        listed["data"] = [model for model in as_items(listed["data"]) if self._is_priced(model)]
        await _send_list(outlet, listed)

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

    def start(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, headers

    def flush(self) -> None:
        """There is nothing to be done: nobody waits for the head alone."""

    async def write(self, data: bytes) -> None:
        self.body += data
        if len(self.body) > ANSWER_BYTES_MAX:
            self.status, self.headers = 502, []
            self.body.clear()

    async def end(self, data: bytes = b"") -> None:
        await self.write(data)

    def listed(self) -> dict[str, object] | None:
        """Return the list of a good answer; ``None`` for any other."""
        if self.status != 200:
            return None
        try:
            found: Any = json.loads(bytes(self.body))
        except (ValueError, RecursionError):
            return None
        return {**found} if is_table(found) and is_array(found.get("data")) else None


async def _send_list(outlet: Outlet, listed: Mapping[str, object]) -> None:
    body = json.dumps(listed).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    outlet.start(200, raw_headers(headers))
    await outlet.end(body)
