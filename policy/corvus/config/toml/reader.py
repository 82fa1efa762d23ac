"""Reads keys and values of TOML 1.0 for their places and mistakes.

It refuses what ``tomli`` refuses; the fuzz test of the scanner holds the two to the same verdict.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

from corvus.config.toml import problems, tokens
from corvus.config.toml.bounds import MAX_DEPTH, MAX_EXPONENT
from corvus.config.toml.finding import Finding, Stretch
from corvus.config.toml.problems import Misread
from corvus.config.toml.quotes import Quotes
from corvus.config.toml.tokens import Entry, KeyToken, Value
from corvus.diagnostics.secrets import MASK, any_secret

_BINARY_DIGITS: Final = 64
_LINE: Final = 200
"""Most of a line that is looked at for advice."""


class Cursor:
    """A text cursor: what every reader needs, and no grammar.

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


class ValueReader(Cursor):
    """Reads one key or value at a time; its subclass knows statements.

    Args:
        text: The document without byte order mark.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[tuple[int, str]] = []
        self._table: tuple[str | int, ...] = ()
        self._keys: tuple[str, ...] = ()
        self._modern: Finding | None = None
        self._quotes = Quotes(text)
        self._problems: list[Finding] = []

    # Where and what

    @property
    def _path(self) -> tuple[str | int, ...]:
        return self._table + self._keys

    def _shown(self, token: str, start: int) -> str:
        """Return a piece of the document for a message, in backticks."""
        return f"`{MASK}`" if any_secret(self._path) else self._quotes.token(token, start)

    def _rest_of_line(self, start: int) -> str:
        """Return what may be shown of the rest of a line; nothing where a secret is in it."""
        rest = self._text[start : self._end_of_line(start)][:_LINE]
        return "" if self._quotes.hides_at(start, start + len(rest)) else rest

    def _name(self, key: KeyToken) -> str:
        return self._quotes.key(key.name, key.start)

    def _note(self, problem: Finding) -> None:
        self._problems.append(problem._replace(path=self._path))

    def _misread(self, problem: Finding, *, resume: int | None = None) -> Misread:
        return Misread(problem, resume=self._pos if resume is None else resume)

    # Keys

    def _read_keys(self) -> tuple[KeyToken, ...]:
        keys: list[KeyToken] = []
        while True:
            part = tokens.KEY_PART.match(self._text, self._pos)
            if part is None:
                raise self._misread(self._bad_key(follows_dot=bool(keys)))
            self._check_escapes(part.start(), part.end())
            keys.append(KeyToken(tokens.unquote(part.group()), part.start(), part.end()))
            if len(keys) > MAX_DEPTH:
                problem = problems.too_deep(
                    Stretch(part.start(), part.start() + 1), "the parts of the key"
                )
                raise self._misread(problem)
            dot = tokens.DOT.match(self._text, part.end())
            self._pos = dot.end() if dot else part.end()
            if dot is None:
                return tuple(keys)

    def _bad_key(self, *, follows_dot: bool) -> Finding:
        token = self._junk()
        if token[:1] in {'"', "'"}:
            loose = tokens.LOOSE_STRING.match(self._text, self._pos)
            if loose and (escape := self._first_bad_escape(loose.start(), loose.end())):
                return escape
            if loose is None and token.count(token[0]) == 1:
                return problems.unclosed_string(self._pos, token[0])
        return problems.bad_key(self._pos, token, follows_dot=follows_dot)

    def _read_after_key(self, key: KeyToken) -> Value:
        """Read ``= value``."""
        self._skip(tokens.SPACES)
        equals = self._pos
        if not self._take("="):
            token = "" if self._line_ends() else self._junk()
            start, end = (equals, equals + len(token)) if token else (key.start, key.end)
            name, rest = self._name(key), self._rest_of_line(equals)
            raise self._misread(problems.no_equals(start, end, token, name, rest=rest))
        self._skip(tokens.SPACES)
        if self._line_ends() or self._text[self._pos] in ",]}":
            raise self._misread(problems.missing_value(self._name(key), equals, equals + 1))
        return self._read_value()

    # Values

    def _read_value(self) -> Value:
        match self._text[self._pos : self._pos + 1]:
            case '"' | "'":
                return self._string()
            case "[":
                return self._array()
            case "{":
                return self._inline_table()
            case _:
                return self._plain()

    def _string(self) -> Value:
        start = self._pos
        match = tokens.STRING.match(self._text, start)
        if match is None:
            self._bad_string()
        self._check_escapes(start, match.end())
        self._pos = match.end()
        return Value("scalar", start, self._pos)

    def _bad_string(self) -> NoReturn:
        start = self._pos
        loose = tokens.LOOSE_STRING.match(self._text, start)
        if loose and (problem := self._first_bad_escape(start, loose.end())):
            raise self._misread(problem, resume=loose.end())
        char = self._text[start]
        quote = char * 3 if self._next_is(char * 3) else char
        resume = len(self._text) if len(quote) == 3 else self._end_of_line(start)
        raise self._misread(problems.unclosed_string(start, quote), resume=resume)

    def _check_escapes(self, start: int, end: int) -> None:
        if self._text[start] != '"' or self._text.find("\\", start, end) < 0:
            return
        problem = self._first_bad_escape(start, end)
        if problem:
            raise self._misread(problem, resume=end)

    def _first_bad_escape(self, start: int, end: int) -> Finding | None:
        for match in tokens.ANY_ESCAPE.finditer(self._text, start, end):
            if not tokens.is_escape(match.group()):
                shown = self._shown(match.group(), match.start())
                return problems.bad_escape(match.start(), match.group(), shown)
        return None

    def _array(self) -> Value:
        start = self._push("[")
        items: list[Value] = []
        while True:
            while simple := tokens.SIMPLE_ITEM.match(self._text, self._pos):
                items.append(Value("scalar", *simple.span("value")))
                self._pos = simple.end()
            self._skip(tokens.BLANKS)
            if self._take("]"):
                break
            items.append(self._read_value())
            self._skip(tokens.BLANKS)
            if not self._take(",") and not self._next_is("]"):
                self._no_separator()
        self._open.pop()
        return Value("array", start, self._pos, items=tuple(items))

    def _inline_table(self) -> Value:
        start = self._push("{")
        outer = self._keys
        entries: list[Entry] = []
        comma: int | None = None
        modern = self._modern_blanks(start)
        while not self._take("}"):
            if self._at_end():
                self._no_separator()
            keys = self._read_keys()
            self._keys = (*outer, *(key.name for key in keys))
            entries.append(Entry(keys, self._read_after_key(keys[-1])))
            modern = self._modern_blanks(start) or modern
            comma, at = None, self._pos
            if self._take(","):
                comma = at
            if comma is None and not self._next_is("}"):
                self._no_separator()
            self._keys = outer
            modern = self._modern_blanks(start) or modern
        self._open.pop()
        if comma is not None:
            modern = modern or problems.modern_table(comma, comma=True)
        if modern and (self._modern is None or modern.start < self._modern.start):
            self._modern = modern
        return Value("table", start, self._pos, entries=tuple(entries))

    def _modern_blanks(self, start: int) -> Finding | None:
        """Skip blanks; line ends and comments among them are a problem, once the table closes."""
        self._skip(tokens.SPACES)
        if not self._line_ends():
            return None
        self._skip(tokens.BLANKS)
        return problems.modern_table(start, comma=False)

    def _plain(self) -> Value:
        start = self._pos
        match = tokens.PLAIN.match(self._text, start)
        if match is None:
            if self._at_end():
                self._no_separator()
            token = self._junk()
            problem = problems.bad_value(token, start, self._shown(token, start))
            opener = tokens.OPENER.search(token)
            resume = start + (opener.start() if opener else len(token))
            resume = start if token in {",", "}", "]"} else resume
            in_array = bool(self._open) and self._open[-1][1] == "["
            raise Misread(problem, resume=resume, maybe_unclosed=in_array)
        self._pos = match.end()
        problem = self._check_plain(match)
        if problem:
            self._note(problem)
        return Value("scalar", start, self._pos)

    def _check_plain(self, match: re.Match[str]) -> Finding | None:
        if match["date"]:
            start, end = match.span("date")
            try:
                datetime.date.fromisoformat(match["date"])
            except ValueError:
                return problems.invalid_date(start, end, self._shown(match["date"], start))
            return None
        out = (match["integer"] and not _fits_int64(match["integer"])) or (
            match["float"] and not _fits_float64(match["float"])
        )
        return problems.out_of_range(Stretch(*match.span())) if out else None

    # Brackets

    def _push(self, bracket: str) -> int:
        start = self._pos
        self._pos += 1
        self._open.append((start, bracket))
        if len(self._open) > MAX_DEPTH:
            problem = problems.too_deep(Stretch(start, start + 1), "the brackets")
            raise self._misread(problem)
        return start

    def _no_separator(self) -> NoReturn:
        opener = self._open[-1]
        if self._at_end():
            raise self._misread(problems.unclosed_bracket(*opener))
        token = self._junk()
        problem = problems.between(self._pos, token, opener, self._shown(token, self._pos))
        raise Misread(problem, resume=self._pos, maybe_unclosed=True)


def _fits_int64(literal: str) -> bool:
    """Return whether an integer fits; a long one is refused unread, as reading it is quadratic."""
    digits = literal.replace("_", "")
    if len(digits.lstrip("+-")[2:].lstrip("0")) > _BINARY_DIGITS:
        return False
    return -(2**63) <= int(digits, 0) < 2**63


def _fits_float64(literal: str) -> bool:
    try:
        return abs(Decimal(literal).adjusted()) <= MAX_EXPONENT
    except InvalidOperation:
        return False
