"""Compares cells: the rows of a reconciliation, each with its gap by cause (REC-1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from corvus.model.usage import TokenKind
from corvus.reconcile.causes import explain
from corvus.reconcile.cells import Cell, CellKey, billed_use, exact_amounts, recorded_use
from corvus.reconcile.charge import ChargeKind, Offer
from corvus.reconcile.gap import (
    BilledUse,
    Cause,
    Explanation,
    RecordedUse,
    amounts_by_kind,
    by_kind,
)
from corvus.reconcile.rates import RateCard
from corvus.reconcile.result import Row

_NANO = 1_000_000_000
_ZERO = Fraction(0)
_ONE = Fraction(1)
_CANDIDATES = 12
_MANY_DAYS = 5
_Steady = dict[tuple[str | None, date], dict[TokenKind | None, Fraction]]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both sides of a cell of a model."""

    key: CellKey
    cell: Cell
    billed: BilledUse
    ours: RecordedUse


def compare(cells: Mapping[CellKey, Cell], card: RateCard, *, has_amounts: bool) -> list[Row]:
    """Return a row for each cell, by day, models before fees.

    Args:
        cells: As ``build_cells`` makes them.
        card: The rates of the books.
        has_amounts: Whether the bill has money, and not counts alone.
    """
    pairs: dict[CellKey, _Pair] = {}
    for key, cell in cells.items():
        if not key.what:
            billed = billed_use(cell)
            pairs[key] = _Pair(key, cell, billed, recorded_use(cell, billed))
    steady = _steady(pairs.values())
    ordered = sorted(cells, key=lambda key: (key.day, bool(key.what), key.model or "", key.what))
    return [
        _row(pairs[key], card, steady, has_amounts=has_amounts)
        if key in pairs
        else _other_row(key, cells[key], has_amounts=has_amounts)
        for key in ordered
    ]


def _row(pair: _Pair, card: RateCard, steady: _Steady, *, has_amounts: bool) -> Row:
    key, billed, ours = pair.key, pair.billed, pair.ours
    name = next((one.name for one in pair.cell.used), key.model)

    def rate(kind: TokenKind, offer: Offer) -> Fraction | None:
        for model in dict.fromkeys((key.model, name)):
            if model is not None and (found := card.rate(model, kind, offer, key.day)) is not None:
                return found
        return None

    paid, listed = _amounts(pair.cell)
    explanation = explain(billed, ours, rate, steady.get((key.model, key.day), {}))
    if not has_amounts:
        explanation.causes.clear()
    elif paid != listed:
        share = 100 - 100 * paid / listed if listed else _ZERO
        explanation.put(
            Cause.DISCOUNT, paid - listed, f"discount {float(share):.4g} % of the list price"
        )
    ours_nano = round(ours.certain) + round(ours.estimated)
    counts = {str(kind): number for kind, number in by_kind(billed.counts).items()}
    return Row(
        day=key.day,
        model=key.model,
        what="",
        billed_nano_usd=round(paid) if has_amounts else None,
        list_nano_usd=round(listed) if has_amounts else None,
        ours_nano_usd=ours_nano,
        low_nano_usd=round(ours.certain),
        high_nano_usd=None if ours.doubtful_calls else ours_nano,
        calls=ours.calls,
        requests=billed.requests,
        causes=_whole(explanation, round(paid) - ours_nano) if has_amounts else {},
        unseen={kind: number for kind, number in explanation.unseen.items() if number},
        billed_counts=counts,
        notes=tuple(explanation.notes),
    )


