"""Reads an answer that comes as lines, each a JSON object (PRX-2).

A line that is too long is passed on unread, and reading goes on with the next one. The last line
needs no end. What is relayed is what came, byte for byte.
"""

from __future__ import annotations

from abc import abstractmethod

from corvus.metering.sse import LIMIT_BYTES
from corvus.metering.tap import Tap


class LineTap(Tap):
    """An answer in lines of JSON.

    Args:
        limit_bytes: Longest line that is read.
    """

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._is_skipping = False

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay."""
        whole, end, rest = chunk.rpartition(b"\n")
        if end:
            self._take(whole)
            self._read_pending()
        self._take(rest)
        return chunk

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""
        self._read_pending()
        return b""

    @staticmethod
    @abstractmethod
    def may_matter(line: bytes) -> bool:
        """Return whether a line may say something about usage; cheaper than to decode it."""

    def _take(self, data: bytes) -> None:
        """Keep bytes until their lines are complete, but no more than may be read."""
        if self._is_skipping:
            first, end, data = data.partition(b"\n")
            self._text.add(first)
            if not end:
                return
            self._is_skipping = False
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes > self._limit_bytes:
            self._shorten()

    def _shorten(self) -> None:
        """Read the lines that are complete, and let go of one that is too long."""
        whole, _, rest = b"".join(self._pending).rpartition(b"\n")
        self._pending, self._pending_bytes = [whole], len(whole)
        self._read_pending()
        if len(rest) > self._limit_bytes:
            self.has_overflowed = self._is_skipping = True
            self._text.add(rest)
            rest = b""
        self._pending, self._pending_bytes = [rest], len(rest)

    def _read_pending(self) -> None:
        block = b"".join(self._pending)
        self._pending, self._pending_bytes = [], 0
        if not block:
            self._is_skipping = False
            return
        self._text.add(block)
        for line in block.split(b"\n"):
            if len(line) > self._limit_bytes:
                self.has_overflowed = True
            elif self.may_matter(line):
                self._read_safely(line)
