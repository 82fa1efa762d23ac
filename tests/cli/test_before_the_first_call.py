"""Before the first call there are zeros to read, as over HTTP; a misspelt ledger is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from corvus.base import errors
from corvus.cli.app import application


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "corvus.toml"
    path.write_text(
        "[cost]\nenabled = true\ndaily_limit_usd = 5\n"
        f'[governance.ledger]\npath = "{tmp_path}/l.duckdb"\n'
    )
    return path


@pytest.mark.parametrize("command", ["summary", "history"])
def test_cost_is_zero_before_the_first_call(config: Path, command: str) -> None:
    result = CliRunner().invoke(application(), ["cost", command, "--config", str(config)])
    assert result.exit_code == 0, result.output
    assert "0.0" in result.output
    assert sorted(each.name for each in config.parent.iterdir()) == ["corvus.toml"]


@pytest.mark.parametrize("command", [["cost", "summary"], ["cost", "history"], ["ledger", "drain"]])
def test_a_ledger_that_was_named_must_be_there(config: Path, command: list[str]) -> None:
    named = ["--config", str(config), "--ledger", str(config.parent / "wrong.duckdb")]
    result = CliRunner().invoke(application(), [*command, *named])
    assert isinstance(result.exception, errors.LedgerError)


def test_a_drain_before_the_first_call_has_nothing_to_do(config: Path) -> None:
    assert (
        CliRunner().invoke(application(), ["ledger", "drain", "--config", str(config)]).exit_code
        == 0
    )
