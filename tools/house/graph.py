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
    found: list[tuple[str, ...]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for root in sorted(graph):
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        path = [(root, iter(sorted(graph.get(root, ()))))]
        while path:
            node, following = path[-1]
            for target in following:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    path.append((target, iter(sorted(graph.get(target, ())))))
                    break
                if target in stack:
                    low[node] = min(low[node], index[target])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    place = stack.index(node)
                    if len(stack) - place > 1:
                        found.append(tuple(sorted(stack[place:])))
                    del stack[place:]
    return sorted(found, key=lambda ring: (-len(ring), ring))


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
