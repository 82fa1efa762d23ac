"""Connections whose server must answer in time.

A server that was stopped, a pooler whose server is away, and a commit for which no synchronous
standby is there all keep a connection alive and say nothing, for as long as it lasts: neither the
network nor the time-outs of the server end such a wait. The client does, and closes the connection.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")

SILENCE_SECONDS: Final = 1.2
"""How long a server may say nothing while a connection is made, unless the URL says how long.

A far server answers eight times to let a client in over TLS, each soon; one that is away never.
With the start of a command this stays below 2 s, and a first packet that is lost is sent again.
"""


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


class ImpatientConnection(TimedConnection):
    """A connection whose server is given up when it says nothing while the connection is made.

    All of it may take as long as ``connect_timeout`` says, which counts in whole seconds.
    """

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Self]:
        steps = super()._connect_gen(conninfo)
        heard_at = time.monotonic()
        ready: Any = None
        try:
            while True:
                ready = yield steps.send(ready)
                if ready:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > SILENCE_SECONDS:
                    steps.close()
                    raise psycopg.errors.ConnectionTimeout(f"no answer in {SILENCE_SECONDS:g} s")
        except StopIteration as done:
            return done.value
