"""Sessions and agents are those that clients state (SES-3)."""

from __future__ import annotations

import pytest

from corvus.gateway.proxy.clients import Stated, stated_by_client

METADATA = "x-codex-turn-metadata"
SESSION, CHILD, GRANDCHILD = "s-0001", "s-0002", "s-0003"
CLAUDE = {"X-Claude-Code-Session-Id": SESSION, "x-app": "cli"}
CODEX = {"session-id": SESSION, "thread-id": SESSION, "originator": "codex_exec"}


def stated(headers: dict[str, str]) -> Stated:
    pairs = headers.items()
    return stated_by_client(
        [(name.encode(), text.encode(errors="replace")) for name, text in pairs]
    )


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": "a1"}, Stated("a1", SESSION, "a1")),
        (
            {"x-claude-code-agent-id": "a2", "x-claude-code-parent-agent-id": "a1"},
            Stated("a2", SESSION, "a2", "a1"),
        ),
        (
            {"x-claude-code-agent-id": "pr%C3%BCfer%40team"},
            Stated("prüfer@team", SESSION, "prüfer@team"),
        ),
        ({"x-claude-code-parent-agent-id": "a1"}, Stated("claude-code", SESSION)),
        (
            {"x-claude-code-agent-id": "a1", "x-claude-code-parent-agent-id": "a1"},
            Stated("a1", SESSION, "a1"),
        ),
        ({"x-claude-code-agent-id": "x" * 201}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": "a%00b"}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": "%ff"}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": " "}, Stated("claude-code", SESSION)),
        ({"x-claude-code-session-id": "s-other"}, Stated("claude-code", None)),
        ({"X-Claude-Code-Session-Id": "50%25 off"}, Stated("claude-code", "50%25 off")),
        ({"X-Claude-Code-Session-Id": "x" * 201}, Stated("claude-code", None)),
        ({"X-Claude-Code-Session-Id": "a\tb"}, Stated("claude-code", None)),
    ],
)
def test_claude_code_states_its_session_and_sub_agents(more: dict[str, str], found: Stated) -> None:
    assert stated(CLAUDE | more) == found


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, Stated("codex", SESSION)),
        (
            {"thread-id": CHILD, "x-codex-parent-thread-id": SESSION},
            Stated("codex", SESSION, CHILD),
        ),
        (
            {"thread-id": GRANDCHILD, "x-codex-parent-thread-id": CHILD},
            Stated("codex", SESSION, GRANDCHILD, CHILD),
        ),
        ({"x-openai-subagent": "review"}, Stated("codex", SESSION, "review")),
        ({METADATA: '{"agent_name": "/root"}'}, Stated("/root", SESSION)),
        (
            {METADATA: '{"agent_name": "/root/look"}', "thread-id": CHILD},
            Stated("/root/look", SESSION, CHILD),
        ),
        ({METADATA: '{"agent_name": "a", "agent_name": "b"}'}, Stated("codex", SESSION)),
        ({METADATA: '{"turn": {"agent_name": "a"}}'}, Stated("codex", SESSION)),
        ({METADATA: '{"agent_name": 7}'}, Stated("codex", SESSION)),
        ({METADATA: '{"agent_name": "a\\u0000b"}'}, Stated("codex", SESSION)),
        ({METADATA: '{"agent_name": "' + "x" * 201 + '"}'}, Stated("codex", SESSION)),
        ({METADATA: '["a"]'}, Stated("codex", SESSION)),
        ({METADATA: "[" * 5_000}, Stated("codex", SESSION)),
        ({METADATA: '"\ud800"'}, Stated("codex", SESSION)),
        ({METADATA: ""}, Stated("codex", SESSION)),
    ],
)
def test_codex_states_its_session_and_threads(more: dict[str, str], found: Stated) -> None:
    assert stated(CODEX | more) == found


def test_an_older_codex_wrote_its_session_with_an_underscore() -> None:
    assert stated({"session_id": SESSION, "originator": "codex_cli_rs"}) == Stated("codex", SESSION)


def test_the_sub_agent_of_a_call_without_a_session_is_known_all_the_same() -> None:
    assert stated({"x-claude-code-agent-id": "a1"}) == Stated("a1", None, "a1")
    assert stated({METADATA: '{"agent_name": "a1"}'}) == Stated("a1")


@pytest.mark.parametrize(
    "headers", [{}, {"session-id": SESSION}, {"thread-id": SESSION}, {"originator": "app"}]
)
def test_words_that_anybody_may_use_name_no_client(headers: dict[str, str]) -> None:
    assert stated(headers) == Stated()
