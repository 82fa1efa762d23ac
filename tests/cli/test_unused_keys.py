"""A key that is accepted and has no effect yet is named, never ignored in silence (CFG-11)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

CONFIG = """
[governance.ledger]
url = "postgresql://corvus:secret@db/budgets"
path = "own.duckdb"
"""
LINE = {
    "timestamp": "2026-11-17T10:00:00Z", "model": "claude-haiku-4-5", "input_tokens": 1,
    "output_tokens": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["usage", "import", "calls.jsonl"],
        ["cost", "summary"],
        ["cost", "history"],
        ["report", "by-model", "--format", "json"],
    ],
)
def test_every_command_that_opens_the_ledger_says_once_that_the_url_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "calls.jsonl").write_text(json.dumps(LINE))
    (tmp_path / "corvus.toml").write_text(CONFIG.replace('url = "', '# url = "'))
    assert main(["usage", "import", "calls.jsonl"]) == Exit.CLEAN
    assert "warning" not in capsys.readouterr().err
    (tmp_path / "corvus.toml").write_text(CONFIG)
    assert main(words) == Exit.CLEAN
    told = capsys.readouterr()
    warning = "warning: governance.ledger.url is not used yet; usage goes to own.duckdb\n"
    assert told.err.count(warning) == 1
    assert "warning" not in told.out
    assert "secret" not in told.err + told.out
