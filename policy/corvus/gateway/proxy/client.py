"""The client of the proxy: one pool of connections to the providers (PRX-5, PRX-7).

Redirects and cookies are not followed, and answers not unpacked: bytes pass as they come. Proxies
that the environment names are used where the config says so. Whatever a name resolves to is looked
at before each connection: one that leads to a link-local address, where clouds keep credentials, is
not called, also where it led elsewhere before.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from corvus.base.endpoints import is_link_local
from corvus.calls.refusal import Refusal

CONNECT_SECONDS = 10.0
_KEEPALIVE_SECONDS = 10.0
_CONNECTIONS_MAX = 1000
_BAD_GATEWAY = 502
_CAUSE_MAX = 300
_STATUS_MIN, _STATUS_MAX = 200, 599


class UpstreamFailed(Exception):
    """The provider did not answer as it should; the client may try again.

    Attributes:
        refusal: What the client gets in place of an answer.
        may_be_elsewhere: Whether another upstream may be tried: not after a long silence, when the
            client has waited for long and the provider may be at work.
        cause: Why, for the operator alone.

    Args:
        status: 502, or 504 when it was silent for too long.
        code: Stable name of what is wrong.
        message: What is wrong, for a person.
        cause: What raised it, if anything did.
    """

    def __init__(
        self, status: int, code: str, message: str, cause: BaseException | None = None
    ) -> None:
        super().__init__(message)
        self.cause = message if cause is None else f"{message}: {_words(cause)}"
        self.refusal = Refusal(status, code, message, may_retry=True)
        self.may_be_elsewhere = status == _BAD_GATEWAY


class Answer:
    """An answer whose headers have come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.on_broken: Callable[[UpstreamFailed], None] = lambda _: None
        """Called when it does not come to its end."""
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
            raise self._broken(_silent()) from None
        except (aiohttp.ClientError, OSError):
            detail = "the provider ended its answer early"
            raise self._broken(UpstreamFailed(502, "upstream_broken", detail)) from None

    def _broken(self, failed: UpstreamFailed) -> UpstreamFailed:
        self.on_broken(failed)
        return failed

    def close(self) -> None:
        """Let go: before the end of the answer this ends the connection, so the provider stops."""
        self._response.close()


class Client:
    """Sends requests to providers. Made inside the event loop that uses it.

    Args:
        silence_seconds: Longest time without a byte.
        uses_proxies: Whether ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` count.
    """

    def __init__(self, silence_seconds: float, *, uses_proxies: bool = False) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS_MAX,
                keepalive_timeout=_KEEPALIVE_SECONDS,
                resolver=_CheckedResolver(),
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=uses_proxies,
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
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as fault:
            raise UpstreamFailed(
                502, "upstream_unreachable", "the provider cannot be reached", fault
            ) from None
        except TimeoutError:
            raise _silent() from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise _unread(fault) from None
        if not _STATUS_MIN <= response.status <= _STATUS_MAX:
            response.close()
            raise _unread()
        return Answer(response)

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


def _unread(cause: BaseException | None = None) -> UpstreamFailed:
    detail = "the provider gave no answer that can be read"
    return UpstreamFailed(502, "upstream_broken", detail, cause)


def _words(fault: BaseException) -> str:
    """Return what a fault is, by the system or by TLS.

    Other faults may hold bytes of an answer: of them, the kind alone.
    """
    within = getattr(fault, "os_error", None) or getattr(fault, "certificate_error", None)
    if within is None:
        return type(fault).__name__
    return " ".join(f"{type(within).__name__}: {within}".split())[:_CAUSE_MAX]


def _silent() -> UpstreamFailed:
    return UpstreamFailed(504, "upstream_silent", "the provider sent nothing for too long")


def _sending() -> aiohttp.TraceConfig:
    """Return what calls ``on_sent`` of a request; aiohttp calls it before it writes the headers."""
    config = aiohttp.TraceConfig()

    async def notify(session: object, context: SimpleNamespace, parameters: object) -> None:
        context.trace_request_ctx()

    config.on_request_headers_sent.append(notify)
    return config
