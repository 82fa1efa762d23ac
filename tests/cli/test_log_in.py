"""A coding agent without a key keeps its own log-in under a budget (CLI-4)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corvus.cli.agents.log_in import missing_key
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.gateway import GatewayOptions, Kind, Upstream

NONE = GatewayOptions()
OWN = Upstream("own", "https://a.example", Kind.ANTHROPIC, "TEAM_KEY")
BEDROCK = Upstream("aws", "https://b.example", Kind.BEDROCK, region="eu-west-1")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in (".claude", ".codex"):
        (tmp_path / folder).mkdir()
    return tmp_path


def has_log_in(home: Path, *command: str, **environment: str) -> bool | None:
    """Return whether the agent has a log-in; ``None`` where no key is missing."""
    found = missing_key(command, NONE, {"HOME": str(home), **environment})
    return None if found is None else found.has_log_in


def test_a_key_pays_where_there_is_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".claude/.credentials.json").write_text("{}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk")
    assert has_log_in(home, "claude", ANTHROPIC_API_KEY="sk") is None


def test_log_ins_of_claude_code(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert has_log_in(home, "claude") is False
    assert has_log_in(home, "npx", "@anthropic-ai/claude-code") is False
    assert has_log_in(home, "claude", CLAUDE_CODE_OAUTH_TOKEN="t") is True
    (home / ".claude.json").write_text(json.dumps({"oauthAccount": {"emailAddress": "a@b.c"}}))
    assert has_log_in(home, "claude") is True
    (home / ".claude.json").write_text("no json")
    assert has_log_in(home, "claude") is False
    (home / ".claude/.credentials.json").write_text("{}")
    assert has_log_in(home, "/usr/bin/claude", "-p", "x") is True
    assert has_log_in(home, "claude", CLAUDE_CONFIG_DIR=str(home / "other")) is False


def test_log_ins_of_codex(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert has_log_in(home, "codex") is False
    (home / ".codex/auth.json").write_text(json.dumps({"tokens": {"id_token": "t"}}))
    assert has_log_in(home, "codex") is True


def test_nothing_is_decided_for_other_commands_and_clouds(home: Path) -> None:
    assert has_log_in(home, "python", "claude") is None
    environment = {"HOME": str(home)}
    assert missing_key(["claude"], GatewayOptions(upstreams=(BEDROCK,)), environment) is None


def test_the_variable_is_that_of_the_config(home: Path) -> None:
    options = GatewayOptions(upstreams=(OWN,))
    found = missing_key(["claude"], options, {"HOME": str(home)})
    assert found is not None
    assert "no TEAM_KEY here" in found.line
    assert missing_key(["claude"], options, {"HOME": str(home), "TEAM_KEY": "k"}) is None


def test_a_command_that_is_not_there_is_refused_before_its_key_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert main(["code", "--daily", "5", "--", "claude"]) == Exit.NOT_FOUND
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error[command-not-found]")
