"""The client where the config lets proxies of the environment count, which aiohttp knows.

Else ``DirectClient`` takes its place, which costs a fraction. Whatever a name resolves to is looked
at before each connection, as there.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from corvus.base.endpoints import is_link_local
from corvus.gateway.proxy.answer import Answer
from corvus.gateway.proxy.failures import cut_off, silent, unreachable, unread
from corvus.gateway.proxy.pool import CONNECT_SECONDS, CONNECTIONS_MAX, KEPT_SECONDS

_STATUS_MIN, _STATUS_MAX = 200, 599


class _Response(Answer):
    """An answer as aiohttp has it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        raw = [(name.lower(), value) for name, value in response.raw_headers]
        super().__init__(response.status, raw)
        self._response = response

    async def read(self) -> bytes:
        """Return what has come of the body; nothing at its end."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as fault:  # a silence is one of them
            failed = silent() if isinstance(fault, TimeoutError) else cut_off()
            self.on_broken(failed)
            raise failed from None

    def close(self) -> None:
        """Let go of it."""
        self._response.close()


class EnvironmentClient:
    """A client to which ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` count.

    Made inside its event loop.

    Args:
        silence_seconds: Longest time without a byte.
    """

    def __init__(self, silence_seconds: float) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX,
                keepalive_timeout=KEPT_SECONDS,
                resolver=_CheckedResolver(),
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=True,
            trace_configs=[_sending()],
            skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
        )

    async def send(
        self,
        method: str,
        url: URL,
        headers: list[tuple[str, str]],
        body: bytes,
        on_sent: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send a request; see ``Client``."""
        try:
            response = await self._session.request(
                method,
                url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                trace_request_ctx=on_sent,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as fault:
            raise unreachable(fault) from None
        except TimeoutError:
            raise silent() from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise unread(fault) from None
        if not _STATUS_MIN <= response.status <= _STATUS_MAX:
            response.close()
            raise unread()
        return _Response(response)

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()


class _CheckedResolver(AbstractResolver):
    """Resolves names, but for those that lead to a link-local address."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if any(is_link_local(each["host"]) for each in found):
            raise OSError(f"{host} leads to a link-local address")
        return found

    async def close(self) -> None:
        await self._inner.close()


def _sending() -> aiohttp.TraceConfig:
    """Return what calls ``on_sent`` of a request; aiohttp calls it before it writes the headers."""
    config = aiohttp.TraceConfig()

    async def notify(session: object, context: SimpleNamespace, parameters: object) -> None:
        context.trace_request_ctx()

    config.on_request_headers_sent.append(notify)
    return config
