"""Counts how much of all files of an import is read, and reports it now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from corvus.usage.importers.model import ImportProgress, OnProgress

_SECONDS = 0.1
"""How often progress is reported at most."""


class _Progressing(Protocol):
    """What a meter needs of a DuckDB connection."""

    def execute(self, query: str) -> object:
        """Run a statement."""
        ...

    def query_progress(self) -> float:
        """Return percent of the running statement, or less than 0 when unknown."""
        ...


class Meter:
    """Counts and reports the bytes read of all files, within a large one too; they never decrease.

    What Python reads is counted as it is read. How far DuckDB is, a thread finds out, as the
    statement holds the caller; without anyone to report to, there is no thread.

    Args:
        on_progress: Called with what is read; ``None`` reports nothing.
        total_bytes: Size of all files together, packed ones as they are.
    """

    def __init__(self, on_progress: OnProgress | None, total_bytes: int) -> None:
        self._on_progress = on_progress
        self._total = total_bytes
        self._finished = 0
        self._reported = 0
        self._reported_at = 0.0

    def finish(self, size_bytes: int) -> None:
        """Report that so many more bytes are read."""
        self._finished += size_bytes
        self._report(self._finished)

    def within(self, read_bytes: int) -> None:
        """Report, now and then, how much of what is being read is read."""
        now = time.monotonic()
        if now - self._reported_at >= _SECONDS:
            self._reported_at = now
            self._report(self._finished + read_bytes)

    @contextmanager
    def watching(self, connection: _Progressing, size_bytes: int) -> Generator[None]:
        """Report from a thread how far a connection is with what it reads, while the block runs."""
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

    def _report(self, read_bytes: int) -> None:
        self._reported = max(self._reported, min(read_bytes, self._total))
        if self._on_progress is not None:
            self._on_progress(ImportProgress("reading", self._reported, self._total))
