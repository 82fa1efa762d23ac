"""Rows that the store hands to the ledger, in the order in which they became true."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

Cell: TypeAlias = str | int | bool | dict[str, str] | dict[str, int] | None
Row: TypeAlias = dict[str, Cell]
"""Values by column; instants are microseconds since 1970 in UTC, absent columns are NULL."""


class LedgerTable(StrEnum):
    """Tables of the ledger that the store feeds (LED-1)."""

    USAGE_RECORD = "usage_record"
    RESERVATION_EVENT = "reservation_event"
    AUDIT_EVENT = "audit_event"
    SESSION = "session"
    MISSION = "mission"
    RESET = "reset"
    PRICE_ENTRY = "price_entry"
    OPENED_WINDOW = "opened_window"
    BUDGET_EVENT = "budget_event"


class OutboxEvent(NamedTuple):
    """One row on its way to the ledger.

    Attributes:
        seq: 1, 2, … in the order of commitment, without a gap.
    """

    seq: int
    table: LedgerTable
    row: Row
