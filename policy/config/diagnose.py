"""Turns what is wrong with a document into diagnostics, one for each mistake (CFG-3, DIA-1)."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

from policy.config import toml_problems as problems
from policy.config.guard import Excess
from policy.config.positions import LineIndex
from policy.config.spans import Conflict, KeyPath, SpanIndex
from policy.config.toml_problems import Problem
from policy.config.toml_scan import MAX_PROBLEMS, Scan, scan
from policy.config.toml_tokens import FORBIDDEN, MAX_DEPTH
from policy.diagnostics.model import Diagnostic, Label, Position, Severity, Span

_SUFFIX: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_START: Final = Position(0, 0, 1, 1)
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def explain_refusal(text: str, file: str, lines: LineIndex, refusal: Exception) -> list[Diagnostic]:
    """Say why ``tomllib`` refused a text.

    Args:
        text: The text without byte order mark.
        file: The file as the user named it.
        lines: Positions in the text.
        refusal: What ``tomllib`` raised. Its own words are used only when the scanner sees no mistake.

    Returns:
        At least one error, in the order of the text.
    """
    scanned = scan(text)
    found = _merge(list(scanned.problems), _forbidden(text), lines)
    misread = {lines.line_of(problem.start) for problem in found}
    found += [
        _from_conflict(conflict)
        for conflict in SpanIndex(scanned.statements).conflicts
        if lines.line_of(conflict.place[0]) not in misread
    ]
    if not found:
        found = [_from_refusal(text, lines, refusal)]
    found.sort(key=lambda problem: problem.start)
    return [to_diagnostic(problem, file, lines) for problem in found[:MAX_PROBLEMS]]


def explain_problems(
    scanned: Scan, file: str, lines: LineIndex, codes: Set[str]
) -> list[Diagnostic]:
    """Return the diagnostics of all problems of a scan if one of them has one of the codes, else none."""
    if all(problem.code not in codes for problem in scanned.problems):
        return []
    return [to_diagnostic(problem, file, lines) for problem in scanned.problems]


def explain_excess(excess: Excess, file: str, key: Span, value: Span) -> Diagnostic:
    """Describe a number out of range, or a value nested too deep.

    Args:
        excess: What was found in the parsed data.
        file: The file as the user named it.
        key: Place of its key.
        value: Place of its value.
    """
    if excess.is_number:
        problem = problems.out_of_range(value.start.offset, value.end.offset)
        span = value
    else:
        problem = problems.too_deep(key.start.offset, MAX_DEPTH, "the tables")
        span = key
    return Diagnostic(
        problem.code,
        Severity.ERROR,
        problem.message,
        file,
        span,
        problem.label,
        help=problem.help,
        path=excess.path,
    )


def to_diagnostic(problem: Problem, file: str, lines: LineIndex) -> Diagnostic:
    """Give a problem its file and positions."""
    related: tuple[Label, ...] = ()
    if problem.related:
        start, end, message = problem.related
        related = (Label(lines.span(start, end), message),)
    return Diagnostic(
        code=problem.code,
        severity=Severity.ERROR,
        message=problem.message,
        file=file,
        span=lines.span(problem.start, problem.end),
        label=problem.label,
        related=related,
        help=problem.help,
        path=problem.path,
    )


def byte_order_mark(file: str) -> Diagnostic:
    """Warn about a byte order mark; it stands before the first character, which gets the caret."""
    return Diagnostic(
        code="byte-order-mark",
        severity=Severity.WARNING,
        message="the file starts with a UTF-8 byte order mark",
        file=file,
        span=Span(Position(0, 0, 1, 1), Position(0, 3, 1, 1)),
        label="before this",
        help=("Save the file as UTF-8 without a byte order mark; other TOML readers refuse it.",),
    )


def not_utf8(body: bytes, file: str, offset: int, shift: int) -> Diagnostic:
    """Describe the first byte that is not UTF-8.

    Args:
        body: The bytes after a byte order mark.
        file: The file as the user named it.
        offset: Index of the bad byte in ``body``.
        shift: Length of the byte order mark.
    """
    before = body[:offset].decode()
    column = len(before) - before.rfind("\n")
    line = before.count("\n") + 1
    start = Position(len(before), offset + shift, line, column)
    end = Position(len(before) + 1, offset + shift + 1, line, column + 1)
    return Diagnostic(
        code="invalid-utf8",
        severity=Severity.ERROR,
        message=f"the byte 0x{body[offset]:02x} is not UTF-8",
        file=file,
        span=Span(start, end),
        label="not UTF-8",
        help=("Save the file as UTF-8.",),
    )


def utf16(file: str) -> Diagnostic:
    """Describe a file in the encoding that some Windows tools write."""
    return Diagnostic(
        code="invalid-utf8",
        severity=Severity.ERROR,
        message="the file looks like UTF-16, not UTF-8",
        file=file,
        span=None,
        help=("Save the file as UTF-8; in PowerShell, write it with `-Encoding utf8`.",),
    )


def without_text(code: str, message: str, file: str, *help_: str) -> Diagnostic:
    """Describe a file that could not be read at all."""
    return Diagnostic(code, Severity.ERROR, message, file, None, help=help_)


def dotted(path: KeyPath) -> str:
    """Spell a path the way an author writes it: ``cost.prices."gpt-4.1"``, ``cost.budgets[2]``."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
            continue
        name = part if _BARE.fullmatch(part) else f'"{part}"'
        spelled += f".{name}" if spelled else name
    return spelled


