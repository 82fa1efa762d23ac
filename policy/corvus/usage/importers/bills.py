"""Knows bills by sight, so that an import can refuse them (IMP-1, REC-1).

A bill is what a provider charges, not what was called: read as usage it would count twice. It is
compared with the ledger by ``corvus reconcile``. Only the names of members and columns are looked
at, in the beginning of a file.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

_WHY = "says what is charged, not what was called; compare it with: corvus reconcile"


class _Bill(NamedTuple):
    """One kind of file that is no usage.

    Attributes:
        name: What it is, for the user.
        members: Names that all stand in the beginning of a JSON file of it; empty matches none.
        columns: Names that are all columns of a table of it; empty matches none.
        but_not: A name that stands there if the file has usage, too; its reader parts them.
    """

    name: str
    members: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()
    but_not: str = ""


_BILLS = (
    _Bill("a cost report of OpenAI", members=("organization.costs.result",)),
    _Bill("a cost report of OpenAI", columns=frozenset({"amount_value", "amount_currency"})),
    _Bill(
        "a cost report of Anthropic",
        members=("starting_at", "ending_at", "amount", "currency"),
        but_not="output_tokens",
    ),
    _Bill("a FOCUS file", members=("BilledCost", "ChargePeriodStart")),
    _Bill("a FOCUS file", columns=frozenset({"BilledCost", "ChargePeriodStart"})),
    _Bill("a cost export of Azure", columns=frozenset({"CostInBillingCurrency"})),
    _Bill("a cost export of Azure", columns=frozenset({"PreTaxCost", "MeterCategory"})),
    _Bill("a cost export of Azure", columns=frozenset({"costInBillingCurrency", "meterCategory"})),
    _Bill("a cost report of AWS", columns=frozenset({"lineItem/UnblendedCost"})),
    _Bill("a cost report of AWS", columns=frozenset({"line_item_unblended_cost"})),
    _Bill("a billing export of Google Cloud", members=("billing_account_id", "usage_start_time")),
    _Bill(
        "a billing export of Google Cloud",
        columns=frozenset({"billing_account_id", "usage_start_time"}),
    ),
)
"""Sources of the names: the bills that ``corvus reconcile`` reads; those of clouds as their
documentation of cost exports has them."""


def refusal_of_head(head: bytes) -> str | None:
    """Return why a JSON file that begins so is no usage; ``None`` where it may be."""
    for bill in _BILLS:
        has_usage = bool(bill.but_not) and f'"{bill.but_not}"'.encode() in head
        if bill.members and not has_usage and _stand_in(head, bill.members):
            return f"{bill.name} {_WHY}"
    return None


def _stand_in(head: bytes, names: tuple[str, ...]) -> bool:
    return all(f'"{name}"'.encode() in head for name in names)


def refusal_of_columns(columns: AbstractSet[str]) -> str | None:
    """Return why a table with these columns is no usage; ``None`` where it may be."""
    for bill in _BILLS:
        if bill.columns and bill.columns <= columns:
            return f"{bill.name} {_WHY}"
    return None
