"""A ledger as one of several that a store feeds: its id, and how far it has got (STO-3)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from corvus.base.ids import new_id
from corvus.base.time import Clock, microseconds
from corvus.ledger.ledger import (
    LOCK_TIMEOUT_SECONDS,
    Ledger,
    open_file,
    refuse_other_rows,
)
from corvus.ledger.outbox import Outbox

_NOTE = "INSERT INTO {table} VALUES ($store_id, $replica_id, make_timestamp($noted_us))"
_ID = """
SELECT replica_id::VARCHAR FROM ledger_replica WHERE store_id = ?
ORDER BY noted_at DESC, rowid DESC LIMIT 1
"""


def host_of(path: Path) -> str:
    """Return what tells people where a ledger lies: its host, and its path there."""
    return f"{socket.gethostname()}:{path.absolute()}"


def watermark_of(
    path: Path, outbox: Outbox, *, timeout_seconds: float = LOCK_TIMEOUT_SECONDS
) -> int:
    """Return the number of the newest event of a store that a ledger has; 0 without a ledger.

    Raises:
        LedgerError: As for ``open_file``.
    """
    if not os.path.isfile(path):
        return 0
    with open_file(path, timeout_seconds=timeout_seconds) as ledger:
        return ledger.watermark(outbox.store_id)


def replica_id(ledger: Ledger, store_id: str) -> str | None:
    """Return the id under which a store knows a ledger; ``None`` before it was ever fed."""
    with ledger.explaining():
        row = ledger.connection.execute(_ID, [store_id]).fetchone()
    return row[0] if row else None


def enrolled(ledger: Ledger, outbox: Outbox, watermark: int, clock: Clock) -> str:
    """Have a shared store keep what a ledger lacks, before any of it is read.

    Args:
        ledger: Open for writing.
        outbox: The events of the store.
        watermark: The ledger has the events up to this number.
        clock: Stamps the id, if it is a new one.

    Returns:
        The id under which the store knows the ledger.

    Raises:
        LedgerError: It has records that are not of this store.
        StoreError: The store cannot be read or written.
    """
    refuse_other_rows(ledger, outbox, watermark)
    known = replica_id(ledger, outbox.store_id)
    mine = known or new_id(microseconds(clock.now()))
    if known is None:
        _note(ledger, outbox.store_id, mine, clock)
    after = outbox.enrol(mine, watermark, host_of(ledger.path))
    if after != mine:
        _note(ledger, outbox.store_id, after, clock)
    return after


def _note(ledger: Ledger, store_id: str, own_id: str, clock: Clock) -> None:
    with ledger.transaction():
        ledger.connection.execute(
            _NOTE.format(table=ledger.table("ledger_replica")),
            {
                "store_id": store_id,
                "replica_id": own_id,
                "noted_us": microseconds(clock.now()),
            },
        )
