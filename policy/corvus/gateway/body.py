"""Reads the body of a request: bounded in size, in time, and in what all bodies take together.

Does not wait for a client that trickles, nor keep more in memory than there is room for. A body in
an encoding is decoded, so that everything behind sees what the client says (PRX-1); its bounds hold
for what comes and for what comes out. A large one is decoded by a thread, for others wait
meanwhile (PRX-10).
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Protocol

from corvus.calls.encodings import (
    ABOUT_ENCODED,
    DecodedTooLarge,
    EncodingBroken,
    EncodingUnknown,
    decoding,
    encodings_of,
    readable,
)
from corvus.gateway.asgi import Headers, Receive
from corvus.gateway.refusal import RequestRefused

BODY_SECONDS = 30.0
BODY_BYTES_PER_SECOND = 1_048_576
"""A body may take so long to come in whole, and a second more for so many bytes of it."""
ALL_BYTES_MAX = 1_073_741_824
"""Bytes that all bodies take together, from their first piece to the end of their requests."""
AT_ONCE_BYTES = 1_048_576
"""So much of a body is decoded, and read, on the event loop; a thread does it with larger ones."""
_BATCH_BYTES = 4_194_304
_BUSY_SECONDS = 2
_OF_ENCODED = {b"content-length", *(name.encode() for name in ABOUT_ENCODED)}


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
            self.give(body.size)

    def give(self, size: int) -> None:
        """Take back the room of a piece."""
        self._bytes -= size

    def take(self, size: int) -> None:
        """Take room for a piece.

        Raises:
            RequestRefused: There is none.
        """
        if self._bytes + size > self._bytes_max:
            detail = "the gateway has too many large bodies at once; ask again"
            raise RequestRefused(503, "gateway-busy", detail, _BUSY_SECONDS)
        self._bytes += size


class Source(Protocol):
    """Where a body comes from."""

    @property
    def receive(self) -> Receive:
        """Gives its pieces, as in ASGI."""
        ...

    def whole_body(self) -> bytes | None:
        """Return it where all of it has come; ``None`` where it must be waited for."""
        ...


class Body:
    """One body.

    Attributes:
        size: Bytes that it takes.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.size = 0
        self._bodies = bodies

    async def read(self, headers: dict[bytes, list[bytes]], source: Source, limit: int) -> bytes:
        """Return it whole, decoded.

        Args:
            headers: Of its request, by names in lower case.
            source: Gives it.
            limit: Bytes it may have, as it comes and decoded, inclusive.

        Raises:
            RequestRefused: It is too large, too slow or cut off, in an encoding that is not read or
                not in the one that it names, or there is no room for it.
        """
        encodings = _encodings(headers)
        content = source.whole_body()
        if content is None:
            content = await self._received(headers, source.receive, limit)
        elif len(content) > limit:
            raise _too_large(limit)
        else:
            self._hold(len(content))
        for name in encodings:
            content = await self._decoded(name, content, limit)
        return content

    async def _received(
        self, headers: dict[bytes, list[bytes]], receive: Receive, limit: int
    ) -> bytes:
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
        self._hold(len(piece))
        pieces.append(piece)

    async def _decoded(self, name: str, content: bytes, limit: int) -> bytes:
        """Return what is in an encoding; what it was made of gives its room back."""
        pieces, whole = decoding(name, content, limit), BytesIO()
        most = AT_ONCE_BYTES if len(content) <= AT_ONCE_BYTES else 0
        try:
            batch = _batch(pieces, most)
            while True:
                for piece in batch:
                    self._hold(len(piece))
                    whole.write(piece)
                if sum(map(len, batch)) < most:
                    break
                most = _BATCH_BYTES
                batch = await asyncio.to_thread(_batch, pieces, most)
        except EncodingBroken as wrong:
            raise RequestRefused(400, "encoding-broken", str(wrong)) from None
        except DecodedTooLarge:
            raise _too_large(limit) from None
        self.size -= len(content)
        self._bodies.give(len(content))
        return whole.getvalue()

    def _hold(self, size: int) -> None:
        self._bodies.take(size)
        self.size += size


def without_encoding(raw: Headers) -> Headers:
    """Return the headers of a request whose body was decoded: those that still hold of it."""
    if not any(name.lower() == b"content-encoding" for name, _ in raw):
        return raw
    return [(name, value) for name, value in raw if name.lower() not in _OF_ENCODED]


def _encodings(headers: dict[bytes, list[bytes]]) -> tuple[str, ...]:
    header = b",".join(headers.get(b"content-encoding", []))
    try:
        return encodings_of(header.decode("latin-1"))
    except EncodingUnknown as wrong:
        more = {"accept-encoding": ", ".join(readable())}
        raise RequestRefused(415, "encoding-refused", str(wrong), headers=more) from None


def _batch(pieces: Iterator[bytes], most: int) -> list[bytes]:
    """Return the next pieces, until they have so many bytes; none at the end."""
    batch: list[bytes] = []
    size = 0
    while size < most and (piece := next(pieces, None)) is not None:
        batch.append(piece)
        size += len(piece)
    return batch


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(413, "body-too-large", f"a body has {limit:,} bytes at most")
