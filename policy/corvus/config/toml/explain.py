"""Turns findings about a document into diagnostics, one for each mistake (CFG-3, DIA-1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from corvus.config.toml import problems
from corvus.config.toml.bounds import MAX_PROBLEMS
from corvus.config.toml.finding import Finding, KeyOf, Place, Stretch, ValueOf
from corvus.config.toml.languages import find_language
from corvus.config.toml.quotes import Quotes
from corvus.config.toml.scan import scan
from corvus.config.toml.spans import Conflict, LineIndex, SpanIndex
from corvus.config.toml.tokens import FORBIDDEN, Gap
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic, Edit, Fix, Label, Position, Span

_SUFFIX: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def to_diagnostic(
    finding: Finding,
    file: str,
    span: Callable[[Place], Span],
    quotes: Quotes,
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    """Give a finding its file and positions.

    Args:
        finding: What was found.
        file: The file as the user named it.
        span: Returns the positions of a place in that file.
        quotes: Names the keys that lead to it.
        severity: How much it matters.
    """
    return Diagnostic(
        code=finding.code,
        severity=severity,
        message=finding.message,
        file=file,
        span=span(finding.place),
        label=finding.label,
        related=tuple(Label(span(place), words) for place, words in finding.related),
        help=finding.help,
        path=quotes.route(finding.route),
        fix=finding.fix,
    )


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
    lines, quotes = LineIndex(text, has_bom=has_bom), Quotes(text)
    scanned = scan(text)
    language = find_language(text, file, scanned.problems, quotes)
    if language is not None:
        return _to_diagnostics([language], file, quotes, lines)
    found = _merge(scanned.problems, _forbidden(text), lines)
    misread = {lines.line_of(problem.start) for problem in found}
    no_setting = {
        lines.line_of(problem.start) for problem in found if problem.label in problems.NO_SETTING
    }
    gaps = [statement.start for statement in scanned.statements if isinstance(statement, Gap)]
    found += [
        _defined_twice(conflict, quotes)
        for conflict in SpanIndex(scanned.statements).conflicts
        if lines.line_of(conflict.place.start) not in misread
        and lines.line_of(conflict.first.start) not in no_setting
        and not _may_be_another(conflict, gaps)
    ]
    if not found:
        found = [_from_refusal(text, lines, refusal)]
    found.sort(key=lambda problem: problem.start)
    return _to_diagnostics(found, file, quotes, lines)


def explain_problems(text: str, file: str, *, has_bom: bool) -> list[Diagnostic]:
    """Say why a text is refused that ``tomli`` must not see, or might accept.

    Returns:
        All problems of the scan if one of them is such a reason, else nothing.
    """
    found = scan(text).problems
    if all(problem.code not in {problems.DEEP, problems.MODERN} for problem in found):
        return []
    lines, quotes = LineIndex(text, has_bom=has_bom), Quotes(text)
    language = find_language(text, file, found, quotes)
    return _to_diagnostics([*found] if language is None else [language], file, quotes, lines)


def explain_excess(
    places: Iterable[KeyOf | ValueOf], file: str, span: Callable[[Place], Span], quotes: Quotes
) -> list[Diagnostic]:
    """Describe the numbers out of range and the values nested too deep, by place.

    Args:
        places: What ``find_excess`` found in the parsed data.
        file: The file as the user named it.
        span: Returns the positions of a place.
        quotes: Names keys.
    """
    findings = (
        problems.out_of_range(place)
        if isinstance(place, ValueOf)
        else problems.too_deep(place, "the tables")
        for place in places
    )
    found = [to_diagnostic(finding, file, span, quotes) for finding in findings]
    return sorted(found, key=lambda each: each.span.start.offset if each.span else 0)


def _to_diagnostics(
    found: list[Finding], file: str, quotes: Quotes, lines: LineIndex
) -> list[Diagnostic]:
    def span(place: Place) -> Span:
        assert isinstance(place, Stretch), "a scanner knows offsets"
        return lines.span(*place)

    if len(found) > MAX_PROBLEMS:
        last = found[MAX_PROBLEMS - 1]
        cut = f"These are the first {MAX_PROBLEMS} mistakes of the file; more follow."
        found = [*found[: MAX_PROBLEMS - 1], last._replace(help=(*last.help, cut))]
    return [to_diagnostic(problem, file, span, quotes) for problem in found]


_START: Final = Position(0, 0, 1, 1)


def byte_order_mark(file: str) -> Diagnostic:
    """Warn about a byte order mark; it stands before the first character, which gets the caret."""
    span = Span(_START, Position(0, 3, 1, 1))
    return Diagnostic(
        code="byte-order-mark",
        severity=Severity.WARNING,
        message="the file starts with a UTF-8 byte order mark",
        file=file,
        span=span,
        label="before this",
        help=("Save the file as UTF-8 without a byte order mark; other TOML readers refuse it.",),
        fix=Fix("Remove the byte order mark", (Edit(span, ""),), is_safe=True),
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


_BINARY: Final = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\0", "a SQLite database"),
)
"""How files that are no text begin: the list of ``file(1)``, read 2026-11-28."""
_CONTROL: Final = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})


def binary(body: bytes) -> str | None:
    """Return what a file is that is no text; ``None`` for text in whatever encoding."""
    known = next((what for start, what in _BINARY if body.startswith(start)), None)
    if known or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return known
    odd, all_zeros = body[1::2].count(0), body.count(0)
    control = len(body) - len(body.translate(None, _CONTROL))
    is_utf16 = max(odd, all_zeros - odd) * 10 > 9 * control
    return "a binary file" if control * 20 > len(body) and not is_utf16 else None


def not_text(what: str, file: str) -> Diagnostic:
    """Describe a file that holds no text."""
    return without_text("not-toml", f"this is {what}, not TOML", file, "Is this the right file?")


def utf16(file: str) -> Diagnostic:
    """Describe a file in the encoding that some Windows tools write."""
    message = "the file looks like UTF-16, not UTF-8"
    help_ = "Save the file as UTF-8; in PowerShell, write it with `-Encoding utf8`."
    return without_text("invalid-utf8", message, file, help_)


def without_text(code: str, message: str, file: str, *help_: str) -> Diagnostic:
    """Describe a file that could not be read at all."""
    return Diagnostic(code, Severity.ERROR, message, file, None, help=help_)


def _may_be_another(conflict: Conflict, gaps: Sequence[int]) -> bool:
    """Return whether a header between two tables cannot be read: it may begin a new element."""
    first, last = conflict.first.start, conflict.again[-1].start
    return conflict.how == "table" and any(first < gap < last for gap in gaps)


def _defined_twice(conflict: Conflict, quotes: Quotes) -> Finding:
    path = conflict.path
    if conflict.how == "table":
        path = tuple(part for part in path if isinstance(part, str))
    name = quotes.shown(path)
    return problems.defined_twice(conflict.path, name, conflict.how, conflict.first, conflict.again)


def _forbidden(text: str) -> list[Finding]:
    """Return a problem for the first NUL byte and for each line with a control character."""
    found: list[Finding] = []
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


def _merge(scanned: Iterable[Finding], forbidden: list[Finding], lines: LineIndex) -> list[Finding]:
    """Drop what the scanner says about a line whose true mistake is a control character."""
    spoiled = {lines.line_of(problem.start) for problem in forbidden}
    return [
        problem for problem in scanned if lines.line_of(problem.start) not in spoiled
    ] + forbidden


def _from_refusal(text: str, lines: LineIndex, refusal: Exception) -> Finding:
    """Use the words of ``tomli``; before Python 3.14 its position stands only in the message."""
    message = str(refusal) or type(refusal).__name__
    match = _SUFFIX.search(message)
    line, column = getattr(refusal, "lineno", None), getattr(refusal, "colno", None)
    if line is None and match and match[1]:
        line, column = int(match[1]), int(match[2])
    start = len(text) if line is None or column is None else lines.offset(line, column)
    clean = str(getattr(refusal, "msg", message[: match.start()] if match else message))
    words = f"not valid TOML: {clean[:1].lower()}{clean[1:]}"
    return Finding(problems.SYNTAX, words, Stretch(start, start + 1))
