"""An answer that comes over a wire: kept until it is passed on, within bounds (PRX-5)."""

from __future__ import annotations

import asyncio
from typing import Protocol

from corvus.gateway.asgi import Headers
from corvus.gateway.proxy.answer import Answer
from corvus.gateway.proxy.failures import UpstreamFailed, cut_off

AHEAD_BYTES_MAX = 65_536
"""So much of an answer is read ahead of its client."""


class Source(Protocol):
    """Where an answer comes from."""

    def pause(self) -> None:
        """Let the provider wait."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...

    def abort(self) -> None:
        """End the connection at once, so that the provider stops."""
        ...


class WireAnswer(Answer):
    """An answer that comes over a wire.

    Attributes:
        is_whole: Whether all of it has come.
        is_paused: Whether the provider waits until what has come is taken.
    """

    def __init__(self, wire: Source, status: int, headers: Headers) -> None:
        super().__init__(status, headers)
        self.is_whole = self.is_paused = False
        self._wire = wire
        self._pieces: list[bytes] = []
        self._size = 0
        self._fault: UpstreamFailed | None = None
        self._waiting: asyncio.Future[None] | None = None

    def take(self, piece: bytes) -> None:
        """Keep a piece of the body until it is passed on."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > AHEAD_BYTES_MAX and not self.is_paused:
            self.is_paused = True
            self._wire.pause()

    def end(self) -> None:
        """Note that it has come whole."""
        self.is_whole = True
        self.wake()

    def fail(self, fault: UpstreamFailed) -> None:
        """Note that it will not."""
        if not (self.is_whole or self._fault):
            self._fault = fault
            self.wake()

    def wake(self) -> None:
        """Have the reader look at what has come."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @property
    def is_ready(self) -> bool:
        """Whether something has come that was not taken, or the end."""
        return bool(self._pieces) or self.is_whole

    @property
    def is_read(self) -> bool:
        """Whether all of it has come and was taken."""
        return self.is_whole and not self._pieces

    async def read(self) -> bytes:
        """Return what has come of the body; nothing at its end."""
        while not self._pieces:
            if self.is_whole:
                return b""
            if self._fault is not None:
                self.on_broken(self._fault)
                raise self._fault
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._taken()

    def close(self) -> None:
        """Let go of it."""
        if not (self.is_whole or self._fault):
            self._fault = cut_off()
            self._wire.abort()

    def _taken(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces, self._size = [], 0
        if self.is_paused and not self.is_whole:
            self.is_paused = False
            self._wire.resume()
        return data
