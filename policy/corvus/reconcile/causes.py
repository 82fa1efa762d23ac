"""Why a bill and the ledger differ: the gap of one model on one day, divided by cause (REC-1).

What the bill states decides first: counts, service tiers, prices before discounts. Where it states
amounts alone, they are divided by the rates of the books.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from corvus.model.usage import TokenKind
from corvus.reconcile.counted import divide_by_counts
from corvus.reconcile.gap import (
    BilledUse,
    Case,
    Cause,
    Explanation,
    Rate,
    RecordedUse,
    by_kind,
    rounding,
)
from corvus.reconcile.stated import divide_by_amounts, divide_total


def explain(
    billed: BilledUse,
    ours: RecordedUse,
    rate: Rate,
    steady: Mapping[TokenKind | None, Fraction],
) -> Explanation:
    """Divide the gap between the list price of a bill and the ledger by cause.

    Args:
        billed: The bill.
        ours: The ledger.
        rate: The rates of the books.
        steady: Kinds (``None``: all together) of which the bill has the same multiple of the
            ledger's cost on days of different use.
    """
    case = Case(billed, ours, rate, steady, billed.total - ours.certain - ours.estimated)
    explanation = Explanation()
    if not ours.calls and not billed.total and not billed.counts:
        return explanation
    if not ours.calls:
        explanation.unseen = {str(kind): number for kind, number in by_kind(billed.counts).items()}
        explanation.put(Cause.NOT_SEEN, case.gap)
    elif not billed.counts and abs(case.gap) <= rounding(case):
        explanation.put(Cause.ROUNDING, case.gap)
    elif _is_unbilled(billed):
        explanation.unseen = {str(kind): -number for kind, number in by_kind(ours.counts).items()}
        explanation.put(Cause.NOT_BILLED, case.gap)
    elif ours.estimated and ours.certain <= billed.total <= ours.certain + ours.estimated:
        explanation.put(Cause.ESTIMATED, case.gap)
    elif billed.counts:
        divide_by_counts(case, billed.counts, explanation)
    elif billed.undivided is None:
        divide_by_amounts(case, explanation)
    else:
        divide_total(case, explanation)
    return explanation


def _is_unbilled(billed: BilledUse) -> bool:
    has_counts = billed.counts or billed.requests or billed.tokens or billed.prompt
    return not billed.total and not has_counts
