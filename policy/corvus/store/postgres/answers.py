"""Connections whose server must answer in time.

A server that was stopped, a pooler whose server is away, and a commit for which no synchronous
standby is there all keep a connection alive and say nothing, for as long as it lasts: neither the
network nor the time-outs of the server end such a wait. The client does, and closes the connection.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")


class TimedConnection(psycopg.Connection[Any]):
    """A connection that is closed, and lost to whoever waits, when an answer is late.

    Attributes:
        answer_seconds: How long one answer may take; ``None`` waits without end.
    """

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer, as every method of the connection does.

        Raises:
            psycopg.OperationalError: It did not come in time, or the connection was lost.
        """
        seconds = self.answer_seconds if timeout is None else timeout
        if seconds is None:
            return super().wait(gen, interval)
        begun = time.monotonic()
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.OperationalError as fault:
            if timeout is not None or time.monotonic() - begun < seconds:
                raise
            self.close()
            gen.close()
            raise psycopg.OperationalError(f"no answer in {seconds:g} s") from fault
