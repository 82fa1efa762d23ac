"""Puts what is billed and what is recorded into cells, one for each day and model.

Searches, containers and other services have cells of their own on days whose bill itemises them:
bills name no model with them, while a recorded call has them in its cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from corvus.model.usage import FEES, TokenKind
from corvus.reconcile.charge import Charge, ChargeKind, Kind, Line, Offer, Sheet
from corvus.reconcile.gap import BilledUse, RecordedUse
from corvus.reconcile.names import Names
from corvus.reconcile.ours import Used
from corvus.reconcile.rates import RateCard

_NANO = 1_000_000_000
_ZERO = Fraction(0)
_OTHER = (ChargeKind.FEE, ChargeKind.TAX, ChargeKind.CREDIT)


class CellKey(NamedTuple):
    """What a cell is about; ``what`` is a fee or other charge that belongs to no model."""

    day: date
    model: str | None
    what: str = ""


@dataclass(slots=True)
class Cell:
    """The charges and the calls of one day and model.

    Attributes:
        kind: Of a fee or other charge.
        amounts: Charges with amounts, by kind and offer.
        counted: Charges of reports that have counts alone.
        smallest_usd: The last decimal place of the bill.
        used: The calls, and …
        fee_nano_usd: … of a fee what the calls of all models paid, …
        fee_uses: … and how often.
    """

    kind: Kind | None = None
    amounts: dict[tuple[Kind, Offer], Charge] = field(
        default_factory=dict[tuple[Kind, Offer], Charge]
    )
    counted: dict[tuple[Kind, Offer], Charge] = field(
        default_factory=dict[tuple[Kind, Offer], Charge]
    )
    smallest_usd: Decimal = Decimal("0.01")
    used: list[Used] = field(default_factory=list[Used])
    fees: dict[TokenKind, Fraction] = field(default_factory=dict[TokenKind, Fraction])
    fee_nano_usd: Fraction = _ZERO
    fee_uses: int = 0

    @property
    def is_billed(self) -> bool:
        """Whether a bill has a line of it."""
        return bool(self.amounts or self.counted)


def build_cells(
    amounts: Iterable[Sheet],
    counted: Iterable[Sheet],
    used: Iterable[Used],
    names: Names,
    card: RateCard,
) -> dict[CellKey, Cell]:
    """Put sheets and calls into cells.

    Args:
        amounts: Sheets with amounts, at most one form a day.
        counted: Sheets with counts alone.
        used: What the ledger has of the same days.
        names: Knows the names of both.
        card: The rates, for the part of a recorded cost that is a fee.
    """
    cells: dict[CellKey, Cell] = {}
    amounts, counted = list(amounts), list(counted)
    itemised = {sheet.day for sheet in amounts if any(map(_is_itemised, sheet.charges))}
    itemised |= {sheet.day for sheet in counted} - {sheet.day for sheet in amounts}
    undivided = _undivided(amounts)
    for sheet in (*amounts, *counted):
        for line, charge in sheet.charges.items():
            is_apart = sheet.day in itemised
            key = _key(sheet.day, line, names, is_apart=is_apart, undivided=undivided)
            cell = cells.setdefault(key, Cell())
            cell.kind = line.kind if key.what else None
            place = cell.amounts if sheet.form.states_amounts else cell.counted
            known = place.get((line.kind, line.offer))
            place[line.kind, line.offer] = charge if known is None else known.plus(charge)
            if sheet.form.states_amounts:
                cell.smallest_usd = sheet.smallest_usd
    for one in used:
        model = None if one.day in undivided else one.model
        cell = cells.setdefault(CellKey(one.day, model), Cell())
        cell.used.append(one)
        if one.day in itemised:
            _take_fees(one, cell, cells, card)
    return cells


def _is_itemised(line: Line) -> bool:
    return isinstance(line.kind, TokenKind) or line.kind is ChargeKind.FEE


def _undivided(sheets: Iterable[Sheet]) -> set[date]:
    """Return the days whose bill names no model at all: they are compared as a whole."""
    days: dict[date, bool] = {}
    for sheet in sheets:
        for line in sheet.charges:
            if line.kind is ChargeKind.USAGE or isinstance(line.kind, TokenKind):
                is_of_none = line.model is None and line.kind not in FEES
                is_fee = line.kind in FEES
                days[sheet.day] = days.get(sheet.day, True) and (is_of_none or is_fee)
    has_usage = {
        sheet.day
        for sheet in sheets
        for line in sheet.charges
        if line.kind is ChargeKind.USAGE and line.model is None
    }
    return {day for day, is_whole in days.items() if is_whole and day in has_usage}


def _key(day: date, line: Line, names: Names, *, is_apart: bool, undivided: set[date]) -> CellKey:
    if line.kind in FEES and is_apart:
        return CellKey(day, None, str(line.kind))
    if line.kind in _OTHER:
        return CellKey(day, None, line.label or str(line.kind))
    if day in undivided:
        return CellKey(day, None)
    if line.model is None:
        return CellKey(day, None, line.label or str(line.kind))
    return CellKey(day, names.canonical(line.model))


def _take_fees(one: Used, cell: Cell, cells: dict[CellKey, Cell], card: RateCard) -> None:
    """Take the fees of recorded calls out of their model's cost, as the bill has them apart."""
    for kind in FEES:
        uses = one.counts.get(kind, 0)
        if not uses:
            continue
        if one.by_kind is not None:
            cost = one.by_kind.get(kind, _ZERO)
        else:
            rate = card.rate(one.name, kind, one.offer, one.day)
            cost = min(Fraction(one.certain_nano_usd), (rate or _ZERO) * uses)
        cell.fees[kind] = cell.fees.get(kind, _ZERO) + cost
        fee = cells.setdefault(CellKey(one.day, None, str(kind)), Cell(kind=kind))
        fee.kind = kind
        fee.fee_nano_usd += cost
        fee.fee_uses += uses