def _forbidden(text: str) -> list[Problem]:
    """Return one problem for the first NUL byte and one for each line with another control character."""
    found: list[Problem] = []
    last_line = -2  # before the first line, for which rfind says -1
    seen_nul = False
    for match in FORBIDDEN.finditer(text):
        if match.group() == "\0":
            if not seen_nul:
                found.append(problems.nul_byte(match.start(), text.count("\0")))
            seen_nul = True
            continue
        line = text.rfind("\n", 0, match.start())
        if line != last_line and len(found) < MAX_PROBLEMS:
            found.append(problems.forbidden(match.start(), match.group()))
        last_line = line
    return found


def _merge(scanned: list[Problem], forbidden: list[Problem], lines: LineIndex) -> list[Problem]:
    """Drop what the scanner says about a line whose true mistake is a control character."""
    spoiled = {lines.line_of(problem.start) for problem in forbidden}
    return [
        problem for problem in scanned if lines.line_of(problem.start) not in spoiled
    ] + forbidden


def _from_conflict(conflict: Conflict) -> Problem:
    name = dotted(conflict.path)
    if conflict.is_table:
        message = f"the table [{name}] is defined twice"
        helps = (f"Move these keys under the first [{name}], or rename this table.",)
    else:
        message = f"`{name}` is defined twice"
        helps = ("Keep one of the two.",)
    return Problem(
        "duplicate-key",
        message,
        *conflict.place,
        "defined again",
        helps,
        (*conflict.first, "first defined here"),
        conflict.path,
    )


def _from_refusal(text: str, lines: LineIndex, refusal: Exception) -> Problem:
    """Use the words of ``tomllib``; before Python 3.14 its position stands only in the message."""
    message = str(refusal) or type(refusal).__name__
    match = _SUFFIX.search(message)
    line, column = getattr(refusal, "lineno", None), getattr(refusal, "colno", None)
    if line is None and match and match[1]:
        line, column = int(match[1]), int(match[2])
    start = len(text) if line is None or column is None else lines.offset(line, column)
    clean = str(getattr(refusal, "msg", message[: match.start()] if match else message))
    return Problem(
        problems.SYNTAX, f"not valid TOML: {clean[:1].lower()}{clean[1:]}", start, start + 1
    )
