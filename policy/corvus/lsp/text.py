"""The text of an open file as the editor has it, and places in it as the protocol counts them.

An editor counts lines from 0 and characters in units of UTF-16, unless both sides agree on another
encoding; a line ends with a line feed, a carriage return, or both. Everything below counts code
points from the start of the text, without a byte order mark.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from lsprotocol import types

if TYPE_CHECKING:
    from corvus.diagnostics.model import Span

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_BOM: Final = "\ufeff"
_ASTRAL: Final = 0x10000

UTF16: Final = types.PositionEncodingKind.Utf16
"""The encoding of whoever does not name another."""


class Text:
    """One version of a text. It never changes.

    Args:
        whole: What the editor sent, with the byte order mark if it sent one.
        encoding: In which units the editor counts characters.
        version: The number that the editor gave it.
    """

    def __init__(self, whole: str, encoding: str = UTF16, version: int | None = None) -> None:
        self.whole = whole
        self.encoding = encoding
        self.version = version

    @cached_property
    def body(self) -> str:
        """The text without a byte order mark."""
        return self.whole.removeprefix(_BOM)

    @property
    def raw(self) -> bytes:
        """The bytes that a file with this text has; half of a surrogate pair becomes ``?``."""
        return self.whole.encode(errors="replace")

    def position(self, offset: int) -> types.Position:
        """Return the position of an offset in the body; beyond its end, that of the end."""
        offset = min(max(offset + self._shift, 0), len(self.whole))
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        return types.Position(line, self._units(self.whole[start:offset]))

    def offset(self, position: types.Position) -> int:
        """Return the offset in the body of a position; beyond its line, that of the line's end."""
        if position.line >= len(self._starts):
            return len(self.body)
        start = self._starts[position.line]
        line = self.whole[start : self._end(position.line)]
        return max(0, start + self._points(line, position.character) - self._shift)

    def range(self, start: int, end: int) -> types.Range:
        """Return the range between two offsets of the body."""
        return types.Range(self.position(start), self.position(end))

    def range_of(self, span: Span) -> types.Range:
        """Return the range of a span of the document; the byte order mark has one, too."""
        is_mark = self._shift and not span.start.byte_offset
        return self.range(-1 if is_mark else span.start.offset, span.end.offset)

    @property
    def all(self) -> types.Range:
        """The range of the body."""
        return self.range(0, len(self.body))

    def line_of(self, offset: int) -> int:
        """Return the line that holds an offset of the body, from 0."""
        return bisect_right(self._starts, offset + self._shift) - 1

    def line_bounds(self, offset: int) -> tuple[int, int]:
        """Return the offsets of the start and the end of a line, without what ends it."""
        line = self.line_of(offset)
        return max(0, self._starts[line] - self._shift), self._end(line) - self._shift

    def changed(
        self, changes: Sequence[types.TextDocumentContentChangeEvent], version: int | None
    ) -> Text:
        """Return the next version, with the changes made in their order."""
        text = self
        for change in changes:
            whole = change.text
            if isinstance(change, types.TextDocumentContentChangePartial):
                whole = text._replaced(change.range, change.text)
            text = Text(whole, self.encoding, version)
        return text

    def _replaced(self, place: types.Range, new: str) -> str:
        start, end = self._absolute(place.start), self._absolute(place.end)
        start, end = min(start, end), max(start, end)
        return self.whole[:start] + new + self.whole[end:]

    def _absolute(self, position: types.Position) -> int:
        """Return the offset in the whole text, where a byte order mark counts as a character."""
        if position.line >= len(self._starts):
            return len(self.whole)
        start = self._starts[position.line]
        line = self.whole[start : self._end(position.line)]
        return start + self._points(line, position.character)

    @cached_property
    def _starts(self) -> list[int]:
        """Offsets of the lines in the whole text."""
        return [0, *(end.end() for end in _LINE_END.finditer(self.whole))]

    def _end(self, line: int) -> int:
        """Return where a line ends, without what ends it."""
        if line + 1 == len(self._starts):
            return len(self.whole)
        end = self._starts[line + 1]
        return end - (2 if self.whole[end - 2 : end] == "\r\n" else 1)

    @property
    def _shift(self) -> int:
        return len(self.whole) - len(self.body)

    def _units(self, text: str) -> int:
        """Return how many characters of the editor a piece of text has."""
        if text.isascii() or self.encoding == types.PositionEncodingKind.Utf32:
            return len(text)
        return sum(map(self._unit, text))

    def _points(self, line: str, units: int) -> int:
        """Return how many code points of a line the editor's characters are, at most all."""
        if line.isascii() or self.encoding == types.PositionEncodingKind.Utf32:
            return min(max(units, 0), len(line))
        seen = 0
        for place, char in enumerate(line):
            if seen >= units:
                return place
            seen += self._unit(char)
        return len(line)

    def _unit(self, char: str) -> int:
        code = ord(char)
        if self.encoding == types.PositionEncodingKind.Utf8:
            return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < _ASTRAL else 4
        return 2 if code >= _ASTRAL else 1
