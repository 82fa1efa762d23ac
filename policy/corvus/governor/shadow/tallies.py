"""What a shadow policy would have done so far, as the store counts it."""

from __future__ import annotations

from dataclasses import dataclass

from corvus.base.money import NanoUSD
from corvus.governor.shadow.marks import ShadowOutcome, digits_of, mark_of, tally_of
from corvus.model.budget import values_of
from corvus.store.api import Rows
from corvus.store.kinds import BALANCES_OF, BUDGETS, budget_key


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """Calls that a shadow policy would not have let pass as they were, of one kind.

    Attributes:
        outcome: What it would have done.
        budget: Of the shadow; of a refusal for another reason, that reason.
        calls: How many, those under way included.
        cost_nano_usd: What they cost; of those under way, what is held.
    """

    outcome: ShadowOutcome
    budget: str
    calls: int
    cost_nano_usd: NanoUSD


def shadow_counts(rows: Rows, content_hash: str) -> list[ShadowCount]:
    """Return what a shadow policy would have done, the most calls first.

    Args:
        rows: Of the store.
        content_hash: Of the shadow; one that was changed begins again at zero.
    """
    tally = budget_key(tally_of(digits_of(content_hash)))
    ids = [row.id for row in rows.find(BUDGETS) if row.key == tally]
    counts: list[ShadowCount] = []
    for stored in (row for number in ids for row in rows.find(BALANCES_OF, number)):
        mark = mark_of(*values_of(stored.key.part))
        calls = stored.calls + stored.held_calls
        if mark is None or not calls:
            continue
        cost = NanoUSD(stored.spent_nano_usd + stored.held_nano_usd)
        counts.append(ShadowCount(mark.outcome, mark.budget, calls, cost))
    order = [*ShadowOutcome]
    counts.sort(key=lambda one: (order.index(one.outcome), -one.calls, one.budget))
    return counts
