"""What stands at the cursor: a key, a value, a header or a comment that is being written.

It reads the line up to the cursor, and the lines before it where brackets are open: what is being
written is broken more often than not, so nothing here needs a text that can be parsed.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

from corvus.config.toml.tokens import HEADER_LINE, KEY_LINE, KEY_PART, LOOSE_STRING, unquote
from corvus.config.toml.values import Route
from corvus.lsp.structure import Structure

_WORD: Final = re.compile(r"[^\s=.,\[\]{}#\"'()]+")
_LITERAL: Final = re.compile(r"'[^'\n]*'")
_TOKEN: Final = re.compile(
    r"#[^\n]*+"
    r'|"""(?:[^"\\]++|\\[\s\S]|"{1,2}+(?!"))*+(?P<closed>"{3,5}+)?+'
    r"|\'\'\'(?:[^']++|'{1,2}+(?!'))*+(?P<ended>'{3,5}+)?+"
    r'|"(?:[^"\\\n]++|\\[^\n])*+"?+'
    r"|'[^'\n]*+'?+"
)
"""A comment or a string, also one without an end."""
_LONG_QUOTES: Final = ('"""', "'''")
_LINES_MAX: Final = 200
"""How far above the cursor an open bracket is looked for."""


class Where(Enum):
    """What is being written."""

    HEADER = "header"
    KEY = "key"
    VALUE = "value"
    COMMENT = "comment"


class Cursor(NamedTuple):
    """The place that is being written.

    Attributes:
        where: What it is.
        table: The table that a key belongs to, dotted parts before it included; of a header what is
            before the last dot; of a value the key that has it; ``None`` where nobody knows.
        word: What of the word stands before the cursor, without a quote; of a comment all of it.
        start: Where the word begins, its quote included; of a header its first bracket.
        end: Where the word ends, which may be behind the cursor.
        quote: The quote that the word stands in; empty without one.
        is_item: Whether a value is an item of an array.
        items: Those items of the array that stand before the cursor.
        keys: Those keys of an inline table that stand before the cursor.
        is_inline: Whether a key is one of an inline table.
    """

    where: Where
    table: Route | None
    word: str
    start: int
    end: int
    quote: str = ""
    is_item: bool = False
    items: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    is_inline: bool = False


def cursor_at(structure: Structure, offset: int) -> Cursor:
    """Return what is being written at an offset of the text."""
    text = structure.text
    if _in_long_string(text, offset):
        return Cursor(Where.COMMENT, None, "", offset, offset)
    line = text.rfind("\n", 0, offset) + 1
    start = _open_statement(structure, line)
    before = text[line:offset].lstrip(" \t")
    if start is None and before.startswith("[") and "]" not in before:
        return _header(structure, line, offset)
    return _Lexer(structure, line if start is None else start, offset).read()


def _in_long_string(text: str, offset: int) -> bool:
    """Return whether an offset is in a string of three quotes, also in one without an end."""
    for token in _TOKEN.finditer(text):
        if token.start() + 3 > offset:
            return False
        is_long = token.group().startswith(_LONG_QUOTES)
        is_over = token["closed"] or token["ended"]
        if is_long and offset <= token.end() - (3 if is_over else 0):
            return True
    return False


def _open_statement(structure: Structure, line: int) -> int | None:
    """Return the start of the statement above whose brackets are open at a line, if any."""
    text, start = structure.text, line
    for _ in range(_LINES_MAX):
        if start == 0 or (HEADER_LINE.match(text, start) and start != line):
            return None
        start = text.rfind("\n", 0, start - 1) + 1
        if KEY_LINE.match(text, start):
            lexer = _Lexer(structure, start, line)
            lexer.read()
            return start if lexer.is_open else None
    return None


def _header(structure: Structure, line: int, offset: int) -> Cursor:
    text = structure.text
    start = line + len(text[line:offset]) - len(text[line:offset].lstrip(" \t"))
    pos, parts = start, list[str]()
    while text[pos : pos + 1] == "[":
        pos += 1
    newline = text.find("\n", offset)
    last = len(text) if newline < 0 else newline
    tail = re.match(r"[^\s#]*", text[offset:last])
    end = offset + (tail.end() if tail else 0)
    while pos < offset:
        part = KEY_PART.match(text, pos)
        if part is None or part.end() > offset:
            break
        pos = part.end()
        if text[pos : pos + 1] != "." or pos >= offset:
            break
        parts.append(unquote(part.group()))
        pos += 1
    return Cursor(Where.HEADER, tuple(parts), text[start:offset], start, end)


class _Frame:
    __slots__ = ("items", "keys", "kind", "names", "route", "state", "table")

    def __init__(self, kind: str, table: Route | None) -> None:
        self.kind = kind
        self.table = table
        self.route = table
        self.names: list[str] = []
        self.keys: list[str] = []
        self.items: list[str] = []
        self.state = "value" if kind == "array" else "key"


class _Lexer:
    """Reads a statement up to the cursor."""

    def __init__(self, structure: Structure, start: int, offset: int) -> None:
        self._text = structure.text
        self._pos = start
        self._offset = offset
        self._frames = [_Frame("line", structure.table_at(start))]

    @property
    def is_open(self) -> bool:
        """Whether a bracket is open at the cursor."""
        return len(self._frames) > 1

    def read(self) -> Cursor:
        while True:
            self._blanks()
            if self._pos >= self._offset:
                return self._at("", self._offset, self._offset)
            char = self._text[self._pos]
            if char == "#":
                found = self._comment()
            elif char in "\"'":
                found = self._string(char)
            elif word := _WORD.match(self._text, self._pos):
                found = self._plain(word)
            else:
                found = self._sign(char)
            if found is not None:
                return found

    def _blanks(self) -> None:
        while self._pos < self._offset and self._text[self._pos] in " \t\r\n":
            if self._text[self._pos] == "\n" and not self.is_open:
                self._frames = [_Frame("line", self._frames[0].table)]
            self._pos += 1

    def _comment(self) -> Cursor | None:
        newline = self._text.find("\n", self._pos)
        end = len(self._text) if newline < 0 else newline
        if self._offset <= end:
            word = self._text[self._pos : self._offset]
            return Cursor(Where.COMMENT, None, word, self._pos, self._offset)
        self._pos = end
        return None

    def _string(self, quote: str) -> Cursor | None:
        pattern = LOOSE_STRING if quote == '"' else _LITERAL
        whole = pattern.match(self._text, self._pos)
        if whole is not None and whole.end() <= self._offset:
            self._pos = whole.end()
            self._take(whole.group()[1:-1])
            return None
        word = self._text[self._pos + 1 : self._offset]
        is_closed = whole is not None and "\n" not in whole.group()
        end = whole.end() if whole is not None and is_closed else self._offset
        return self._at(word, self._pos, end, quote)

    def _plain(self, word: re.Match[str]) -> Cursor | None:
        if word.end() >= self._offset:
            written = self._text[word.start() : self._offset]
            return self._at(written, word.start(), word.end())
        self._pos = word.end()
        self._take(word.group())
        return None

    def _take(self, word: str) -> None:
        frame = self._frames[-1]
        if frame.state == "key":
            frame.names.append(word)
            frame.state = "after"
        elif frame.kind == "array":
            frame.items.append(word)
        else:
            frame.state = "done"

    def _sign(self, char: str) -> None:
        self._pos += 1
        frame = self._frames[-1]
        match char:
            case "." if frame.state == "after":
                frame.state = "key"
            case "=" if frame.state == "after":
                frame.state = "value"
                frame.keys.append(frame.names[0])
                frame.route = None if frame.table is None else (*frame.table, *frame.names)
            case "[" if frame.state == "value":
                self._frames.append(_Frame("array", self._inner(frame)))
            case "{" if frame.state == "value":
                self._frames.append(_Frame("inline", self._inner(frame)))
            case ",":
                self._comma(frame)
            case "]" | "}" if self.is_open:
                self._frames.pop()
                outer = self._frames[-1]
                outer.state = "value" if outer.kind == "array" else "done"
            case _:
                pass

    @staticmethod
    def _inner(frame: _Frame) -> Route | None:
        if frame.kind == "array" and frame.table is not None:
            return (*frame.table, len(frame.items))
        return frame.route

    @staticmethod
    def _comma(frame: _Frame) -> None:
        if frame.kind == "inline":
            frame.names, frame.state, frame.route = [], "key", frame.table

    def _at(self, word: str, start: int, end: int, quote: str = "") -> Cursor:
        frame = self._frames[-1]
        if frame.kind == "array":
            return Cursor(
                Where.VALUE, frame.table, word, start, end, quote, True, tuple(frame.items)
            )
        if frame.state == "value":
            return Cursor(Where.VALUE, frame.route, word, start, end, quote)
        table = None if frame.table is None else (*frame.table, *frame.names)
        if frame.state != "key":
            return Cursor(Where.COMMENT, None, "", start, end)
        return Cursor(
            Where.KEY,
            table,
            word,
            start,
            end,
            quote,
            keys=tuple(frame.keys),
            is_inline=frame.kind == "inline",
        )
