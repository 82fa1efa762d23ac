"""Tells how far reading has come, within a large file too.

What Python reads is counted as it is read. What DuckDB reads is asked of DuckDB by a thread, as the
statement holds the caller; without anyone to tell, there is no thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from corvus.usage.importers.model import ImportProgress, OnProgress

_SECONDS = 0.1
"""How often progress is told at most."""


class Connection(Protocol):
    """What a meter asks of a DuckDB connection."""

    def execute(self, query: str) -> object:
        """Run a statement."""
        ...

    def query_progress(self) -> float:
        """Return percent of the running statement, or less than 0 when unknown."""
        ...


class Meter:
    """Counts the bytes read of all files, and tells them; they never become fewer.

    Args:
        on_progress: Whom to tell; ``None`` tells nobody.
        total_bytes: Size of all files together, packed ones as they are.
    """

    def __init__(self, on_progress: OnProgress | None, total_bytes: int) -> None:
        self._on_progress = on_progress
        self._total = total_bytes
        self._finished = 0
        self._told = 0
        self._told_at = 0.0

    def finish(self, size_bytes: int) -> None:
        """Tell that so many more bytes are read."""
        self._finished += size_bytes
        self._tell(self._finished)

    def within(self, read_bytes: int) -> None:
        """Tell, now and then, how much of what is being read is read."""
        now = time.monotonic()
        if now - self._told_at >= _SECONDS:
            self._told_at = now
            self._tell(self._finished + read_bytes)

    @contextmanager
    def watching(self, connection: Connection, size_bytes: int) -> Generator[None]:
        """Tell how far a connection is with what it reads, from a thread, while the block runs.

        Args:
            connection: Where the statements of the block run.
            size_bytes: Size of what they read.
        """
        if self._on_progress is None:
            yield
            return
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(_SECONDS):
                percent = min(max(connection.query_progress(), 0.0), 100.0)
                self.within(int(size_bytes * percent / 100))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _tell(self, read_bytes: int) -> None:
        self._told = max(self._told, min(read_bytes, self._total))
        if self._on_progress is not None:
            self._on_progress(ImportProgress("reading", self._told, self._total))
