"""A tree of a session shows every call once, whatever its sub-agents say of each other (SES-3)."""

from __future__ import annotations

from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.answers.tree import TREE, Branch, session_tree
from tests.properties import examples


def row(
    agent: str | None, subagent: str | None, parent: str | None, cost: int | None, calls: int = 1
) -> dict[str, Any]:
    return {
        "agent": agent,
        "subagent": subagent,
        "parent_subagent": parent,
        "calls": calls,
        "unpriced_calls": calls if cost is None else 0,
        "tokens": 10 * calls,
        "cost_nano_usd": cost,
    }


def outline(branches: list[Branch]) -> list[tuple[int, str | None, int | None]]:
    return [(one.depth, one.subagent, one.whole.cost_nano_usd) for one in branches]


def test_sub_agents_stand_under_what_started_them() -> None:
    rows = [
        row("claude-code", None, None, 40),
        row("claude-code", "a", None, 30),
        row("claude-code", "b", "a", 20),
        row("claude-code", "c", "b", 10),
        row("codex", "d", None, 100),
    ]
    tree = session_tree("s", rows)
    assert outline([*tree.branches]) == [
        (0, None, 100),
        (1, "a", 60),
        (2, "b", 30),
        (3, "c", 10),
        (0, None, 100),
        (1, "d", 100),
    ]
    assert tree.whole.cost_nano_usd == 200
    assert str(tree.branches[1].share_percent) == "30.00"


def test_sub_agents_that_are_recorded_as_agents_stand_under_the_agent_of_their_session() -> None:
    """As the proxy records Claude Code and Codex; imports name the agent of the first otherwise."""
    rows = [
        row("claude-code", None, None, 40),
        row("a", "a", None, 30),
        row("b", "b", "a", 20),
        row("claude-code", "b", None, 5),
        row("/root", None, None, 1),
        row("/root/look", "t2", None, 2),
        row("/root/look/far", "t3", "t2", 4),
    ]
    tree = session_tree("s", rows)
    below = [(1, "a", 55), (2, "b", 25), (0, None, 7), (1, "t2", 6), (2, "t3", 4)]
    assert outline([*tree.branches]) == [(0, None, 95), *below]
    assert {one.agent for one in tree.branches} == {"claude-code", "/root"}


def test_a_sub_agent_without_an_agent_above_it_stands_for_itself() -> None:
    tree = session_tree("s", [row("a", "a", None, 3), row("/root/look", "t2", None, 2)])
    assert outline([*tree.branches]) == [(0, None, 3), (1, "a", 3), (0, None, 2), (1, "t2", 2)]


def test_a_parent_without_calls_and_a_circle_put_a_sub_agent_under_the_agent() -> None:
    rows = [row("x", "a", "main", 1), row("x", "b", "c", 2), row("x", "c", "b", 4)]
    rows += [row("x", "d", "d", 8)]
    tree = session_tree("s", rows)
    below = [(1, "a", 1), (1, "b", 2), (1, "c", 4), (1, "d", 8)]
    assert outline([*tree.branches]) == [(0, None, 15), *below]


def test_a_cost_that_is_not_known_is_not_taken_for_nothing() -> None:
    tree = session_tree("s", [row("x", "a", None, None), row("x", "b", "a", 5)])
    assert outline([*tree.branches]) == [(0, None, 5), (1, "a", 5), (2, "b", 5)]
    assert tree.branches[1].own.cost_nano_usd is None
    assert session_tree("s", [row("x", None, None, None)]).whole.cost_nano_usd is None


def test_a_session_without_calls_has_no_branch() -> None:
    assert session_tree("s", []).branches == []


names = st.sampled_from([None, *"abcdef"])


@settings(max_examples=examples(500, by_day=50), deadline=None)
@given(
    st.lists(
        st.builds(row, st.sampled_from([None, "x", "y"]), names, names, st.integers(0, 100)),
        max_size=12,
        unique_by=lambda one: (one["agent"], one["subagent"]),
    )
)
def test_every_call_is_shown_once_and_the_agents_add_up_to_the_session(
    rows: list[dict[str, Any]],
) -> None:
    tree = session_tree("s", rows)
    shown = [(one.agent, one.subagent) for one in tree.branches]
    assert len(shown) == len(set(shown))
    assert {(one["agent"], one["subagent"]) for one in rows} <= set(shown)
    assert sum(one.own.calls for one in tree.branches) == len(rows) == tree.whole.calls
    agents = [one for one in tree.branches if one.depth == 0]
    assert sum(one.whole.cost_nano_usd or 0 for one in agents) == (tree.whole.cost_nano_usd or 0)
    jsonschema.validate(TREE.body(tree), TREE.schema)


def test_a_chain_of_sub_agents_may_be_long() -> None:
    rows = [row("x", str(n), str(n - 1) if n else None, 1) for n in range(2000)]
    assert session_tree("s", rows).branches[1].whole.cost_nano_usd == 2000
