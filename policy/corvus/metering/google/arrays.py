"""Cuts a JSON array that comes in pieces into its elements, wherever the pieces end (PRX-3).

Google sends a stream as one array where its client does not request events. Nothing is built: the
text is only walked from bracket to bracket, and no more than ``limit_bytes`` of one element are
kept. A longer one is passed over, ``has_overflowed`` says so, and reading goes on behind it. An
object that stands alone, as errors do, is its own only element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from corvus.metering.sse import LIMIT_BYTES

_BRACKET = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'["\\]')


class ArrayElements:
    """The incremental part: holds the bytes of the element that is not complete yet.

    Args:
        limit_bytes: Most that is held, > 0.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.has_overflowed = False
        self._limit_bytes = limit_bytes
        self._element = bytearray()
        self._depth = 0
        self._outer = 0
        self._in_string = self._is_escaped = self._is_skipping = self._has_begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes and return the elements that they complete, those with brackets."""
        found: list[bytes] = []
        start = 0 if self._is_inside else len(chunk)
        for at, is_opening in self._brackets(chunk):
            if is_opening:
                if not self._has_begun:
                    self._has_begun, self._outer = True, int(chunk[at] == ord("["))
                self._depth += 1
                if self._depth == self._outer + 1:
                    start = at
                continue
            self._depth -= 1
            if self._depth == self._outer:
                self._keep(chunk[start : at + 1])
                start = len(chunk)
                if (element := self._taken()) is not None:
                    found.append(element)
        if self._is_inside:
            self._keep(chunk[start:])
        return found

    def finish(self) -> bytes:
        """Return the bytes of an element that was never completed."""
        return self._taken() or b""

    @property
    def _is_inside(self) -> bool:
        return self._has_begun and self._depth > self._outer

    def _brackets(self, chunk: bytes) -> Iterator[tuple[int, bool]]:
        """Yield the brackets outside strings: where, and whether one opens."""
        at = 0
        while at < len(chunk):
            if self._is_escaped:
                self._is_escaped = False
                at += 1
                continue
            pattern = _STRING_END if self._in_string else _BRACKET
            match = pattern.search(chunk, at)
            if match is None:
                return
            at = match.end()
            mark = match[0]
            if mark == b'"':
                self._in_string = not self._in_string
            elif mark == b"\\":
                self._is_escaped = True
            elif mark in (b"{", b"["):
                yield match.start(), True
            elif self._depth:  # a stray bracket closes nothing
                yield match.start(), False

    def _keep(self, piece: bytes) -> None:
        if self._is_skipping:
            return
        if len(self._element) + len(piece) > self._limit_bytes:
            self.has_overflowed = self._is_skipping = True
            self._element.clear()
            return
        self._element += piece

    def _taken(self) -> bytes | None:
        is_whole, self._is_skipping = not self._is_skipping, False
        element = bytes(self._element)
        self._element.clear()
        return element if is_whole else None
