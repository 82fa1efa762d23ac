"""Diagnostics for programs: one line each, or data for JSON (DIA-2).

Neither quotes the document beyond what a message already says.
"""

from __future__ import annotations

from collections.abc import Iterable

from corvus.diagnostics.model import Diagnostic, Fix, Label, Position
from corvus.diagnostics.plain import escape


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """Return ``file:line:column: severity[code] message (help)``, one diagnostic a line.

    Line and column are left out where there is no position. There is no final newline.
    """
    return "\n".join(map(_line, diagnostics))


def as_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, object]]:
    """Return diagnostics as JSON values.

    Every object has the keys ``code``, ``severity``, ``message``, ``label``, ``file``, ``start``,
    ``end``, ``related``, ``help``, ``path`` and ``fix``. ``start`` and ``end`` (exclusive) are
    ``null`` without a position; lines and columns count from 1, ``offset`` counts code points,
    ``byte_offset`` bytes of the file. ``fix`` is ``null`` or has ``description``, ``is_safe`` and
    ``edits``.
    """
    return [_object(diagnostic) for diagnostic in diagnostics]


def as_json_lines(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one JSON object a line, as ``as_json`` describes it, without a final newline."""
    from corvus.diagnostics.json_text import json_line

    return "\n".join(json_line(_object(diagnostic)) for diagnostic in diagnostics)


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
        "fix": _fix(diagnostic.fix) if diagnostic.fix else None,
    }


def _fix(fix: Fix) -> dict[str, object]:
    edits = [
        {
            "start": _position(edit.span.start),
            "end": _position(edit.span.end),
            "replacement": edit.replacement,
        }
        for edit in fix.edits
    ]
    return {"description": fix.description, "is_safe": fix.is_safe, "edits": edits}


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
