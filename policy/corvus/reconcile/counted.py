"""Divides a gap by what a bill counts: more or fewer tokens first, then tiers and rates."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from corvus.model.usage import CONTEXT, COUNT_OF, TokenKind
from corvus.reconcile.charge import USUAL, Offer
from corvus.reconcile.gap import (
    Case,
    Cause,
    Explanation,
    amounts_by_kind,
    by_kind,
    put_rest,
    rounding,
)
from corvus.reconcile.rates import is_fee

_ZERO = Fraction(0)


def divide_by_counts(
    case: Case, counts: Mapping[tuple[TokenKind, Offer], int], explanation: Explanation
) -> None:
    """Divide by what the bill counts: more or fewer tokens, then rates."""
    billed, ours = by_kind(counts), by_kind(case.ours.counts)
    amounts = amounts_by_kind(case.billed)
    differing = {kind: billed.get(kind, 0) - ours.get(kind, 0) for kind in {**billed, **ours}}
    worth = _worth_as_served(case, counts)
    for kind, more in _without_regrouped(differing, explanation).items():
        explanation.unseen[str(kind)] = more
        value = worth.get(kind)
        if value is None:
            each = _rate_of(case, kind, billed.get(kind, 0), amounts)
            value = None if each is None else more * each
        if value is not None:
            explanation.put(Cause.NOT_SEEN if more > 0 else Cause.NOT_BILLED, value)
    rest = case.gap - sum(explanation.causes.values(), _ZERO)
    tiers = sorted({*tiers_of(counts), *tiers_of(case.ours.counts)})
    is_other_tier = tiers_of(counts) != tiers_of(case.ours.counts) and _is_of_the_books(
        case, counts
    )
    if is_other_tier:
        put_rest(case, explanation, rest, Cause.TIER, f"billed by tier: {', '.join(tiers)}")
    else:
        put_rest(case, explanation, rest, Cause.PRICED_OTHERWISE, ratio_words(case, billed))


def _without_regrouped(
    differing: Mapping[TokenKind, int], explanation: Explanation
) -> dict[TokenKind, int]:
    """Return the differences of counts, without tokens that are only of another kind on the bill.

    Where as many tokens were read, or written, on both sides, none of them was not seen: those
    that were read from a cache, say, were recorded as plain input.
    """
    left: dict[TokenKind, int] = {}
    for is_context in (True, False):
        side = {
            kind: more
            for kind, more in differing.items()
            if more and not is_fee(kind) and (COUNT_OF[kind] in CONTEXT) is is_context
        }
        if side and not sum(side.values()):
            words = ", ".join(f"{kind} {more:+,}" for kind, more in side.items())
            explanation.notes.append(f"tokens of another kind on the bill: {words}")
        else:
            left |= side
    return left | {kind: more for kind, more in differing.items() if more and is_fee(kind)}


def is_regrouped(billed: Mapping[TokenKind, int], ours: Mapping[TokenKind, int]) -> bool:
    """Return whether counts differ by kind alone: as much was read, and as much written."""
    kinds = {**billed, **ours}
    differing = {kind: billed.get(kind, 0) - ours.get(kind, 0) for kind in kinds}
    return any(differing.values()) and not _without_regrouped(differing, Explanation())


def _worth_as_served(
    case: Case, counts: Mapping[tuple[TokenKind, Offer], int]
) -> dict[TokenKind, Fraction]:
    """Return what more, or fewer, tokens of each kind cost in the tiers that they were served in.

    Returns:
        Nothing where one side has more in one tier and the other in another: which of them are
        the same tokens is open then.
    """
    mine = case.ours.counts
    differing = {key: counts.get(key, 0) - mine.get(key, 0) for key in {**counts, **mine}}
    if min(differing.values(), default=0) < 0 < max(differing.values(), default=0):
        return {}
    found: dict[TokenKind, Fraction] = {}
    for (kind, offer), more in differing.items():
        amount, number = case.billed.amounts.get((kind, offer)), counts.get((kind, offer), 0)
        each = case.rate(kind, offer) if amount is None or not number else amount / number
        if each is None:
            return {}
        found[kind] = found.get(kind, _ZERO) + more * each
    return found


def _rate_of(
    case: Case, kind: TokenKind, number: int, amounts: Mapping[TokenKind, Fraction]
) -> Fraction | None:
    """Return what one token of a kind costs: on the bill, else in the ledger, else in the books."""
    if number and kind in amounts:
        return amounts[kind] / number
    recorded = by_kind(case.ours.counts).get(kind, 0)
    if recorded and case.ours.by_kind is not None:
        return case.ours.by_kind.get(kind, _ZERO) / recorded
    return case.rate(kind, USUAL)


def tiers_of(counts: Mapping[tuple[TokenKind, Offer], int]) -> dict[str, int]:
    """Return how many tokens each service tier has."""
    found: dict[str, int] = {}
    for (_, offer), number in counts.items():
        name = offer.service_tier or "standard"
        found[name] = found.get(name, 0) + number
    return found


def _is_of_the_books(case: Case, counts: Mapping[tuple[TokenKind, Offer], int]) -> bool:
    """Return whether the bill is what the books charge for these counts."""
    total = _ZERO
    for (kind, offer), number in counts.items():
        each = case.rate(kind, offer)
        if each is None:
            return False
        total += number * each
    return abs(total - case.billed.total) <= rounding(case)


def ratio_words(case: Case, counts: Mapping[TokenKind, int] | None = None) -> str:
    """Return how the rates of the bill compare with those of the ledger, in words."""
    amounts, recorded = amounts_by_kind(case.billed), case.ours.by_kind
    mine = by_kind(case.ours.counts)
    parts: list[str] = []
    for kind, amount in amounts.items():
        if not recorded or not recorded.get(kind):
            continue
        ratio = amount / recorded[kind]
        if counts and counts.get(kind):
            ratio = ratio * mine.get(kind, 0) / counts[kind]
        if ratio != 1:
            parts.append(f"{kind} {times_words(ratio)}")
    if not parts and case.ours.certain:
        return f"{times_words(case.billed.total / case.ours.certain)} the recorded cost"
    return f"the bill's rate: {', '.join(parts)} ours" if parts else ""


def steady_words(steady: Mapping[TokenKind | None, Fraction]) -> str:
    """Return the rates of a bill that are the same multiple of ours on many days, in words."""
    parts = ", ".join(f"{kind or 'all'} {times_words(ratio)}" for kind, ratio in steady.items())
    return f"the bill's rate: {parts} ours, on days of different use"


def times_words(ratio: Fraction) -> str:
    """Return a ratio in words, six digits of it."""
    return f"{float(ratio):.6g} times"
