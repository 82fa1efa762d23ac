"""Amounts and entries as ``review.toml`` states them, in nano-USD per million."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from corvus.model.usage import TokenKind
from corvus.prices.compile.entries import EVERY_DAY, MINUTES, Entry, Hours, Rates, by_hours
from corvus.prices.compile.review import Addition, Amounts, History
from corvus.prices.compile.units import NANO


def rates_from(amounts: Amounts) -> Rates:
    """Return nano-USD per million of amounts in USD; reasoning costs as output (PRC-2).

    Raises:
        ValueError: An amount is no whole number of nano-USD, or no kind has the name.
    """
    found: Rates = {}
    for name, amount in amounts.items():
        nano = Decimal(amount) * NANO
        if nano != nano.to_integral_value():
            raise ValueError(f"{name} {amount}: not a whole number of nano-USD per million")
        found[TokenKind(name)] = int(nano)
    if TokenKind.OUTPUT in found:
        found.setdefault(TokenKind.REASONING, found[TokenKind.OUTPUT])
    return found


def entries_of(history: History | Addition) -> list[Entry]:
    """Return the entries that the review states.

    Raises:
        ValueError: They are not in the order of their days.
    """
    found = [_stated(row) for row in history.entries]
    days = [entry.start for entry in found]
    if days != sorted(set(days)):
        raise ValueError(f"{history.evidence}: prices are not in the order of their days")
    return found


def _stated(row: Mapping[str, Any]) -> Entry:
    rest = rates_from(row["rates"])
    day: date | None = row.get("day")
    if "hours" not in row:
        tiers = {int(bound): rates_from(rates) for bound, rates in row.get("tiers", {}).items()}
        return Entry(day, rest, tuple(sorted(tiers.items())))
    peak = rates_from(row["at_hours"])
    days = row.get("days", EVERY_DAY)
    spans = [Hours(days, _minute(span[:5]), _minute(span[6:]), peak) for span in row["hours"]]
    return by_hours(day, [*spans, Hours(EVERY_DAY, 0, MINUTES, rest)])


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
