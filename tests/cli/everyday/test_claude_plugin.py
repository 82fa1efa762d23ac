"""The plugin for Claude Code: its files are what Claude Code reads, its commands run (CLI-7)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from tests.cli.places import ROOT

PLUGIN = ROOT / "examples" / "claude-code-plugin"


def read(name: str) -> Any:
    return json.loads((PLUGIN / name).read_text())


def commands() -> list[str]:
    """Return every shell command of the plugin."""
    hooks = read("hooks/hooks.json")["hooks"]
    found = [one["command"] for event in hooks.values() for each in event for one in each["hooks"]]
    for page in sorted((PLUGIN / "commands").glob("*.md")):
        found += re.findall(r"^!`([^`]+)`$", page.read_text(), re.MULTILINE)
    return found


def test_its_parts_name_each_other() -> None:
    (entry,) = read(".claude-plugin/marketplace.json")["plugins"]
    assert entry["name"] == read(".claude-plugin/plugin.json")["name"] == "corvus"
    assert (PLUGIN / entry["source"] / ".claude-plugin/plugin.json").is_file()
    assert set(read("hooks/hooks.json")["hooks"]) == {"SessionStart", "SessionEnd"}
    server = read(".mcp.json")["mcpServers"]["corvus"]
    assert [server["command"], *server["args"]] == ["corvus", "mcp"], "nothing is allowed to lift"
    for page in (PLUGIN / "commands").glob("*.md"):
        assert re.match(
            r"---\ndescription: .+\nallowed-tools: Bash\(corvus \w+:\*\)\n---\n", page.read_text()
        )


@pytest.mark.parametrize("command", commands())
def test_each_command_runs(command: str, tmp_path: Path) -> None:
    binaries = Path(sys.executable).parent
    environment = {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment["PYTHONPATH"] = str(ROOT / "policy")
    said = json.dumps({"session_id": "s", "cwd": str(tmp_path)})
    done = subprocess.run(
        ["sh", "-c", command],
        input=said,
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_status_line_is_installed_next_to_other_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "home/.claude/settings.json"
    assert main(["statusline", "--install"]) == Exit.CLEAN
    assert json.loads(path.read_text())["statusLine"]["command"] == "corvus statusline"
    path.write_text(json.dumps({"model": "opus", "env": {"A": "ü"}}))
    assert main(["statusline", "--install"]) == Exit.CLEAN
    said = json.loads(path.read_text("utf-8"))
    assert (said["model"], said["env"]) == ("opus", {"A": "ü"})
    before = path.read_text()
    assert main(["statusline", "--install"]) == Exit.CLEAN
    assert path.read_text() == before
    assert "was already in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"statusLine": {"type": "command", "command": "mine"}}', "has another status line"),
        ("[]", "is no JSON object"),
        ("{", "cannot be read"),
    ],
)
def test_what_a_user_has_is_not_touched(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "home/.claude/settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert main(["statusline", "--install"]) != Exit.CLEAN
    assert reason in capsys.readouterr().err
    assert path.read_text() == text
