"""``corvus pr``: what a branch cost, for a person, a program and a comment (PLN-3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from corvus import Usage
from corvus.base.money import NanoUSD
from corvus.cli.everyday.pr import code
from corvus.cli.exits import Exit
from tests.cli.places import Place

CONFIG = """
[cost]
enabled = true
session_limit_usd = 0
daily_limit_usd = 0
monthly_limit_usd = 0

[[cost.budgets]]
name = "each-branch"
period = "total"
limit_usd = 40
per = ["branch"]
"""
HOSTILE = "feat|`@team`"


@pytest.fixture
def branches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Calls for two branches; nothing is checked out here."""
    for name in ("GITHUB_HEAD_REF", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CORVUS_PULL_REQUEST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path)
    place.config.write_text(CONFIG)
    with place.governor() as governor:
        for branch, session, cents, cached in (
            ("feat/x", "a", 2000, 300),
            ("feat/x", "b", 350, 0),
            (HOSTILE, "c", 10, 0),
        ):
            held = governor.request("big", session_id=session, branch=branch, estimate_usd=5)
            reservation = governor.reserve(held).reservation
            assert reservation is not None
            usage = Usage(input_tokens=100, output_tokens=5, cache_read_tokens=cached)
            governor.commit(reservation, usage, cost_nano_usd=NanoUSD(cents * 10_000_000))
    return place


def test_a_person_reads_cost_sessions_models_cache_and_what_is_left(
    branches: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert branches.run("pr", "--branch", "feat/x") == Exit.CLEAN
    said = " ".join(capsys.readouterr().out.split())
    assert "feat/x cost $23.50 so far: 2 calls, 2 sessions, 60 % of the input from cache." in said
    assert "$23.50 big 2 calls, 60 % from cache" in said
    assert "budget each-branch: $16.50 left of $40.00" in said


def test_a_program_reads_exact_figures(branches: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert branches.run("pr", "--branch", "feat/x", "--format", "json") == Exit.CLEAN
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["cost_usd"], told["calls"], told["sessions"]) == ("23.5000", 2, 2)
    assert told["cache_percent"] == 60.0
    assert [(one["model"], one["cost_usd"]) for one in told["models"]] == [("big", "23.5000")]
    assert [(one["budget"], one["left"]) for one in told["budgets"]] == [("each-branch", "16.5000")]


def test_a_comment_begins_with_its_mark_and_mentions_nobody(
    branches: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert branches.run("pr", "--branch", HOSTILE, "--format", "markdown") == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "<!-- corvus pr -->",
        "### What this branch cost",
        "",
        "`feat¦'@team'` cost **$0.10** so far: 1 call, 1 session, 0 % of the input from cache.",
        "",
        "| model | cost | share | calls | from cache |",
        "|---|---:|---:|---:|---:|",
        "| `big` | $0.10 | 100 % | 1 | 0 % |",
        "",
        "Budget `each-branch`: $39.90 left of $40.00.",
    ]
    assert code("a\nb") == "`a b`"


def test_the_branch_comes_from_ci_and_the_base_is_none(
    branches: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert branches.run("pr") == Exit.USAGE
    assert "no branch is checked out here" in capsys.readouterr().err
    monkeypatch.setenv("GITHUB_HEAD_REF", "feat/x")
    assert branches.run("pr") == Exit.CLEAN
    assert "feat/x cost $23.50" in capsys.readouterr().out
    assert branches.run("pr", "--base", "feat/x") == Exit.USAGE
    assert "is the base itself" in capsys.readouterr().err
    assert branches.run("pr", "--branch", "other") == Exit.CLEAN
    assert "No call for other is recorded here." in capsys.readouterr().out
