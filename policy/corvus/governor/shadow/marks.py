"""The mark on a call that a shadow policy would not let pass as it is, and budgets that count it.

A budget of the shadow has a twin, which counts of the same calls those alone that the shadow would
have refused: what stands against the shadow's budget is what was spent, less that of its twin. So a
budget that both policies have is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Final, NamedTuple

from corvus.base.period import Period
from corvus.model.budget import NOT, TAG, Budget, part_of

MARK: Final = "corvus.shadow"
"""Name of the tag that is the mark; no caller can set it."""
_ATTRIBUTE: Final = TAG + MARK
_HASH_DIGITS: Final = 16
_TALLY: Final = "shadow"


class ShadowOutcome(StrEnum):
    """What a shadow policy would do with a call that it does not let pass as it is."""

    REFUSED = "refused"
    CAPPED = "capped"
    WAITED = "waited"
    DOWNGRADED = "downgraded"
    ASKED = "asked"


class Mark(NamedTuple):
    """What a shadow policy would do with one call.

    Attributes:
        policy: The policy, by the first digits of its hash (``digits_of``).
        budget: Name of the budget that governs; of a refusal for another reason, that reason.
    """

    policy: str
    outcome: ShadowOutcome
    budget: str

    @property
    def text(self) -> str:
        """The value of the tag."""
        return ":".join(self)


def mark_of(text: str) -> Mark | None:
    """Read a mark; ``None`` for what is none."""
    policy, _, rest = text.partition(":")
    outcome, _, budget = rest.partition(":")
    if not budget or outcome not in [*ShadowOutcome]:
        return None
    return Mark(policy, ShadowOutcome(outcome), budget)


def digits_of(content_hash: str) -> str:
    """Return the digits by which marks name a policy."""
    return content_hash.rpartition(":")[2][:_HASH_DIGITS]


def marked(tags: Iterable[tuple[str, str]], mark: Mark) -> tuple[tuple[str, str], ...]:
    """Return the tags of a call with a mark."""
    return tuple(sorted((*unmarked(tags), (MARK, mark.text))))


def unmarked(tags: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the tags of a call as its caller stated them."""
    return tuple((name, value) for name, value in tags if name != MARK)


def twin_of(budget: Budget, policy: str) -> Budget:
    """Return the budget that counts what a shadow policy would have refused of another's calls."""
    return replace(budget, match=(*budget.match, (_ATTRIBUTE, (_refused_by(policy),))))


def passed_by(budget: Budget, policy: str) -> Budget:
    """Return the budget that counts the calls of another that a shadow policy would not refuse.

    It is for windows that open with a call: one that is refused opens none.
    """
    return replace(budget, match=(*budget.match, (_ATTRIBUTE, (NOT + _refused_by(policy),))))


def tally_of(policy: str) -> Budget:
    """Return the budget that counts the marked calls of a shadow policy, by their marks."""
    match = ((_ATTRIBUTE, (f"{policy}:*",)),)
    return Budget(_TALLY, Period.TOTAL, 0, (), "", match=match, per=(_ATTRIBUTE,))


def part_of_mark(mark: Mark) -> str:
    """Return the part of the tally in which calls with a mark are counted."""
    return part_of((mark.text,))


def _refused_by(policy: str) -> str:
    return f"{policy}:{ShadowOutcome.REFUSED}:*"
