"""Wakes who waits for the store in an event loop: all who can go on, by one call to the loop."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future


class Waker:
    """Wakes waiters of one event loop; others may call it from any thread.

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
