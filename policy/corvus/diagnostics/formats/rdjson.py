"""The diagnostic format of reviewdog, as one document or one finding a line (DIA-2).

Its columns count bytes of UTF-8, those of a byte order mark on the first line, too; lines and
columns begin at 1, ends are exclusive. A fix is one suggestion, from its first edit to its last:
who applies a suggestion applies the whole of it.

Source:
    ``proto/rdf/reviewdog.proto`` of reviewdog/reviewdog, messages ``DiagnosticResult``,
    ``Diagnostic``, ``Range``, ``Position`` and ``Suggestion``, read 2026-11-28.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from corvus.base.links import HOMEPAGE, rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats.json import json_line, json_text
from corvus.diagnostics.model import Diagnostic, Fix, Position, Span
from corvus.diagnostics.outcome import Outcome, place_of
from corvus.diagnostics.plain import escape
from corvus.diagnostics.secrets import hidden

_Object: TypeAlias = dict[str, object]

_SEVERITIES: Final = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.NOTE: "INFO"}
_SOURCE: Final = {"name": "corvus", "url": HOMEPAGE}


def render(outcome: Outcome) -> str:
    """Return the document without a final newline; its own severity is only a default."""
    whole = {"source": _SOURCE, "severity": "WARNING", "diagnostics": _findings(outcome)}
    return json_text(whole)


def render_lines(outcome: Outcome) -> str:
    """Return one finding a line, each with its source, without a final newline."""
    return "\n".join(json_line({**one, "source": _SOURCE}) for one in _findings(outcome))


def _findings(outcome: Outcome) -> list[_Object]:
    texts = {file.file: file.text for file in outcome.inputs}
    return [
        _finding(diagnostic, texts.get(diagnostic.file) or "", outcome)
        for diagnostic in outcome.diagnostics
    ]


def _finding(diagnostic: Diagnostic, text: str, outcome: Outcome) -> _Object:
    location: _Object = {"path": place_of(diagnostic.file, outcome).path}
    if diagnostic.span is not None:
        location["range"] = _range(diagnostic.span, text)
    found: _Object = {
        "message": "\n".join(map(escape, (diagnostic.message, *diagnostic.help))),
        "location": location,
        "severity": _SEVERITIES[diagnostic.severity],
        "code": {"value": diagnostic.code, "url": rule_page(diagnostic.code)},
    }
    if diagnostic.fix is not None and (suggested := _suggestion(diagnostic.fix, text)):
        found["suggestions"] = [suggested]
    return found


def _suggestion(fix: Fix, text: str) -> _Object | None:
    """Return a fix as one text; ``None`` where that would repeat a secret between its edits."""
    first, *rest = fix.edits
    whole, end = first.replacement, first.span.end
    for edit in rest:
        between = text[end.offset : edit.span.start.offset]
        if hidden(text)[end.offset : edit.span.start.offset] != between:
            return None
        whole, end = whole + between + edit.replacement, edit.span.end
    return {"range": _range(Span(first.span.start, end), text), "text": whole}


def _range(span: Span, text: str) -> _Object:
    return {"start": _position(span.start, text), "end": _position(span.end, text)}


def _position(position: Position, text: str) -> _Object:
    """Return a place; its column in bytes: those before it on its line, and one."""
    if position.line == 1:
        before = position.byte_offset
    else:
        start = position.offset - position.column + 1
        before = len(text[start : position.offset].encode("utf-8", "surrogatepass"))
    return {"line": position.line, "column": before + 1}
