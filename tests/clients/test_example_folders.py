"""Each folder of ``examples/`` does what its README says, against a provider on a real socket."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import httpx2
import pytest

from tests.clients.upstream import Answer, Asked, Upstream

ROOT = Path(__file__).parents[2]
DENIED = 20
PROGRAM = [sys.executable, "-m", "corvus"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a newcomer has: a home, keys, and ``corvus`` and ``python3`` on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    corvus = programs / "corvus"
    corvus.write_text(f'#!/bin/sh\nexec {sys.executable} -m corvus "$@"\n')
    corvus.chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "policy"),
        "OPENAI_API_KEY": "the-real-key",
        "ANTHROPIC_API_KEY": "the-real-key",
    }


def example(name: str, folder: Path, upstream: Upstream) -> Path:
    """Copy an example, with its providers replaced by ours."""
    place = folder / "place"
    copytree(ROOT / "examples" / name, place)
    config = place / "corvus.toml"
    text = config.read_text()
    for real in ("https://api.openai.com", "https://api.anthropic.com"):
        text = text.replace(real, upstream.url)
    config.write_text(text)
    return place


def run(
    words: list[str], place: Path, environment: dict[str, str], given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=place,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def modest(path: str, asked: Asked) -> Answer:
    """Answer with 100 tokens, as many as were asked for; 0.000075 USD with those of the input."""
    assert (path, asked["max_tokens"]) == ("/v1/chat/completions", 100)
    message = {"role": "assistant", "content": "Short."}
    usage = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
    body = {"model": asked["model"], "choices": [{"message": message}], "usage": usage}
    return Answer([json.dumps(body).encode()])


def test_a_script_runs_until_its_limit_is_used_up(
    tmp_path: Path, upstream: Upstream, environment: dict[str, str]
) -> None:
    place = example("script", tmp_path, upstream)
    upstream.script = modest
    words = [*PROGRAM, "agent", "--mission", "summaries", "--limit", "0.002", "--"]
    ended = run([*words, sys.executable, "summarize.py", *["README.md"] * 40], place, environment)
    assert ended.returncode == DENIED, ended.stderr
    assert "budget 'mission' would be exceeded" in ended.stderr
    answered = ended.stdout.splitlines()
    assert set(answered) == {"README.md: Short."}
    assert len(answered) == len(upstream.asked) == 26  # 26 x 0.000075 = 0.00195
    spent = run([*PROGRAM, "report", "by-mission", "--format", "json"], place, environment)
    (row,) = json.loads(spent.stdout)["rows"]
    assert (row["mission_id"], row["calls"]) == ("summaries", 26)
    assert row["cost_nano_usd"] == 26 * 75_000


@pytest.mark.parametrize(
    ("tool", "given", "decision", "reason"),
    [
        ("Bash", {"command": "git status"}, "allow", "low risk"),
        ("Bash", {"command": "git push"}, "ask", "remotes"),
        ("Bash", {"command": "git status; curl x | sh"}, "deny", "curl"),
        ("Write", {"file_path": "{place}/a.py", "content": ""}, "allow", "auto_approve"),
        ("Write", {"file_path": "/etc/hosts", "content": ""}, "deny", "outside the workspace"),
        ("Edit", {"file_path": "{place}/corvus.toml"}, "deny", "forbidden"),
        *(
            pytest.param(*one, marks=pytest.mark.nightly)
            for one in [
                ("Bash", {"command": "cat /etc/passwd"}, "deny", "outside the workspace"),
                ("Write", {"file_path": "{place}/.git/config", "content": ""}, "deny", ".git"),
                ("Write", {"file_path": "{place}/.claude/settings.json"}, "deny", "forbidden"),
            ]
        ),
        ("NotebookEdit", {"notebook_path": "{place}/a.ipynb"}, "allow", "auto_approve"),
    ],
)
def test_the_hook_answers_as_claude_code_expects(
    tmp_path: Path,
    environment: dict[str, str],
    tool: str,
    given: dict[str, str],
    decision: str,
    reason: str,
) -> None:
    place = tmp_path / "place"
    copytree(ROOT / "examples" / "coding-agent", place)
    asked = {
        "session_id": "s",
        "cwd": str(place),
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": {name: one.format(place=place) for name, one in given.items()},
        "tool_use_id": "toolu_1",
    }
    (registered,) = json.loads((place / "settings.json").read_text())["hooks"]["PreToolUse"]
    assert re.fullmatch(registered["matcher"], tool)
    hook = ["sh", "-c", registered["hooks"][0]["command"]]
    told = run(hook, place, environment | {"CLAUDE_PROJECT_DIR": str(place)}, json.dumps(asked))
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)["hookSpecificOutput"]
    assert answer["hookEventName"] == "PreToolUse"
    assert answer["permissionDecision"] == decision
    assert reason in answer["permissionDecisionReason"]


def test_in_a_subfolder_the_hook_keeps_to_the_rules_of_the_repository(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    place = tmp_path / "place"
    copytree(ROOT / "examples" / "coding-agent", place)
    within = place / "within"
    within.mkdir()
    asked = {"tool_name": "Write", "tool_input": {"file_path": str(place / "a.py")}}
    told = run([sys.executable, "../ask-corvus.py"], within, environment, json.dumps(asked))
    answer = json.loads(told.stdout)["hookSpecificOutput"]
    assert answer["permissionDecision"] == "allow", answer
    assert "auto_approve" in answer["permissionDecisionReason"]


@pytest.mark.parametrize("fault", ["no corvus", "broken config", "unknown input", "no input"])
def test_the_hook_blocks_when_corvus_gives_no_answer(
    tmp_path: Path, environment: dict[str, str], fault: str
) -> None:
    place = tmp_path / "place"
    copytree(ROOT / "examples" / "coding-agent", place)
    asked = json.dumps({"tool_name": "Bash", "tool_input": {"command": "ls"}})
    match fault:
        case "no corvus":
            (tmp_path / "bin" / "corvus").unlink()
            environment["PATH"] = str(tmp_path / "bin")
        case "broken config":
            (place / "corvus.toml").write_text("[cost]\nenabledd = true\n")
        case "unknown input":
            asked = json.dumps({"tool_name": "Write", "tool_input": {}})
        case _:
            asked = ""
    told = run([sys.executable, "ask-corvus.py"], place, environment, asked)
    assert told.returncode == 2, "any other code but 0 lets the tool run"
    assert told.stdout == ""
    assert told.stderr.startswith("corvus gave no answer: ")


@contextmanager
def serving(place: Path, environment: dict[str, str]) -> Generator[str]:
    """Run ``corvus gateway`` as the README says, but for the port."""
    words = ["corvus", "gateway", "--port", "0"]
    process = subprocess.Popen(words, cwd=place, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("listening on "), line + process.stderr.read()
        yield line.removeprefix("listening on ").strip()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_one_project_is_used_up_and_the_other_goes_on(
    tmp_path: Path, upstream: Upstream, environment: dict[str, str]
) -> None:
    place = example("team-gateway", tmp_path, upstream)
    config = place / "corvus.toml"
    config.write_text(config.read_text().replace("limit_usd = 20.0", "limit_usd = 0.001"))
    secrets = {
        project: run(
            [
                "corvus",
                "token",
                "create",
                f"{project}-bot",
                "--scope",
                "proxy",
                "--project",
                project,
                "--format",
                "json",
            ],
            place,
            environment,
        ).stdout
        for project in ("checkout", "search")
    }
    body = {
        "model": "gpt-4o-mini",
        "max_tokens": 600,
        "messages": [{"role": "user", "content": "Hi"}],
    }

    def call(url: str, project: str, **headers: str) -> httpx2.Response:
        token = json.loads(secrets[project])["token"]
        sent = {"authorization": f"Bearer {token}", **headers}
        with httpx2.Client(base_url=url, headers=sent, trust_env=False, timeout=30) as client:
            return client.post("/v1/chat/completions", json=body)

    with serving(place, environment) as url:
        statuses = [call(url, "checkout").status_code for _ in range(6)]
        refused = call(url, "checkout")
        assert statuses[0] == 200
        assert refused.status_code == 402
        assert refused.json()["error"]["corvus"]["scope"] == "checkout-day"
        assert call(url, "search").status_code == 200
        other = call(url, "checkout", **{"x-corvus-project": "search"})
        assert other.status_code == 403, "a header moves no spend to another budget"
        assert other.json()["error"]["code"] == "project_refused"
    report = run([*PROGRAM, "report", "by-project", "--format", "json"], place, environment)
    calls = {row["project"]: row["calls"] for row in json.loads(report.stdout)["rows"]}
    assert calls == {"checkout": statuses.count(200), "search": 1}
