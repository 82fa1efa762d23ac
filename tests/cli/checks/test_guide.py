"""``docs/check.md`` shows what there is (DIA-2, CFG-13)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corvus.cli.main import main
from corvus.diagnostics.formats import FORMATS

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/check.md").read_text(encoding="utf-8")


def test_every_option_of_the_guide_exists(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "migrate"):
        main([command, "--help"])
    known = capsys.readouterr().out
    named = {*re.findall(r"--[a-z][a-z-]+", GUIDE)}
    assert {option for option in named if option not in known} == set()


def test_every_format_is_named() -> None:
    assert {name for name in FORMATS if f"`{name}`" not in GUIDE} == set()
