"""Reads a TOML 1.0 document for places and mistakes, never for values.

``tomli`` decides what a document means and whether it is valid; it gives no positions and stops
at its first error. This scanner gives the place of every key, value and header, and goes on after a
mistake. One mistake yields one problem: reading resumes at the next line, or behind the bracket in
which the mistake stands. Each part of the text is read a bounded number of times, so hostile input
costs linear time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from corvus.config.toml import problems, tokens
from corvus.config.toml.bounds import MAX_DEPTH, MAX_PROBLEMS
from corvus.config.toml.finding import Finding
from corvus.config.toml.problems import Misread
from corvus.config.toml.reader import ValueReader
from corvus.config.toml.tokens import Entry, Gap, Header, KeyToken, Statement, Value


class Scan(NamedTuple):
    """The statements of a document in order, and the problems found."""

    statements: tuple[Statement, ...]
    problems: tuple[Finding, ...]


@lru_cache(maxsize=2)
def scan(text: str) -> Scan:
    """Read a whole document; one that is read again, by a rule or an editor, is remembered.

    Args:
        text: The document without byte order mark, line ends as in the file.

    Returns:
        All statements that could be read, and the problems in the order of the text.
    """
    return _Scanner(text).run()


class _Scanner(ValueReader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._stray_closers = False
        self._no_closer_before = 0
        self._array_sizes: dict[tuple[str | int, ...], int] = {}
        self._statements: list[Statement] = []

    def run(self) -> Scan:
        while len(self._problems) <= MAX_PROBLEMS:
            self._skip(tokens.BLANKS)
            if self._at_end():
                break
            self._statement()
        return Scan(tuple(self._statements), tuple(self._problems))

    def _statement(self) -> None:
        start = self._pos
        self._keys = ()
        self._modern = None
        if self._stray_closers and (rest := tokens.CLOSERS_LINE.match(self._text, start)):
            # The rest of an array that was already reported as not closed.
            self._pos, self._stray_closers = rest.end(), False
            return
        try:
            if self._next_is("["):
                self._header()
            else:
                self._entry()
            self._line_end()
            self._note_modern()
        except Misread as misread:
            self._note_modern()
            self._recover(start, misread)

    def _note_modern(self) -> None:
        """Report newer syntax once for each statement: where the outermost table uses it."""
        if self._modern:
            self._note(self._modern)

    def _header(self) -> None:
        start = self._pos
        simple = tokens.SIMPLE_HEADER.match(self._text, start)
        if simple and len(simple["open"]) == len(simple["close"]):
            keys = _split(simple["keys"], simple.start("keys"))
            if len(keys) <= MAX_DEPTH:
                header = Header(keys, start, simple.end("close"), is_array=simple["open"] == "[[")
                self._statements.append(header)
                self._table = tokens.opened(header, self._array_sizes)
                self._pos = simple.end()
                return
        self._slow_header()

    def _slow_header(self) -> None:
        start = self._pos
        brackets = "[[" if self._next_is("[[") else "["
        place = len(self._statements)
        self._statements.append(Gap(start))
        self._table = ()
        self._pos += len(brackets)
        self._skip(tokens.SPACES)
        if self._next_is("]"):
            raise self._misread(problems.unnamed_header(start, self._pos + 1))
        keys = self._read_keys()
        self._skip(tokens.SPACES)
        if not self._next_is("]" * len(brackets)):
            raise self._misread(self._unclosed_header(start, brackets, self._name(keys[-1])))
        self._pos += len(brackets)
        header = Header(keys, start, self._pos, is_array=brackets == "[[")
        self._statements[place] = header
        self._table = tokens.opened(header, self._array_sizes)

    def _unclosed_header(self, start: int, brackets: str, name: str) -> Finding:
        rest = self._rest_of_line(self._pos)
        return problems.unclosed_header(start, self._pos, brackets, name=name, rest=rest)

    def _entry(self) -> None:
        simple = tokens.SIMPLE_ENTRY.match(self._text, self._pos)
        if simple:
            key = KeyToken(simple["key"], *simple.span("key"))
            self._statements.append(Entry((key,), Value("scalar", *simple.span("value"))))
            self._pos = simple.end()
            return
        keys = self._read_keys()
        self._keys = tuple(key.name for key in keys)
        try:
            value = self._read_after_key(keys[-1])
        except Misread:
            # The key is defined all the same: a second definition is still a second mistake.
            self._statements.append(Entry(keys, Value("scalar", self._pos, self._pos)))
            raise
        self._statements.append(Entry(keys, value))

    def _line_end(self) -> None:
        end = tokens.LINE_END.match(self._text, self._pos)
        if end is None:
            self._skip(tokens.SPACES)
            token = self._junk()
            shown = self._shown(token, self._pos)
            raise self._misread(problems.trailing(self._text, self._pos, token, shown))
        self._pos = end.end()

    def _recover(self, start: int, misread: Misread) -> None:
        """Record the problem and move to where the next statement may start."""
        problem, resume = misread.problem, misread.resume
        line = self._text.rfind("\n", 0, problem.start) + 1
        culprit = next((item for item in reversed(self._open) if start < item[0] < line), None)
        if culprit and misread.maybe_unclosed and self._starts_statement(line):
            problem, resume = problems.unclosed_bracket(*culprit), line
        elif self._text.startswith("[", start):
            resume = self._skip_brackets(resume) if self._open else self._end_of_line(resume)
        elif not self._open and (whole := self._lost_start(start)):
            problem, resume = whole
        else:
            resume = self._skip_items(self._skip_brackets(resume), line)
        self._note(problem)
        self._stray_closers = self._stray_closers or bool(self._open)
        self._open.clear()
        self._pos = max(resume, start + 1)

    def _lost_start(self, start: int) -> tuple[Finding, int] | None:
        """Explain a line that begins no entry: a header without its bracket, or a conflict."""
        conflict = tokens.CONFLICT.match(self._text, start)
        header = tokens.LOST_HEADER.match(self._text, start)
        if conflict is None and header is None:
            return None
        if self._statements and _starts_at(self._statements[-1], start):
            self._statements.pop()
        self._statements.append(Gap(start))
        self._table, self._keys = (), ()
        if conflict is not None:
            end = self._end_of_line(start)
            return problems.conflict(start, end), conflict.end()
        end = self._end_of_line(start)
        return problems.unopened_header(start, end), end

    def _skip_brackets(self, pos: int) -> int:
        """Return the end of the line that closes all brackets, or where a new statement starts.

        Brackets count that are open already, and those that a line opens which cannot be read.
        """
        depth = len(self._open)
        while pos < len(self._text):
            pos = self._match_end(tokens.SKIP_IN_LINE, pos)
            run = tokens.BRACKETS.match(self._text, pos)
            if run is None:
                if depth == 0:
                    return pos
                pos += 1
                if self._starts_statement(pos):
                    self._stray_closers = True
                    return pos
                continue
            pos = run.end()
            depth += len(run.group()) * (1 if run.group()[0] in "[{" else -1)
            if depth <= 0:
                self._open.clear()
                return self._end_of_line(pos)
        return len(self._text)

    def _skip_items(self, end: int, start: int) -> int:
        """Return the end of a bracket that closes below, where only items stand before it.

        What opened it is lost, or stands in the line that cannot be read, from ``start`` to
        ``end``. A bracket alone below a line that looks whole is a mistake of its own.
        """
        pos = end
        if end < self._no_closer_before:
            return end
        is_cut = self._text[start:end].rstrip().endswith((",", "="))
        while self._text.startswith("\n", pos):
            line = pos + 1
            if closers := tokens.CLOSERS_LINE.match(self._text, line):
                return closers.end() if is_cut else end
            if not tokens.ITEM_LINE.match(self._text, line) or self._starts_statement(line):
                break
            pos, is_cut = self._end_of_line(line), True
            if self._closes(line):
                return pos
        self._no_closer_before = pos
        return end

    def _closes(self, pos: int) -> bool:
        """Return whether a line closes more brackets than it opens."""
        depth = 0
        while run := tokens.BRACKETS.match(self._text, self._match_end(tokens.SKIP_IN_LINE, pos)):
            depth += len(run.group()) * (1 if run.group()[0] in "[{" else -1)
            pos = run.end()
        return depth < 0


def _starts_at(statement: Statement, start: int) -> bool:
    return isinstance(statement, Entry) and statement.keys[0].start == start


def _split(keys: str, start: int) -> tuple[KeyToken, ...]:
    found: list[KeyToken] = []
    for name in keys.split("."):
        found.append(KeyToken(name, start, start + len(name)))
        start += len(name) + 1
    return tuple(found)
