"""The agents of a session as a tree: who started whom, and what each cost with all below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from corvus.reporting.table import Table

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = "tuple[str | None, str | None]"
"""An agent, and one of its sub-agents or ``None``."""

_DEPTH_MAX = 8
"""How far the tree is drawn to the right; what is deeper stands below it there."""


@dataclass(slots=True)
class Agent:
    """An agent or sub-agent of a session.

    Attributes:
        name: ``None`` for calls that name none.
        depth: 0 for an agent, 1 for what it started, and so on.
        own_nano_usd: What its own calls cost, as far as that is known.
        all_nano_usd: The same with all that it started, directly or not.
    """

    name: str | None
    depth: int
    calls: int
    own_nano_usd: int
    all_nano_usd: int


def agents_of(table: Table) -> Sequence[Agent]:
    """Return the answer of ``spend/session-tree`` in the order of a tree, top down.

    A sub-agent whose starter made no call stands below its agent.
    """
    names = [column.name for column in table.columns]
    tree = _Tree([dict(zip(names, row, strict=True)) for row in table.rows])
    return tree.agents


class _Tree:
    def __init__(self, rows: list[Row]) -> None:
        self.agents: list[Agent] = []
        self._below: dict[Key, list[Row]] = {}
        self._added: set[Key] = set()
        known = set(map(_key, rows))
        for row in rows:
            if row["subagent"] is not None:
                parent = row["agent"], row["parent_subagent"]
                self._below.setdefault(
                    parent if parent in known else (row["agent"], None), []
                ).append(row)
        # Agents first; what is left has no agent with a call, or is said to have started itself.
        for row in sorted(rows, key=lambda row: row["subagent"] is not None):
            if _key(row) not in self._added:
                self._add(row, 0 if row["subagent"] is None else 1)

    def _add(self, row: Row, depth: int) -> int:
        self._added.add(_key(row))
        own = row["cost_nano_usd"] or 0
        name = row["agent"] if row["subagent"] is None else row["subagent"]
        agent = Agent(name, min(depth, _DEPTH_MAX), row["calls"], own, own)
        self.agents.append(agent)
        for one in self._below.get(_key(row), ()):
            if _key(one) not in self._added:
                agent.all_nano_usd += self._add(one, depth + 1)
        return agent.all_nano_usd


def _key(row: Row) -> Key:
    return row["agent"], row["subagent"]
