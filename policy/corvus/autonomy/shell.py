"""Reads a shell command into the words that its programs would get, as POSIX shells split it.

It knows quotes, escapes and the operators that separate commands, and nothing more: whatever a
shell would expand, substitute, redirect or run beside something else is refused rather than
interpreted, so that what was judged is what runs (ACT-1). Text inside quotes is text. Characters
that a person cannot see are refused everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class RefusalRule(StrEnum):
    """What a command has that is not judged but refused."""

    CHARACTER = "character"
    COMMENT = "comment"
    EMPTY = "empty"
    GROUPING = "grouping"
    OPERATOR = "operator"
    QUOTING = "quoting"
    REDIRECT = "redirect"
    SUBSTITUTION = "substitution"


@dataclass(frozen=True, slots=True)
class UnreadableCommand:
    """A command that is refused as it is written.

    Attributes:
        reason: Why, for a person.
    """

    rule: RefusalRule
    reason: str


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command.

    Attributes:
        text: What the program gets: without quotes and escapes.
        has_glob: Whether an unquoted ``*``, ``?`` or ``[`` makes a pattern of it.
    """

    text: str
    has_glob: bool = False


Segment = tuple[Word, ...]
"""The words of one simple command; the first names the program."""


def read_command(command: str) -> tuple[Segment, ...] | UnreadableCommand:
    """Split a command at ``&&``, ``||``, ``;``, ``|`` and newlines, and each part into words.

    Args:
        command: As it would be given to ``sh -c``.

    Returns:
        At least one segment, none of them empty; or why the command is refused.
    """
    try:
        return _Reader(command).read()
    except _Stop as stop:
        return stop.found


def quoted(text: str) -> str:
    """Return text of an action for a sentence about it: quoted, in one line, and not too long."""
    return repr(text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…")


_SHOWN_MAX = 100


class _Stop(Exception):
    def __init__(self, rule: RefusalRule, reason: str) -> None:
        super().__init__(reason)
        self.found = UnreadableCommand(rule, reason)


_ESCAPED_IN_DOUBLE = '$`"\\'


class _Reader:
    """Goes through the text once; ``_word`` is ``None`` between words."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._segments: list[Segment] = []
        self._words: list[Word] = []
        self._word: list[str] | None = None
        self._has_glob = False
        self._joined_by = ""
        self._readers: dict[str, Callable[[str], None]] = {
            **dict.fromkeys(" \t", self._blank),
            **dict.fromkeys("\n;", self._separator),
            **dict.fromkeys("*?[", self._glob),
            **dict.fromkeys("(){}", self._grouping),
            **dict.fromkeys("<>", self._redirect),
            "|": self._pipe,
            "&": self._ampersand,
            "`": self._backquote,
            "$": self._dollar,
            "#": self._comment,
            "\\": self._escape,
            "'": self._single,
            '"': self._double,
        }

    def read(self) -> tuple[Segment, ...]:
        for char in self._text:
            if not (char.isprintable() or char in "\t\n"):
                found = f"character U+{ord(char):04X}, which nobody can see"
                raise _Stop(RefusalRule.CHARACTER, f"the command has the {found}")
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            self._readers.get(char, self._plain)(char)
        self._end_segment("")
        if not self._segments:
            raise _Stop(RefusalRule.EMPTY, "there is no command")
        return tuple(self._segments)

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _put(self, text: str) -> None:
        if self._word is None:
            self._word = []
        self._word.append(text)

    def _plain(self, char: str) -> None:
        end = self._at
        while end < len(self._text) and self._text[end] not in self._readers:
            end += 1
        self._put(char + self._text[self._at : end])
        self._at = end

    def _glob(self, char: str) -> None:
        self._has_glob = True
        self._put(char)

    def _blank(self, _: str) -> None:
        if self._word is not None:
            self._words.append(Word("".join(self._word), self._has_glob))
        self._word, self._has_glob = None, False

    def _end_segment(self, by: str) -> None:
        """End the command before an operator; only newlines may stand where no command is."""
        self._blank("")
        if self._words:
            self._segments.append(tuple(self._words))
        elif by not in ("", "\n") or self._joined_by in ("|", "||", "&&"):
            raise _Stop(RefusalRule.EMPTY, f"a command is missing beside {by or self._joined_by!r}")
        else:
            return
        self._words, self._joined_by = [], by

    def _separator(self, char: str) -> None:
        self._end_segment(char)

    def _pipe(self, char: str) -> None:
        if self._next() == "|":
            self._at += 1
            char = "||"
        self._end_segment(char)

    def _ampersand(self, _: str) -> None:
        if self._next() != "&":
            raise _Stop(RefusalRule.OPERATOR, "a single & runs a command unwatched")
        self._at += 1
        self._end_segment("&&")

    def _redirect(self, char: str) -> None:
        raise _Stop(
            RefusalRule.REDIRECT, f"{char} redirects input or output; quote it if it is text"
        )

    def _grouping(self, char: str) -> None:
        reason = f"{char} groups commands or makes words of one; quote it if it is text"
        raise _Stop(RefusalRule.GROUPING, reason)

    def _backquote(self, _: str) -> None:
        raise _Stop(RefusalRule.SUBSTITUTION, "a backquote runs a command inside the command")

    def _dollar(self, char: str) -> None:
        if self._next() not in ("", " ", "\t", "\n"):
            reason = "a variable stands for what only the shell knows; write it out or quote it"
            if self._next() == "(":
                reason = "$( runs a command inside the command"
            raise _Stop(RefusalRule.SUBSTITUTION, reason)
        self._put(char)

    def _comment(self, char: str) -> None:
        if self._word is None:
            raise _Stop(
                RefusalRule.COMMENT, "# hides the rest of the line from the shell; leave it out"
            )
        self._put(char)

    def _escape(self, _: str) -> None:
        char = self._next()
        if char in ("", "\n"):
            raise _Stop(
                RefusalRule.QUOTING, "a backslash at the end of a line joins it with the next"
            )
        self._put(char)
        self._at += 1

    def _single(self, quote: str) -> None:
        end = self._text.find(quote, self._at)
        if end < 0:
            raise _Stop(RefusalRule.QUOTING, "a single quote is not closed")
        self._put(self._text[self._at : end])
        self._at = end + 1

    def _double(self, quote: str) -> None:
        self._put("")
        while (char := self._next()) != quote:
            self._at += 1
            if char == "\\":
                self._put(self._escaped())
            elif char in ("", "`"):
                self._unclosed_or_substituted(char)
            elif char == "$" and self._next() not in (quote, " ", "\t", "\n"):
                self._dollar(char)
            else:
                self._put(char)
        self._at += 1

    def _escaped(self) -> str:
        """Return what a backslash between double quotes stands for."""
        char = self._next()
        if char == "\n":
            self._escape(char)
        if char and char in _ESCAPED_IN_DOUBLE:
            self._at += 1
            return char
        return "\\"

    def _unclosed_or_substituted(self, char: str) -> None:
        if char:
            self._backquote(char)
        raise _Stop(RefusalRule.QUOTING, "a double quote is not closed")
