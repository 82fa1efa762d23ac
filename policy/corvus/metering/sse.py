r"""Cuts a stream of server-sent events into whole events, wherever its chunks happen to end.

A tap sits in the path of every byte, so it does as little as it can: bytes are cut into blocks of
whole events, and a block is looked into only when a pattern says that it holds something of
interest. Lines may end with LF, CRLF or CR; data may take several lines; a byte order mark and
comments are passed over.

No more than ``limit_bytes`` of one event are kept: a longer one is passed on unread, the stream
says ``has_overflowed``, and reading goes on with the next event.

Source:
    https://html.spec.whatwg.org/multipage/server-sent-events.html "Parsing an event stream", read
    2026-11-26.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LIMIT_BYTES = 8 * 1024 * 1024
"""Longest event that is kept whole, inclusive."""

_BOM = b"\xef\xbb\xbf"
_OVERLAP = 3  # a blank line takes at most four bytes, CRLF CRLF

# NOTE: a CR at the very end may be half of CRLF: it ends a blank line only after another CR.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?=[^\n])|(?<=\r)\r)")


class Cut(NamedTuple):
    """What became of the bytes so far.

    Attributes:
        unread: Bytes of an event that is too long, to be passed on as they are; before ``block``.
        block: Whole events, each with the blank line that ends it; may be empty.
    """

    unread: bytes
    block: bytes


class Event(NamedTuple):
    """One event of a block.

    Attributes:
        start: Offset of its first byte in the block, inclusive.
        end: Offset behind its blank line, exclusive.
    """

    start: int
    end: int


class EventBlocks:
    """The incremental part: holds the bytes of the event that is not complete yet.

    Args:
        limit_bytes: Most that is held, > 0.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.has_overflowed = False
        self._limit_bytes = limit_bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._overlap = b""
        self._is_skipping = False

    def feed(self, chunk: bytes) -> Cut:
        """Take the next bytes and return what they complete."""
        if not self._overlap and chunk.endswith(b"\n\n"):
            return Cut(b"", chunk)
        window = self._overlap + chunk
        end = _last_blank_line(window) - len(self._overlap)
        if end <= 0:
            return Cut(self._wait(chunk, window), b"")
        start = 0
        if self._is_skipping:
            start = _first_blank_line(window) - len(self._overlap)
        self._pending.append(chunk[start:end])
        cut = Cut(chunk[:start], b"".join(self._pending))
        rest = chunk[end:]
        self._pending = [rest] if rest else []
        self._pending_bytes = len(rest)
        self._overlap = rest[-_OVERLAP:]
        self._is_skipping = False
        return cut

    def finish(self) -> bytes:
        """Return the bytes that the end of the stream left without a blank line."""
        left = b"".join(self._pending)
        self._pending, self._pending_bytes, self._overlap = [], 0, b""
        return left

    def _wait(self, chunk: bytes, window: bytes) -> bytes:
        """Keep bytes until their event is complete; return those that are not to be kept."""
        self._overlap = window[-_OVERLAP:]
        if self._is_skipping:
            return chunk
        self._pending.append(chunk)
        self._pending_bytes += len(chunk)
        if self._pending_bytes <= self._limit_bytes:
            return b""
        self.has_overflowed = self._is_skipping = True
        unread = b"".join(self._pending)
        self._pending, self._pending_bytes = [], 0
        return unread


def events(block: bytes) -> Iterator[Event]:
    """Yield the events of a block, in order and without gaps."""
    start = 0
    for blank in _BLANK_LINE.finditer(block):
        yield Event(start, blank.end())
        start = blank.end()
    if start < len(block):
        yield Event(start, len(block))


def data_of(event: bytes) -> bytes:
    """Return the data of one event; its lines are joined by LF, and without any it is empty."""
    lines = event.removeprefix(_BOM).splitlines()
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))


def _first_blank_line(window: bytes) -> int:
    """Return the offset behind the first blank line; 0 where there is none."""
    found = _BLANK_LINE.search(window)
    return found.end() if found else 0


def _last_blank_line(window: bytes) -> int:
    """Return the offset behind the last blank line; 0 where there is none."""
    if b"\r" not in window:
        found = window.rfind(b"\n\n")
        return found + 2 if found >= 0 else 0
    end = 0
    for blank in _BLANK_LINE.finditer(window):
        end = blank.end()
    return end
