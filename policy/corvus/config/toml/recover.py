"""What a broken document still says: its mistakes of meaning are reported in the same run (CFG-3).

The statements that are wrong as TOML are blanked out; if the rest can be parsed, it is checked.
What such a check says about a key that is missing may be untrue: the key may stand in a blanked
line. ``is_certain`` names the diagnostics that hold all the same.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import tomli

from corvus.config.toml.bounds import find_excess, may_be_too_deep
from corvus.config.toml.document import Document
from corvus.config.toml.scan import scan
from corvus.config.toml.tokens import Entry, Gap, Header, Statement
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
        "unknown-key",
        "wrong-type",
    }
)


def is_certain(code: str) -> bool:
    """Return whether a diagnostic about the rest of a document is true of the whole one."""
    return code in _CERTAIN


def read_rest(text: str, file: str, found: Sequence[Diagnostic]) -> Document | None:
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
    data = parse_rest(text, scan(text).statements, mistakes)
    return None if data is None else Document(file, text, data, has_bom=has_bom)


def _offsets(diagnostic: Diagnostic) -> Iterator[int]:
    """Yield where a diagnostic stands: a key that is defined over and over at all but one place."""
    if diagnostic.span is not None:
        yield diagnostic.span.start.offset
    if diagnostic.code == "duplicate-key":
        yield from (label.span.start.offset for label in diagnostic.related[1:])


def parse_rest(
    text: str, statements: Sequence[Statement], mistakes: Iterable[int]
) -> dict[str, Any] | None:
    """Parse a document without the statements that hold mistakes.

    Args:
        text: The document without byte order mark.
        statements: What the scanner read, in order.
        mistakes: Offsets of all mistakes.

    Returns:
        The data, without all keys below a header that is wrong; ``None`` when the rest cannot be
        parsed either.
    """
    if may_be_too_deep(text):
        return None
    starts = [_start(statement) for statement in statements]
    gaps = [statement.start for statement in statements if isinstance(statement, Gap)]
    wrong: list[tuple[int, int]] = []
    for mistake in {*mistakes, *gaps}:
        place = bisect_right(starts, mistake) - 1
        if place < 0 or mistake > _end(statements[place], text):
            wrong.append(_lines(text, mistake, mistake))  # a line that is no statement at all
            continue
        ends = place + 1
        while ends < len(starts) and not _ends_blank(statements[place], statements[ends]):
            ends += 1
        following = starts[ends] if ends < len(starts) else len(text)
        wrong.append(_lines(text, starts[place], max(mistake, following - 1)))
    rest = _blanked(text, joined(sorted(wrong)))
    try:
        data = tomli.loads(rest, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return None if find_excess(data) else data


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
