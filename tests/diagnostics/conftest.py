"""Findings made from a text, and reports of them, without a file or a command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from corvus.cli.check_outputs import outcome_of
from corvus.config.check.check import Options, check_paths
from corvus.diagnostics.outcome import Outcome

Check = Callable[..., Outcome]


def checked(text: str | bytes, name: str = "corvus.toml", **changes: object) -> Outcome:
    raw = text.encode() if isinstance(text, str) else text
    run = check_paths(["-"], Options(stdin=lambda: raw, stdin_name=name))
    failing = ("error",)
    fails = any(diagnostic.is_error for diagnostic in run.diagnostics)
    outcome = outcome_of(run, failing=failing, exit_code=int(fails))
    return outcome._replace(root="/repo", folder="/repo")._replace(**changes)


@pytest.fixture
def check() -> Check:
    """Check a text and return what renderers get; paths start at ``/repo``."""
    return checked
