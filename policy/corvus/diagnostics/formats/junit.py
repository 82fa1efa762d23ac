"""JUnit XML: each file is a test, each finding that fails the run is a failure of it (DIA-2).

Written by hand, because no XML library leaves out what XML 1.0 cannot hold: text is spelled out as
on a terminal, and the document is plain ASCII, so it survives any locale. It has no time stamps:
the same input gives the same report.

Source:
    ``junit-10.xsd`` of the Jenkins xUnit plugin, which ``tests/`` hold the output against.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from corvus.base.links import rule_page
from corvus.diagnostics.formats.text import concise, render_each
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome
from corvus.diagnostics.xml import attribute, content

_NAME = "corvus check"


def render(outcome: Outcome) -> str:
    """Return the document without a final newline.

    An input that could not be read, or an argument that names no file, is an error and never a
    pass. Findings that do not fail the run go to ``system-out``.
    """
    cases = [_case(file, outcome) for file in outcome.inputs]
    cases += [_unread(diagnostic.file, (diagnostic,)) for diagnostic in outcome.unmatched]
    failures = sum("<failure " in case for case in cases)
    errors = sum("<error " in case for case in cases)
    counts = f'name="{_NAME}" tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {counts}>",
        f'<testsuite {counts} skipped="0">',
        *cases,
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines)


def _case(file: Input, outcome: Outcome) -> str:
    if file.text is None:
        return _unread(file.file, file.diagnostics)
    failing = [
        diagnostic
        for diagnostic in file.diagnostics
        if diagnostic.severity.value in outcome.failing
    ]
    others = [
        diagnostic
        for diagnostic in file.diagnostics
        if diagnostic.severity.value not in outcome.failing
    ]
    said = [f"checked as {file.checked_as}"] if file.checked_as else []
    said += concise(others).splitlines()
    parts = _problems("failure", failing, {file.file: file.text})
    return _testcase(file.file, [*parts, *_output(said)])


def _unread(name: str, diagnostics: Sequence[Diagnostic]) -> str:
    return _testcase(name, _problems("error", diagnostics, {}))


def _testcase(name: str, parts: Iterable[str]) -> str:
    head = f'<testcase name="{attribute(name)}" classname="{_NAME}"'
    inside = "".join(parts)
    return f"{head}>{inside}</testcase>" if inside else f"{head}/>"


def _problems(tag: str, diagnostics: Sequence[Diagnostic], sources: Mapping[str, str]) -> list[str]:
    bodies = render_each(diagnostics, sources, colour=False)
    return [
        _problem(tag, diagnostic, body)
        for diagnostic, body in zip(diagnostics, bodies, strict=True)
    ]


def _problem(tag: str, diagnostic: Diagnostic, body: str) -> str:
    place = ""
    if diagnostic.span is not None:
        place = f"{diagnostic.span.start.line}:{diagnostic.span.start.column}: "
    message = attribute(f"{place}{diagnostic.message}")
    head = f'<{tag} type="{attribute(diagnostic.code)}" message="{message}">'
    page = f"\n{rule_page(diagnostic.code)}"  # CI shows this text, and knows no link of a test
    return f"{head}{content(body.rstrip() + page)}</{tag}>"


def _output(lines: Iterable[str]) -> list[str]:
    text = "\n".join(lines)
    return [f"<system-out>{content(text)}</system-out>"] if text else []
