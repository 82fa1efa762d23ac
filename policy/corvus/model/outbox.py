"""Rows that the store hands to the ledger, in the order in which they became true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, TypeAlias

Cell: TypeAlias = str | int | bool | dict[str, str] | dict[str, int] | None
Row: TypeAlias = dict[str, Cell]
"""Values by column; instants are microseconds since 1970 in UTC, absent columns are NULL."""


class LedgerTable(StrEnum):
    """Tables of the ledger that the store feeds (LED-1).

    ``removal`` is none: such a row names rows of another table that are no more.
    """

    USAGE_RECORD = "usage_record"
    RESERVATION_EVENT = "reservation_event"
    AUDIT_EVENT = "audit_event"
    SESSION = "session"
    MISSION = "mission"
    RESET = "reset"
    PRICE_ENTRY = "price_entry"
    OPENED_WINDOW = "opened_window"
    BUDGET_EVENT = "budget_event"
    IMPORT_FILE = "import_file"
    PROVIDER_CHARGE = "provider_charge"
    CHARGE_MODEL = "charge_model"
    RECONCILIATION = "reconciliation"
    REMOVAL = "removal"


REMOVABLE: Mapping[LedgerTable, tuple[str, ...]] = {
    LedgerTable.PROVIDER_CHARGE: ("provider", "day", "form", "source"),
    LedgerTable.CHARGE_MODEL: ("provider", "name"),
}
"""Tables whose rows may be removed, and the columns by which; a removal has them as text, and the
name of the table as ``table``."""

NUMBERED = frozenset(LedgerTable) - {
    LedgerTable.USAGE_RECORD,
    LedgerTable.IMPORT_FILE,
    LedgerTable.REMOVAL,
    LedgerTable.RECONCILIATION,
    *REMOVABLE,
}
"""Tables whose rows carry the store and their number in it."""


class OutboxEvent(NamedTuple):
    """One row on its way to the ledger.

    Attributes:
        seq: 1, 2, … in the order of commitment, without a gap.
    """

    seq: int
    table: LedgerTable
    row: Row

    @property
    def mark(self) -> str:
        """What tells this event from one of the same number: a hash of 128 bits, hexadecimal."""
        text = json.dumps([self.table, self.row], sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()[:32]
