"""``corvus cost history`` keeps the upstream's lines (CLI-2); bad windows are refused first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from corvus.base.errors import LedgerError, ReportParameterInvalid
from corvus.cli.cost import history

# UP-V16: 1.25, 2.0 + 0.5, and 3.25 USD on three days; sessions added.
CALLS = [
    ("2026-04-04 10:00:00", 1_250_000_000, "s 1", None),
    ("2026-04-05 10:00:00", 2_000_000_000, "s 1", "fix"),
    ("2026-04-05 11:00:00", 500_000_000, "s2", "fix"),
    ("2026-04-06 10:00:00", 3_250_000_000, None, None),
    ("2026-04-06 11:00:00", None, None, None),
]


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    names = ("admitted_at", "cost_nano_usd", "session_id", "mission_id")
    calls = [dict(zip(names, call, strict=True)) for call in CALLS]
    return record_calls(tmp_path / "ledger.duckdb", *calls)


def cost_history(*words: object) -> Result:
    app = typer.Typer()
    app.command("history")(history)
    now = ["--as-of", "2026-04-06T12:00:00Z"]
    return CliRunner().invoke(app, [*(str(word) for word in words), *now])


def buckets(result: Result) -> list[str]:
    """Return the lines of a table that show a bucket."""
    return [line for line in result.output.splitlines() if line.startswith("2026-")]


def test_days_are_the_upstreams_lines_in_its_order(ledger: Path) -> None:
    assert cost_history("--window", 3, "--ledger", ledger).output.splitlines() == [
        "period=day",
        "points=3",
        "total_cost_usd=7.0000",
        "total_tokens=50",
        "total_requests=5",
        "bucket=2026-04-04 cost_usd=1.2500 tokens=10 requests=1 unpriced_calls=0",
        "bucket=2026-04-05 cost_usd=2.5000 tokens=20 requests=2 unpriced_calls=0",
        "bucket=2026-04-06 cost_usd=3.2500 tokens=20 requests=2 unpriced_calls=1",
    ]


def test_a_table_names_the_zone_of_its_days(ledger: Path) -> None:
    words = ["--zone", "America/New_York", "--format", "table", "--ledger", ledger]
    assert cost_history(*words).output.startswith("Spend by day (America/New_York)\n")


def test_months_are_zero_filled(ledger: Path) -> None:
    words = ["--period", "month", "--window", 2, "--ledger", ledger]
    assert cost_history(*words).output.splitlines()[5:] == [
        "bucket=2026-03 cost_usd=0.0000 tokens=0 requests=0 unpriced_calls=0",
        "bucket=2026-04 cost_usd=7.0000 tokens=50 requests=5 unpriced_calls=1",
    ]


def test_default_window_is_30_days_as_upstream(ledger: Path) -> None:
    assert "points=30" in cost_history("--ledger", ledger).output


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_table_starts_at_the_first_bucket_with_a_call_unless_a_window_is_asked_for(
    ledger: Path, period: str
) -> None:
    words = ["--period", period, "--format", "table", "--ledger", ledger]
    first = {"day": "2026-04-04", "month": "2026-04"}[period]
    assert buckets(cost_history(*words))[0].startswith(f"{first} ")
    assert cost_history(*words, "--window", 30).output.count("0.0000") > 25


def test_a_table_keeps_the_empty_days_between_two_calls(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    days = [{"admitted_at": f"2026-04-0{day} 10:00:00", "cost_nano_usd": 10**9} for day in (2, 5)]
    path = record_calls(tmp_path / "gap.duckdb", *days)
    result = cost_history("--format", "table", "--ledger", path)
    assert [line[:18] for line in buckets(result)] == [
        "2026-04-02  1.0000", "2026-04-03  0.0000", "2026-04-04  0.0000", "2026-04-05  1.0000",
        "2026-04-06  0.0000",
    ]  # fmt: skip


def test_a_table_without_any_call_shows_the_present_bucket(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    path = record_calls(tmp_path / "empty.duckdb")
    result = cost_history("--format", "table", "--ledger", path)
    assert [line[:18] for line in buckets(result)] == ["2026-04-06  0.0000"]
    assert result.output.endswith("total 0.0000 USD, 0 calls\n")


def test_sessions_are_answered_and_a_name_with_a_space_is_quoted(ledger: Path) -> None:
    lines = cost_history("--period", "session", "--ledger", ledger).output.splitlines()
    assert lines[:3] == ["period=session", "points=3", "total_cost_usd=7.0000"]
    assert lines[5:] == [
        'bucket="s 1" cost_usd=3.2500 tokens=20 requests=2 unpriced_calls=0',
        "bucket=s2 cost_usd=0.5000 tokens=10 requests=1 unpriced_calls=0",
        "bucket=none cost_usd=3.2500 tokens=20 requests=2 unpriced_calls=1",
    ]


def test_missions_of_two_sessions_are_told_apart(ledger: Path) -> None:
    lines = cost_history("--period", "mission", "--ledger", ledger).output.splitlines()
    assert lines[5:] == [
        "bucket=none cost_usd=4.5000 tokens=30 requests=3 unpriced_calls=1",
        'bucket=fix cost_usd=2.0000 tokens=10 requests=1 unpriced_calls=0 session_id="s 1"',
        "bucket=fix cost_usd=0.5000 tokens=10 requests=1 unpriced_calls=0 session_id=s2",
    ]


def test_json_carries_readable_and_exact_amounts(ledger: Path) -> None:
    words = ["--window", 1, "--format", "json", "--ledger", ledger]
    assert json.loads(cost_history(*words).output) == {
        "period": "day",
        "points": 1,
        "total_cost_usd": 3.25,
        "total_cost_nano_usd": "3250000000",
        "total_tokens": 20,
        "total_requests": 2,
        "total_unpriced_calls": 1,
        "buckets": [
            {
                "bucket": "2026-04-06",
                "cost_usd": 3.25,
                "cost_nano_usd": "3250000000",
                "tokens": 20,
                "requests": 2,
                "unpriced_calls": 1,
            }
        ],
    }


def test_cost_of_calls_that_all_lack_a_price_is_unknown_and_not_0(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    path = record_calls(tmp_path / "unpriced.duckdb", {"admitted_at": "2026-04-06 10:00:00"})
    lines = cost_history("--window", 1, "--ledger", path).output.splitlines()
    assert lines[2] == "total_cost_usd=unknown"
    assert lines[5].startswith("bucket=2026-04-06 cost_usd=unknown tokens=10 requests=1")
    body = json.loads(cost_history("--window", 1, "--format", "json", "--ledger", path).output)
    assert body["total_cost_usd"] is None
    assert body["buckets"][0]["cost_nano_usd"] is None


def test_table_draws_a_bar_for_each_bucket_unless_told_not_to(ledger: Path) -> None:
    words = ["--window", 3, "--format", "table", "--ledger", ledger]
    drawn, plain = cost_history(*words).output, cost_history(*words, "--no-chart").output
    assert [line.count("█") > 2 for line in drawn.splitlines()[3:6]] == [True] * 3
    assert "█" not in plain
    for text in (drawn, plain):
        assert "total 7.0000 USD, 5 calls" in text
        assert "1 of the calls has no price" in text


@pytest.mark.parametrize(
    ("period", "window", "message"),
    [
        ("day", 0, "must be greater than zero, got 0"),
        ("day", -1, "must be greater than zero, got -1"),
        ("day", 367, "too large, got 367 (--period day: 1..=366)"),
        ("month", 0, "must be greater than zero, got 0"),
        ("month", 61, "too large, got 61 (--period month: 1..=60)"),
        ("session", 1001, "too large"),
        ("mission", 0, "greater than zero"),
    ],
)
def test_window_out_of_range_is_refused_before_any_work(
    tmp_path: Path, period: str, window: int, message: str
) -> None:
    """UP-V17, UP-HIS-1: the ledger is not even looked for."""
    words = ["--period", period, "--window", window, "--ledger", tmp_path / "absent.duckdb"]
    refusal = cost_history(*words).exception
    assert isinstance(refusal, ReportParameterInvalid)
    assert message in str(refusal)


@pytest.mark.parametrize(("period", "window"), [("day", 366), ("month", 60), ("day", 1)])
def test_largest_windows_are_answered(ledger: Path, period: str, window: int) -> None:
    words = ["--period", period, "--window", window, "--ledger", ledger]
    assert f"points={window}" in cost_history(*words).output


def test_missing_ledger_says_what_to_type(tmp_path: Path) -> None:
    refusal = cost_history("--ledger", tmp_path / "absent.duckdb").exception
    assert isinstance(refusal, LedgerError)
    assert "corvus usage import" in str(refusal)
