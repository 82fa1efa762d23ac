"""The client of the proxy: sends requests to providers, and follows nothing (PRX-5, PRX-7).

Redirects and cookies are not followed, and answers not unpacked: bytes pass as they come.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

from yarl import URL

from corvus.gateway.proxy.answer import Answer
from corvus.gateway.proxy.failures import UpstreamFailed, unreachable, unread
from corvus.gateway.proxy.pool import CONNECTIONS_MAX, Origin, Pool

_SAFE = ("GET", "HEAD")
_WITHOUT_BODY = (*_SAFE, "DELETE", "OPTIONS")
_JOINED_BYTES_MAX = 65_536
"""A body up to here is copied behind its head, which is cheaper than a second piece."""


class Client(Protocol):
    """Sends requests to providers."""

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
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class DirectClient:
    """A client whose connections lead to the providers themselves. Made inside its event loop.

    A request that may have been sent is not sent again, but for one that changes nothing: whether
    the provider has closed a kept connection shows only when it was used.

    Args:
        silence_seconds: Longest time without a byte.
        connections_max: Most connections at one time; who comes then waits.
    """

    def __init__(self, silence_seconds: float, connections_max: int = CONNECTIONS_MAX) -> None:
        self._pool = Pool(silence_seconds, connections_max)

    async def send(
        self,
        method: str,
        url: URL,
        headers: list[tuple[str, str]],
        body: bytes,
        on_sent: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send a request; see ``Client``."""
        place = _place_of(url)
        request = _request(method, place, headers, body)
        is_new = False
        while True:
            try:
                wire, was_kept = await self._pool.take(place.origin, is_new=is_new)
            except (OSError, ValueError) as fault:  # a wait that was too long is one of them
                raise unreachable(fault) from None
            on_sent()
            try:
                return await wire.ask(method, request)
            except UpstreamFailed:
                if not (was_kept and wire.is_stale and method in _SAFE):
                    raise
                is_new = True
            except BaseException:
                wire.abort()
                raise

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close()


class _Place(NamedTuple):
    origin: Origin
    host: str
    target: str


@lru_cache(maxsize=256)
def _place_of(url: URL) -> _Place:
    port = url.port
    assert url.raw_host is not None, "an address has a host"
    assert port is not None, "an address has a scheme with a port"
    host = url.host_port_subcomponent
    assert host is not None, "an address has a host"
    return _Place(Origin(url.scheme == "https", url.raw_host, port), host, url.raw_path_qs)


def _request(
    method: str, place: _Place, headers: list[tuple[str, str]], body: bytes
) -> list[bytes]:
    """Return a request as it is written.

    Raises:
        UpstreamFailed: A header would be two.
    """
    lines = [f"{method} {place.target} HTTP/1.1", f"host: {place.host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method not in _WITHOUT_BODY:
        lines.append(f"content-length: {len(body)}")
    head = "\r\n".join([*lines, "", ""])
    if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1 or "\0" in head:
        raise unread(ValueError("a header of the request has a line break"))
    start = head.encode()
    return [start + body] if len(body) <= _JOINED_BYTES_MAX else [start, body]
