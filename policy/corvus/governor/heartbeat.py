"""Keeps the holds of calls alive while their blocks run (RES-7).

One thread for all calls of a governor, made with the first of them; it extends what has lived a
third of its life since the last time, all in one transaction. It never keeps a process alive, holds
no governor that nobody else holds, and takes no lock that a forked child could find taken.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING

from corvus.base.errors import PolicyError

if TYPE_CHECKING:
    from corvus.governor.renewals import Renewals

_BEATS_PER_LIFE = 3
_log = logging.getLogger("corvus.governor")


class _Beat:
    """A hold to be kept alive.

    Attributes:
        due: When to extend it, on the monotonic clock.
    """

    __slots__ = ("due", "reservation_id", "ttl_seconds")

    def __init__(self, reservation_id: str, ttl_seconds: float) -> None:
        self.reservation_id = reservation_id
        self.ttl_seconds = ttl_seconds
        self.due = time.monotonic() + ttl_seconds / _BEATS_PER_LIFE


class Heartbeat:
    """The holds of one governor that are to be kept alive."""

    def __init__(self, calls: Renewals) -> None:
        self._calls = weakref.ref(calls)
        self._live: dict[str, _Beat] = {}
        self._wake = threading.Event()
        self._wake_at = float("inf")
        self._thread: threading.Thread | None = None

    def start(self, reservation_id: str, ttl_seconds: float) -> bool:
        """Keep a hold alive from now on.

        Args:
            reservation_id: Whose hold.
            ttl_seconds: Its life, which each beat begins again, > 0.

        Returns:
            Whether nobody here had kept it alive before: it is the caller's then.
        """
        beat = _Beat(reservation_id, ttl_seconds)
        if self._live.setdefault(reservation_id, beat) is not beat:
            return False
        if self._thread is None or not self._thread.is_alive():
            self._wake_at = beat.due
            self._thread = threading.Thread(
                target=_serve, args=(weakref.ref(self), self._wake), name="corvus-beat", daemon=True
            )
            self._thread.start()
        elif beat.due < self._wake_at:
            self._wake.set()
        return True

    def stop(self, reservation_id: str) -> None:
        """Let a hold be; may be called again."""
        self._live.pop(reservation_id, None)

    def beat(self) -> float:
        """Extend what is due; return the seconds until the next is, at most an hour."""
        now = time.monotonic()
        due = [one for one in [*self._live.values()] if one.due <= now]
        calls = self._calls()
        if due and calls is not None:
            try:
                calls.renew({one.reservation_id: one.ttl_seconds for one in due})
            except PolicyError as fault:
                _log.warning("%d holds were not extended: %s", len(due), fault)
        for one in due:
            one.due = now + one.ttl_seconds / _BEATS_PER_LIFE
        self._wake_at = min([one.due for one in [*self._live.values()]], default=now + 3600)
        return max(0.0, self._wake_at - time.monotonic())


def _serve(of: weakref.ref[Heartbeat], wake: threading.Event) -> None:
    """Beat for as long as there is somebody to beat for."""
    seconds = 0.0
    while True:
        wake.wait(seconds)
        wake.clear()
        heartbeat = of()
        if heartbeat is None:
            return
        seconds = heartbeat.beat()
        del heartbeat
