"""Annotations of GitHub Actions: workflow commands, one finding a line (DIA-2).

An annotation shows no excerpt, so it carries the place and the help in words. GitHub drops what is
beyond its limit without a word: the last annotation of a kind then says how many are missing, and
the log lists them. Nothing that a file or a file name holds can become a command of its own.

It is never chosen for the user: ruff once switched by itself inside GitHub Actions and went back to
asking (astral-sh/ruff, pull request 1697), because a log that looks different there surprises.

Source:
    "Problem matchers", section "Limitations", actions/toolkit, read 2026-11-24: 10 errors, 10
    warnings and 10 notices per step. Escaping: ``packages/core/src/command.ts`` of the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats.text import concise
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Outcome, place_of
from corvus.diagnostics.plain import escape

MAX_SHOWN: Final = 10
"""How many annotations of a kind GitHub shows for one step."""

_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(outcome: Outcome) -> str:
    """Return workflow commands, errors first, then what has no room, then the summary."""
    left_out: list[Diagnostic] = []
    lines: list[str] = []
    unread = {id(diagnostic) for diagnostic in outcome.unmatched}
    for severity, command in _COMMANDS.items():
        found = [
            diagnostic for diagnostic in outcome.diagnostics if diagnostic.severity is severity
        ]
        shown = found if len(found) <= MAX_SHOWN else found[: MAX_SHOWN - 1]
        for diagnostic in shown:
            is_file = id(diagnostic) not in unread
            lines.append(_annotation(command, diagnostic, outcome, is_file=is_file))
        if len(found) > len(shown):
            lines.append(_closing(command, len(found) - len(shown)))
            left_out += found[len(shown) :]
    # An indented line is no less a command to GitHub; one that starts with a word is none.
    log = [f"- {line}" for line in concise(left_out).splitlines()]
    return "\n".join([*lines, *map(_harmless, [*log, *outcome.summary])])


def _annotation(command: str, diagnostic: Diagnostic, outcome: Outcome, *, is_file: bool) -> str:
    properties = [*(_properties(diagnostic, outcome) if is_file else ())]
    properties.append(("title", f"corvus {diagnostic.code}"))
    written = ",".join(f"{name}={_property(value)}" for name, value in properties)
    message = _message(diagnostic, place=diagnostic.file if is_file else "")
    return f"::{command} {written}::{_data(message)}"


def _properties(diagnostic: Diagnostic, outcome: Outcome) -> Iterator[tuple[str, str]]:
    yield "file", escape(place_of(diagnostic.file, outcome).path)
    if diagnostic.span is None:
        return
    start, end = diagnostic.span.start, diagnostic.span.end
    yield "line", str(start.line)
    if start.line == end.line:  # GitHub takes columns only within one line
        yield "col", str(start.column)
    yield "endLine", str(end.line)
    if start.line == end.line:
        yield "endColumn", str(end.column)


def _message(diagnostic: Diagnostic, *, place: str) -> str:
    """Say in words what an excerpt would show; the log of a step shows nothing else."""
    if diagnostic.span is not None:
        place += f":{diagnostic.span.start.line}:{diagnostic.span.start.column}"
    head = f"{place}: {diagnostic.message}" if place else diagnostic.message
    related = [f"line {label.span.start.line}: {label.message}" for label in diagnostic.related]
    parts = (head, *related, *diagnostic.help, f"See {rule_page(diagnostic.code)}")
    return "\n".join(map(escape, parts))


def _closing(command: str, count: int) -> str:
    noun = command if count == 1 else f"{command}s"
    said = f"{count} more {noun}: GitHub shows {MAX_SHOWN} of a kind for a step; see its log."
    return f"::{command} title=corvus check::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _harmless(line: str) -> str:
    """Break the older form of a command, which GitHub finds anywhere in a line."""
    return line.replace("##[", "## [")
