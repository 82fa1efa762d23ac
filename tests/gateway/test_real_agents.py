"""The real Claude Code and the real Codex under a budget (CLI-4, CLI-5, PRX-1 to PRX-4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateway.looping import Looping
from tests.gateway.provider import Provider
from tests.gateway.real_agents import REAL_KEYS, Place, installed

pytestmark = pytest.mark.nightly
CLAUDE = [
    *("claude", "-p", "Say turn, again and again", "--model", "claude-sonnet-4-5"),
    *("--output-format", "json", "--allowedTools", "Bash(echo:*)"),
]
CODEX = ["codex", "exec", "--skip-git-repo-check", "-m", "gpt-5.1-codex", "Say turn"]
TURNS = 4
both = pytest.mark.parametrize("command", [CLAUDE, CODEX], ids=["claude", "codex"])


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return installed(tmp_path_factory.mktemp("agents"))


@pytest.fixture
def place(tmp_path: Path, programs: dict[str, Path]) -> Iterator[Place]:
    provider = Provider()
    yield Place(tmp_path, provider, programs, Looping(TURNS))
    provider.stop()


@both
def test_every_call_of_an_agent_is_recorded_at_its_true_cost(
    place: Place, command: list[str]
) -> None:
    done = place.run(command)
    assert done.returncode == 0, done.stderr
    assert place.script.asked == TURNS, "the agent has run each command that it was asked to"
    records = place.records()
    assert {one.source for one in records} == {"priced"}, "none is an estimate"
    recorded = sorted((one[0], one[1], *one[3:]) for one in records)
    billed = place.script.bill
    assert recorded == sorted((one.model, one.nano_usd, *one.tokens) for one in billed)
    assert len(place.metered()) == len(billed)
    assert f"request_count={len(billed)}" in done.stderr
    assert "All done." in done.stdout


def test_claude_code_comes_to_the_same_cost_by_itself(place: Place) -> None:
    """Calls of the smaller model, which a helper of the agent uses, are among them."""
    place.script.delegates = True
    done = place.run(CLAUDE)
    models = {one.model.removesuffix("-20251001") for one in place.script.bill}
    assert models == {"claude-sonnet-4-5", "claude-haiku-4-5"}
    own = json.loads(done.stdout, parse_float=Decimal)["total_cost_usd"]
    assert int(own * 10**9) == place.script.nano_usd
    assert sum(one.cost_nano_usd for one in place.records()) == place.script.nano_usd


def test_what_a_sub_agent_of_claude_code_spent_is_told_apart(place: Place) -> None:
    """SES-3: the headers of Claude Code itself, and the tree that follows from them."""
    place.script.delegates = True
    done = place.run(CLAUDE)
    assert done.returncode == 0, done.stderr
    tree = place.tree("s")
    agent, helper = tree["branches"]
    assert (agent["agent"], agent["subagent"], agent["depth"]) == ("claude-code", None, 0)
    assert helper["depth"] == 1
    assert helper["subagent"], "its own id"
    assert helper["own_requests"] > 0
    assert agent["own_requests"] > 0
    costs = [int(one["own_cost_nano_usd"]) for one in tree["branches"]]
    assert sum(costs) == place.script.nano_usd == int(tree["cost_nano_usd"])


@both
def test_a_runaway_agent_is_stopped_by_one_refusal(place: Place, command: list[str]) -> None:
    place.script.turns = None
    limit_usd = Decimal(1)
    done = place.run(command, limit=str(limit_usd))
    assert done.returncode == 20, done.stderr
    assert "corvus: session s ended with 1" in done.stderr, "the agent's own exit code"
    assert place.script.asked > TURNS, "it was running away"
    assert place.denials() == 1
    assert len(place.records()) == len(place.metered()) == len(place.script.bill)
    assert place.script.nano_usd <= limit_usd * 10**9
    denial = json.loads(done.stderr.splitlines()[-1])
    assert (denial["code"], denial["scopes"][0]["scope"]) == ("budget_exceeded", "session")
    assert denial["message"] in done.stdout + done.stderr.replace(done.stderr.splitlines()[-1], "")


@both
def test_the_real_key_stays_with_corvus(place: Place, command: list[str]) -> None:
    assert place.run(command).returncode == 0
    environment = place.environment(command[0])
    assert "_API_KEY=cvk_" in environment
    kept = place.kept()
    assert kept, "it leaves a log at least"
    for key in REAL_KEYS.values():
        assert key not in environment
        assert key.encode() not in kept
        assert not any(key.encode() in call.body for call in place.provider.calls)
    for call in place.metered():
        sent = (call.header("x-api-key"), (call.header("authorization") or "").partition(" ")[2])
        assert set(REAL_KEYS.values()) & set(sent), "the provider gets the real key"
        assert not any("cvk_" in value for _, value in call.headers)


@both
def test_the_exit_code_of_an_agent_passes_through(place: Place, command: list[str]) -> None:
    done = place.run([command[0], "--no-such-option"])
    assert done.returncode == {"claude": 1, "codex": 2}[command[0]]
    assert place.provider.calls == []


def test_codex_with_its_own_log_in_opens_no_websocket(place: Place) -> None:
    """CLI-4: its provider is that of the run, which is said to have none."""
    done = place.run(
        CODEX, options=("--session", "s", "--pass-through"), more={"CODEX_API_KEY": "sk-of-its-own"}
    )
    assert done.returncode == 0, done.stderr
    assert {call.header("authorization") for call in place.metered()} == {"Bearer sk-of-its-own"}
    assert [one.cost_nano_usd for one in place.records()] == [
        one.nano_usd for one in place.script.bill
    ]
    assert "WebSocket" not in done.stderr
