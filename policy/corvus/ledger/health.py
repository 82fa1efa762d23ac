"""Says how a ledger is, without changing anything (CLI-6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from corvus.base.errors import LedgerError, LedgerLocked, StoreError
from corvus.ledger.ledger import open_file
from corvus.ledger.migrate import applied_version
from corvus.ledger.outbox import Outbox, refuse_lost_rows
from corvus.ledger.views import archived_files, places
from corvus.model.ledger_health import LedgerHealth

_PATIENCE_SECONDS = 1.0


def ledger_health(path: Path, outbox: Outbox | None, *, writable: bool) -> LedgerHealth:
    """Examine a ledger.

    Args:
        path: The file; it need not exist.
        outbox: The store next to it, which must agree on what was handed over.
        writable: Whether this user may write it, or make it.
    """
    found = LedgerHealth.unopened(path, writable=writable)
    if not found.exists:
        return replace(found, problem=_lost_rows(outbox, 0))
    try:
        with open_file(path, timeout_seconds=_PATIENCE_SECONDS) as ledger, ledger.explaining():
            files = archived_files(ledger.connection, path)
            watermark, mark = 0, None
            if outbox is not None:
                watermark, mark = ledger.watermark(outbox.store_id), ledger.mark(outbox.store_id)
            return replace(
                found,
                problem=_lost_rows(outbox, watermark, mark),
                version=applied_version(ledger.connection),
                archive_files=sum(map(len, files.values())),
                archive_places=places(files),
            )
    except LedgerLocked:
        return replace(found, is_busy=True)
    except LedgerError as fault:
        return replace(found, problem=str(fault))


def _lost_rows(outbox: Outbox | None, watermark: int, mark: str | None = None) -> str | None:
    try:
        if outbox is not None:
            refuse_lost_rows(outbox, watermark, mark)
    except (LedgerError, StoreError) as fault:
        return str(fault)
    return None
