"""Who spent what in a session: its agents, their sub-agents under what started them (SES-3).

What started a sub-agent is what its client says. A parent that made no call itself, or that leads
back to its own child, is passed over: the sub-agent then stands under the agent, so that every call
is shown once, whatever is said.

A client may name its sub-agents as agents, too. One that is recorded under its own name belongs to
the first agent of the session that made calls itself, one with a path for a name, such as
``/root/look``, to the agent at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from corvus.answers.shape import (
    COUNT,
    PERCENT,
    Shape,
    count,
    listing,
    member,
    nullable,
    optional_money,
    optional_text,
    text,
)

Row: TypeAlias = Mapping[str, Any]
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls used and cost.

    Attributes:
        cost_nano_usd: Of those with a price; ``None`` when none of them has one.
    """

    calls: int = 0
    unpriced_calls: int = 0
    tokens: int = 0
    cost_nano_usd: int | None = None

    def __add__(self, other: Spent) -> Spent:
        costs = [each.cost_nano_usd for each in (self, other) if each.cost_nano_usd is not None]
        return Spent(
            self.calls + other.calls,
            self.unpriced_calls + other.unpriced_calls,
            self.tokens + other.tokens,
            sum(costs) if costs else None,
        )


@dataclass(frozen=True, slots=True)
class Branch:
    """An agent or a sub-agent of a session.

    Attributes:
        subagent: ``None`` is the agent itself.
        parent_subagent: The sub-agent under which it stands; ``None`` is the agent.
        depth: 0 for an agent, and one more for each step down.
        own: What its own calls came to.
        whole: That and what its sub-agents came to, at any depth.
        share_percent: Of the known cost of the session; ``None`` where that is 0 or unknown.
    """

    agent: str | None
    subagent: str | None
    parent_subagent: str | None
    depth: int
    own: Spent
    whole: Spent
    share_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class SessionTree:
    """What a session cost.

    Attributes:
        branches: Each agent, followed by what stands under it, in the order of their first calls.
    """

    session_id: str
    whole: Spent
    branches: Sequence[Branch]


def session_tree(session_id: str, rows: Iterable[Row]) -> SessionTree:
    """Nest what the report ``spend/session-tree`` says of a session.

    Args:
        session_id: The session.
        rows: Its rows, as they come.
    """
    found = [*rows]
    mains = [row["agent"] for row in found if row["subagent"] is None]
    agents: dict[str | None, dict[str | None, _Node]] = {}
    for row in found:
        own = agents.setdefault(_main(row, mains), {})
        subagent = row["subagent"]
        own[subagent] = own.get(subagent, _Node()).joined_by(row)
    whole = sum((node.spent for own in agents.values() for node in own.values()), Spent())
    branches = [
        branch for agent, own in agents.items() for branch in _Agent(agent, own, whole).branches()
    ]
    return SessionTree(session_id, whole, branches)


@dataclass(frozen=True, slots=True)
class _Node:
    """What the rows of an agent or of a sub-agent say together."""

    spent: Spent = field(default_factory=Spent)
    parent: str | None = None

    def joined_by(self, row: Row) -> _Node:
        """Return it with another row: imports and the proxy may name its agent differently."""
        spent = Spent(row["calls"], row["unpriced_calls"], row["tokens"], row["cost_nano_usd"])
        return _Node(self.spent + spent, row["parent_subagent"] or self.parent)


def _main(row: Row, mains: Sequence[str | None]) -> str | None:
    """Return the agent that a row belongs to.

    Args:
        row: What the report says of an agent or of a sub-agent.
        mains: The agents of the session that made calls themselves, in their order.
    """
    agent: str | None = row["agent"]
    if agent is None or row["subagent"] is None or agent in mains:
        return agent
    if agent == row["subagent"]:
        return next((main for main in mains if main is not None), agent)
    above = (main for main in mains if main is not None and agent.startswith(f"{main}/"))
    return max(above, key=len, default=agent)


