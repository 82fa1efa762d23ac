"""Rings, heights and chains of graphs (tools.house.graph)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.house.graph import condensed, heights, longest_chain, reachable, rings

_NODES = "abcdef"
_ARROWS = st.sets(st.sampled_from(list(itertools.product(_NODES, _NODES))), max_size=15)


def graph_of(arrows: set[tuple[str, str]]) -> dict[str, set[str]]:
    return {node: {target for source, target in arrows if source == node} for node in _NODES}


@pytest.mark.parametrize(
    ("arrows", "expected"),
    [
        ("", []),
        ("ab bc", []),
        ("aa", []),  # an arrow to itself is no ring
        ("ab ba", [("a", "b")]),
        ("ab bc ca cd", [("a", "b", "c")]),
        ("ab ba cd dc de ec", [("c", "d", "e"), ("a", "b")]),
        ("ab bc cb ca", [("a", "b", "c")]),
    ],
)
def test_a_ring_is_a_largest_set_whose_nodes_all_lead_to_each_other(
    arrows: str, expected: list[tuple[str, ...]]
) -> None:
    assert rings(graph_of({(pair[0], pair[1]) for pair in arrows.split()})) == expected


@given(_ARROWS)
def test_without_its_rings_a_graph_has_none(arrows: set[tuple[str, str]]) -> None:
    assert rings(condensed(graph_of(arrows))) == []


@given(_ARROWS)
def test_arrows_point_down_except_within_a_ring(arrows: set[tuple[str, str]]) -> None:
    graph = graph_of(arrows)
    height = heights(graph)
    members = [{*ring} for ring in rings(graph)]
    for source, target in arrows:
        is_inside = source == target or any({source, target} <= ring for ring in members)
        assert height[source] == height[target] if is_inside else height[source] > height[target]


@given(_ARROWS)
def test_the_longest_chain_is_as_long_as_its_start_is_high(arrows: set[tuple[str, str]]) -> None:
    graph = graph_of(arrows)
    chain = longest_chain(graph, "a")
    assert len(chain) == heights(graph)["a"] + 1
    assert {*chain[1:]} <= reachable(graph, "a") | {"a"}


def test_the_longest_chain_passes_over_shorter_ways() -> None:
    graph = {"a": ["c", "b"], "b": ["c"], "c": ["d"], "d": []}
    assert longest_chain(graph, "a") == ["a", "b", "c", "d"]
