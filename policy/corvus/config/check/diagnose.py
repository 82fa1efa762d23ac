"""Turns what is wrong with a document into diagnostics, one for each mistake (CFG-3, DIA-1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from corvus.config.toml import problems
from corvus.config.toml.limits import MAX_DEPTH, MAX_PROBLEMS
from corvus.config.toml.positions import KeyPath, LineIndex
from corvus.config.toml.problems import Problem
from corvus.config.toml.scan import scan
from corvus.config.toml.spans import Conflict, SpanIndex
from corvus.config.toml.tokens import FORBIDDEN
from corvus.diagnostics.conceal import Hidden, conceal
from corvus.diagnostics.model import Diagnostic, Label, Position, Severity, Span

if TYPE_CHECKING:
    from corvus.config.toml.bounds import Excess

_SUFFIX: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def explain_refusal(text: str, file: str, refusal: Exception, *, has_bom: bool) -> list[Diagnostic]:
    """Say why ``tomli`` refused a text.

    Args:
        text: The text without byte order mark.
        file: The file as the user named it.
        refusal: What ``tomli`` raised. Its own words are used only when the scanner sees no
            mistake.
        has_bom: Whether the file starts with a byte order mark.

    Returns:
        At least one error, in the order of the text.
    """
    lines = LineIndex(text, has_bom=has_bom)
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
    return _to_diagnostics(found, file, text, lines)


def explain_problems(text: str, file: str, *, has_bom: bool) -> list[Diagnostic]:
    """Say why a text is refused that ``tomli`` must not see, or might accept.

    Returns:
        All problems of the scan if one of them is such a reason, else nothing.
    """
    found = scan(text).problems
    if all(problem.code not in {problems.DEEP, problems.MODERN} for problem in found):
        return []
    lines = LineIndex(text, has_bom=has_bom)
    return _to_diagnostics(list(found), file, text, lines)


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


def _to_diagnostics(
    found: list[Problem], file: str, text: str, lines: LineIndex
) -> list[Diagnostic]:
    hidden = Hidden(text)
    if len(found) > MAX_PROBLEMS:
        last = found[MAX_PROBLEMS - 1]
        cut = f"These are the first {MAX_PROBLEMS} mistakes of the file; more follow."
        found = [*found[: MAX_PROBLEMS - 1], last._replace(help=(*last.help, cut))]
    return [conceal(_to_diagnostic(problem, file, lines), hidden) for problem in found]


def _to_diagnostic(problem: Problem, file: str, lines: LineIndex) -> Diagnostic:
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


def not_utf8(raw: bytes, file: str) -> list[Diagnostic]:
    """Describe the first byte that is not UTF-8 in each line that has one."""
    found: list[Diagnostic] = []
    pos = 0
    while 0 <= pos < len(raw) and len(found) < MAX_PROBLEMS:
        try:
            raw[pos:].decode()
            break
        except UnicodeDecodeError as error:
            found.append(_undecodable_byte(raw, pos + error.start, file))
            pos = raw.find(b"\n", pos + error.start) + 1 or len(raw)
    return found


def _undecodable_byte(raw: bytes, byte_offset: int, file: str) -> Diagnostic:
    before = raw[:byte_offset].decode(errors="replace").removeprefix("\ufeff")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    start = Position(len(before), byte_offset, line, column)
    end = Position(len(before) + 1, byte_offset + 1, line, column + 1)
    return Diagnostic(
        code="invalid-utf8",
        severity=Severity.ERROR,
        message=f"the byte 0x{raw[byte_offset]:02x} is not UTF-8",
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
    """Return a problem for the first NUL byte and for each line with a control character."""
    found: list[Problem] = []
    nul = text.find("\0")
    if nul >= 0:
        found.append(problems.nul_byte(nul, text.count("\0")))
    pos = 0
    while len(found) < MAX_PROBLEMS and (match := FORBIDDEN.search(text, pos)):
        found.append(problems.forbidden(match.start(), match.group()))
        pos = text.find("\n", match.end())
        if pos < 0:
            break
    return found


def _merge(scanned: list[Problem], forbidden: list[Problem], lines: LineIndex) -> list[Problem]:
    """Drop what the scanner says about a line whose true mistake is a control character."""
    spoiled = {lines.line_of(problem.start) for problem in forbidden}
    return [
        problem for problem in scanned if lines.line_of(problem.start) not in spoiled
    ] + forbidden


def _from_conflict(conflict: Conflict) -> Problem:
    name = dotted(conflict.path)
    label = "defined again"
    if conflict.how == "table":
        header = dotted(tuple(part for part in conflict.path if isinstance(part, str)))
        message = f"the table [{header}] is defined twice"
        helps = (f"Move these keys under the first [{header}], or rename this table.",)
    elif conflict.how == "addition":
        message, label = f"`{name}` is complete where it is defined", "adds to it"
        helps = (f"Put the key where `{name}` is defined.",)
    else:
        message = f"`{name}` is defined twice"
        helps = ("Keep one of the two.",)
    return Problem(
        "duplicate-key",
        message,
        *conflict.place,
        label,
        helps,
        (*conflict.first, "first defined here"),
        conflict.path,
    )


def _from_refusal(text: str, lines: LineIndex, refusal: Exception) -> Problem:
    """Use the words of ``tomli``; before Python 3.14 its position stands only in the message."""
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
