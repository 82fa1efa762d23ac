"""The planted files of the comparison: 13 mistakes each, and corvus tells each once at its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corvus.config.check.check import check_paths

FILES = sorted((Path(__file__).parents[3] / "benchmarks/config/mistakes").glob("*.toml"))


def test_there_are_three_files() -> None:
    assert len(FILES) == 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_thirteen_mistakes_give_thirteen_messages(path: Path) -> None:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    planted = [number for number, line in lines if re.search(r"# \d+ \S+", line)]
    found = [one.span.start.line for one in check_paths([str(path)]).diagnostics if one.span]
    assert len(planted) == 13
    assert found == planted
