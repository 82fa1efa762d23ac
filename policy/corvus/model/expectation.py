"""What calls of a model and an agent really write, learned from those that are over (``hold``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

PERCENT = 99
"""Of the calls that are learned from, how many wrote no more."""
CALLS_MIN = 50
"""Least calls that anything is learned from; with fewer a call is held at its maximum."""
DAYS = 30
"""How far back calls are learned from."""
PAIRS_MAX = 1000
"""Most pairs of a model and an agent that are kept: those with the most calls."""


class ExpectedOutput(NamedTuple):
    """What calls of a model and an agent write.

    Attributes:
        model: As callers name it.
        agent: Empty for calls that name none.
        output_tokens: No more than these, reasoning included, were written by 99 of 100 calls.
        calls: How many it was learned from; 0 where there are too few by now.
    """

    model: str
    agent: str
    output_tokens: int
    calls: int


class Expectations:
    """What is expected of calls; without anything learned, nothing is.

    Args:
        learned: What was learned of each model and agent.
    """

    def __init__(self, learned: Iterable[ExpectedOutput] = ()) -> None:
        self._output = {
            (one.model, one.agent): one.output_tokens for one in learned if one.calls >= CALLS_MIN
        }

    def output_tokens(self, models: Sequence[str], agent: str | None) -> int | None:
        """Return what a call may be expected to write at most; ``None`` where that is not known.

        Args:
            models: All that may answer.
            agent: The agent of the call.
        """
        found = [self._output.get((model, agent or "")) for model in models]
        known = [tokens for tokens in found if tokens is not None]
        return max(known) if known and len(known) == len(found) else None
