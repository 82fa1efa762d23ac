"""The callers of this process that wait for something in the store, in order of arrival (EVA-14).

Whoever waits names what he waits for: sums, by their key, or an approval, by its id. When the
writer has committed a change of one of them, the caller who has waited longest for it is woken, and
nobody else: when he leaves, the next one is. Changes of other processes are seen by looking again
from time to time; of those who wait for one thing, only the first looks often.
"""

from __future__ import annotations

import random
import threading
from bisect import insort
from collections import deque
from collections.abc import Callable, Collection, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

HEAD_SECONDS = 0.1
"""How often the first of those who wait looks for what other processes did, about."""
OTHERS_SECONDS = 2.0
"""How often the others look, about: for what concerns them alone, such as an override."""


class Line:
    """Who waits for what, and how each is woken. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: dict[int, Callable[[], None]] = {}
        self._wanted: dict[int, frozenset[Hashable]] = {}
        self._waiting: dict[Hashable, list[int]] = {}

    @property
    def turns(self) -> Collection[int]:
        """The turns of all who wait."""
        with self._lock:
            return [*self._wanted]

    def want(self, turn: int, things: frozenset[Hashable]) -> None:
        """Note what a caller waits for from now on; may be called again.

        Done inside of the transaction in which he looked: no later change escapes him.

        Args:
            turn: When he arrived, microseconds; no two share one.
            things: Keys of sums, or the id of an approval.
        """
        with self._lock:
            before = self._wanted.get(turn, frozenset())
            self._wanted[turn] = things
            for thing in things - before:
                insort(self._waiting.setdefault(thing, []), turn)
            freed = before - things
            self._take_out(turn, freed)
            wakers = self._first(freed)
        _wake(wakers)

    def attach(self, turn: int, wake: Callable[[], None]) -> None:
        """Note how a caller is woken."""
        with self._lock:
            self._wakers[turn] = wake

    def leave(self, turn: int) -> None:
        """Let a caller go, and wake whoever comes after him; may be called again."""
        with self._lock:
            self._wakers.pop(turn, None)
            things = self._wanted.pop(turn, frozenset())
            self._take_out(turn, things)
            wakers = self._first(things)
        _wake(wakers)

    def ring(self, changed: Collection[Hashable]) -> None:
        """Wake whoever has waited longest for each of some things that have changed."""
        if not self._waiting:
            return
        with self._lock:
            wakers = self._first(changed)
        _wake(wakers)

    def pause_seconds(self, turn: int) -> float:
        """Return how long a caller may wait before he looks again by himself."""
        with self._lock:
            things = self._wanted.get(turn, ())
            is_first = any(self._waiting[thing][0] == turn for thing in things)
        return (HEAD_SECONDS if is_first else OTHERS_SECONDS) * random.uniform(0.75, 1.25)

    def _take_out(self, turn: int, things: Collection[Hashable]) -> None:
        for thing in things:
            turns = self._waiting[thing]
            turns.remove(turn)
            if not turns:
                del self._waiting[thing]

    def _first(self, things: Collection[Hashable]) -> list[Callable[[], None]]:
        firsts = {self._waiting[thing][0] for thing in things if thing in self._waiting}
        return [self._wakers[turn] for turn in firsts if turn in self._wakers]


def _wake(wakers: Collection[Callable[[], None]]) -> None:
    """Wake outside of the lock: whoever is woken may ask for it."""
    for wake in wakers:
        wake()


class Waker:
    """Wakes those who wait for the store in an event loop: all together, by one call to the loop.

    It may be called from any thread.

    Args:
        loop: Where they wait.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Future[bool]] = deque()
        self._is_called = False

    def wake(self, waiter: Future[bool]) -> None:
        """Have a waiter go on, with ``True``; one who left is passed over."""
        self._waiting.append(waiter)
        if self._is_called:  # who comes now is found by the call that is on its way
            return
        self._is_called = True
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_called = False  # first, so that who comes later calls again
        waiting = self._waiting
        while waiting:
            waiter = waiting.popleft()
            if not waiter.done():
                waiter.set_result(True)
