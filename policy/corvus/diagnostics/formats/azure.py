"""Issues of Azure Pipelines: logging commands, one finding a line (DIA-2).

An issue shows no excerpt, so its message carries the help in words. A task keeps ten issues of a
type; the others are in its log. Nothing that a file or a file
name holds can become a command of its own: it stands behind the one command of its line, and values
are escaped.

Source:
    "Logging commands", section "LogIssue", Azure Pipelines documentation, read 2026-11-28: types
    ``error`` and ``warning``; properties ``sourcepath``, ``linenumber``, ``columnnumber``,
    ``code``. Escapes of properties and message, ``%3B``, ``%5D``, ``%0D``, ``%0A``, ``%AZP25``:
    ``Command.cs`` of microsoft/azure-pipelines-agent, which finds ``##vso[`` anywhere in a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Outcome, place_of
from corvus.diagnostics.plain import escape

_TYPES: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "warning"}
_ESCAPES: Final = str.maketrans({"%": "%AZP25", ";": "%3B", "]": "%5D", "\r": "%0D", "\n": "%0A"})
_COMMAND: Final = re.compile(r"##(?=(?:vso)?\[)")


def render(outcome: Outcome) -> str:
    """Return one command for each finding, then the summary."""
    unread = {id(diagnostic) for diagnostic in outcome.unmatched}
    lines = [
        _issue(diagnostic, outcome, is_file=id(diagnostic) not in unread)
        for diagnostic in outcome.diagnostics
    ]
    # The agent finds a command anywhere in a line.
    return "\n".join([*lines, *(_COMMAND.sub("## ", line) for line in outcome.summary)])


def _issue(diagnostic: Diagnostic, outcome: Outcome, *, is_file: bool) -> str:
    properties = _properties(diagnostic, outcome, is_file=is_file)
    written = "".join(f"{name}={value.translate(_ESCAPES)};" for name, value in properties)
    message = " ".join((_sentence(diagnostic.message, diagnostic.help), *diagnostic.help))
    return f"##vso[task.logissue {written}]{escape(message).translate(_ESCAPES)}"


def _sentence(message: str, more: tuple[str, ...]) -> str:
    return f"{message}." if more else message


def _properties(
    diagnostic: Diagnostic, outcome: Outcome, *, is_file: bool
) -> Iterator[tuple[str, str]]:
    yield "type", _TYPES[diagnostic.severity]
    if is_file:
        yield "sourcepath", escape(place_of(diagnostic.file, outcome).path)
    if diagnostic.span is not None:
        yield "linenumber", str(diagnostic.span.start.line)
        yield "columnnumber", str(diagnostic.span.start.column)
    yield "code", diagnostic.code
