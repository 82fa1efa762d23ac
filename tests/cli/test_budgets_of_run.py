"""Whether any enforced budget can meet the calls of a run: else it is not run (CLI-4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.cli.agents.run_budgets import budgets_of_run, is_partial, known_of_run
from corvus.runtime import open_runtime

NAMED = """
[cost]
enabled = {enabled}
session_limit_usd = 0
daily_limit_usd = 0
monthly_limit_usd = 0

[[cost.budgets]]
name = "own"
period = "{period}"
limit_usd = {limit}
match = {{ {match} }}
"""


def reached(
    folder: Path,
    match: str = "",
    *,
    enabled: str = "true",
    period: str = "week",
    limit: str = "5",
    in_mission: bool = False,
    project: str | None = None,
) -> list[bool]:
    """Return for each budget that can meet a call of ``corvus code`` whether it is partial."""
    config = folder / "corvus.toml"
    config.write_text(NAMED.format(enabled=enabled, period=period, limit=limit, match=match))
    policy = open_runtime([config]).policy
    providers = {"openai", "anthropic"}
    known = known_of_run("cli-code", project=project, branch="fix/login", tags=[("a", "b")])
    found = budgets_of_run(policy, known, providers, in_mission=in_mission)
    return [is_partial(one) for one in found]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("", [False]),
        ('surface = "cli-*"', [False]),
        ('surface = "proxy"', []),
        ('project = "*"', []),
        ('user = "ana"', []),
        ('agent = "*"', [True]),
        ('subagent = "a*"', [True]),
        ('"tag.team" = "search"', [True]),
        ('branch = "fix/*"', [False]),
        ('branch = ["main", "release-*"]', []),
        ('token = "*"', []),
        ('"tag.a" = "c"', []),
        ('model = "claude-*"', [True]),
        ('provider = "open*"', [True]),
        ('provider = "mistral"', []),
        ('model = "*", surface = "cli-agent"', []),
    ],
)
def test_only_what_can_match_a_call_of_the_run_limits_it(
    tmp_path: Path, match: str, expected: list[bool]
) -> None:
    assert reached(tmp_path, match) == expected


def test_the_project_of_a_run_decides_as_that_of_a_call_does(tmp_path: Path) -> None:
    assert reached(tmp_path, 'project = "search"', project="search") == [False]
    assert reached(tmp_path, 'project = "s*"', project="shop") == [False]
    assert reached(tmp_path, 'project = "search"', project="shop") == []


def test_a_limit_of_0_and_governance_that_is_off_limit_nothing(tmp_path: Path) -> None:
    assert reached(tmp_path, limit="0") == []
    assert reached(tmp_path, enabled="false") == []


def test_a_budget_of_missions_limits_only_a_mission(tmp_path: Path) -> None:
    assert reached(tmp_path, period="mission") == []
    assert reached(tmp_path, period="mission", in_mission=True) == [False]
