"""Keeps open pages up to date: one stream for each, one answer for all that show the same.

What is slow to make is made less often, so that open pages never take the machine; what has not
changed is not made again. Each answer has a number that grows, so that a late one never replaces a
newer (DSH-3), and the name of this run, after which numbers begin again. Refuses to work
for pages nobody looks at.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from corvus.base.errors import PolicyError

INTERVAL_SECONDS = 2.0
"""How often a stream looks whether there is something new."""
SHARE = 0.02
"""How much of the time goes into making what open pages show, at most; for each thing read."""
UNCHANGED_SECONDS = 60.0
"""How old something may get that depends on nothing recorded since, but on the time of day."""
_QUICK_SECONDS = 0.01
"""What is made within this may always be made when it is due."""
_REST_SECONDS_MAX = 120.0
_LIVE_SECONDS = 10.0
_PING_SECONDS = 15.0
_KEYS_MAX = 500
_PING = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class LivePart:
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
    shown: LivePart | None = None
    mark: object = None
    asked_at: float = float("-inf")
    looked_at: float = float("-inf")
    made_at: float = float("-inf")
    took: tuple[float, float] = (float("inf"), float("inf"))
    making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(
        self, make: Callable[[], Awaitable[tuple[str, str]]], number: int, mark: object
    ) -> None:
        began = monotonic()
        is_same = mark is not None and mark == self.mark
        if self.shown is None or not is_same or began - self.made_at >= UNCHANGED_SECONDS:
            self.mark = mark
            html, headline = await make()
            if self.shown is None or self.shown.html != html:
                self.shown = LivePart(number, html, headline)
            self.made_at = monotonic()
            self.took = self.took[1], self.made_at - began
        self.looked_at = monotonic()


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
        mark: Callable[[], Awaitable[object]] | None = None,
    ) -> LivePart:
        """Return what pages of a key show, made again when it is too old.

        Args:
            key: Pages of one key show the same.
            make: Returns HTML and headline.
            fresh_seconds: How old it may get; longer for what is slow to make.
            mark: Returns what is another once there is something new; without one there always is.
        """
        kept = self._kept.setdefault(key, _Kept())
        kept.asked_at = monotonic()
        async with kept.making:
            rest_seconds = max(fresh_seconds, self._rest_seconds(kept))
            if kept.shown is None or monotonic() - kept.looked_at >= rest_seconds:
                number = self.next_number()
                await kept.look(make, number, await mark() if mark else None)
        self._forget_old(key)
        assert kept.shown is not None
        return kept.shown

    def distrust(self, key: object) -> None:
        """Make what pages of a key show again when it is due, though nothing is new: it failed."""
        self._kept[key].mark = None

    def data(self, shown: LivePart) -> str:
        """Return an answer as the page's script reads it."""
        return json.dumps(
            {
                "run": self.run,
                "number": shown.number,
                "html": shown.html,
                "headline": shown.headline,
            }
        )

    async def stream(self, make: Callable[[], Awaitable[LivePart | None]]) -> AsyncGenerator[bytes]:
        """Yield events of a stream (HTML standard, 9.2) until the visit or the server ends.

        Args:
            make: Returns what is to be shown; ``None`` when the visitor is no longer let in. An
                error of it ends the stream: the page asks again, and is answered with the error.
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

    def _rest_seconds(self, kept: _Kept) -> float:
        """Return how long to leave something as it is, so that all together keep to ``SHARE``.

        Of the latest two times it was made, the shorter one counts: the other may have waited.
        """
        took = min(kept.took)
        if kept.shown is None or took <= _QUICK_SECONDS:
            return 0.0
        live = sum(kept.asked_at - one.asked_at < _LIVE_SECONDS for one in self._kept.values())
        return min(_REST_SECONDS_MAX, took * live / SHARE)

    def _forget_old(self, newest: object) -> None:
        while len(self._kept) > _KEYS_MAX:
            oldest = next(iter(self._kept))
            if oldest == newest:
                break
            del self._kept[oldest]
