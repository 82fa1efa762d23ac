"""Divides a gap by the amounts of a bill that counts nothing, or less than every kind of token.

Amounts are brought back to tokens by the rates of the books. A cause is named only if it explains
them exactly; a note says where another one would explain them as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from corvus.model.usage import CONTEXT, COUNT_OF, TOKENS, TokenKind
from corvus.prices.names import VARIANTS
from corvus.reconcile.charge import USUAL, Offer
from corvus.reconcile.counted import (
    divide_by_counts,
    is_regrouped,
    ratio_words,
    steady_words,
    tiers_of,
    times_words,
)
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
_READ = tuple(kind for kind in TokenKind if COUNT_OF[kind] in CONTEXT)
_WRITTEN = tuple(kind for kind in TokenKind if COUNT_OF[kind] in TOKENS and kind not in _READ)


def divide_by_amounts(case: Case, explanation: Explanation) -> None:
    """Divide a bill that states amounts by kind, and no counts."""
    if case.steady and case.ours.by_kind is not None:
        _divide_at_another_rate(case, explanation, case.ours.by_kind)
        return
    implied = _implied(case)
    tier, part = _other_tier(case), None
    if tier is None and implied is None:
        part = _tier_of_a_part(case)
    if tier is not None:
        put_rest(case, explanation, case.gap, Cause.TIER, _tier_words(tier))
    elif part is not None:
        put_rest(case, explanation, case.gap, Cause.TIER, part)
    elif implied is not None and is_regrouped(by_kind(implied), by_kind(case.ours.counts)):
        divide_by_counts(case, implied, explanation)
    elif implied is None or _is_priced_otherwise(case) or not _moves(case, implied):
        put_rest(case, explanation, case.gap, Cause.PRICED_OTHERWISE, ratio_words(case))
    else:
        divide_by_counts(case, implied, explanation)
        if explanation.unseen and case.ours.by_kind is not None:
            explanation.notes += _ambiguity(case)


def _moves(case: Case, implied: Mapping[tuple[TokenKind, Offer], int]) -> bool:
    """Return whether the tokens of a bill are others than those of the ledger, or other tiers."""
    mine = case.ours.counts
    return by_kind(implied) != by_kind(mine) or tiers_of(implied) != tiers_of(mine)


def _divide_at_another_rate(
    case: Case, explanation: Explanation, recorded: Mapping[TokenKind, Fraction]
) -> None:
    """Divide what the bill has at a rate that is known to be another: the rate, then the rest."""
    scaled = {kind: cost * case.steady.get(kind, 1) for kind, cost in recorded.items()}
    moved = sum(scaled.values(), _ZERO) - sum(recorded.values(), _ZERO)
    explanation.put(Cause.PRICED_OTHERWISE, moved, steady_words(case.steady))

    def rate(kind: TokenKind, offer: Offer) -> Fraction | None:
        each = case.rate(kind, offer)
        return None if each is None else each * case.steady.get(kind, 1)

    ours = replace(case.ours, by_kind=scaled, certain=case.ours.certain + moved)
    rest = Case(case.billed, ours, rate, {}, case.gap - moved)
    if abs(rest.gap) <= 2 * rounding(rest):
        explanation.put(Cause.PRICED_OTHERWISE, rest.gap)
        return
    more = Explanation()
    divide_by_amounts(rest, more)
    explanation.take(more)


def _ambiguity(case: Case) -> list[str]:
    """Return a note where another rate would explain the bill as well as more tokens."""
    recorded = case.ours.by_kind or {}
    amounts = amounts_by_kind(case.billed)
    ratios = {amount / recorded[kind] for kind, amount in amounts.items() if recorded.get(kind)}
    if len(ratios) != 1 or len(amounts) != len(recorded):
        return []
    return [f"the bill states no counts: it may be a rate {times_words(ratios.pop())} ours as well"]


def _implied(case: Case) -> dict[tuple[TokenKind, Offer], int] | None:
    """Return the whole numbers of tokens that the amounts come to at the rates of the books.

    Returns:
        ``None`` where one amount is no whole number of tokens, or has no rate.
    """
    recorded = case.ours.counts
    found: dict[tuple[TokenKind, Offer], int] = {}
    for (kind, offer), amount in case.billed.amounts.items():
        each = case.rate(kind, offer)
        if not each or amount < 0:
            return None
        bound = case.billed.bounds.get(kind, _ZERO) + Fraction(1, 2)
        mine = recorded.get((kind, offer), 0)
        number = mine if abs(amount - mine * each) <= bound else round(amount / each)
        if abs(amount - number * each) > bound:
            return None
        found[kind, offer] = number
    return found


def _tier_words(tier: str) -> str:
    return f"what the ledger has, at the rates of {tier}"


def _other_tier(case: Case) -> str | None:
    """Return the tier at whose rates the counts of the ledger come to exactly the bill."""
    amounts, mine = amounts_by_kind(case.billed), by_kind(case.ours.counts)
    if any(offer.service_tier for _, offer in case.billed.amounts):
        return None
    for tier in (None, *VARIANTS):
        if tier is None and not any(offer.service_tier for _, offer in case.ours.counts):
            continue
        if amounts:
            charged = {kind: _charged(case, tier, kind) for kind in {**amounts, **mine}}
            fits = all(
                cost is not None and abs(cost - amounts.get(kind, _ZERO)) <= _bound_of(case, kind)
                for kind, cost in charged.items()
            )
        else:
            costs = [_charged(case, tier, kind) for kind in mine]
            known = [cost for cost in costs if cost is not None]
            total = sum(known, _ZERO)
            fits = len(known) == len(costs) and abs(total - case.billed.total) <= rounding(case)
        if fits:
            return tier or "standard"
    return None


def _tier_of_a_part(case: Case) -> str | None:
    """Return which tier a part of the ledger's tokens was billed in, in words.

    The part is a whole number of tokens of every kind, and less than the ledger has of it.
    """
    amounts, recorded = amounts_by_kind(case.billed), case.ours.by_kind or {}
    mine = by_kind(case.ours.counts)
    if not recorded or amounts.keys() != recorded.keys():
        return None
    for tier in VARIANTS:
        part: dict[TokenKind, int] = {}
        for kind, amount in amounts.items():
            usual, other = case.rate(kind, USUAL), case.rate(kind, Offer(tier))
            if usual is None or other is None or usual == other:
                break
            number = (amount - recorded[kind]) / (other - usual)
            whole = round(number)
            slack = _bound_of(case, kind) / abs(other - usual)
            if abs(number - whole) > slack or not 0 <= whole <= mine.get(kind, 0):
                break
            part[kind] = whole
        if part.keys() == amounts.keys() and any(part.values()):
            counts = ", ".join(f"{kind} {number:,}" for kind, number in part.items() if number)
            return f"billed at the rates of {tier}: {counts}"
    return None


def _bound_of(case: Case, kind: TokenKind) -> Fraction:
    return case.billed.bounds.get(kind, _ZERO) + Fraction(case.ours.calls, 2)


def _charged(case: Case, tier: str | None, kind: TokenKind) -> Fraction | None:
    """Return what the books charge in a tier for what the ledger has of a kind."""
    total = _ZERO
    for (mine, offer), number in case.ours.counts.items():
        if mine is not kind:
            continue
        served = Offer(tier, offer.context_tokens, offer.is_kept_in_us)
        each = case.rate(kind, served)
        if each is None:
            return None
        total += number * each
    return total


def _is_priced_otherwise(case: Case) -> bool:
    """Return whether rates differ rather than counts.

    They do where of input and output, of which every call has some, one agrees and the other does
    not.
    """
    recorded = case.ours.by_kind
    if recorded is None:
        return False
    amounts = amounts_by_kind(case.billed)
    differing = [
        kind
        for kind in {**amounts, **recorded}
        if abs(amounts.get(kind, _ZERO) - recorded.get(kind, _ZERO)) > _bound_of(case, kind)
    ]
    core = [kind for kind in (TokenKind.INPUT, TokenKind.OUTPUT) if recorded.get(kind)]
    return len(core) > 1 and sum(kind in differing for kind in core) == 1


def divide_total(case: Case, explanation: Explanation) -> None:
    """Divide a bill that states one amount for all that the model did."""
    billed, ours = case.billed, case.ours
    if billed.tokens is not None or billed.prompt is not None:
        _divide_by_sides(case, explanation)
        return
    if billed.requests is not None and billed.requests != ours.calls:
        more = billed.requests - ours.calls
        explanation.unseen["requests"] = more
        explanation.put(Cause.NOT_SEEN if more > 0 else Cause.NOT_BILLED, case.gap)
        return
    if (ratio := case.steady.get(None)) is not None and abs(
        billed.total - ratio * ours.certain
    ) <= 2 * rounding(case):
        explanation.put(Cause.PRICED_OTHERWISE, case.gap, steady_words(case.steady))
        return
    tier = _other_tier(case)
    is_counted = billed.requests is not None
    if tier is not None:
        put_rest(case, explanation, case.gap, Cause.TIER, _tier_words(tier))
    elif is_counted:
        put_rest(case, explanation, case.gap, Cause.PRICED_OTHERWISE, ratio_words(case))
    else:
        cause = Cause.NOT_SEEN if case.gap > 0 else Cause.NOT_BILLED
        note = "the bill states no counts: it may be another rate as well"
        put_rest(case, explanation, case.gap, cause, note)


def _divide_by_sides(case: Case, explanation: Explanation) -> None:
    """Divide by what was read and written in all, or by both together.

    What more was read may have been cached or not: any value between is that of tokens.
    """
    billed, ours = case.billed, case.ours
    mine = {True: 0, False: 0}
    for kind, number in by_kind(ours.counts).items():
        if not is_fee(kind):
            mine[kind in _READ] += number
    if billed.prompt is not None:
        sides = {
            "prompt_tokens": (billed.prompt - mine[True], _READ),
            "completion_tokens": ((billed.completion or 0) - mine[False], _WRITTEN),
        }
    else:
        more = (billed.tokens or 0) - sum(mine.values())
        sides = {"tokens": (more, (*_READ, *_WRITTEN))}
    explanation.unseen.update({name: more for name, (more, _) in sides.items() if more})
    if billed.requests is not None and billed.requests != ours.calls:
        explanation.unseen["requests"] = billed.requests - ours.calls
    worth = [_worth(case, more, kinds) for more, kinds in sides.values() if more]
    least, most = sum(low for low, _ in worth), sum(high for _, high in worth)
    moved = min(max(case.gap, Fraction(least)), Fraction(most)) if worth else _ZERO
    explanation.put(Cause.NOT_SEEN if moved > 0 else Cause.NOT_BILLED, moved)
    rest = case.gap - moved
    tier = _other_tier(case) if not explanation.unseen else None
    if tier is not None:
        put_rest(case, explanation, rest, Cause.TIER, _tier_words(tier))
    else:
        put_rest(case, explanation, rest, Cause.PRICED_OTHERWISE, ratio_words(case))


def _worth(case: Case, more: int, kinds: Iterable[TokenKind]) -> tuple[Fraction, Fraction]:
    """Return the least and the most that some tokens cost, whatever kinds they are."""
    rates = [each for kind in kinds if (each := case.rate(kind, USUAL)) is not None]
    if not rates:
        tokens = sum(by_kind(case.ours.counts).values())
        rates = [case.ours.certain / tokens] if tokens else [_ZERO]
    least, most = more * min(rates), more * max(rates)
    return min(least, most), max(least, most)
