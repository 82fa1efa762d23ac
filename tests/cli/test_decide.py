"""``corvus policy decide`` (ACT-3)."""

from __future__ import annotations

import json
import subprocess

import pytest

from corvus.cli.exits import Exit
from tests.cli.places import Place

DECIDE = ("policy", "decide")


@pytest.mark.parametrize(
    ("words", "verdict", "code"),
    [
        (["--command", "git status"], "allow", Exit.CLEAN),
        (["--command", "git push"], "needs_approval", Exit.DENIED_ACTION),
        (["--command", "git push", "--approved"], "allow", Exit.CLEAN),
        (["--command", "git status; rm x"], "deny", Exit.DENIED_ACTION),
        (["--command", "rm x", "--approved"], "deny", Exit.DENIED_ACTION),
        (["--tool", "file_read"], "allow", Exit.CLEAN),
        (["--tool", "mcp_x"], "needs_approval", Exit.DENIED_ACTION),
        (["--tool", "mcp_x", "--reads-only"], "allow", Exit.CLEAN),
        (["--tool", "file_read", "--path", "/etc/passwd"], "deny", Exit.DENIED_ACTION),
    ],
)
def test_only_an_explicit_permission_exits_with_0(
    place: Place, capsys: pytest.CaptureFixture[str], words: list[str], verdict: str, code: Exit
) -> None:
    """EVA-13."""
    assert place.run(*DECIDE, *words) == code
    assert capsys.readouterr().out.startswith(f"decision={verdict}\n")
    assert not place.store.exists()


def test_each_form_tells_the_answer(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    push = [*DECIDE, "--command", "git push"]
    place.run(*push, "--format", "text")
    assert capsys.readouterr().out == (
        "needs approval: git push changes files, packages or remotes\n"
    )
    place.run(*push, "--format", "kv")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "decision=needs_approval",
        "code=approval_needed",
        "governance_domain=action_rate",
        "rule=risk",
        "risk=medium",
    ]
    place.run(*push, "--format", "json")
    told = json.loads(capsys.readouterr().out)
    assert (told["decision"], told["max_actions_per_hour"]) == ("needs_approval", 20)
    assert told["policy_hash"] == place.runtime.policy.content_hash


def test_recorded_actions_count_until_the_hour_is_full(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """ACT-2."""
    limit = ["--set", "autonomy.max_actions_per_hour=2", "--format", "text"]
    ls = [*DECIDE, "--command", "ls", *limit]
    assert place.run(*ls) == Exit.CLEAN
    assert place.run(*ls, "--record") == Exit.CLEAN
    assert place.run(*ls, "--record") == Exit.CLEAN
    assert capsys.readouterr().out.splitlines() == [
        "allow: ls is of low risk",
        "allow: ls is of low risk (1 of 2 actions in the last hour)",
        "allow: ls is of low risk (2 of 2 actions in the last hour)",
    ]
    for more in ([], ["--record"]):
        assert place.run(*ls, *more) == Exit.DENIED_ACTION
        assert capsys.readouterr().out == (
            "deny: all 2 actions of the last hour are taken; the next one may be at "
            "2026-11-18 13:00:00 UTC; set by autonomy.max_actions_per_hour\n"
        )
    assert place.spent("day") == 0


def test_a_workspace_is_where_the_agent_works(place: Place) -> None:
    inside = [*DECIDE, "--command", "cat /srv/agent/x"]
    assert place.run(*inside) == Exit.DENIED_ACTION
    assert place.run(*inside, "--workspace", "/srv/agent") == Exit.CLEAN


@pytest.mark.parametrize(
    "words",
    [[], ["--command", "ls", "--tool", "x"], ["--command", "ls", "--reads-only"], ["--tool", ""]],
)
def test_an_action_must_be_named(place: Place, words: list[str]) -> None:
    assert place.run(*DECIDE, *words) == Exit.USAGE


def test_a_hook_runs_a_command_only_behind_a_permission(real_place: Place) -> None:
    for command, expected in (("git status", b"ran"), ("git push", b""), ("ls `x`", b"")):
        words = real_place.command(*DECIDE, "--command", command)
        done = subprocess.run(
            ["sh", "-c", '"$@" > /dev/null && printf ran', "sh", *words],
            env=real_place.environment(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == expected, done.stderr
