"""Graphs of imports: arrows, rings, depth. Knows nothing of files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Graph: TypeAlias = Mapping[str, Iterable[str]]
"""For each node, those it points at."""


def rings(graph: Graph) -> list[tuple[str, ...]]:
    """Return the strongly connected components of more than one node, the largest first.

    Args:
        graph: A node that is only pointed at need not be a key.
    """
    reached = {node: reachable(graph, node) for node in graph}
    found = {
        tuple(sorted(other for other in targets if node in reached.get(other, ())))
        for node, targets in reached.items()
        if node in targets
    }
    return sorted((ring for ring in found if len(ring) > 1), key=lambda ring: (-len(ring), ring))


def reachable(graph: Graph, start: str) -> set[str]:
    """Return all nodes that a chain of arrows leads to; the start only by a ring."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        following = {*graph.get(waiting.pop(), ())} - found
        found |= following
        waiting += following
    return found


def condensed(graph: Graph) -> dict[str, set[str]]:
    """Return the graph with each ring as one node, named after its first member."""
    name = {node: ring[0] for ring in rings(graph) for node in ring}
    merged: dict[str, set[str]] = {}
    for node, targets in graph.items():
        own = name.get(node, node)
        kept = {name.get(target, target) for target in targets} - {own}
        merged.setdefault(own, set()).update(kept)
    for target in {target for targets in merged.values() for target in targets}:
        merged.setdefault(target, set())
    return merged


def heights(graph: Graph) -> dict[str, int]:
    """Return for each node of a graph the longest way down from it; rings count as one node."""
    merged = condensed(graph)
    height: dict[str, int] = {}

    def measure(node: str) -> int:
        if node not in height:
            height[node] = max((measure(target) + 1 for target in merged[node]), default=0)
        return height[node]

    for node in merged:
        measure(node)
    for ring in rings(graph):
        height |= dict.fromkeys(ring, height[ring[0]])
    return height


def longest_chain(graph: Graph, start: str) -> list[str]:
    """Return the longest chain of arrows from a node; a ring counts as its first member."""
    merged = condensed(graph)
    name = {node: ring[0] for ring in rings(graph) for node in ring}
    height = heights(merged)
    chain = [name.get(start, start)]
    while following := merged.get(chain[-1]):
        chain.append(max(sorted(following), key=height.__getitem__))
    return chain
