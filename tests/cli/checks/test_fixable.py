"""How many findings have a fix, in one line."""

from __future__ import annotations

import pytest

from corvus.cli.checks.fixable import fixable
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic, Fix


def found(fix: Fix | None) -> Diagnostic:
    return Diagnostic(
        code="unknown-key", severity=Severity.ERROR, message="m", file="f", span=None, fix=fix
    )


@pytest.mark.parametrize(
    ("safe", "unsafe", "line"),
    [
        (0, 0, ""),
        (1, 0, "1 fixable with `--fix`"),
        (0, 2, "2 fixable with `--fix --unsafe-fixes`"),
        (1, 2, "1 fixable with `--fix` (2 more with `--unsafe-fixes`)"),
    ],
)
def test_safe_fixes_come_first(safe: int, unsafe: int, line: str) -> None:
    fixes = [*[True] * safe, *[False] * unsafe]
    with_fix = [found(Fix(description="t", edits=(), is_safe=is_safe)) for is_safe in fixes]
    assert fixable([found(None), *with_fix]) == line
