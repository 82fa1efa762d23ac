"""Reads amounts of money as the text that states them; no amount becomes a float."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from corvus.prices.sql import half_even
from corvus.usage.importers.importer import Object, text_at

_LARGEST_USD = 10_000_000


def amount_at(parent: Object, *names: str) -> str | None:
    """Return the first amount in USD that is stated and is not zero.

    A program writes 0 for what it has no price for, so a zero is no amount (PRC-5). What is no
    number is returned as it stands: it is judged with the record.
    """
    for name in names:
        text = text_at(parent, name)
        if text is not None and _value(text) != 0:
            return text
    return None


def sum_of(parent: Object, *names: str) -> str | None:
    """Return the sum of amounts, exact; ``None`` where none of them is more than zero.

    The first one that is no number is returned as it stands.
    """
    total = Decimal(0)
    for name in names:
        text = text_at(parent, name)
        if text is None:
            continue
        value = _value(text)
        if value is None or not value.is_finite() or value < 0:
            return text
        total += value
    return format(total, "f") if total else None


def nano_sql(text: str) -> str:
    """Write SQL that reads an amount in USD as nano-USD, exact; NULL is none that can be believed.

    Args:
        text: SQL for the text that states it.
    """
    usd = f"TRY_CAST({text} AS DECIMAL(38, 18))"
    nano = half_even(f"replace({usd}::VARCHAR, '.', '')::HUGEINT", 1_000_000_000)
    return f"CASE WHEN {usd} BETWEEN 0 AND {_LARGEST_USD} THEN {nano} END"


def _value(text: str) -> Decimal | None:
    try:
        return Decimal(text.removeprefix("$"))
    except InvalidOperation:
        return None
