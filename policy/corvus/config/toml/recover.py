"""What a broken document still says: its mistakes of meaning are reported in the same run (CFG-3).

The statements that are wrong as TOML are blanked out; if the rest can be parsed, it is checked.
What such a check says about a key that is missing may be untrue: the key may stand in a blanked
line. ``is_certain`` knows which findings hold all the same, and a document knows what it ``lost``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import tomli

from corvus.config.toml.bounds import find_excess, may_be_too_deep
from corvus.config.toml.document import Document
from corvus.config.toml.scan import scan
from corvus.config.toml.tokens import Entry, Gap, Header, Statement, opened
from corvus.config.toml.values import Route
from corvus.diagnostics.secrets import joined

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic

_PASSABLE: Final = frozenset(
    {"byte-order-mark", "duplicate-key", "number-out-of-range", "syntax-error", "toml-1.1-syntax"}
)
_CERTAIN: Final = frozenset(
    {
        "deprecated-key",
        "invalid-value",
        "native-only-key",
        "nested-price",
        "out-of-range",
        "runtime-only-key",
        "too-many-decimals",
        "unknown-host-key",
        "unknown-key",
        "wrong-type",
    }
)
"""What is said of a key or value that was read, and not of one that is missing."""
_OF_DIALECT: Final = frozenset(
    {"native-only-key", "runtime-only-key", "unknown-host-key", "unknown-key"}
)
"""What depends on whose file it is, for which a lost key may be the evidence."""
_COMPARED: Final = {"deprecated-key": ("autonomy", "cost")}
"""Tables whose other keys decide what a finding says."""


_NEVER: Final = 2**62


class Rest(NamedTuple):
    """What can be read of a document in spite of its mistakes.

    Attributes:
        document: The rest as a document; its ``lost`` says what stands in the lines left out.
        as_evidence: The same with the top-level keys of those lines, which may say whose file it
            is.
    """

    document: Document
    as_evidence: Document


class _Part(Document):
    """What was read of a document; places in it are those in the whole text."""

    __slots__ = ()

    def divide(self, kept: tuple[Statement, ...], lost: frozenset[Route]) -> None:
        """State which statements were read, and what stands in the others."""
        self._statements, self.lost = kept, lost


def is_certain(finding: Diagnostic, rest: Document, *, is_dialect_certain: bool) -> bool:
    """Return whether a finding about the rest of a document is true of the whole one.

    Args:
        finding: What was found in the rest.
        rest: What could be read.
        is_dialect_certain: Whether no key that was lost changes whose file it is.
    """
    code, path = finding.code, finding.path
    if code not in _CERTAIN or (code in _OF_DIALECT and not is_dialect_certain):
        return False
    tables = _COMPARED.get(code, ())
    if tables and any(not route or route[0] in tables for route in rest.lost):
        return False
    is_exception = path[:2] == ("cost", "budgets") and "limits" in path
    return not is_exception or not any(route[:2] == path[:2] for route in rest.lost)


def read_rest(text: str, file: str, found: Sequence[Diagnostic]) -> Rest | None:
    """Return what can be read of a document in spite of its mistakes, if that is certain enough.

    Args:
        text: The document without byte order mark.
        file: The file as the user named it.
        found: Why it could not be parsed.
    """
    errors = [diagnostic for diagnostic in found if diagnostic.is_error]
    if any(diagnostic.code not in _PASSABLE or diagnostic.span is None for diagnostic in errors):
        return None
    mistakes = [offset for diagnostic in errors for offset in _offsets(diagnostic)]
    has_bom = any(diagnostic.code == "byte-order-mark" for diagnostic in found)
    statements = scan(text).statements
    wrong = _wrong_ranges(text, statements, mistakes)
    data = _parsed(_blanked(text, wrong)) if not may_be_too_deep(text) else None
    if data is None:
        return None
    kept, lost = _divided(statements, wrong)
    read = _Part(file, text, data, has_bom=has_bom)
    read.divide(kept, lost)
    top: dict[str, object] = {
        str(route[0]): {} if len(route) > 1 else 0 for route in sorted(lost, key=len) if route
    }
    return Rest(read, Document(file, text, {**top, **data}, has_bom=has_bom))


def _offsets(diagnostic: Diagnostic) -> Iterator[int]:
    """Yield where a diagnostic stands: a key that is defined over and over at all but one place."""
    if diagnostic.span is not None:
        yield diagnostic.span.start.offset
    if diagnostic.code == "duplicate-key":
        yield from (label.span.start.offset for label in diagnostic.related[1:])


def _parsed(rest: str) -> dict[str, Any] | None:
    try:
        data = tomli.loads(rest, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return None if find_excess(data) else data


def _wrong_ranges(
    text: str, statements: Sequence[Statement], mistakes: Iterable[int]
) -> list[tuple[int, int]]:
    """Return what cannot be read, as ranges of whole lines: with a header all keys below it."""
    starts = [_start(statement) for statement in statements]
    gaps = [statement.start for statement in statements if isinstance(statement, Gap)]
    wrong: list[tuple[int, int]] = []
    for mistake in {*mistakes, *gaps}:
        place = bisect_right(starts, mistake) - 1
        ends = place + 1
        first = mistake  # a line that is no statement at all, up to the next one that is
        if place >= 0 and mistake <= _end(statements[place], text):
            first = starts[place]
            while ends < len(starts) and not _ends_blank(statements[place], statements[ends]):
                ends += 1
        following = starts[ends] if ends < len(starts) else len(text)
        wrong.append(_lines(text, first, max(mistake, following - 1)))
    return joined(sorted(wrong))


def _divided(
    statements: Sequence[Statement], wrong: Sequence[tuple[int, int]]
) -> tuple[tuple[Statement, ...], frozenset[Route]]:
    """Return the statements that were read, and the routes of what was not.

    A table stands for anything in it, and ``()`` for anything at all.
    """
    kept: list[Statement] = []
    lost: set[Route] = set()
    sizes: dict[Route, int] = {}
    table: Route = ()
    ranges = iter((*wrong, (_NEVER, _NEVER)))
    start, end = next(ranges)
    for statement in statements:
        while end < _start(statement):
            lost.add(table)
            start, end = next(ranges)
        is_wrong = start <= _start(statement)
        if isinstance(statement, Header) and not is_wrong:
            table = opened(statement, sizes)
        elif isinstance(statement, Header):
            table = tuple(key.name for key in statement.keys)
        elif isinstance(statement, Gap):
            table = ()
        if is_wrong:
            keys = statement.keys if isinstance(statement, Entry) else ()
            names = tuple(key.name for key in keys)
            lost.update(
                table + names[:depth] for depth in range(min(1, len(names)), len(names) + 1)
            )
        else:
            kept.append(statement)
    if start != _NEVER:
        lost.add(table)
    return tuple(kept), frozenset(lost)


def _ends_blank(wrong: Statement, following: Statement) -> bool:
    """Return whether a statement is not part of the wrong one: below a header, the next header."""
    return isinstance(wrong, Entry) or not isinstance(following, Entry)


def _start(statement: Statement) -> int:
    return statement.keys[0].start if isinstance(statement, Entry) else statement.start


def _end(statement: Statement, text: str) -> int:
    """Return the end of the last line of a statement."""
    end = statement.start if isinstance(statement, Gap) else _last(statement)
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline


def _last(statement: Entry | Header) -> int:
    return statement.value.end if isinstance(statement, Entry) else statement.end


def _lines(text: str, first: int, last: int) -> tuple[int, int]:
    """Return the range of the whole lines from one offset to another."""
    end = text.find("\n", last)
    return text.rfind("\n", 0, first) + 1, len(text) if end < 0 else end


def _blanked(text: str, wrong: list[tuple[int, int]]) -> str:
    """Replace ranges by spaces, so that no other place moves."""
    parts: list[str] = []
    pos = 0
    for start, end in wrong:
        parts += (
            text[pos:start],
            re.sub(r"[^\n]+", lambda line: " " * len(line[0]), text[start:end]),
        )
        pos = end
    return "".join((*parts, text[pos:]))
