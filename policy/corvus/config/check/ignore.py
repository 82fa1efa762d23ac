"""Comments that ignore a diagnostic, with a reason: ``# corvus: ignore[code] reason``.

A comment counts at the end of the line that the diagnostic points at, or on a line of its own above
it; ``ignore-file[code]`` before the first key counts for the whole file. Only a document that could
be parsed has any, and only findings about its settings can be ignored: warnings, notes, and an
unknown key, which is then passed over as if it were not there, by a check and by whoever loads the
file alike. So a check never passes what loading refuses.

A comment that has no effect is a finding. Comments are where the scanner sees neither key nor
value; a ``#`` inside a string is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import NamedTuple

from corvus.config.check.codes import CODES, NOT_ABOUT_SETTINGS, lookup
from corvus.config.check.fixes import without_code
from corvus.config.check.suggest import closest
from corvus.config.toml.bounds import MAX_FINDINGS
from corvus.config.toml.document import Document
from corvus.config.toml.quotes import Quotes
from corvus.config.toml.scan import scan
from corvus.config.toml.tokens import Entry, Header, Statement, Value
from corvus.config.toml.values import Route, Table, as_items, is_table, kind, value_at
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic, Span
from corvus.diagnostics.reasons import is_reason
from corvus.diagnostics.secrets import MASK

_DIRECTIVE = re.compile(
    r"#[ \t]*+corvus:[ \t]*+(?P<what>ignore(?:-file)?+)[ \t]*+"
    r"(?:\[(?P<codes>[^\]#]*+)\](?P<reason>.*)|\Z)"
)
_CODE = re.compile(r"[^,\s]++")
_LONGEST = 40
_PASSED_OVER = "unknown-key"
"""The one error that can be ignored: the file means the same without the key."""


class Ignore(NamedTuple):
    """One code that a comment ignores.

    Attributes:
        code: As written; empty when the comment names none.
        span: Where the code stands, or the comment that lacks one.
        reason: Why, in the words of the author; may be empty.
        line: The line it is about; 0 for the whole file, -1 for nothing.
        is_file: Whether it is written as ``ignore-file``.
        comment: The comment from its ``#`` on.
        is_only: Whether the comment names no other code.
    """

    code: str
    span: Span
    reason: str
    line: int
    is_file: bool
    comment: Span
    is_only: bool

    @property
    def is_effective(self) -> bool:
        """Whether it is complete and names what may be ignored."""
        return bool(self.reason) and self.line >= 0 and may_ignore(self.code)


def may_ignore(code: str) -> bool:
    """Return whether a code is one that a comment may ignore."""
    if code not in CODES or code in NOT_ABOUT_SETTINGS:
        return False
    return code == _PASSED_OVER or lookup(code).severity is not Severity.ERROR


class Ignores:
    """The comments of the documents that are loaded together.

    Args:
        documents: Lowest layer first; all of them could be parsed.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents
        self._found = {document.file: tuple(ignores(document)) for document in documents}
        self._effective = {
            (file, ignore.code, ignore.line): ignore
            for file, found in self._found.items()
            for ignore in found
            if ignore.is_effective
        }

    def without_ignored_keys(
        self, documents: Sequence[Document], diagnostics: Iterable[Diagnostic]
    ) -> list[Document]:
        """Return documents without the unknown keys that are ignored; the same if none is left."""
        routes: dict[str, list[Route]] = {}
        for diagnostic in diagnostics:
            if diagnostic.code == _PASSED_OVER and self._covering(diagnostic):
                routes.setdefault(diagnostic.file, []).append(diagnostic.path)
        return [
            _without(document, routes[document.file]) if document.file in routes else document
            for document in documents
        ]

    def count(self, seen: Iterable[Diagnostic]) -> int:
        """Return how many findings are ignored; one that was found twice counts once."""
        return len({diagnostic for diagnostic in seen if self._covering(diagnostic)})

    def judge(
        self,
        diagnostics: Sequence[Diagnostic],
        *,
        seen: Iterable[Diagnostic],
        unasked: Sequence[str],
    ) -> tuple[Diagnostic, ...]:
        """Leave out what is ignored, and report each comment that has no effect.

        Of a comment that could have one nothing is said where a check of the mended file alone may
        find what this load does not: rules are silent about what is wrong, and of a key that
        several layers set only the highest is looked at.

        Args:
            diagnostics: What was found without the keys that are passed over.
            seen: All that was found, before and after they were.
            unasked: Codes that were not looked for, so that their absence says nothing.

        Returns:
            By file, in the order of the documents, then by place.
        """
        kept = [diagnostic for diagnostic in diagnostics if not self._covering(diagnostic)]
        used = {ignore for diagnostic in seen for ignore in self._covering(diagnostic)}
        broken = {one.file for one in kept if one.is_error and one.code != _PASSED_OVER}
        for document in self._documents:
            is_partial = document.file in broken or len(self._documents) > 1
            useless = (
                ignore
                for ignore in self._found[document.file]
                if ignore not in used
                and not (ignore.is_effective and (is_partial or ignore.code in unasked))
            )
            for ignore in islice(useless, MAX_FINDINGS):
                kept.append(_useless(ignore, document))
        files = {document.file: index for index, document in enumerate(self._documents)}
        return tuple(
            sorted(
                kept, key=lambda diagnostic: (files.get(diagnostic.file, 0), _offset(diagnostic))
            )
        )

    def _covering(self, diagnostic: Diagnostic) -> list[Ignore]:
        """Return the comments that ask to ignore a finding: of its line, or of the whole file."""
        if diagnostic.span is None or MASK in diagnostic.path:
            return []  # a key that may be a secret is known to nobody any more
        lines = (0, diagnostic.span.start.line)
        places = ((diagnostic.file, diagnostic.code, line) for line in lines)
        return [self._effective[place] for place in places if place in self._effective]


