"""Diagnostics for programs: one line each, or data for JSON (DIA-2).

Neither quotes the document beyond what a message already says.
"""

from __future__ import annotations

from collections.abc import Iterable

from policy.diagnostics.model import Diagnostic, Label, Position
from policy.diagnostics.plain import escape


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """Return ``file:line:column: severity[code] message (help)``, one diagnostic a line.

    Line and column are left out where there is no position. There is no final newline.
    """
    return "\n".join(map(_line, diagnostics))


def as_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, object]]:
    """Return diagnostics as JSON values.

    Every object has the keys ``code``, ``severity``, ``message``, ``label``, ``file``, ``start``,
    ``end``, ``related``, ``help`` and ``path``. ``start`` and ``end`` (exclusive) are ``null``
    without a position; lines and columns count from 1, ``offset`` counts code points,
    ``byte_offset`` bytes of the file.
    """
    return [_object(diagnostic) for diagnostic in diagnostics]


def _line(diagnostic: Diagnostic) -> str:
    place = diagnostic.file
    if diagnostic.span is not None:
        place += f":{diagnostic.span.start.line}:{diagnostic.span.start.column}"
    head = f"{place}: {diagnostic.severity.value}[{diagnostic.code}] {diagnostic.message}"
    return escape(f"{head} ({' '.join(diagnostic.help)})" if diagnostic.help else head)


def _object(diagnostic: Diagnostic) -> dict[str, object]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "file": diagnostic.file,
        "start": _position(span.start) if span else None,
        "end": _position(span.end) if span else None,
        "related": [_related(label) for label in diagnostic.related],
        "help": list(diagnostic.help),
        "path": list(diagnostic.path),
    }


def _related(label: Label) -> dict[str, object]:
    return {
        "message": label.message,
        "start": _position(label.span.start),
        "end": _position(label.span.end),
    }


def _position(position: Position) -> dict[str, int]:
    return {
        "line": position.line,
        "column": position.column,
        "offset": position.offset,
        "byte_offset": position.byte_offset,
    }
