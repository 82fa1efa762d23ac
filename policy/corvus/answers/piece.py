"""One document of a file: its text, and where in the file each character of it stands (SCH-4).

Whatever is looked up often is counted once, so that a file with many findings takes no longer than
its length and their number together.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from corvus.answers.json_text import Places, Route, quotes_of
from corvus.config.toml.quotes import Quotes
from corvus.diagnostics.model import Position, Span

_STEP = 1024
"""Code points between two places whose bytes are counted beforehand."""


class Piece:
    """The text of one document, or of what should be one.

    Args:
        text: Without byte order mark and, where it is one line of several, without the line's end.
        line: The line of the file on which it starts, from 1.
        offset: The code points before it.
        byte_offset: The bytes before it, a byte order mark counted.
    """

    def __init__(self, text: str, line: int = 1, offset: int = 0, byte_offset: int = 0) -> None:
        self.text = text
        self.line = line
        self.offset = offset
        self.byte_offset = byte_offset

    def span(self, start: int, end: int) -> Span:
        """Return a stretch of the text, by offsets into it, as one of the file."""
        return Span(self._position(start), self._position(end))

    @cached_property
    def places(self) -> Places:
        """Where the values of the document stand."""
        return Places(self.text)

    @cached_property
    def quotes(self) -> Quotes:
        """What messages may repeat of the document."""
        return quotes_of(self.text)

    def shown(self, route: Route, known: frozenset[str]) -> Route:
        """Return a route with ``***`` for each name that may be a secret.

        Args:
            route: Names and indices of the document.
            known: Names that anybody may know, and that are never hidden.
        """
        return tuple(
            step if isinstance(step, int) or step in known else self._names.shown(step)
            for step in route
        )

    @cached_property
    def _names(self) -> _Names:
        return _Names(self.quotes)

    def _position(self, offset: int) -> Position:
        offset = min(offset, len(self.text))
        line = bisect_right(self._lines, offset)
        step = offset // _STEP
        behind = len(self.text[step * _STEP : offset].encode())
        return Position(
            self.offset + offset,
            self.byte_offset + self._bytes[step] + behind,
            self.line + line - 1,
            offset - self._lines[line - 1] + 1,
        )

    @cached_property
    def _lines(self) -> list[int]:
        lines = self.text.split("\n")
        return [0, *accumulate(len(line) + 1 for line in lines[:-1])]

    @cached_property
    def _bytes(self) -> list[int]:
        starts = range(0, len(self.text), _STEP)
        return [0, *accumulate(len(self.text[at : at + _STEP].encode()) for at in starts)]


class _Names:
    """Names as they are shown, each judged once."""

    def __init__(self, quotes: Quotes) -> None:
        self._quotes = quotes
        self._shown: dict[str, str] = {}

    def shown(self, name: str) -> str:
        if name not in self._shown:
            self._shown[name] = self._quotes.name(name)
        return self._shown[name]
