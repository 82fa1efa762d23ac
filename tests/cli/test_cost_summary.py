"""``corvus cost summary``: every budget, the governing one, and what is unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

CONFIG = """
[cost]
enabled = true
session_limit_usd = 2
daily_limit_usd = 4
monthly_limit_usd = 0
warn_at_percent = 75

[[cost.budgets]]
name = "opus-week"
period = "week"
limit_usd = 3
match = { model = "claude-opus-*" }

[[cost.budgets]]
name = "team"
period = "total"
limit_usd = 1000

[mission]
enabled = true
max_estimated_cost_cents = 250

[governance.ledger]
path = "state/usage.duckdb"
"""
# Monday is the 16th. On Wednesday the 18th: session a 1.5 + 0.25 USD, session b 1.5 USD and a call
# without a price. Before: 1.5 USD of opus on Monday, 0.5 on Sunday the 15th, 7 last month.
CALLS = [
    ("2026-10-31 23:59:59", "claude-opus-4-5", "old", 7_000_000_000),
    ("2026-11-15 23:59:59", "claude-opus-4-5", "old", 500_000_000),
    ("2026-11-16 00:00:00", "claude-opus-4-5", "old", 1_500_000_000),
    ("2026-11-18 09:00:00", "claude-haiku-4-5", "a", 1_500_000_000),
    ("2026-11-18 09:30:00", "claude-opus-4-5", "a", 250_000_000),
    ("2026-11-18 10:00:00", "claude-haiku-4-5", "b", 1_500_000_000),
    ("2026-11-18 11:00:00", "nimbus-1", "b", None),
]
NOW = "2026-11-18T12:00:00Z"


@pytest.fixture
def config(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    folder = tmp_path / "team"
    folder.mkdir()
    path = folder / "corvus.toml"
    path.write_text(CONFIG)
    names = ("admitted_at", "requested_model", "session_id", "cost_nano_usd")
    calls = [dict(zip(names, call, strict=True)) for call in CALLS]
    usual = {"provider": "anthropic", "input_tokens": 100, "output_tokens": 20}
    record_calls(folder / "state" / "usage.duckdb", *(usual | call for call in calls))
    return path


def summary(config: Path, *words: str) -> int:
    return main(["cost", "summary", "--config", str(config), "--as-of", NOW, *words])


def test_lines_are_the_upstreams_in_its_order_then_ours(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summary(config, "--session", "a") == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    policy_hash = lines.pop(20)
    assert policy_hash.startswith("policy_hash=sha256:")
    assert lines == [
        "session_id=a",
        "budget_state=warning",
        # 1.75 of 2 is 87.5 %; 3.25 of 4 is 81.25 %
        "active_period=session",
        "active_scope=session",
        "session_cost_usd=1.7500",
        "daily_cost_usd=3.2500",
        "monthly_cost_usd=5.2500",
        "request_count=2",
        "total_tokens=240",
        "percent_used_session=87.50",
        "percent_used_daily=81.25",
        "percent_used_monthly=0.00",
        "cost_enabled=true",
        "session_limit_usd=2.0000",
        "daily_limit_usd=4.0000",
        "monthly_limit_usd=0.0000",
        "warn_at_percent=75",
        "allow_override=false",
        "unpriced_calls=0",
        "deprecated_fields=none",
        "budget=session state=warning spent_usd=1.7500 held_usd=0.0000 limit_usd=2.0000 "
        "percent_used=87.50 calls=2 unpriced_calls=0 resets_at=none",
        "budget=day state=warning spent_usd=3.2500 held_usd=0.0000 limit_usd=4.0000 "
        "percent_used=81.25 calls=4 unpriced_calls=1 resets_at=2026-11-19T00:00:00+00:00",
        "budget=month state=allowed spent_usd=5.2500 held_usd=0.0000 limit_usd=0.0000 "
        "percent_used=0.00 calls=6 unpriced_calls=1 resets_at=2026-12-01T00:00:00+00:00",
        "budget=mission state=allowed spent_usd=0.0000 held_usd=0.0000 limit_usd=2.5000 "
        "percent_used=0.00 calls=0 unpriced_calls=0 resets_at=none",
        # opus since Monday: 1.5 + 0.25
        "budget=opus-week state=allowed spent_usd=1.7500 held_usd=0.0000 limit_usd=3.0000 "
        "percent_used=58.33 calls=2 unpriced_calls=0 resets_at=2026-11-23T00:00:00+00:00",
        "budget=team state=allowed spent_usd=12.2500 held_usd=0.0000 limit_usd=1000.0000 "
        "percent_used=1.23 calls=7 unpriced_calls=1 resets_at=none",
        # of November: 1 of 6 calls has no price
        "month_low_usd=5.2500",
        "month_high_usd=unknown",
        "month_unknown_calls=1",
        "month_at_least_calls=0",
        "month_estimated_calls=0",
    ]


def test_json_carries_exact_amounts_and_the_governing_budget_first(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summary(config, "--format", "json") == Exit.CLEAN
    told = json.loads(capsys.readouterr().out)
    assert (told["budget_state"], told["governing"], told["session_id"]) == ("warning", "day", None)
    assert [budget["name"] for budget in told["budgets"][:2]] == ["day", "opus-week"]
    assert told["budgets"][0]["spent_nano_usd"] == "3250000000"
    assert told["budgets"][0]["config_key"] == "cost.daily_limit_usd"
    assert (told["request_count"], told["unpriced_calls"]) == (6, 1)


def test_a_table_names_the_governing_key_the_latest_session_and_unknown_cost(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summary(config, "--format", "table") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "governed by day, set by cost.daily_limit_usd" in shown
    assert "the latest is --session b" in shown
    assert "1 of 4 calls have no price" in shown
    (row,) = [line for line in shown.splitlines() if line.startswith("day ")]
    assert row.split() == ["day", "▲", "warning", "81.2", "%", "$3.2500", "$4.00", "4", "in", "12",
                           "h", "█" * 8 + "░" * 2]  # fmt: skip
    (month,) = [line for line in shown.splitlines() if line.startswith("month ")]
    assert month.split()[1] == "off"
    assert max(map(len, shown.splitlines()[1:])) <= 80


@pytest.mark.parametrize(
    ("variables", "heading"),
    [
        ({"LANG": "es_ES.UTF-8"}, "presupuestos de "),
        ({"LC_ALL": "es_MX", "LANG": "en_US.UTF-8"}, "presupuestos de "),
        ({"LC_ALL": "C", "LANG": "es_ES.UTF-8"}, "budgets of "),
        ({"LC_MESSAGES": "en_GB", "LANG": "es_ES.UTF-8"}, "budgets of "),
        ({}, "budgets of "),
    ],
)
def test_a_person_is_told_in_their_language(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    heading: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert summary(config, "--format", "table") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert shown.startswith(heading)
    if heading == "presupuestos de ":
        assert "rige day, fijado por cost.daily_limit_usd" in shown
        assert "1 de 4 llamadas no tienen precio" in shown
        (row,) = [line for line in shown.splitlines() if line.startswith("day ")]
        assert row.split()[1:3] == ["▲", "aviso"]
    assert summary(config, "--format", "kv") == Exit.CLEAN
    assert "budget_state=warning" in capsys.readouterr().out


def test_a_narrow_terminal_stacks_the_budgets_and_cuts_nothing_off(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert summary(config, "--format", "table") == Exit.CLEAN
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    at = lines.index("day")
    assert lines[at + 1 : at + 7] == [
        "  state   ▲ warning", "  used    81.2 %", "  spent   $3.2500", "  limit   $4.00",
        "  calls   4", "  resets  in 12 h",
    ]  # fmt: skip
    assert max(map(len, lines[1:])) <= 40


def test_a_call_without_a_price_is_told_whatever_session_is_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summary(config, "--session", "a", "--format", "table") == Exit.CLEAN
    assert "1 of 4 calls have no price" in capsys.readouterr().out


def test_disabled_governance_shows_spend_and_governs_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.replace("enabled = true\nsession", "enabled = false\nsession"))
    assert summary(config) == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert {"budget_state=allowed", "active_scope=none", "daily_cost_usd=3.2500"} <= set(lines)


def test_the_session_may_come_from_the_environment(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORVUS_SESSION_ID", "b")
    assert summary(config) == Exit.CLEAN
    assert "session_cost_usd=1.5000" in capsys.readouterr().out


def test_a_named_ledger_that_is_not_there_is_told_and_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "corvus.toml"
    path.write_text("[cost]\nenabled = true\n")
    assert summary(path, "--ledger", str(tmp_path / "wrong.duckdb")) == Exit.LEDGER_UNAVAILABLE
    told = capsys.readouterr().err
    assert "there is no ledger at" in told
    assert "corvus usage import" in told


def test_a_config_with_errors_is_told_with_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "corvus.toml"
    path.write_text("[cost]\nenabld = true\nwarn_at_percent = 101\n")
    assert summary(path) == Exit.USAGE
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[0].partition(": ")[2] for line in told[:2]] == [
        "error[unknown-key",
        "error[out-of-range",
    ]
    assert told[-1].startswith("error[config-error]: cannot use")


@pytest.mark.parametrize("as_of", ["yesterdayish", "2026-13-01"])
def test_a_wrong_instant_is_a_usage_error(
    config: Path, as_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["cost", "summary", "--config", str(config), "--as-of", as_of]
    assert main(words) == Exit.USAGE
    assert "is not a time" in capsys.readouterr().err
