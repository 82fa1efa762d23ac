"""A dated price as the compile handles it, and as ``book.json`` writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from corvus.model.usage import TokenKind
from corvus.prices.entry import KINDS

Rates: TypeAlias = dict[TokenKind, int]
"""Nano-USD per million, by kind."""

EVERY_DAY = "0123456"
MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """What holds within some hours, up to each bound of the context.

    Attributes:
        days: Digits of the UTC days of the week, Monday 0.
        start: First UTC minute of the day, inclusive.
        end: Last one, exclusive.
        rates: Rates up to the first tier.
        tiers: Bounds of the context, exclusive, and the rates above each; ascending.
    """

    days: str
    start: int
    end: int
    rates: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Prices from a day on.

    Attributes:
        day: First UTC day; ``None`` is "always".
        rates: Rates up to the first tier; the most expensive of the day where hours differ.
        tiers: Bounds of the context, exclusive, and the rates above each; ascending.
        hours: By time of day, the first that fits holds; the last one covers all that is left.
    """

    day: date | None
    rates: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()
    hours: tuple[Hours, ...] = ()

    @property
    def start(self) -> date:
        """The day to sort by."""
        return self.day or date.min

    def changed(self, change: Callable[[Rates], Rates]) -> Entry:
        """Return the entry with every set of rates changed."""
        return replace(
            self,
            rates=change(self.rates),
            tiers=_each(change, self.tiers),
            hours=tuple(
                replace(one, rates=change(one.rates), tiers=_each(change, one.tiers))
                for one in self.hours
            ),
        )

    def written(self) -> list[object]:
        """Return the entry as the book writes it, without an empty tail."""
        found: list[object] = [
            self.day.isoformat() if self.day else None,
            _listed(self.rates),
            _listed_tiers(self.tiers),
            [
                [one.days, one.start, one.end, _listed(one.rates), _listed_tiers(one.tiers)]
                for one in self.hours
            ],
        ]
        while len(found) > 2 and not found[-1]:
            found.pop()
        return found


def by_hours(day: date | None, hours: Sequence[Hours]) -> Entry:
    """Return an entry whose own rates are the dearest of the hours, kind by kind (PRC-11)."""
    bounds = sorted({bound for one in hours for bound, _ in one.tiers})
    return Entry(
        day,
        _dearest(one.rates for one in hours),
        tuple((bound, _dearest(_above(one, bound) for one in hours)) for bound in bounds),
        tuple(hours),
    )


def _each(
    change: Callable[[Rates], Rates], tiers: Iterable[tuple[int, Rates]]
) -> tuple[tuple[int, Rates], ...]:
    return tuple((bound, change(rates)) for bound, rates in tiers)


def _above(one: Hours, bound: int) -> Rates:
    found = one.rates
    for start, rates in one.tiers:
        if start <= bound:
            found = rates
    return found


def _dearest(sets: Iterable[Rates]) -> Rates:
    found: Rates = {}
    for rates in sets:
        for kind, rate in rates.items():
            found[kind] = max(rate, found.get(kind, 0))
    return found


def _listed(rates: Rates) -> list[int | None]:
    """Return the rates in the order of the book's kinds, without the empty tail."""
    found = [rates.get(kind) for kind in KINDS]
    while found and found[-1] is None:
        found.pop()
    return found


def _listed_tiers(tiers: Iterable[tuple[int, Rates]]) -> list[list[object]]:
    return [[bound, _listed(rates)] for bound, rates in tiers]
