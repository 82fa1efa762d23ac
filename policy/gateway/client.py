"""The client of the proxy: one pool of connections to the providers (PRX-5).

Refuses redirects, cookies and proxies named by the environment, and does not unpack answers: bytes
pass as they come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

CONNECT_SECONDS = 10.0
_KEEPALIVE_SECONDS = 10.0
_CONNECTIONS_MAX = 1000


class UpstreamFailed(Exception):
    """The provider did not answer as it should.

    Attributes:
        status: 502, or 504 when it was silent for too long.
        code: Stable name of what is wrong.
        may_cost: It may have taken up the call, and may bill it.
    """

    def __init__(self, status: int, code: str, message: str, *, may_cost: bool) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.may_cost = may_cost


class Answer:
    """An answer whose headers have come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    @property
    def is_stream(self) -> bool:
        """Whether it comes as events."""
        return self._response.content_type == "text/event-stream"

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed, though that was not asked for."""
        return self.headers.get("content-encoding", "identity").strip().lower() != "identity"

    @property
    def request_id(self) -> str | None:
        """The provider's own name for the call."""
        found = self.headers.get("request-id") or self.headers.get("x-request-id")
        return found[:200] if found and found.isascii() else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            UpstreamFailed: It ends early, or nothing came for too long.
        """
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except TimeoutError:
            raise _silent() from None
        except (aiohttp.ClientError, OSError):
            raise UpstreamFailed(
                502, "upstream_broken", "the provider ended its answer early", may_cost=True
            ) from None

    def close(self) -> None:
        """Let go: before the end of the answer this ends the connection, so the provider stops."""
        self._response.close()


class Client:
    """Sends requests to providers. Made inside the event loop that uses it.

    Args:
        silence_seconds: Longest time without a byte.
    """

    def __init__(self, silence_seconds: float) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS_MAX, keepalive_timeout=_KEEPALIVE_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
        )

    async def send(
        self, method: str, url: URL, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        """Send a request and wait for the headers of its answer.

        Raises:
            UpstreamFailed: None came, or it is a redirect, which could lead anywhere.
        """
        try:
            response = await self._session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise UpstreamFailed(
                502, "upstream_unreachable", "the provider cannot be reached", may_cost=False
            ) from None
        except TimeoutError:
            raise _silent() from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise UpstreamFailed(
                502,
                "upstream_broken",
                "the provider gave no answer that can be read",
                may_cost=False,
            ) from None
        if 300 <= response.status < 400:
            response.close()
            raise UpstreamFailed(
                502,
                "upstream_redirects",
                "the provider redirects, which is not followed",
                may_cost=False,
            )
        return Answer(response)

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()


def _silent() -> UpstreamFailed:
    return UpstreamFailed(
        504, "upstream_silent", "the provider sent nothing for too long", may_cost=True
    )
