"""PRX-6 for the Claude Agent SDK: what it starts is sent to the proxy, with what is left."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from claude_agent_sdk import AssistantMessage, TextBlock, query

from corvus import BudgetExceeded
from corvus.clients.claude_agent import GATEWAY, budget_options
from tests.clients.conftest import Governed
from tests.clients.upstream import Upstream

CLI = '''#!{python}
"""Stands in for Claude Code: asks once what the variables say, and says what it was given."""
import json, os, sys, urllib.request

if "-v" in sys.argv or "--version" in sys.argv:
    print("2.1.197 (Claude Code)")
    sys.exit()
for line in sys.stdin:
    said = json.loads(line)
    if said["type"] == "control_request":
        answer = {{"subtype": "success", "request_id": said["request_id"], "response": {{}}}}
        print(json.dumps({{"type": "control_response", "response": answer}}), flush=True)
    elif said["type"] == "user":
        break
body = json.dumps({{"model": "claude-test", "max_tokens": 9, "messages": []}}).encode()
address = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
urllib.request.urlopen(urllib.request.Request(address, body, method="POST")).read()
budget = sys.argv[sys.argv.index("--max-budget-usd") + 1]
shown = {{name: os.environ.get(name) for name in (
    "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS",
    "CLAUDE_CODE_USE_BEDROCK", "NO_PROXY")}}
text = json.dumps({{"budget": budget, **shown}})
part = {{"type": "text", "text": text}}
message = {{"role": "assistant", "model": "claude-test", "content": [part]}}
print(json.dumps({{"type": "assistant", "message": message, "session_id": "s"}}), flush=True)
print(json.dumps({{"type": "result", "subtype": "success", "duration_ms": 1, "duration_api_ms": 1,
    "is_error": False, "num_turns": 1, "session_id": "s"}}), flush=True)
'''


def test_the_agent_is_sent_to_the_proxy_with_what_is_left(
    governed: Governed, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the real SDK, into a program in the place of Claude Code."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the real one")
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    cli = tmp_path / "claude"
    cli.write_text(CLI.format(python=sys.executable))
    cli.chmod(0o755)
    options = budget_options(
        governed.governor,
        proxy=f"{upstream.url}/v1",
        token="t0",
        session_id="s1",
        agent="docs",
        cli_path=cli,
        env={"PATH": os.environ["PATH"], "ANTHROPIC_CUSTOM_HEADERS": "x-a: b"},
    )

    async def main() -> str:
        said = ""
        async for message in query(prompt="Hi!", options=options):
            if isinstance(message, AssistantMessage):
                said += "".join(one.text for one in message.content if isinstance(one, TextBlock))
        return said

    shown = json.loads(asyncio.run(main()))
    assert shown["budget"] == "1.0"
    assert shown["ANTHROPIC_AUTH_TOKEN"] == "t0"
    assert shown["ANTHROPIC_API_KEY"] == ""
    assert shown["CLAUDE_CODE_USE_BEDROCK"] == ""
    headers = shown["ANTHROPIC_CUSTOM_HEADERS"].split("\n")
    assert headers == ["x-a: b", "x-corvus-session: s1", "x-corvus-agent: docs"]
    assert shown["NO_PROXY"].endswith("127.0.0.1")
    assert len(upstream.asked) == 1


def test_a_smaller_budget_of_ones_own_stays(governed: Governed) -> None:
    assert budget_options(governed.governor, max_budget_usd=0.25).max_budget_usd == 0.25
    assert budget_options(governed.governor, max_budget_usd=25).max_budget_usd == 1.0


def test_what_is_held_is_not_left(governed: Governed) -> None:
    held = governed.governor.reserve(governed.governor.request("claude-test", estimate_usd=0))
    assert held.reservation is not None
    governed.governor.extend(held.reservation, hold_usd=1)
    with pytest.raises(BudgetExceeded, match="budget 'day' would be exceeded"):
        budget_options(governed.governor)
    assert governed.open_holds() == 1, "nothing is held here"
    governed.governor.release(held.reservation)


def test_the_proxy_is_that_of_the_process_or_the_usual_one(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    assert budget_options(governed.governor).env["ANTHROPIC_BASE_URL"] == GATEWAY
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/")
    assert budget_options(governed.governor).env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:9"
    with pytest.raises(ValueError, match="http or https"):
        budget_options(governed.governor, proxy="localhost:8642")
    with pytest.raises(ValueError, match="one line"):
        budget_options(governed.governor, session_id="s\nx-api-key: k")
