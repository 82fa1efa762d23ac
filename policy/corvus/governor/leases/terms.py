"""On what terms a host has slices, and the clock of the shared store as the host keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from corvus.base.time import instant_at
from corvus.governor.leases.slices import Elapsed, elapsed
from corvus.store.store import Store

_RENEWALS_A_TERM = 3
_MARGIN_PART = 10
_LONGEST_MARGIN_US = 5_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a host has slices.

    Attributes:
        name: What a person calls the host.
        ttl_seconds: How long it may use them without hearing of the shared store.
    """

    name: str
    ttl_seconds: float = 60.0

    @property
    def ttl_us(self) -> int:
        """The same, in microseconds."""
        return round(self.ttl_seconds * 1_000_000)

    @property
    def renewal_seconds(self) -> float:
        """How often it renews them, seconds: what others change reaches it within this time."""
        return self.ttl_seconds / _RENEWALS_A_TERM

    @property
    def usable_us(self) -> int:
        """How long it does use them, counted from when it asked: a little less."""
        return self.ttl_us - min(_LONGEST_MARGIN_US, self.ttl_us // _MARGIN_PART)


class SharedClock:
    """The clock of the shared store, as a host keeps it: the host's own may be wrong.

    Args:
        clock: Returns the time since the machine was started.
    """

    def __init__(self, clock: Callable[[], Elapsed] = elapsed) -> None:
        self._clock = clock
        self._ahead_us: int | None = None

    def set(self, now_us: int, at: Elapsed) -> None:
        """Follow the shared store.

        Args:
            now_us: What its clock said, microseconds, …
            at: … when it was asked.
        """
        self._ahead_us = now_us - at.us

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        assert self._ahead_us is not None, "the shared store is asked first"
        return instant_at(self._clock().us + self._ahead_us)


def heard_clock(shared: Store, clock: Callable[[], Elapsed] = elapsed) -> SharedClock:
    """Ask a shared store what time it is, and return a clock that follows it.

    Raises:
        StoreError: It cannot answer.
    """
    at = clock()
    follows = SharedClock(clock)
    follows.set(shared.run(lambda unit: unit.now_us), at)
    return follows
