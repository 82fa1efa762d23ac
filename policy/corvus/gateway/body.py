"""Reads the body of a request: bounded in size, in time, and in what all bodies take together.

Does not wait for a client that trickles, nor keep more in memory than there is room for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from corvus.gateway.asgi import Receive
from corvus.gateway.refusal import RequestRefused

BODY_SECONDS = 30.0
BODY_BYTES_PER_SECOND = 1_048_576
"""A body may take so long to come in whole, and a second more for so many bytes of it."""
ALL_BYTES_MAX = 1_073_741_824
"""Bytes that all bodies take together, from their first piece to the end of their requests."""
_BUSY_SECONDS = 2


class Bodies:
    """The bodies of all requests that are served at once.

    Args:
        bytes_max: What they may take together.
    """

    def __init__(self, bytes_max: int = ALL_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0

    @contextmanager
    def one(self) -> Generator[Body]:
        """Give one request a body, which takes its room until the context is left."""
        body = Body(self)
        try:
            yield body
        finally:
            self._bytes -= body.size

    def take(self, size: int) -> None:
        """Take room for a piece.

        Raises:
            RequestRefused: There is none.
        """
        if self._bytes + size > self._bytes_max:
            detail = "the gateway has too many large bodies at once; ask again"
            raise RequestRefused(503, "gateway-busy", detail, _BUSY_SECONDS)
        self._bytes += size


class Body:
    """One body.

    Attributes:
        size: Bytes that have come.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.size = 0
        self._bodies = bodies

    async def read(self, headers: dict[bytes, list[bytes]], receive: Receive, limit: int) -> bytes:
        """Return it whole.

        Args:
            headers: Of its request, by names in lower case.
            receive: Gives its pieces.
            limit: Bytes it may have.

        Raises:
            RequestRefused: It is too large, too slow or cut off, or there is no room for it.
        """
        stated = headers.get(b"content-length", [b"0"])[0]
        if stated.isdigit() and int(stated) > limit:
            raise _too_large(limit)
        began = asyncio.get_running_loop().time()
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_SECONDS) as deadline:
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise RequestRefused(400, "body-incomplete", "the body ended early")
                    self._take(message.get("body", b""), pieces, limit)
                    if not message.get("more_body", False):
                        return b"".join(pieces)
                    more = self.size / BODY_BYTES_PER_SECOND
                    deadline.reschedule(began + BODY_SECONDS + more)
        except TimeoutError:
            raise RequestRefused(408, "body-too-slow", "the body took too long") from None

    def _take(self, piece: bytes, pieces: list[bytes], limit: int) -> None:
        if self.size + len(piece) > limit:
            raise _too_large(limit)
        self._bodies.take(len(piece))
        self.size += len(piece)
        pieces.append(piece)


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(413, "body-too-large", f"a body has {limit:,} bytes at most")
