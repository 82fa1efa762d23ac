"""One value that a user set outside a file, as a document of its own (CFG-5).

An environment variable or a ``--set`` becomes a layer like a file, so that strict types, unknown
keys and carets work as they do there. Keys are TOML's dotted keys, and after a
name the index of an item as messages write it: ``budgets[0]``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tomli

from corvus.config.toml.document import Document, read_document
from corvus.config.toml.explain import without_text
from corvus.config.toml.scan import scan
from corvus.config.toml.spans import LineIndex, SpanIndex
from corvus.config.toml.tokens import DOT, KEY_PART, PLAIN, SPACES, Entry, is_escape, unquote
from corvus.config.toml.values import Route, quoted, shown

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic, Span

_INDEX = re.compile(r"\[([0-9]{1,6})\]")
_ESCAPES = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
SET = "--set"
"""Where a value of the command line comes from, in words."""


class Assignment(Document):
    """One key with one value.

    Attributes:
        origin: Where it was set, in words: ``env CORVUS_COST__ENABLED``, ``--set``.
        statement: The same as one line of TOML.
        is_word: Whether the text is a string without quotes.

    Args:
        route: The key: names only.
        text: The value as the user typed it, which is what places refer to.
        file: What messages give for a file.
        origin: See above.
        is_word: See above.
    """

    __slots__ = ("_shift", "is_word", "origin", "route", "statement")

    def __init__(self, route: Route, text: str, file: str, origin: str, *, is_word: bool) -> None:
        head = f"{shown(route)} = "
        self.statement = head + (quoted(text) if is_word else text)
        data: dict[str, Any] = tomli.loads(self.statement, parse_float=Decimal)
        super().__init__(file, text or '""', data, has_bom=False)
        self.route = route
        self.origin = origin
        self.is_word = is_word
        self._shift = len(head)

    @property
    def spelling(self) -> str:
        """The value as TOML."""
        return self.statement[self._shift :].strip()

    @property
    def folder(self) -> Path:
        """The working directory: there is no file."""
        return Path()

    def at(self, offset_start: int, offset_end: int) -> Span:
        """Return the place in the value; for the key, which is not part of it, all of the value."""
        if self.is_word or offset_end <= self._shift:
            return super().at(0, len(self.text))
        return super().at(max(offset_start - self._shift, 0), offset_end - self._shift)

    def _index(self) -> SpanIndex:
        if self._spans is None:
            self._spans = SpanIndex(scan(self.statement).statements)
        return self._spans


def assign(
    route: Route, text: str, *, file: str, origin: str
) -> tuple[Assignment | None, list[Diagnostic]]:
    """Read a value by the rules of TOML; text that is no TOML value is a string.

    Whether the key takes a string, and that string, is for the settings to say.

    Args:
        route: The key: names only.
        text: The value as the user typed it.
        file: What messages give for a file.
        origin: Where it was set, in words.

    Returns:
        The document, or ``None`` and why not: a string, array or table that is not closed, a number
        beyond 64 bits, or bytes that are not UTF-8.
    """
    head = f"{shown(route)} = "
    try:
        raw = (head + text).encode()
    except UnicodeEncodeError:  # the system hands bytes that are not UTF-8 on as surrogates
        message = f"the value of `{shown(route)}` is not UTF-8"
        return None, [without_text("invalid-utf8", message, file, "Set it in UTF-8.")]
    document, errors = read_document(raw, file)
    if document is not None and _is_one_value(document.text):
        return Assignment(route, text, file, origin, is_word=False), []
    if document is None and _starts_as_toml(text):
        return None, _moved(errors, len(head), text)
    return Assignment(route, text, file, origin, is_word=True), []


def assign_from_command_line(words: Sequence[str]) -> tuple[list[Assignment], list[Diagnostic]]:
    """Read ``KEY=VALUE`` arguments of ``--set``, each a layer over those before it."""
    assigned: list[Assignment] = []
    problems: list[Diagnostic] = []
    for word in words:
        key = read_key(word)
        if key is None or word[key.end : key.end + 1] != "=":
            message = (
                f"`--set {word.partition('=')[0]}` does not set a key: it lacks a key or a `=`"
            )
            help_ = "Write `--set cost.daily_limit_usd=25`; quote a name that has a dot."
            problems.append(without_text("invalid-assignment", message, SET, help_))
        elif any(isinstance(part, int) for part in key.route):
            message = f"`--set` cannot set `{shown(key.route)}`, one item of an array"
            help_ = "Give the whole array; an array of a higher layer replaces the one below."
            problems.append(without_text("invalid-assignment", message, SET, help_))
        else:
            file = f"{SET} {shown(key.route)}"
            value = word[key.end + 1 :]
            document, errors = assign(key.route, value, file=file, origin=SET)
            problems += errors
            assigned += (document,) if document else ()
    return assigned, problems


def _is_one_value(statement: str) -> bool:
    """Return whether a text is one statement to its very end: no comment, no second line."""
    statements = scan(statement).statements
    return (
        len(statements) == 1
        and isinstance(statements[0], Entry)
        and statements[0].value.end == len(statement.rstrip())
    )


def _starts_as_toml(text: str) -> bool:
    plain = text.strip()
    return plain[:1] in {'"', "'", "[", "{"} or PLAIN.fullmatch(plain) is not None


def _moved(errors: list[Diagnostic], shift: int, text: str) -> list[Diagnostic]:
    """Give diagnostics of the whole statement their places in the value alone."""
    lines = LineIndex(text, has_bom=False)

    def moved(span: Span | None) -> Span | None:
        return span and lines.span(span.start.offset - shift, span.end.offset - shift)

    return [replace(error, span=moved(error.span), related=()) for error in errors]


class DottedKey(NamedTuple):
    """A key, and the offset behind it and its spaces."""

    route: Route
    end: int


def read_key(text: str) -> DottedKey | None:
    """Read the key at the start of a text; ``None`` when there is none."""
    route: Route = ()
    pos = _behind_spaces(text, 0)
    while part := KEY_PART.match(text, pos):
        if any(not is_escape(escape) for escape in _escapes(part.group())):
            return None
        route += (unquote(part.group()),)
        pos = part.end()
        while index := _INDEX.match(text, pos):
            route += (int(index[1]),)
            pos = index.end()
        dot = DOT.match(text, pos)
        if dot is None:
            return DottedKey(route, _behind_spaces(text, pos))
        pos = dot.end()
    return None


def whole_key(text: str) -> Route | None:
    """Read a text that is a key and nothing else; ``None`` when it is not."""
    found = read_key(text)
    return found.route if found and found.end == len(text) else None


def _escapes(token: str) -> list[str]:
    return _ESCAPES.findall(token) if token.startswith('"') else []


def _behind_spaces(text: str, pos: int) -> int:
    spaces = SPACES.match(text, pos)
    return spaces.end() if spaces else pos
