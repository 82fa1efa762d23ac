"""Diagnostics as JSON, the same bytes on every machine and harmless on a terminal (DIA-2).

Everything beyond printable ASCII is an escape, so no locale can spoil it and no control character
gets through. Half a surrogate pair, which a file name that is not UTF-8 may hold, is no Unicode
text: strict readers refuse its escape, so it becomes ``U+FFFD``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic, Fix, Label, Position

if TYPE_CHECKING:
    from corvus.diagnostics.outcome import Outcome

_LONE: Final = re.compile("[\ud800-\udfff]")


def json_text(value: object) -> str:
    """Return an indented document without a final newline."""
    return json.dumps(_well_formed(value), indent=2)


def json_line(value: object) -> str:
    """Return a document on one line, without a newline."""
    return json.dumps(_well_formed(value), separators=(",", ":"))


def _well_formed(value: object) -> object:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        return {_LONE.sub("\ufffd", key): _well_formed(inner) for key, inner in table.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(inner) for inner in cast("list[object]", value)]
    return value


def as_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, object]]:
    """Return diagnostics as JSON values.

    Every object has the keys ``code``, ``url``, ``severity``, ``message``, ``label``, ``file``,
    ``start``, ``end``, ``related``, ``help``, ``path`` and ``fix``. ``url`` is the page of the
    code. ``start`` and ``end`` (exclusive) are ``null`` without a position; lines and columns count
    from 1, ``offset`` counts code points, ``byte_offset`` bytes of the file. ``fix`` is ``null`` or
    has ``description``, ``applicability`` (``safe`` or ``unsafe``), ``is_safe`` and ``edits``.
    """
    return [_object(diagnostic) for diagnostic in diagnostics]


def as_json_lines(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one JSON object a line, as ``as_json`` describes it, without a final newline."""
    return "\n".join(json_line(_object(diagnostic)) for diagnostic in diagnostics)


def report(outcome: Outcome) -> str:
    """Return a run as one document: its files, findings and counts (``schemas/``)."""
    counts = Counter(diagnostic.severity for diagnostic in outcome.diagnostics)
    whole = {
        "version": 1,
        "files": [
            {
                "file": file.file,
                "dialect": file.checked_as,
                "dialect_evidence": list(file.evidence),
                "deprecated_fields": list(file.deprecated_fields),
                "ignored": file.ignored,
            }
            for file in outcome.inputs
        ],
        "diagnostics": as_json(outcome.diagnostics),
        "summary": {
            "files": len(outcome.inputs),
            **{f"{severity.value}s": counts[severity] for severity in Severity},
        },
    }
    return json_text(whole)


def report_lines(outcome: Outcome) -> str:
    """Return the findings of a run like ``as_json_lines``."""
    return as_json_lines(outcome.diagnostics)


def _object(diagnostic: Diagnostic) -> dict[str, object]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "url": rule_page(diagnostic.code),
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
    return {
        "description": fix.description,
        "applicability": fix.applicability,
        "is_safe": fix.is_safe,
        "edits": edits,
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
