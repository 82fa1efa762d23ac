"""``corvus cost tree`` says who spent what in a session (SES-3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from corvus.cli.budgets.tree import tree

NAMES = ("admitted_at", "cost_nano_usd", "session_id", "agent", "subagent", "parent_subagent")
CALLS = [
    ("2026-04-04 10:00:00", 1_000_000_000, "s", "claude-code", None, None),
    ("2026-04-04 10:00:01", 500_000_000, "s", "claude-code", "a 1", None),
    ("2026-04-04 10:00:02", 500_000_000, "s", "claude-code", "a2", "a 1"),
    ("2026-04-04 10:00:03", None, "s", None, None, None),
    ("2026-04-04 10:00:04", 9_000_000_000, "other", "claude-code", "a2", None),
]


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    calls = [dict(zip(NAMES, call, strict=True)) for call in CALLS]
    return record_calls(tmp_path / "ledger.duckdb", *calls)


def shown(ledger: Path, *words: str) -> str:
    app = typer.Typer()
    app.command("tree")(tree)
    done = CliRunner().invoke(app, ["--ledger", str(ledger), *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_each_branch_is_a_line(ledger: Path) -> None:
    lines = shown(ledger, "--session", "s").splitlines()
    assert lines[:2] == ["session=s", "cost_usd=2.0000"]
    assert lines[4:] == [
        "depth=0 agent=claude-code subagent=none requests=1 tokens=10 own_cost_usd=1.0000 "
        "cost_usd=2.0000 share_percent=100.00",
        'depth=1 agent=claude-code subagent="a 1" requests=1 tokens=10 own_cost_usd=0.5000 '
        "cost_usd=1.0000 share_percent=50.00",
        "depth=2 agent=claude-code subagent=a2 requests=1 tokens=10 own_cost_usd=0.5000 "
        "cost_usd=0.5000 share_percent=25.00",
        "depth=0 agent=none subagent=none requests=1 tokens=10 own_cost_usd=unknown "
        "cost_usd=unknown share_percent=unknown",
    ]


def test_a_person_sees_an_indented_table(ledger: Path) -> None:
    table = shown(ledger, "--session", "s", "--format", "table")
    assert "\n  a 1 " in table
    assert "\n    a2 " in table
    assert "total 2.0000 USD, 4 calls" in table
    assert "1 without a price" in table
    assert "no calls" in shown(ledger, "--session", "nobody", "--format", "table")


def test_programs_get_exact_amounts(ledger: Path) -> None:
    body = json.loads(shown(ledger, "--session", "s", "--format", "json"))
    assert (body["session_id"], body["cost_nano_usd"], body["requests"]) == ("s", "2000000000", 4)
    (third,) = [one for one in body["branches"] if one["depth"] == 2]
    assert (third["subagent"], third["parent_subagent"]) == ("a2", "a 1")
