"""Checkstyle XML, which Jenkins and many other services read (DIA-2).

Written by hand like JUnit, and for the same reason: text is spelled out as on a terminal, so that
no character is left which XML 1.0 cannot hold, and the document is plain ASCII.

Source:
    The output of Checkstyle as ESLint writes it, its formatter ``checkstyle``, version 4.3: one
    ``file`` for each file, ``error`` elements with line, column, severity, message and source.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Outcome, place_of
from corvus.diagnostics.xml import attribute

_VERSION: Final = "4.3"
_SEVERITIES: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "info"}


def render(outcome: Outcome) -> str:
    """Return the document without a final newline; a finding without a place is at line 0."""
    found: dict[str, list[Diagnostic]] = {}
    for diagnostic in outcome.unmatched:
        found.setdefault(diagnostic.file, []).append(diagnostic)
    for file in outcome.inputs:
        path = place_of(file.file, outcome).path
        found.setdefault(path, []).extend(file.diagnostics)
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<checkstyle version="{_VERSION}">',
            *(_file(path, diagnostics) for path, diagnostics in found.items()),
            "</checkstyle>",
        ]
    )


def _file(path: str, diagnostics: Iterable[Diagnostic]) -> str:
    head = f'<file name="{attribute(path)}"'
    errors = [_error(diagnostic) for diagnostic in diagnostics]
    return "\n".join([f"{head}>", *errors, "</file>"]) if errors else f"{head}/>"


def _error(diagnostic: Diagnostic) -> str:
    start = diagnostic.span.start if diagnostic.span else None
    words = " ".join((f"{diagnostic.message}.", *diagnostic.help))
    properties = {
        "line": str(start.line if start else 0),
        "column": str(start.column if start else 0),
        "severity": _SEVERITIES[diagnostic.severity],
        "message": words if diagnostic.help else diagnostic.message,
        "source": f"corvus.{diagnostic.code}",
    }
    written = " ".join(f'{name}="{attribute(value)}"' for name, value in properties.items())
    return f"<error {written}/>"
