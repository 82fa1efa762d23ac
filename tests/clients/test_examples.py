"""Each example runs as it stands, with the real SDK, against a provider on a real socket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from corvus import open_runtime
from tests.clients.upstream import Upstream

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    "govern-openai.py",
    "govern-async.py",
    "govern-anthropic.py",
    "govern-langchain.py",
    "govern-langchain-agent.py",
    "govern-litellm.py",
    "govern-openai-agents.py",
    "govern-pydantic-ai.py",
]


def run(name: str, folder: Path, upstream: Upstream) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT / "policy"),
        "OPENAI_BASE_URL": f"{upstream.url}/v1",
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_BASE_URL": upstream.url,
        "ANTHROPIC_API_KEY": "k",
        "GATEWAY_TOKEN": "t0",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # its book of prices comes over the net otherwise
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
    }
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_obeys_its_budget(
    name: str, tmp_path: Path, upstream: Upstream
) -> None:
    config = tmp_path / "corvus.toml"
    text = '[cost]\nenabled = true\ndaily_limit_usd = {}\n[governance.ledger]\npath = "l.duckdb"\n'
    config.write_text(text.format(1))
    assert run(name, tmp_path, upstream) == "Hello\n"
    with open_runtime([config]).governor() as governor:
        (day,) = [one for one in governor.status().decision.statuses if one.budget.name == "day"]
        assert day.spent > 0
        assert day.held == 0
    config.write_text(text.format("0.0001"))
    assert "budget 'day' would be exceeded" in run(name, tmp_path, upstream)
    assert len(upstream.asked) == 1


def test_the_agent_of_claude_runs_and_is_refused_without_a_budget(
    tmp_path: Path, upstream: Upstream
) -> None:
    """The real Claude Code, which the SDK brings, with a provider in the place of the proxy."""
    config = tmp_path / "corvus.toml"
    text = '[cost]\nenabled = true\ndaily_limit_usd = {}\n[governance.ledger]\npath = "l.duckdb"\n'
    config.write_text(text.format(1))
    assert run("govern-claude-agent.py", tmp_path, upstream) == "Hello\n"
    asked = len(upstream.asked)
    config.write_text(text.format("0.001"))
    assert "budget 'day' would be exceeded" in run("govern-claude-agent.py", tmp_path, upstream)
    assert len(upstream.asked) == asked > 0


@pytest.mark.parametrize("name", [*EXAMPLES, "govern-claude-agent.py"])
def test_an_example_is_short(name: str) -> None:
    text = (ROOT / "examples" / name).read_text().removesuffix("\n\nasyncio.run(main())\n")
    lines = text.strip().split("\n\n")[-1].strip().splitlines()
    assert len(lines) <= (13 if "async def main" in text else 11)
