"""Statements that go to PostgreSQL in one round trip, which ends with the word to end it.

psycopg sends a ``Flush`` after the ``Sync`` with which a pipeline ends. A server starts to count
how long a transaction is idle when it answers a ``Sync``, and stops with whatever comes next: after
that ``Flush`` a host that was stopped kept the lock of a store from all others, without end before
PostgreSQL 17 (measured with PostgreSQL 15 and 18, psycopg 3.3.9, on 29 November 2026).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg


class _Pipeline(psycopg.Pipeline):
    """A pipeline that sends nothing after its last ``Sync``, which has all answers sent anyway.

    Nothing is fetched from a server that is waited for no longer.
    """

    def _exit_gen(self) -> Generator[Any, Any, None]:
        try:
            self._enqueue_sync()
            yield from self._communicate_gen()
        except Exception:
            yield from self._fetch_gen(flush=False)
            raise
        yield from self._fetch_gen(flush=False)


@contextmanager
def pipelined(connection: psycopg.Connection[Any]) -> Generator[None]:
    """Send what is executed inside in one round trip."""
    setattr(connection, "_pipeline", _Pipeline(connection))  # noqa: B010 - taken by `pipeline`
    with connection.pipeline():
        yield
