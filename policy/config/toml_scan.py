"""Reads a TOML 1.0 document for places and mistakes, never for values.

``tomllib`` decides what a document means and whether it is valid; it gives no positions and stops at its first
error. This scanner gives the place of every key, value and header, and goes on after a mistake. One mistake
yields one problem: reading resumes at the next line, or behind the bracket in which the mistake stands.
Each part of the text is read a bounded number of times, so hostile input costs linear time.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple, NoReturn

from policy.config import toml_problems as problems
from policy.config import toml_tokens as tokens
from policy.config.toml_problems import Misread, Problem
from policy.config.toml_tokens import Entry, Gap, Header, KeyToken, Statement, Value
from policy.diagnostics.secrets import any_secret

MAX_PROBLEMS: Final = 100
"""Reading stops after this many problems in one file."""

_INT64_DIGITS: Final = 64  # a 64-bit integer in binary, the longest spelling without padding


class Scan(NamedTuple):
    """The statements of a document in order, and the problems found."""

    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]


def scan(text: str) -> Scan:
    """Read a whole document.

    Args:
        text: The document without byte order mark, line ends as in the file.

    Returns:
        All statements that could be read, and at most ``MAX_PROBLEMS`` problems in the order of the text.
    """
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._open: list[tuple[int, str]] = []
        self._stray_closers = False
        self._modern_noted = False
        self._table: tuple[str | int, ...] = ()
        self._keys: tuple[KeyToken, ...] = ()
        self._array_sizes: dict[tuple[str | int, ...], int] = {}
        self._statements: list[Statement] = []
        self._problems: list[Problem] = []

    def run(self) -> Scan:
        while len(self._problems) < MAX_PROBLEMS:
            self._skip(tokens.BLANKS)
            if self._pos >= len(self._text):
                break
            self._statement()
        return Scan(tuple(self._statements), tuple(self._problems))

    def _statement(self) -> None:
        start = self._pos
        self._keys = ()
        self._modern_noted = False
        try:
            if self._text.startswith("[", start):
                self._header()
            elif self._stray_closers and (closers := tokens.CLOSERS_LINE.match(self._text, start)):
                # The rest of an array that was already reported as not closed.
                self._pos, self._stray_closers = closers.end(), False
                return
            else:
                self._entry()
            self._line_end()
        except Misread as misread:
            self._recover(start, misread)

    # Statements

    def _header(self) -> None:
        start = self._pos
        brackets = "[[" if self._text.startswith("[[", start) else "["
        before = len(self._statements)
        self._statements.append(Gap(start))
        self._table = ()
        self._pos += len(brackets)
        self._skip(tokens.SPACES)
        if self._text.startswith("]", self._pos):
            problem = Problem(
                problems.SYNTAX, "the table header has no name", start, self._pos + 1, "empty"
            )
            raise Misread(problem, resume=self._pos)
        keys = self._read_keys()
        self._skip(tokens.SPACES)
        if not self._text.startswith("]" * len(brackets), self._pos):
            problem = problems.unclosed_header(start, max(self._pos, start + 1), brackets)
            raise Misread(problem, resume=self._pos)
        self._pos += len(brackets)
        header = Header(keys, start, self._pos, is_array=brackets == "[[")
        self._statements[before] = header
        self._enter(header)

    def _enter(self, header: Header) -> None:
        path: tuple[str | int, ...] = ()
        last = len(header.keys) - 1
        for place, key in enumerate(header.keys):
            path += (key.name,)
            if header.is_array and place == last:
                self._array_sizes[path] = self._array_sizes.get(path, 0) + 1
            if path in self._array_sizes:
                path += (self._array_sizes[path] - 1,)
        self._table = path

    def _entry(self) -> None:
        self._keys = keys = self._read_keys()
        try:
            value = self._after_key(keys)
        except Misread:
            # The key is defined all the same: a second definition is still a second mistake.
            self._statements.append(Entry(keys, Value("scalar", self._pos, self._pos)))
            raise
        self._statements.append(Entry(keys, value))

    def _after_key(self, keys: tuple[KeyToken, ...]) -> Value:
        self._skip(tokens.SPACES)
        if not self._text.startswith("=", self._pos):
            token = self._junk()
            where = (self._pos, self._pos + len(token)) if token else keys[-1][1:]
            raise self._misread(problems.no_equals(*where, token, keys[-1].name))
        equals = self._pos
        self._pos += 1
        self._skip(tokens.SPACES)
        if self._nothing_here():
            raise self._misread(problems.missing_value(keys[-1].name, equals, equals + 1))
        return self._value()

    def _read_keys(self) -> tuple[KeyToken, ...]:
        keys: list[KeyToken] = []
        while True:
            part = tokens.KEY_PART.match(self._text, self._pos)
            if part is None:
                raise self._misread(self._bad_key(follows_dot=bool(keys)))
            self._check_scalars(part.start(), part.end())
            keys.append(KeyToken(tokens.unquote(part.group()), part.start(), part.end()))
            if len(keys) > tokens.MAX_DEPTH:
                self._too_deep(part.start(), "the parts of the key")
            dot = tokens.DOT.match(self._text, part.end())
            self._pos = dot.end() if dot else part.end()
            if dot is None:
                return tuple(keys)

    def _bad_key(self, *, follows_dot: bool) -> Problem:
        token = self._junk()
        if token[:1] in {'"', "'"}:
            loose = tokens.LOOSE_STRING.match(self._text, self._pos)
            if loose and (escape := self._first_bad_escape(loose.start(), loose.end())):
                return escape
            if loose is None and token.count(token[0]) == 1:
                return problems.unclosed_string(self._pos, token[0])
        return problems.bad_key(self._pos, token, follows_dot=follows_dot)

    def _line_end(self) -> None:
        end = tokens.LINE_END.match(self._text, self._pos)
        if end is None:
            self._skip(tokens.SPACES)
            token = self._junk() or self._text[self._pos]
            raise self._misread(
                problems.trailing(self._text, self._pos, token, secret=self._secret)
            )
        self._pos = end.end()

    # Values

    def _value(self) -> Value:
        char = self._text[self._pos : self._pos + 1]
        if char in {'"', "'"}:
            return self._string()
        if char == "[":
            return self._array()
        if char == "{":
            return self._inline_table()
        return self._plain()

    def _string(self) -> Value:
        start = self._pos
        match = tokens.STRING.match(self._text, start)
        if match is None:
            self._bad_string()
        self._check_scalars(start, match.end())
        self._pos = match.end()
        return Value("scalar", start, self._pos)

    def _bad_string(self) -> NoReturn:
        start = self._pos
        loose = tokens.LOOSE_STRING.match(self._text, start)
        if loose and (problem := self._first_bad_escape(start, loose.end())):
            raise Misread(problem._replace(path=self._path), resume=loose.end())
        char = self._text[start]
        quote = char * 3 if self._text.startswith(char * 3, start) else char
        resume = len(self._text) if len(quote) == 3 else self._end_of_line(start)
        raise self._misread(problems.unclosed_string(start, quote), resume=resume)

    def _first_bad_escape(self, start: int, end: int) -> Problem | None:
        for match in tokens.ANY_ESCAPE.finditer(self._text, start, end):
            if not tokens.is_escape(match.group()):
                return problems.bad_escape(match.start(), match.group(), secret=self._secret)
        return None

    def _check_scalars(self, start: int, end: int) -> None:
        if self._text[start] != '"' or self._text.find("\\", start, end) < 0:
            return
        problem = self._first_bad_escape(start, end)
        if problem:
            raise self._misread(problem, resume=end)

    def _array(self) -> Value:
        start = self._push("[")
        items: list[Value] = []
        while True:
            self._skip(tokens.BLANKS)
            if self._take("]"):
                break
            items.append(self._value())
            self._skip(tokens.BLANKS)
            if not self._take(",") and not self._text.startswith("]", self._pos):
                self._between()
        self._open.pop()
        return Value("array", start, self._pos, items=tuple(items))

    def _inline_table(self) -> Value:
        start = self._push("{")
        entries: list[Entry] = []
        modern: Problem | None = None
        comma = -1
        while True:
            modern = self._table_blanks(start) or modern
            if self._take("}"):
                if comma >= 0:
                    modern = modern or problems.modern_table(comma, comma + 1, comma=True)
                break
            if self._pos >= len(self._text):
                self._between()
            keys = self._read_keys()
            entries.append(Entry(keys, self._after_key(keys)))
            modern = self._table_blanks(start) or modern
            comma = self._pos if self._take(",") else -1
            if comma < 0 and not self._text.startswith("}", self._pos):
                self._between()
        self._open.pop()
        if modern and not self._modern_noted:
            self._modern_noted = True
            self._note(modern)
        return Value("table", start, self._pos, entries=tuple(entries))

    def _table_blanks(self, start: int) -> Problem | None:
        self._skip(tokens.SPACES)
        if not tokens.LINE_END.match(self._text, self._pos):
            return None
        self._skip(tokens.BLANKS)
        return problems.modern_table(start, start + 1, comma=False)

    def _plain(self) -> Value:
        start = self._pos
        match = tokens.PLAIN.match(self._text, start)
        if match is None:
            token = self._junk()
            if start >= len(self._text):
                self._between()
            problem = problems.bad_value(token, start, secret=self._secret)
            in_array = bool(self._open) and self._open[-1][1] == "["
            raise Misread(problem, resume=start + len(token), maybe_unclosed=in_array)
        self._pos = match.end()
        problem = _check_plain(match)
        if problem:
            self._note(problem)
        return Value("scalar", start, self._pos)

    # Mistakes

    @property
    def _path(self) -> tuple[str | int, ...]:
        return self._table + tuple(key.name for key in self._keys)

    @property
    def _secret(self) -> bool:
        return any_secret(self._path)

    def _note(self, problem: Problem) -> None:
        self._problems.append(problem._replace(path=self._path))

    def _misread(self, problem: Problem, *, resume: int | None = None) -> Misread:
        return Misread(problem, resume=self._pos if resume is None else resume)

    def _between(self) -> NoReturn:
        opener = self._open[-1]
        if self._pos >= len(self._text):
            raise self._misread(problems.unclosed_bracket(*opener))
        token = self._junk() or self._text[self._pos]
        problem = problems.between(self._pos, token, opener, secret=self._secret)
        raise Misread(problem, resume=self._pos, maybe_unclosed=True)

    def _too_deep(self, start: int, what: str) -> NoReturn:
        problem = problems.too_deep(start, tokens.MAX_DEPTH, what)
        raise self._misread(problem, resume=start)

    def _push(self, bracket: str) -> int:
        start = self._pos
        self._open.append((start, bracket))
        self._pos += 1
        if len(self._open) > tokens.MAX_DEPTH:
            self._pos = start + 1
            problem = problems.too_deep(start, tokens.MAX_DEPTH, "the brackets")
            raise Misread(problem, resume=start + 1)
        return start

    def _recover(self, start: int, misread: Misread) -> None:
        """Record the problem and move to where the next statement may start."""
        problem, resume = misread.problem, misread.resume
        line = self._text.rfind("\n", 0, problem.start) + 1
        culprit = next((item for item in reversed(self._open) if start < item[0] < line), None)
        if culprit and misread.maybe_unclosed and self._starts_statement(line):
            problem, resume = problems.unclosed_bracket(*culprit), line
        elif self._open:
            resume = self._skip_brackets(resume)
        else:
            resume = self._end_of_line(resume)
        self._note(problem)
        self._stray_closers = self._stray_closers or bool(self._open)
        self._open.clear()
        self._pos = max(resume, start + 1)

    def _skip_brackets(self, pos: int) -> int:
        """Return the end of the line that closes all open brackets, or the start of a new statement."""
        depth = len(self._open)
        while pos < len(self._text):
            pos = self._match_end(tokens.SKIP_IN_LINE, pos)
            char = self._text[pos : pos + 1]
            pos += 1
            if char == "\n" and self._starts_statement(pos):
                return pos
            if char in {"[", "{"}:
                depth += 1
            elif char in {"]", "}"}:
                depth -= 1
            if depth == 0:
                self._open.clear()
                return self._end_of_line(pos)
        return len(self._text)

    def _starts_statement(self, line: int) -> bool:
        return bool(
            tokens.KEY_LINE.match(self._text, line) or tokens.HEADER_LINE.match(self._text, line)
        )

    # Reading

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._pos = self._match_end(pattern, self._pos)

    def _match_end(self, pattern: re.Pattern[str], pos: int) -> int:
        match = pattern.match(self._text, pos)
        return match.end() if match else pos

    def _take(self, char: str) -> bool:
        if not self._text.startswith(char, self._pos):
            return False
        self._pos += 1
        return True

    def _junk(self) -> str:
        return self._text[self._pos : self._match_end(tokens.JUNK, self._pos)]

    def _nothing_here(self) -> bool:
        at_end = tokens.LINE_END.match(self._text, self._pos) is not None
        return at_end or self._text[self._pos] in ",]}"

    def _end_of_line(self, pos: int) -> int:
        newline = self._text.find("\n", pos)
        return len(self._text) if newline < 0 else newline


def _check_plain(match: re.Match[str]) -> Problem | None:
    if match["date"]:
        try:
            datetime.date.fromisoformat(match["date"])
        except ValueError:
            return problems.invalid_date(match["date"], match.start())
        return None
    out = (match["integer"] and not _fits_int64(match["integer"])) or (
        match["float"] and not _fits_float64(match["float"])
    )
    return problems.out_of_range(match.start(), match.end()) if out else None


def _fits_int64(literal: str) -> bool:
    """Tell whether a TOML integer literal is within the 64 bits that TOML 1.0 asks for."""
    digits = literal.replace("_", "")
    if len(digits.lstrip("+-")[2:].lstrip("0")) > _INT64_DIGITS:
        return False
    return -(2**63) <= int(digits, 0) < 2**63


def _fits_float64(literal: str) -> bool:
    """Tell whether the exponent of a TOML float is one that a 64-bit float can have."""
    try:
        return abs(Decimal(literal).adjusted()) <= tokens.MAX_EXPONENT
    except InvalidOperation:
        return False
