"""A place where nothing is, such as a mistyped path, is never taken for an empty ledger."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

CONFIG = "[cost]\nenabled = true\nallow_override = true\ndaily_limit_usd = 5\n"


@pytest.mark.parametrize(
    "words",
    [
        "ledger drain",
        "ledger verify",
        "ledger archive",
        "ledger archive --home",
        "ledger backup backups",
        "ledger reclaim build-1",
        "usage export",
        "cost history",
        "cost summary",
        "cost budgets",
        "cost audit",
        "cost reset --scope day --yes",
        "cost tree --session s",
        "approve",
        "token list",
        "token revoke ci",
        "sql SELECT",
        "report by-model",
    ],
)
def test_a_missing_store_is_refused_and_nothing_is_made(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corvus.toml").write_text(CONFIG)
    with contextlib.chdir(tmp_path):
        code = main([*words.split(), "--ledger", "WRONG.duckdb"])
    told = capsys.readouterr()
    assert (code, told.out) == (Exit.LEDGER_UNAVAILABLE, "")
    assert "WRONG.duckdb" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["corvus.toml"]
