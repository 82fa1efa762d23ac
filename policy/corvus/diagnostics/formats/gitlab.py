"""The Code Quality report of GitLab: an array of findings (DIA-2).

Source:
    "Code Quality report format", GitLab documentation, read 2026-11-24: ``description``,
    ``check_name``, ``fingerprint`` (unique), ``severity`` (``info``, ``minor``, ``major``,
    ``critical`` or ``blocker``), ``location.path`` (relative to the repository) and
    ``location.lines.begin`` are required.
"""

from __future__ import annotations

from typing import Final

from corvus.diagnostics.codes import Severity
from corvus.diagnostics.fingerprint import fingerprints
from corvus.diagnostics.formats.json import json_text
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Outcome, place_of
from corvus.diagnostics.plain import escape

_SEVERITIES: Final = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render(outcome: Outcome) -> str:
    """Return the report without a final newline; a finding without a line is put on the first."""
    named = zip(outcome.diagnostics, fingerprints(outcome), strict=True)
    return json_text([_finding(diagnostic, name, outcome) for diagnostic, name in named])


def _finding(diagnostic: Diagnostic, fingerprint: str, outcome: Outcome) -> dict[str, object]:
    span = diagnostic.span
    lines = {"begin": span.start.line, "end": span.end.line} if span else {"begin": 1}
    return {
        "description": escape(" ".join((f"{diagnostic.message}.", *diagnostic.help))),
        "check_name": diagnostic.code,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[diagnostic.severity],
        "location": {"path": place_of(diagnostic.file, outcome).path, "lines": lines},
    }
