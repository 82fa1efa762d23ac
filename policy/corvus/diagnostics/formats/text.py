"""Diagnostics for people: a headline, the place, the lines in question, and what to do (DIA-2).

Frames are plain ASCII. Text of the document is escaped, and what may be a secret is hidden.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.excerpt import Row, Source
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.plain import escape
from corvus.diagnostics.secrets import any_secret

if TYPE_CHECKING:
    from corvus.diagnostics.outcome import Outcome

_STYLES: Final = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
_BOLD: Final = "1"
_FRAME: Final = "1;34"


def render(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, str],
    *,
    colour: bool,
    links: bool = False,
    marks: bool = False,
) -> str:
    """Render diagnostics with excerpts of their documents.

    Args:
        diagnostics: In the order in which they shall appear.
        sources: Text without byte order mark by file, as in ``Diagnostic.file``; without an entry
            there is no excerpt.
        colour: Whether to write ANSI colours.
        links: Whether to make each code a link to its page as well (OSC 8).
        marks: Whether to mark what has a fix by ``[*]``; for fixes that are proved.

    Returns:
        Blocks separated by an empty line, without a final newline; empty when there is no
        diagnostic.
    """
    return "\n\n".join(render_each(diagnostics, sources, colour=colour, links=links, marks=marks))


def render_each(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, str],
    *,
    colour: bool,
    links: bool = False,
    marks: bool = False,
) -> list[str]:
    """Render like ``render``, each diagnostic by itself."""
    prepared: dict[str, Source] = {}
    blocks: list[str] = []
    paint = _Paint(enabled=colour, links=links)
    for diagnostic in diagnostics:
        name = diagnostic.file
        if diagnostic.span and name in sources and name not in prepared:
            prepared[name] = Source(sources[name])
        mark = _mark(diagnostic, marks=marks)
        blocks.append("\n".join(_block(diagnostic, prepared.get(name), paint, mark)))
    return blocks


def has_links() -> bool:
    """Return whether standard output is a terminal that shows links or passes them over."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in {"dumb", "linux"}


def concise(diagnostics: Iterable[Diagnostic], *, marks: bool = False) -> str:
    """Return ``file:line:column: severity[code] message (help)``, one diagnostic a line.

    Line and column are left out where there is no position. There is no final newline. With
    ``marks`` a ``[*]`` stands behind the code of what has a fix.
    """
    return "\n".join(_line(found, _mark(found, marks=marks)) for found in diagnostics)


def report(outcome: Outcome) -> str:
    """Return a run for a file: without colour, the summary behind the findings."""
    sources = {file.file: file.text for file in outcome.inputs if file.text is not None}
    findings = render(outcome.diagnostics, sources, colour=False, marks=True)
    return "\n\n".join(part for part in (findings, "\n".join(outcome.summary)) if part)


def report_concise(outcome: Outcome) -> str:
    """Return the findings of a run like ``concise``."""
    return concise(outcome.diagnostics, marks=True)


def _mark(diagnostic: Diagnostic, *, marks: bool) -> str:
    return " [*]" if marks and diagnostic.fix else ""


def _line(diagnostic: Diagnostic, mark: str) -> str:
    place = diagnostic.file
    if diagnostic.span is not None:
        place += f":{diagnostic.span.start.line}:{diagnostic.span.start.column}"
    head = f"{place}: {diagnostic.severity.value}[{diagnostic.code}]{mark} {diagnostic.message}"
    return escape(f"{head} ({' '.join(diagnostic.help)})" if diagnostic.help else head)


class _Paint:
    def __init__(self, *, enabled: bool, links: bool) -> None:
        self._enabled = enabled
        self._links = enabled and links

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._enabled and text else text

    def code(self, code: str) -> str:
        """Return a code, linked to its page where the terminal takes links (OSC 8)."""
        if not self._links:
            return code
        return f"\x1b]8;;{rule_page(code)}\x1b\\{code}\x1b]8;;\x1b\\"


def _block(diagnostic: Diagnostic, source: Source | None, paint: _Paint, mark: str) -> list[str]:
    head = f"{diagnostic.severity.value}[{paint.code(diagnostic.code)}]{mark}"
    lines = [
        paint(_STYLES[diagnostic.severity], head) + paint(_BOLD, f": {escape(diagnostic.message)}")
    ]
    rows = _rows(diagnostic, source) if source else []
    gutter = max((len(str(row.line)) for row in rows if row.line), default=1)
    bar = paint(_FRAME, " " * (gutter + 1) + "|")
    lines.append(" " * gutter + paint(_FRAME, "--> ") + place(diagnostic))
    if rows:
        lines.append(bar)
        lines += [_row(row, gutter, diagnostic.severity, paint) for row in rows]
    if diagnostic.help:
        if rows:
            lines.append(bar)
        sign = paint(_FRAME, " " * (gutter + 1) + "=")
        lines += [f"{sign} {paint(_BOLD, 'help')}: {escape(line)}" for line in diagnostic.help]
    return lines


def place(diagnostic: Diagnostic) -> str:
    """Return ``file:line:column``, or the file alone when there is no position."""
    file = escape(diagnostic.file)
    if diagnostic.span is None:
        return file
    start = diagnostic.span.start
    return f"{file}:{start.line}:{start.column}"


def _rows(diagnostic: Diagnostic, source: Source) -> list[Row]:
    if diagnostic.span is None:
        return []
    marks = [source.mark(diagnostic.span, diagnostic.label, is_primary=True)]
    marks += [
        source.mark(label.span, label.message, is_primary=False) for label in diagnostic.related
    ]
    known = [mark for mark in marks if mark]
    return source.rows(known, hide=any_secret(diagnostic.path)) if known else []


def _row(row: Row, gutter: int, severity: Severity, paint: _Paint) -> str:
    if row.mark is not None:
        style = _STYLES[severity] if row.mark.is_primary else _FRAME
        indent = len(row.text) - len(row.text.lstrip(" "))
        bar = paint(_FRAME, " " * (gutter + 1) + "|")
        return f"{bar} {' ' * indent}{paint(style, row.text.lstrip(' '))}"
    if row.line is None:
        return paint(_FRAME, row.text)
    number = paint(_FRAME, f"{row.line:>{gutter}} |")
    return f"{number} {row.text}".rstrip()
