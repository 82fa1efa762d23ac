"""``corvus policy show``: what a config compiles to, and the hash that names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.prices.lookup import PriceBooks

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 12.5

[cost.prices."acme/house"]
input = 0.4
output = 1.6
effective_from = 2026-11-01

[[cost.budgets]]
name = "night"
period = "day"
limit_usd = 0.000000001
timezone = "Europe/Madrid"
match = { user = "ana*" }

[autonomy]
max_cost_per_day_cents = 500
"""


def show(tmp_path: Path, text: str, *words: str) -> int:
    path = tmp_path / "corvus.toml"
    path.write_text(text)
    return main(["policy", "show", *words])


def test_the_config_of_the_folder_is_found_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(tmp_path, CONFIG) == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "config=corvus.toml"
    assert "own_prices=1" in lines
    assert "max_actions_per_hour=500" in lines  # DEP-2: the number stands in unchanged
    assert "deprecated_fields=autonomy.max_cost_per_day_cents" in lines
    assert lines[-2] == (
        "budget=night period=day limit_usd=0.000000001 warn_at_percent=80 match=user:ana* "
        "timezone=Europe/Madrid key=cost.budgets[0].limit_usd thresholds=80 per=none "
        "window_seconds=0 enforce=block on_exceeded=cap,wait"
    )
    assert lines[-1] == (
        "price=acme/house input_usd_per_million=0.4000 output_usd_per_million=1.6000 "
        "reasoning_usd_per_million=1.6000 effective_from=2026-11-01 source=none"
    )


@pytest.mark.parametrize("shape", ["table", "kv", "json"])
def test_every_form_names_the_policy_hash_and_the_price_book(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: str
) -> None:
    assert show(tmp_path, CONFIG, "--format", shape) == Exit.CLEAN
    told = capsys.readouterr().out
    assert "policy_hash" in told
    assert "content_hash" not in told
    assert PriceBooks().bundled_version in told
    assert PriceBooks().bundled_sha256 in told
    assert "acme/house" in told


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_the_table_cuts_nothing_off_at_any_width(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert show(tmp_path, CONFIG, "--format", "table") == Exit.CLEAN
    told = capsys.readouterr().out
    assert "…" not in told
    for text in ("cost.session_limit_usd", "user=ana*", "$0.000000001", "2026-11-01", "1.60"):
        assert text in told


def test_json_carries_exact_amounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(tmp_path, CONFIG, "--format", "json") == Exit.CLEAN
    told = json.loads(capsys.readouterr().out)
    assert [budget["name"] for budget in told["budgets"]] == ["session", "day", "month", "night"]
    assert told["budgets"][3]["limit_nano_usd"] == "1"
    assert told["prices"] == [
        {
            "entry": "user:acme/house@2026-11-01",
            "effective_from": "2026-11-01",
            "usd_per_million": {"input": "0.4", "output": "1.6", "reasoning": "1.6"},
            "usd_per_use": {},
            "tiers": [],
            "hours": [],
            "provider": "acme",
            "model": "house",
            "book": "user",
            "aliases": [],
            "source": None,
        }
    ]  # fmt: skip
    assert told["policy_hash"].startswith("sha256:")


def test_the_hash_names_what_is_enforced_and_not_how_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def policy_hash(text: str) -> str:
        assert show(tmp_path, text, "--format", "json") == Exit.CLEAN
        return str(json.loads(capsys.readouterr().out)["policy_hash"])

    plain = policy_hash("[cost]\nenabled = true\ndaily_limit_usd = 25\n")
    assert policy_hash("# x\ncost = { daily_limit_usd = 25.00, enabled = true }\n") == plain
    assert policy_hash("[cost]\nenabled = true\ndaily_limit_usd = 26\n") != plain


def test_without_any_config_the_defaults_are_said_to_apply(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["policy", "show"]) == Exit.CLEAN
    assert capsys.readouterr().out.startswith("config=defaults (no corvus.toml")


def test_a_table_says_what_zero_and_disabled_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(tmp_path, "[cost]\nsession_limit_usd = 0\n", "--format", "table") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "cost.enabled = false, nothing is enforced" in shown
    (session,) = [line for line in shown.splitlines() if "session" in line]
    assert "off" in session


def test_a_config_named_by_the_environment_must_exist(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORVUS_CONFIG", "nowhere.toml")
    assert main(["policy", "show"]) == Exit.USAGE
    assert "file-missing" in capsys.readouterr().err


def test_prices_that_clash_are_refused_with_the_file_and_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """PRC-4."""
    text = '[cost.prices]\n"gpt-4o" = {input = 1, output = 1}\n'
    text += '"openai/gpt-4o" = {input = 1, output = 2}\n'
    assert show(tmp_path, text) == Exit.USAGE
    reason = '[cost.prices."gpt-4o"] and [cost.prices."openai/gpt-4o"] mean the same model'
    told = capsys.readouterr().err
    assert told.startswith(f"error[config-error]: cannot use corvus.toml: {reason}")


def test_a_malformed_glob_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CFG-10."""
    text = '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nmatch = {model = "a["}\n'
    assert show(tmp_path, text) == Exit.USAGE
    assert "corvus.toml:5:18: error[invalid-value]" in capsys.readouterr().err
