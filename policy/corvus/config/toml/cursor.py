"""A place in a text that moves forward: what every reader of TOML needs, and no grammar."""

from __future__ import annotations

import re

from corvus.config.toml import tokens


class Cursor:
    """Reads a text from its start.

    Args:
        text: The document without byte order mark.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0

    def _at_end(self) -> bool:
        return self._pos >= len(self._text)

    def _next_is(self, expected: str) -> bool:
        return self._text.startswith(expected, self._pos)

    def _take(self, char: str) -> bool:
        if not self._next_is(char):
            return False
        self._pos += 1
        return True

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._pos = self._match_end(pattern, self._pos)

    def _match_end(self, pattern: re.Pattern[str], pos: int) -> int:
        match = pattern.match(self._text, pos)
        return match.end() if match else pos

    def _junk(self) -> str:
        """Return what stands here up to a delimiter, a delimiter alone, or nothing at the end."""
        end = self._match_end(tokens.JUNK, self._pos)
        return self._text[self._pos : max(end, self._pos + 1)].rstrip("\r\n")

    def _line_ends(self) -> bool:
        return tokens.LINE_END.match(self._text, self._pos) is not None

    def _end_of_line(self, pos: int) -> int:
        newline = self._text.find("\n", pos)
        return len(self._text) if newline < 0 else newline

    def _starts_statement(self, line: int) -> bool:
        return bool(
            tokens.KEY_LINE.match(self._text, line) or tokens.HEADER_LINE.match(self._text, line)
        )
