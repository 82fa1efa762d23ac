"""Sessions and sub-agents are those that clients state (SES-3)."""

from __future__ import annotations

import pytest

from corvus.gateway.proxy.clients import Stated, stated_by_client

SESSION, CHILD, GRANDCHILD = "s-0001", "s-0002", "s-0003"
CLAUDE = {"X-Claude-Code-Session-Id": SESSION, "x-app": "cli"}
CODEX = {"session-id": SESSION, "thread-id": SESSION, "originator": "codex_exec"}


def stated(headers: dict[str, str]) -> Stated:
    return stated_by_client([(name.encode(), text.encode()) for name, text in headers.items()])


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": "a1"}, Stated("claude-code", SESSION, "a1")),
        (
            {"x-claude-code-agent-id": "a2", "x-claude-code-parent-agent-id": "a1"},
            Stated("claude-code", SESSION, "a2", "a1"),
        ),
        (
            {"x-claude-code-agent-id": "pr%C3%BCfer%40team"},
            Stated("claude-code", SESSION, "prüfer@team"),
        ),
        ({"x-claude-code-parent-agent-id": "a1"}, Stated("claude-code", SESSION)),
        (
            {"x-claude-code-agent-id": "a1", "x-claude-code-parent-agent-id": "a1"},
            Stated("claude-code", SESSION, "a1"),
        ),
        ({"x-claude-code-agent-id": "x" * 201}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": "a%00b"}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": "%ff"}, Stated("claude-code", SESSION)),
        ({"x-claude-code-agent-id": " "}, Stated("claude-code", SESSION)),
        ({"x-claude-code-session-id": "s-other"}, Stated("claude-code", None)),
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
    ],
)
def test_codex_states_its_session_and_threads(more: dict[str, str], found: Stated) -> None:
    assert stated(CODEX | more) == found


def test_an_older_codex_wrote_its_session_with_an_underscore() -> None:
    assert stated({"session_id": SESSION, "originator": "codex_cli_rs"}) == Stated("codex", SESSION)


@pytest.mark.parametrize("headers", [{}, {"session-id": SESSION}, {"thread-id": SESSION}])
def test_words_that_anybody_may_use_name_no_client(headers: dict[str, str]) -> None:
    assert stated(headers) == Stated()
