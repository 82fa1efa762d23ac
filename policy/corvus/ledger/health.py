"""Says how a ledger is, without changing anything (CLI-6)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from corvus.base.errors import LedgerError, LedgerLocked, StoreError
from corvus.ledger.ledger import open_file
from corvus.ledger.migrate import applied_version
from corvus.ledger.outbox import Outbox, refuse_lost_rows
from corvus.ledger.views import archived_files

_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """How a ledger is.

    Attributes:
        exists: Whether the file is there; the first import or drain makes it.
        is_writable: Whether this user may write it, or make it.
        is_busy: Whether another process writes it now, so that it could not be looked into.
        problem: Why it cannot be used, in words; ``None`` when it can.
        size_bytes: Of the file and its write-ahead log, without the archive.
        version: How many migrations it has seen.
        archive_files: Files of months past retention that belong to it.
    """

    path: Path
    exists: bool = False
    is_writable: bool = False
    is_busy: bool = False
    problem: str | None = None
    size_bytes: int = 0
    version: int = 0
    archive_files: int = 0


def ledger_health(path: Path, outbox: Outbox | None, *, writable: bool) -> LedgerHealth:
    """Examine a ledger.

    Args:
        path: The file; it need not exist.
        outbox: The store next to it, which must agree on what was handed over.
        writable: Whether this user may write it, or make it.
    """
    if not os.path.lexists(path):
        return LedgerHealth(path, is_writable=writable, problem=_lost_rows(outbox, 0))
    sides = [side for side in (str(path), f"{path}.wal") if os.path.isfile(side)]
    found = LedgerHealth(
        path,
        exists=True,
        is_writable=writable,
        size_bytes=sum(map(os.path.getsize, sides)),
    )
    try:
        with open_file(path, timeout_seconds=_PATIENCE_SECONDS) as ledger, ledger.explaining():
            files = archived_files(ledger.connection, path)
            watermark = ledger.watermark(outbox.store_id) if outbox is not None else 0
            return replace(
                found,
                problem=_lost_rows(outbox, watermark),
                version=applied_version(ledger.connection),
                archive_files=sum(map(len, files.values())),
            )
    except LedgerLocked:
        return replace(found, is_busy=True)
    except LedgerError as fault:
        return replace(found, problem=str(fault))


def _lost_rows(outbox: Outbox | None, watermark: int) -> str | None:
    try:
        if outbox is not None:
            refuse_lost_rows(outbox, watermark)
    except (LedgerError, StoreError) as fault:
        return str(fault)
    return None
