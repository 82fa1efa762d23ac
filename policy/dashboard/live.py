"""Keeps open pages up to date: one stream for each, one answer for all that show the same.

Each answer has a number that grows, so that a late one never replaces a newer (spec section 18),
and the name of this run, after which numbers begin anew. Refuses to work for pages nobody looks at.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from policy.errors import PolicyError

INTERVAL_SECONDS = 2.0
"""How often a stream looks whether there is something new."""
_PING_SECONDS = 15.0
_KEYS_MAX = 500
_PING = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """The live part of a page at one moment.

    Attributes:
        number: Grows with each change of the part.
        headline: A sentence that is read out when it changes.
    """

    number: int
    html: str
    headline: str


@dataclass(slots=True)
class _Kept:
    shown: Shown | None = None
    made_at: float = float("-inf")
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class Board:
    """What the open pages show.

    Args:
        interval_seconds: How often a stream looks.
    """

    def __init__(self, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self.run = secrets.token_hex(4)
        self.open_streams = 0
        self._interval = interval_seconds
        self._kept: dict[object, _Kept] = {}
        self._closing = asyncio.Event()
        self._number = 0

    @property
    def kept(self) -> int:
        """How many different pages are remembered."""
        return len(self._kept)

    def close(self) -> None:
        """End every stream: a server waits for them before it stops."""
        self._closing.set()

    def next_number(self) -> int:
        """Return a number above all before it: whoever reads state now knows it is newer."""
        self._number += 1
        return self._number

    async def show(
        self,
        key: object,
        make: Callable[[], Awaitable[tuple[str, str]]],
        fresh_seconds: float = INTERVAL_SECONDS,
    ) -> Shown:
        """Return what pages of a key show, made anew when it is too old.

        Args:
            key: Pages of one key show the same.
            make: Returns HTML and headline.
            fresh_seconds: How old it may get.
        """
        kept = self._kept.setdefault(key, _Kept())
        async with kept.making:
            if kept.shown is None or monotonic() - kept.made_at >= fresh_seconds:
                number = self.next_number()
                html, headline = await make()
                if kept.shown is None or kept.shown.html != html:
                    kept.shown = Shown(number, html, headline)
                kept.made_at = monotonic()
        self._forget_old(key)
        return kept.shown

    def data(self, shown: Shown) -> str:
        """Return an answer as the page's script reads it."""
        return json.dumps(
            {
                "run": self.run,
                "number": shown.number,
                "html": shown.html,
                "headline": shown.headline,
            }
        )

    async def stream(self, make: Callable[[], Awaitable[Shown | None]]) -> AsyncGenerator[bytes]:
        """Yield events of a stream (HTML standard, 9.2) until the visit or the server ends.

        Args:
            make: Returns what is to be shown; ``None`` when the visitor is no longer let in. An
                error of it ends the stream: the page asks again, and is told.
        """
        self.open_streams += 1
        try:
            yield b"retry: 3000\n\n"
            last, told_at = 0, monotonic()
            while not self._closing.is_set():
                try:
                    shown = await make()
                except PolicyError:
                    return
                if shown is None:
                    yield b"event: ended\ndata: {}\n\n"
                    return
                if shown.number != last:
                    last, told_at = shown.number, monotonic()
                    yield f"data: {self.data(shown)}\n\n".encode()
                elif monotonic() - told_at >= _PING_SECONDS:
                    told_at = monotonic()
                    yield _PING
                await self._pause()
        finally:
            self.open_streams -= 1

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._interval):
                await self._closing.wait()
        except TimeoutError:
            return

    def _forget_old(self, newest: object) -> None:
        while len(self._kept) > _KEYS_MAX:
            oldest = next(iter(self._kept))
            if oldest == newest:
                break
            del self._kept[oldest]