class _Agent:
    """The sub-agents of one agent, each under what started it.

    Args:
        name: The agent.
        nodes: What the report says of each, ``None`` being the agent itself.
        session: What the session came to.
    """

    def __init__(self, name: str | None, nodes: Mapping[str | None, _Node], session: Spent) -> None:
        self._name = name
        self._nodes = nodes
        self._session = session
        self._parents = {
            subagent: self._parent(subagent) for subagent in nodes if subagent is not None
        }
        self._children: dict[str | None, list[str]] = {}
        for subagent, parent in self._parents.items():
            self._children.setdefault(parent, []).append(subagent)

    def branches(self) -> Iterator[Branch]:
        """Yield the agent, and after each what stands under it."""
        wholes = self._wholes()
        waiting: list[tuple[str | None, int]] = [(None, 0)]
        while waiting:
            subagent, depth = waiting.pop()
            yield Branch(
                self._name,
                subagent,
                self._parents[subagent] if subagent is not None else None,
                depth,
                self._own(subagent),
                wholes[subagent],
                _percent(wholes[subagent].cost_nano_usd, self._session.cost_nano_usd),
            )
            below = self._children.get(subagent, ())
            waiting += [(child, depth + 1) for child in reversed(below)]

    def _wholes(self) -> dict[str | None, Spent]:
        """Return what each came to with all below it; a chain may be longer than the stack."""
        lineage: list[str | None] = [None]
        for subagent in lineage:
            lineage += self._children.get(subagent, ())
        wholes: dict[str | None, Spent] = {}
        for subagent in reversed(lineage):
            below = (wholes[child] for child in self._children.get(subagent, ()))
            wholes[subagent] = sum(below, self._own(subagent))
        return wholes

    def _own(self, subagent: str | None) -> Spent:
        node = self._nodes.get(subagent)
        return Spent() if node is None else node.spent

    def _parent(self, subagent: str) -> str | None:
        """Return what a sub-agent stands under: what started it, unless that leads in a circle."""
        stated = self._stated_parent(subagent)
        passed = {subagent}
        above = stated
        while above is not None:
            if above in passed:
                return None
            passed.add(above)
            above = self._stated_parent(above)
        return stated

    def _stated_parent(self, subagent: str) -> str | None:
        parent = self._nodes[subagent].parent
        return parent if parent in self._nodes else None


def _percent(cost: int | None, of_all: int | None) -> Decimal | None:
    if cost is None or not of_all:
        return None
    return (Decimal(cost) * _HUNDRED / of_all).quantize(Decimal("0.01"))


BRANCH = Shape[Branch](
    optional_text("agent", "The agent; null for calls that name none."),
    optional_text("subagent", "The sub-agent, by its client's own id; null for the agent itself."),
    optional_text("parent_subagent", "The sub-agent under which it stands; null is the agent."),
    count("depth", "0 for an agent, and one more for each step down."),
    count("own_requests", "Its own calls.", "own.calls"),
    count("own_tokens", "Tokens of its own calls.", "own.tokens"),
    optional_money("own_cost", "Known cost of its own calls.", "own.cost_nano_usd"),
    count("requests", "Its calls and those of all below it.", "whole.calls"),
    count("tokens", "Tokens of these calls.", "whole.tokens"),
    optional_money("cost", "Known cost of these calls.", "whole.cost_nano_usd"),
    count("unpriced_calls", "Those of these calls whose cost is unknown.", "whole.unpriced_calls"),
    member(
        "share_percent",
        nullable({**PERCENT, "description": "Of the known cost of the session."}),
        lambda branch: None if branch.share_percent is None else float(branch.share_percent),
    ),
)
TREE = Shape[SessionTree](
    text("session_id", "The session."),
    member("requests", {**COUNT, "description": "Calls."}, lambda tree: tree.whole.calls),
    count("tokens", "Tokens of all kinds.", "whole.tokens"),
    optional_money("cost", "Known cost.", "whole.cost_nano_usd"),
    count("unpriced_calls", "Calls whose cost is unknown.", "whole.unpriced_calls"),
    listing("branches", BRANCH, "Each agent, followed by what stands under it.", "branches"),
)
"""What a session cost, as ``corvus cost tree`` and the admin API give it."""