def _other_row(key: CellKey, cell: Cell, *, has_amounts: bool) -> Row:
    """Return the row of a fee, tax or credit."""
    paid, listed = _amounts(cell)
    charges = (*cell.counted.values(), *cell.amounts.values())
    counts = [charge.quantity for charge in charges if charge.quantity is not None]
    unseen = sum(counts) - cell.fee_uses if counts else 0
    explanation = Explanation()
    cause = Cause.CREDITS if cell.kind is ChargeKind.CREDIT else Cause.FEES
    if cell.kind is ChargeKind.USAGE:
        cause = Cause.UNEXPLAINED
    bound = Fraction(cell.smallest_usd) * _NANO / 2 * sum(one.lines for one in charges)
    gap = listed - cell.fee_nano_usd
    explanation.put(Cause.ROUNDING if abs(gap) <= bound and cell.fee_uses else cause, gap)
    explanation.put(Cause.DISCOUNT, paid - listed)
    ours = round(cell.fee_nano_usd)
    return Row(
        day=key.day,
        model=key.model,
        what=key.what,
        billed_nano_usd=round(paid) if has_amounts else None,
        list_nano_usd=round(listed) if has_amounts else None,
        ours_nano_usd=ours,
        low_nano_usd=ours,
        high_nano_usd=ours,
        calls=0,
        requests=None,
        causes=_whole(explanation, round(paid) - ours) if has_amounts else {},
        unseen={key.what: unseen} if unseen else {},
        billed_counts={key.what: sum(counts)} if counts else {},
    )


def _amounts(cell: Cell) -> tuple[Fraction, Fraction]:
    paid, listed = _ZERO, _ZERO
    for amount, before in exact_amounts(cell):
        paid += Fraction(amount) * _NANO
        listed += Fraction(before) * _NANO
    return paid, listed


def _whole(explanation: Explanation, gap: int) -> dict[Cause, int]:
    """Return causes in whole nano-USD that add up to the gap."""
    found = {cause: round(amount) for cause, amount in explanation.causes.items()}
    rest = gap - sum(found.values())
    if rest:
        main = max(found, key=lambda cause: abs(found[cause]), default=Cause.ROUNDING)
        found[main] = found.get(main, 0) + rest
    return {cause: amount for cause, amount in found.items() if amount}


class _Point(NamedTuple):
    """What a bill and the ledger have of a kind on one day, and how far rounding may go."""

    day: date
    billed: Fraction
    ours: Fraction
    bound: Fraction

    def has(self, ratio: Fraction) -> bool:
        """Return whether the bill is this multiple of the ledger's cost."""
        return abs(self.billed - ratio * self.ours) <= 2 * self.bound


def _steady(pairs: Iterable[_Pair]) -> _Steady:
    """Return, by model and day, the kinds of which the bill has a steady multiple of our cost."""
    seen: dict[tuple[str | None, TokenKind | None], list[_Point]] = {}
    for pair in pairs:
        for kind, point in _points(pair):
            seen.setdefault((pair.key.model, kind), []).append(point)
    found: _Steady = {}
    for (model, kind), points in seen.items():
        ratio = _one_ratio(points)
        if ratio is None:
            continue
        is_always = not any(point.has(_ONE) for point in points)
        for point in points:
            if is_always or point.has(ratio):
                found.setdefault((model, point.day), {})[kind] = ratio
    return found


def _points(pair: _Pair) -> Iterator[tuple[TokenKind | None, _Point]]:
    billed, ours, day = pair.billed, pair.ours, pair.key.day
    slack = Fraction(ours.calls, 2)
    if billed.counts or ours.estimated or ours.doubtful_calls:
        return  # what the bill counts needs no guess, and what the ledger guesses is no measure
    if billed.undivided is not None:
        yield None, _Point(day, billed.total, ours.certain, billed.bound + slack)
    elif ours.by_kind is not None:
        for kind, amount in amounts_by_kind(billed).items():
            cost = ours.by_kind.get(kind, _ZERO)
            yield kind, _Point(day, amount, cost, billed.bounds[kind] + slack)


def _one_ratio(points: Sequence[_Point]) -> Fraction | None:
    """Return the ratio of most of the days that differ; ``None`` where they have none in common.

    Days of different use are needed, or many: one gap that comes again by chance is no rate.
    """
    differing = [point for point in points if point.ours and not point.has(_ONE)]
    largest = sorted(differing, key=lambda point: -point.ours)[:_CANDIDATES]
    ratios = [point.billed / point.ours for point in largest if point.billed > 0]
    best = max(ratios, key=lambda ratio: sum(one.has(ratio) for one in differing), default=None)
    if best is None:
        return None
    days = [point for point in differing if point.has(best)]
    is_of_different_use = len({point.ours for point in days}) > 1
    is_common = len(days) > 1 and 2 * len(days) > len(differing)
    return best if is_common and (is_of_different_use or len(days) >= _MANY_DAYS) else None
