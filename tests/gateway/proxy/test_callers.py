"""Whose a proxied call is: token, headers of ours, headers of the client (SES-1, SES-3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corvus.gateway.guards import TOKEN
from corvus.gateway.proxy.callers import Caller, caller_of
from corvus.gateway.refusal import CallRefused
from corvus.model.token import Token, TokenScope
from tests.gateway.proxied import Proxied, Settings, proxied

CHAT = {"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/messages"
CLAUDE = {"x-claude-code-session-id": "c-1", "x-app": "cli"}
NOW = datetime(2026, 11, 28, tzinfo=UTC)
PLACE = "session_id, agent, subagent, parent_subagent, token, branch, tags"


def scope(headers: dict[str, str], token: Token | None = None) -> dict[str, object]:
    raw = [(name.encode(), text.encode()) for name, text in headers.items()]
    return {"headers": raw, TOKEN: token}


BOT = Token("t-1", "bot", TokenScope.PROXY, "d", NOW, "ana")


def places(gateway: Proxied) -> list[tuple[object, ...]]:
    gateway.settled()
    with gateway.runtime.ledger() as ledger:
        query = f"SELECT {PLACE} FROM usage_call ORDER BY admitted_at, id"  # noqa: S608 - made of constants of this package
        return ledger.connection.execute(query).fetchall()


def test_a_call_of_claude_code_is_of_its_session_and_sub_agent(gateway: Proxied) -> None:
    assert gateway.post(PATH, CHAT, **CLAUDE).headers["x-corvus-session"] == "c-1"
    child = {"x-claude-code-agent-id": "a2", "x-claude-code-parent-agent-id": "a1"}
    answer = gateway.post(PATH, CHAT, **CLAUDE, **child)
    assert answer.status_code == 200
    assert places(gateway) == [
        ("c-1", "claude-code", None, None, "bot", None, None),
        ("c-1", "a2", "a2", "a1", "bot", None, None),
    ]
    sent = gateway.provider.calls[-1]
    assert sent.header("x-claude-code-agent-id") == "a2", "the provider sees what its client says"


def test_headers_of_ours_count_before_those_of_the_client(gateway: Proxied) -> None:
    said = {
        "x-corvus-session": "mine",
        "x-corvus-agent": "builder",
        "x-corvus-subagent": "tests",
        "x-corvus-branch": "fix/login",
        "x-corvus-tag-team": "search",
        "X-Corvus-Tag-Cost-Center": "4 711",
        "x-claude-code-agent-id": "a1",
    }
    assert gateway.post(PATH, CHAT, **CLAUDE, **said).status_code == 200
    tags = {"team": "search", "cost-center": "4 711"}
    assert places(gateway) == [("mine", "builder", "tests", None, "bot", "fix/login", tags)]
    names = {name.lower() for name, _ in gateway.provider.calls[-1].headers}
    assert not [name for name in names if name.startswith("x-corvus-")]


@pytest.mark.parametrize("headers", [{"x-corvus-tag-team": "x" * 201}, {"x-corvus-branch": "a\tb"}])
def test_a_header_of_ours_that_is_no_text_is_refused(
    gateway: Proxied, headers: dict[str, str]
) -> None:
    assert gateway.post(PATH, CHAT, **headers).status_code == 400
    assert gateway.provider.calls == []


def test_a_repository_on_no_branch_leaves_the_header_empty(gateway: Proxied) -> None:
    assert gateway.post(PATH, CHAT, **{"x-corvus-branch": ""}).status_code == 200
    assert places(gateway)[0][-2] is None


def test_a_call_has_so_many_tags_at_most() -> None:
    names = {f"x-corvus-tag-{number}": "x" for number in range(50)}
    assert len(caller_of(scope(names)).tags) == 50
    with pytest.raises(CallRefused):
        caller_of(scope(names | {"x-corvus-tag-50": "x"}))


def test_each_session_of_a_client_has_its_own_budget(tmp_path: Path) -> None:
    """A second session of the same developer is not stopped by the first (SES-3)."""
    with proxied(tmp_path, Settings(session=str(LIMIT_USD))) as gateway:
        first = [gateway.post(PATH, CHAT, **CLAUDE).status_code for _ in range(30)]
        assert first[0] == 200
        assert first[-1] == 402, "its own limit"
        other = {"x-claude-code-session-id": "c-2"}
        assert gateway.post(PATH, CHAT, **other).status_code == 200


def test_a_token_that_is_bound_to_a_session_stays_bound() -> None:
    """An id of a client attributes a call, it never leads out of what the token allows."""
    caller = caller_of(scope(CLAUDE, replace(BOT, session="s", project="p")))
    assert (caller.session_id, caller.project, caller.token) == ("s", "p", "bot")
    with pytest.raises(CallRefused):
        caller_of(scope({"x-corvus-session": "other"}, replace(BOT, session="s")))


def test_the_agent_of_a_token_counts_before_the_client_and_cannot_be_another() -> None:
    caller = caller_of(scope(CLAUDE, replace(BOT, agent="reviewer")))
    assert caller.agent == "reviewer"
    with pytest.raises(CallRefused):
        caller_of(scope({"x-corvus-agent": "other"}, replace(BOT, agent="reviewer")))


def test_no_header_states_a_token_or_a_user() -> None:
    caller = caller_of(scope({"x-corvus-token": "t", "x-corvus-user": "eve"}, BOT))
    assert (caller.token, caller.user) == ("bot", "bot")


def test_a_run_keeps_its_session_and_mission_whatever_its_calls_say() -> None:
    run = Caller("run", "cli-code", "m", branch="main")
    said = {"x-corvus-session": "other", "x-corvus-mission": "x", "x-corvus-project": "p"}
    child = {"x-claude-code-agent-id": "a1"}
    joined = run.joined_by(scope(CLAUDE | said | child))
    assert (joined.session_id, joined.mission_id, joined.project) == ("run", "m", None)
    assert (joined.agent, joined.subagent, joined.branch) == ("a1", "a1", "main")


def test_no_call_of_a_run_states_another_commit_than_its_own() -> None:
    run = Caller("run", "cli-code", tags=(("git.branch", "main"), ("git.commit", "c0ffee")))
    said = {"x-corvus-tag-git.branch": "other", "x-corvus-tag-team": "search"}
    assert dict(run.joined_by(scope(said)).tags) == {
        "git.branch": "main",
        "git.commit": "c0ffee",
        "team": "search",
    }


LIMIT_USD = 1
"""Room for some calls, and not for thirty."""
PER_SUBAGENT = """on_exceeded = []
budgets = [{ name = "each-subagent", limit_usd = 1, period = "total", per = ["subagent"] }]"""


def test_each_sub_agent_has_its_own_sum(tmp_path: Path) -> None:
    """``per = ["subagent"]``, through the proxy with the headers of Claude Code."""
    with proxied(tmp_path, Settings(cost=PER_SUBAGENT)) as gateway:
        one, two = ({**CLAUDE, "x-claude-code-agent-id": name} for name in ("a1", "a2"))
        statuses = [gateway.post(PATH, CHAT, **one).status_code for _ in range(30)]
        assert (statuses[0], statuses[-1]) == (200, 402)
        denied = gateway.post(PATH, CHAT, **one).json()
        assert "each-subagent" in str(denied)
        assert gateway.post(PATH, CHAT, **two).status_code == 200
        assert gateway.post(PATH, CHAT, **CLAUDE).status_code == 200, "the agent itself"
