"""Turns offsets in a text into positions an author can find."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Final

from corvus.diagnostics.model import Position, Span

KeyPath = tuple[str | int, ...]
"""Route of keys and indices to a value."""

_BOM_BYTES: Final = 3


class LineIndex:
    """The line starts of one text.

    Args:
        text: The text without its byte order mark.
        has_bom: Whether the file starts with one, which shifts byte offsets by three.
    """

    def __init__(self, text: str, *, has_bom: bool) -> None:
        self._text = text
        self._shift = _BOM_BYTES if has_bom else 0
        lines = text.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in lines[:-1])]
        self._bytes: list[int] | None = None
        if not text.isascii():
            self._bytes = [0, *accumulate(len(line.encode()) + 1 for line in lines[:-1])]

    def line_of(self, offset: int) -> int:
        """Return the 1-based line that holds an offset."""
        return bisect_right(self._starts, offset)

    def position(self, offset: int) -> Position:
        """Return the position of an offset; beyond the text it is that of its end."""
        offset = min(max(offset, 0), len(self._text))
        line = self.line_of(offset)
        start = self._starts[line - 1]
        byte = offset
        if self._bytes is not None:
            byte = self._bytes[line - 1] + len(self._text[start:offset].encode())
        return Position(offset, byte + self._shift, line, offset - start + 1)

    def span(self, start: int, end: int) -> Span:
        """Return the span of the half-open stretch ``start`` to ``end``."""
        return Span(self.position(start), self.position(max(start, end)))

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a 1-based line and column."""
        line = min(max(line, 1), len(self._starts))
        return min(self._starts[line - 1] + column - 1, len(self._text))