def _offset(diagnostic: Diagnostic) -> int:
    return diagnostic.span.start.offset if diagnostic.span else -1


def ignores(document: Document) -> Iterator[Ignore]:
    """Return what the comments of a parsed document ask to ignore, in the order of the text."""
    statements = scan(document.text).statements
    first = min((_start(statement) for statement in statements), default=len(document.text))
    comments = [document.at(*place) for place in _comments(document.text, statements)]
    below = _lines_below(document.text, comments)
    for span in comments:
        found = _DIRECTIVE.search(document.text, span.start.offset, span.end.offset)
        if found is None:
            continue
        line = span.start.line
        if found["what"] == "ignore-file":
            line = 0 if span.start.offset < first else -1
        yield from _ignores_of(document, found, below.get(line, line))


def _ignores_of(document: Document, found: re.Match[str], line: int) -> Iterator[Ignore]:
    reason = found["reason"] or ""
    reason = reason.strip() if is_reason(reason) else ""
    is_file = found["what"] == "ignore-file"
    codes = [*_CODE.finditer(document.text, *found.span("codes"))] if found["codes"] else []
    whole, is_only = document.at(*found.span()), len(codes) < 2
    for code in codes:
        place = document.at(*code.span())
        yield Ignore(code.group(), place, reason, line, is_file, whole, is_only)
    if not codes:
        yield Ignore("", whole, reason, line, is_file, whole, is_only)


def _lines_below(text: str, comments: Sequence[Span]) -> dict[int, int]:
    """Return for each line that is only a comment the next line that is not."""
    below: dict[int, int] = {}
    for span in reversed(comments):
        start = span.start
        if not text[start.offset - start.column + 1 : start.offset].strip():
            below[start.line] = below.get(start.line + 1, start.line + 1)
    return below


def _comments(text: str, statements: Iterable[Statement]) -> Iterator[tuple[int, int]]:
    """Return the place of every comment, without the line end."""
    tokens = sorted(token for statement in statements for token in _tokens(statement))
    pos, index = text.find("#"), 0
    while pos >= 0:
        while index < len(tokens) and tokens[index][1] <= pos:
            index += 1
        if index < len(tokens) and tokens[index][0] <= pos:
            pos = text.find("#", tokens[index][1])
            continue
        newline = text.find("\n", pos)
        end = len(text) if newline < 0 else newline
        yield pos, pos + len(text[pos:end].rstrip())
        pos = text.find("#", end)


def _start(statement: Statement) -> int:
    return statement.keys[0].start if isinstance(statement, Entry) else statement.start


def _tokens(statement: Statement) -> Iterator[tuple[int, int]]:
    """Return the places of the keys and single values of a statement."""
    if isinstance(statement, Entry | Header):
        yield from (key[1:] for key in statement.keys)
    if isinstance(statement, Entry):
        yield from _values(statement.value)


def _values(value: Value) -> Iterator[tuple[int, int]]:
    if value.kind == "scalar":
        yield value.start, value.end
    for item in value.items:
        yield from _values(item)
    for entry in value.entries:
        yield from _tokens(entry)


def _without(document: Document, routes: Iterable[Route]) -> Document:
    data: Table = {key: _copied(value) for key, value in document.data.items()}
    for route in routes:
        table = value_at(data, route[:-1])
        assert is_table(table)
        del table[str(route[-1])]
    return Document(document.file, document.text, data, has_bom=document.has_bom)


def _copied(value: object) -> object:
    """Copy tables and arrays, so that a key can be taken out of the copy."""
    if is_table(value):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(item) for item in as_items(value)] if kind(value) == "array" else value


def _useless(ignore: Ignore, document: Document) -> Diagnostic:
    """Say why a comment ignores nothing."""
    code, message, label, help_ = _why(ignore, document.quotes())
    cut = ignore.comment if ignore.is_only else ignore.span
    fix = None if code == "ignore-without-reason" else without_code(document, cut)
    what = (code, lookup(code).severity, message, document.file, ignore.span, label)
    return Diagnostic(*what, help=(help_,), fix=fix)


def _why(ignore: Ignore, quotes: Quotes) -> tuple[str, str, str, str]:
    code = quotes.name(ignore.code) if len(ignore.code) <= _LONGEST else "..."
    written = f"# corvus: {'ignore-file' if ignore.is_file else 'ignore'}"
    if code not in CODES:
        near = _near(code)
        help_ = f"Did you mean `{near}`?" if near else "`corvus explain` lists every code."
        message = f"there is no code `{code}` to ignore" if code else "this comment names no code"
        return "ignore-unknown-code", message, "no code of corvus", help_
    if not may_ignore(code):
        message = f"`{code}` cannot be ignored: {_refusal(code)}"
        return "ignore-refused", message, "has no effect", "Remove this comment."
    if not ignore.reason:
        message = f"`{code}` is not ignored: the comment gives no reason"
        help_ = f"Say why behind the bracket: `{written}[{code}] the reason`."
        return "ignore-without-reason", message, "no reason", help_
    if ignore.line < 0:
        message = "`ignore-file` counts only before the first key of the file"
        return "unused-ignore", message, "comes too late", "Move it to the first lines."
    where = "in this file" if ignore.is_file else "at this line"
    message = f"there is no `{code}` to ignore {where}"
    return "unused-ignore", message, "has no effect", "Remove this comment."


@cache
def _near(code: str) -> str | None:
    return closest(code, filter(may_ignore, CODES)) if code else None


def _refusal(code: str) -> str:
    if code in NOT_ABOUT_SETTINGS and lookup(code).severity is not Severity.ERROR:
        return "it is not about a setting"
    return "the file is not usable before it is mended"