def billed_use(cell: Cell) -> BilledUse:
    """Return what the bill has of a model, before discounts."""
    amounts: dict[tuple[TokenKind, Offer], Fraction] = {}
    bounds: dict[TokenKind, Fraction] = {}
    undivided: Fraction | None = None
    lines = 0
    half = Fraction(cell.smallest_usd) * _NANO / 2
    for (kind, offer), charge in cell.amounts.items():
        listed = charge.amount_usd if charge.list_usd is None else charge.list_usd
        if listed is None:
            continue
        lines += charge.lines
        amount = Fraction(listed) * _NANO
        if isinstance(kind, TokenKind):
            amounts[kind, offer] = amounts.get((kind, offer), _ZERO) + amount
            bounds[kind] = bounds.get(kind, _ZERO) + half * charge.lines
        else:
            undivided = (undivided or _ZERO) + amount
    total = sum(amounts.values(), undivided or _ZERO)
    sources = (cell.counted, cell.amounts)
    return BilledUse(
        total=total,
        amounts=amounts,
        undivided=undivided if amounts or undivided is not None else None,
        counts=_token_counts(cell),
        prompt=_coarse(sources, ChargeKind.PROMPT),
        completion=_coarse(sources, ChargeKind.COMPLETION),
        tokens=_coarse(sources, ChargeKind.TOKENS),
        requests=_requests(sources),
        bounds=bounds,
        bound=half * lines,
    )


_Charges = dict[tuple[Kind, Offer], Charge]


def _token_counts(cell: Cell) -> dict[tuple[TokenKind, Offer], int]:
    """Return the counts of a report of counts, else those of the bill if it counts every line."""
    for charges in (cell.counted, cell.amounts):
        found = {
            (kind, offer): charge.quantity
            for (kind, offer), charge in charges.items()
            if isinstance(kind, TokenKind) and charge.quantity is not None
        }
        wanted = [key for key in charges if isinstance(key[0], TokenKind)]
        if found and len(found) == len(wanted):
            return found
    return {}


def _coarse(sources: Iterable[_Charges], wanted: ChargeKind) -> int | None:
    for charges in sources:
        found = [
            charge.quantity
            for (kind, _), charge in charges.items()
            if kind is wanted and charge.quantity is not None
        ]
        if found:
            return sum(found)
    return None


def _requests(sources: Iterable[_Charges]) -> int | None:
    for charges in sources:
        found = [charge.requests for charge in charges.values() if charge.requests is not None]
        if found:
            return sum(found)
    return None


def recorded_use(cell: Cell, billed: BilledUse) -> RecordedUse:
    """Return what the ledger has of a model, in the kinds that the bill knows."""
    counts: dict[tuple[TokenKind, Offer], int] = {}
    costs: dict[TokenKind, Fraction] | None = {}
    known = {kind for kind, _ in (*billed.amounts, *billed.counts)}
    for one in cell.used:
        for kind, number in one.counts.items():
            if kind in cell.fees:
                continue
            shown = _shown(kind, known)
            counts[shown, one.offer] = counts.get((shown, one.offer), 0) + number
        if one.by_kind is None:
            costs = None
        if costs is None or one.by_kind is None:
            continue
        for kind, cost in one.by_kind.items():
            if kind not in cell.fees:
                costs[_shown(kind, known)] = costs.get(_shown(kind, known), _ZERO) + cost
    certain = Fraction(sum(one.certain_nano_usd for one in cell.used))
    return RecordedUse(
        calls=sum(one.calls for one in cell.used),
        certain=certain - sum(cell.fees.values(), _ZERO),
        estimated=Fraction(sum(one.estimated_nano_usd for one in cell.used)),
        doubtful_calls=sum(one.unknown_calls + one.at_least_calls for one in cell.used),
        counts=counts,
        by_kind=costs,
    )


def _shown(kind: TokenKind, known: set[TokenKind]) -> TokenKind:
    """Return the kind under which a bill has it: reasoning is output where it is no kind there."""
    is_apart = kind is not TokenKind.REASONING or not known or kind in known
    return kind if is_apart else TokenKind.OUTPUT


def exact_amounts(cell: Cell) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield what is to be paid, and the list price, of each charge that has an amount."""
    for charge in cell.amounts.values():
        if charge.amount_usd is not None:
            listed = charge.amount_usd if charge.list_usd is None else charge.list_usd
            yield charge.amount_usd, listed
