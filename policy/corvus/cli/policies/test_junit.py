"""JUnit XML of policy tests: a suite for each file, and a test for each case.

Written by hand as in ``corvus.diagnostics.formats.junit``, for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from corvus.base.links import rule_page
from corvus.cli.policies.test_files import FileRun, TestRun
from corvus.diagnostics.formats.text import concise, render_each
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.xml import attribute, content
from corvus.planning.scenarios.running import CaseResult

_NAME: Final = "corvus policy test"


def report_junit(run: TestRun) -> str:
    """Return a run as JUnit XML: a suite for each file, and a test for each case."""
    suites = [_suite(file) for file in run.files]
    if run.unmatched:
        body = "".join(_problem("error", each, each.message) for each in run.unmatched)
        suites.append(_wrapped("no file", 0, 1, [f'<testcase name="no file">{body}</testcase>'], 0))
    total = len(run.results) + len(run.broken) + len(run.unmatched)
    errors = len(run.broken) + len(run.unmatched)
    head = (
        f'<testsuites name="{_NAME}" tests="{total}" failures="{run.failed}" errors="{errors}" '
        f'time="{run.seconds:.3f}">'
    )
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>"))


def _suite(file: FileRun) -> str:
    if not file.results and file.problems:
        bodies = render_each(file.problems, {file.file: file.text or ""}, colour=False)
        inside = "".join(map(_problem, ["error"] * len(bodies), file.problems, bodies))
        name = attribute(file.file)
        case = f'<testcase name="{name}" classname="{name}">{inside}</testcase>'
        return _wrapped(file.file, 0, 1, [case], 0)
    cases = [
        _case(result, failures, file)
        for result, failures in zip(file.results, file.failures, strict=True)
    ]
    failed = sum(not result.passed for result in file.results)
    seconds = sum(result.seconds for result in file.results)
    return _wrapped(file.file, failed, 0, cases, seconds)


def _wrapped(name: str, failures: int, errors: int, cases: Sequence[str], seconds: float) -> str:
    head = (
        f'<testsuite name="{attribute(name)}" tests="{len(cases)}" failures="{failures}" '
        f'errors="{errors}" skipped="0" time="{seconds:.3f}">'
    )
    return "\n".join((head, *cases, "</testsuite>"))


def _case(result: CaseResult, failures: Sequence[Diagnostic], file: FileRun) -> str:
    head = (
        f'<testcase name="{attribute(result.name)}" classname="{attribute(file.file)}" '
        f'time="{result.seconds:.3f}"'
    )
    if not failures:
        return f"{head}/>"
    bodies = render_each(failures, {file.file: file.text or ""}, colour=False)
    return (
        f"{head}>{''.join(map(_problem, ['failure'] * len(bodies), failures, bodies))}</testcase>"
    )


def _problem(tag: str, diagnostic: Diagnostic, body: str) -> str:
    message = attribute(concise([diagnostic]))
    text = content(f"{body.rstrip()}\n{rule_page(diagnostic.code)}")
    return f'<{tag} type="{attribute(diagnostic.code)}" message="{message}">{text}</{tag}>'
