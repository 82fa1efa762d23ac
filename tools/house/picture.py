"""Draws the rooms of a checkout as text, the highest first."""

from __future__ import annotations

from collections import defaultdict

from tools.house.graph import heights
from tools.house.measure import House

_WIDTH = 100


def draw(house: House) -> str:
    """Return a picture: a line for each height, with what stands there and what it leans on.

    A room stands one above the highest that it imports; the rooms of a ring stand together, in
    brackets. After a room come its modules, its lines in hundreds, and to how many rooms it has
    arrows.
    """
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for room in house.rooms:
        graph[room] |= {target for source, target in house.arrows if source == room}
    height = heights(graph)
    rings = house.room_rings[0]
    lines: list[str] = []
    for level in sorted(set(height.values()), reverse=True):
        here = sorted(room for room in house.rooms if height[room] == level)
        shown: list[str] = []
        for ring in rings:
            members = [room for room in ring if room in here]
            if members:
                shown.append(f"[ring: {' · '.join(_room(house, room, graph) for room in members)}]")
                here = [room for room in here if room not in members]
        shown += [_room(house, room, graph) for room in here]
        lines += _wrapped(f"{level:3}  ", shown)
    upward = sum(height[source] <= height[target] for source, target in house.arrows)
    total = sum(house.arrows.values())
    lines.append(
        f"\n{len(house.rooms)} rooms, {len(house.arrows)} arrows ({total} imports), "
        f"{upward} of them not downward, {len(rings)} rings"
    )
    return "\n".join(lines)


def _room(house: House, room: str, graph: dict[str, set[str]]) -> str:
    modules = house.rooms[room]
    hundreds = sum(module.lines["all"] for module in modules) / 100
    return f"{room} {len(modules)}/{hundreds:.0f} →{len(graph[room])}"


def _wrapped(start: str, words: list[str]) -> list[str]:
    lines = [start]
    for word in words:
        if len(lines[-1]) + len(word) > _WIDTH and lines[-1].strip(" 0123456789"):
            lines.append(" " * len(start))
        lines[-1] += ("" if lines[-1].endswith("  ") else " | ") + word
    return lines
