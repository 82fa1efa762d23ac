"""The client of the proxy: one pool of connections to the providers (PRX-5).

Redirects, cookies and proxies named by the environment are not followed, and answers not unpacked:
bytes pass as they come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import aiohttp
from yarl import URL

from corvus.calls.refusal import Refusal

CONNECT_SECONDS = 10.0
_KEEPALIVE_SECONDS = 10.0
_CONNECTIONS_MAX = 1000
_STATUS_MIN, _STATUS_MAX = 200, 599


class UpstreamFailed(Exception):
    """The provider did not answer as it should; the client may try again.

    Attributes:
        refusal: What the client gets in place of an answer.

    Args:
        status: 502, or 504 when it was silent for too long.
        code: Stable name of what is wrong.
        message: What is wrong, for a person.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(status, code, message, may_retry=True)


class Answer:
    """An answer whose headers have come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    @property
    def by_name(self) -> dict[str, str]:
        """Its headers by name in lower case; of several of one name, the first."""
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), value)
        return headers

    @property
    def is_redirect(self) -> bool:
        """Whether it names another address, which could be anybody's."""
        return 300 <= self.status < 400

    def require_no_redirect(self) -> None:
        """Let go of an answer that names another address.

        Raises:
            UpstreamFailed: It does.
        """
        if self.is_redirect:
            self.close()
            detail = "the provider redirects, which is not followed"
            raise UpstreamFailed(502, "upstream_redirects", detail)

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
                502, "upstream_broken", "the provider ended its answer early"
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
        """Send a request and wait for the head of its answer, which is not followed elsewhere.

        Args:
            method: In capitals.
            url: Whole address.
            headers: As they are sent.
            body: Empty for none.
            on_sent: Called before the first byte of the request is written. Until then the provider
                knows nothing of it: no name was found, no connection or no TLS was to be had.

        Raises:
            UpstreamFailed: None came.
        """
        try:
            response = await self._session.request(
                method,
                url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                trace_request_ctx=on_sent,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise UpstreamFailed(
                502, "upstream_unreachable", "the provider cannot be reached"
            ) from None
        except TimeoutError:
            raise _silent() from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise _unread() from None
        if not _STATUS_MIN <= response.status <= _STATUS_MAX:
            response.close()
            raise _unread()
        return Answer(response)

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()


def _unread() -> UpstreamFailed:
    return UpstreamFailed(502, "upstream_broken", "the provider gave no answer that can be read")


def _silent() -> UpstreamFailed:
    return UpstreamFailed(504, "upstream_silent", "the provider sent nothing for too long")


def _sending() -> aiohttp.TraceConfig:
    """Return what calls ``on_sent`` of a request; aiohttp calls it before it writes the headers."""
    config = aiohttp.TraceConfig()

    async def notify(session: object, context: SimpleNamespace, parameters: object) -> None:
        context.trace_request_ctx()

    config.on_request_headers_sent.append(notify)
    return config
