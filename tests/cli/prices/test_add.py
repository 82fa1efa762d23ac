"""``corvus prices add``: a price in the config, and nothing else of it changed (PRC-10)."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.usage import TokenKind

Capture = pytest.CaptureFixture[str]
CONFIG = '# ours\n[cost]\nenabled = true # on\n\n[cost.prices."acme/old"]\ninput = 1\noutput = 2\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)
    return path


def prices(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(), parse_float=Decimal)["cost"]["prices"]


def test_a_price_is_added_and_every_other_byte_stays(config: Path) -> None:
    assert main(["prices", "add", "acme/new", "--input", "0.4", "--output", "1.6"]) == Exit.CLEAN
    assert config.read_text().startswith(CONFIG)
    assert prices(config)["acme/new"] == {"input": Decimal("0.4"), "output": Decimal("1.6")}


def test_every_kind_has_an_option(config: Path) -> None:
    words = [
        word for kind in TokenKind for word in (f"--{kind.value.replace('_', '-')}", "0.000000001")
    ]
    assert main(["prices", "add", "m", *words]) == Exit.CLEAN
    assert {*prices(config)["m"]} == {kind.value for kind in TokenKind}


def test_tiers_aliases_day_and_source_can_be_stated(config: Path) -> None:
    words = ["--input", "1", "--output", "2", "--alias", "a", "--alias", "b/c"]
    words += ["--tier", "200000:input=2,output=4", "--tier", "500000:input=3, output=6"]
    words += ["--from", "2026-11-01", "--source", 'the "list"\nof today']
    assert main(["prices", "add", "m", *words]) == Exit.CLEAN
    price = prices(config)["m"]
    assert price["aliases"] == ["a", "b/c"]
    assert [tier["above_tokens"] for tier in price["tiers"]] == [200_000, 500_000]
    assert price["source"] == 'the "list"\nof today'
    assert str(price["effective_from"]) == "2026-11-01"


def test_a_model_that_has_a_price_is_refused_with_what_to_do(config: Path, capsys: Capture) -> None:
    assert main(["prices", "add", "acme/old", "--input", "5", "--output", "5"]) == Exit.USAGE
    assert config.read_text() == CONFIG
    assert "corvus config set 'cost.prices.\"acme/old\"'.input" in capsys.readouterr().err


def test_a_dry_run_prints_the_diff_and_writes_nothing(config: Path, capsys: Capture) -> None:
    words = ["--input", "1", "--output", "2", "--dry-run"]
    assert main(["prices", "add", "m", *words]) == Exit.CLEAN
    assert "+[cost.prices.m]" in capsys.readouterr().out
    assert config.read_text() == CONFIG


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--input", "1"], "--output"),
        (["--input", "1", "--output", "-2"], "out-of-range"),
        (["--input", "1", "--output", "NaN"], "--output"),
        (["--input", "1", "--output", "2 \nx = 3"], "--output"),
        (["--input", "1", "--output", "0.0000000001"], "too-many-decimals"),
        (["--input", "1", "--output", "2", "--web-search", "1001"], "out-of-range"),
        (["--input", "1", "--output", "2", "--from", "2026-13-01"], "--from"),
        (["--input", "1", "--output", "2", "--tier", "input=2"], "--tier"),
        (["--input", "1", "--output", "2", "--tier", "9:input=2"], "missing-key"),
        (["--input", "1", "--output", "2", "--tier", "9:input=2,output=3,inptu=4"], "unknown-key"),
        (["--input", "1", "--output", "2", "--alias", "a", "--alias", "a"], "duplicate-item"),
        (["--input", "1", "--output", "3", "--alias", "acme/old"], "ambiguous-price"),
    ],
)
def test_what_cannot_be_a_price_is_refused_and_nothing_is_written(
    words: list[str], said: str, config: Path, capsys: Capture
) -> None:
    assert main(["prices", "add", "m", *words]) == Exit.USAGE
    assert said in capsys.readouterr().err
    assert config.read_text() == CONFIG


@pytest.mark.parametrize("name", ['a"b', "a.b", "a b", "ünï", "[x]", "it's", "a\\b"])
def test_a_name_is_quoted_as_toml_needs(name: str, config: Path) -> None:
    assert main(["prices", "add", name, "--input", "1", "--output", "2"]) == Exit.CLEAN
    assert name in prices(config)


def test_without_a_config_there_is_nothing_to_add_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["prices", "add", "m", "--input", "1", "--output", "2"]) == Exit.USAGE
    assert "corvus init" in capsys.readouterr().err
