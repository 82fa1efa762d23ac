"""``docs/prices.md`` shows what there is: its commands run, its keys are all (PRC-10)."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.config.check.check import check_text
from corvus.config.model.price_table import PriceSettings, TierSettings

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/prices.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines()
]
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


def test_every_command_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corvus.toml").write_text("[cost]\nenabled = true\n")
    assert COMMANDS
    for command in COMMANDS:
        name, *words = shlex.split(command)
        assert name == "corvus"
        assert main(words) == Exit.CLEAN, capsys.readouterr().err


def test_every_example_is_clean_but_for_the_book_that_is_not_there() -> None:
    for text in EXAMPLES:
        found = check_text(text.encode(), "corvus.toml").diagnostics
        assert {one.code for one in found} <= {"pinned-book"}


def test_every_key_of_a_price_is_explained() -> None:
    keys = {*PriceSettings.model_fields, *TierSettings.model_fields}
    assert {key for key in keys if f"`{key}`" not in GUIDE} == set()
