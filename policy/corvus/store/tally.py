"""How the transactions of a process went, for its metrics: how long, and how they failed.

One thread counts, any thread reads; a figure that is one behind is as good.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Generator
from contextlib import contextmanager

from corvus.base.errors import OutcomeUnknown, StoreUnavailable
from corvus.store.api import Collided

BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, inclusive, of the buckets of a duration."""


class Durations:
    """How long something took, each time.

    Attributes:
        counts: How often, by bucket; the last is above all bounds.
        seconds: All together.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.seconds = 0.0

    @contextmanager
    def time(self) -> Generator[None]:
        """Take the time of what ends well."""
        began = time.monotonic()
        yield
        took_seconds = time.monotonic() - began
        self.counts[bisect_left(BOUNDS_SECONDS, took_seconds)] += 1
        self.seconds += took_seconds


class StoreTally:
    """What became of the transactions of a process.

    Attributes:
        waits: Until a transaction had the store: the wait for others, and what was fetched with it.
        commits: Until its changes were durable.
        faults: How often one failed, by kind: ``collided`` was run again, ``unknown`` may have been
            written, ``unavailable`` was not, ``other`` is damage or a newer version.
    """

    def __init__(self) -> None:
        self.waits, self.commits = Durations(), Durations()
        self.faults = {"collided": 0, "unknown": 0, "unavailable": 0, "other": 0}

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Take the time until a transaction has the store."""
        with self._judged(), self.waits.time():
            yield

    @contextmanager
    def committing(self) -> Generator[None]:
        """Take the time until changes are durable."""
        with self._judged(), self.commits.time():
            yield

    @contextmanager
    def _judged(self) -> Generator[None]:
        try:
            yield
        except BaseException as fault:
            self.faults[_kind(fault)] += 1
            raise


def _kind(fault: BaseException) -> str:
    match fault:
        case Collided():
            return "collided"
        case OutcomeUnknown():
            return "unknown"
        case StoreUnavailable():
            return "unavailable"
        case _:
            return "other"
