"""Says how the store and the ledger of one place are, each whatever the other is (CLI-6)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from corvus.base.errors import StoreError
from corvus.ledger.health import LedgerHealth, ledger_health
from corvus.store.health import StoreHealth
from corvus.store.place import StoreOutbox, place_at


@dataclass(frozen=True, slots=True)
class Health:
    """How store and ledger are."""

    store: StoreHealth
    ledger: LedgerHealth

    @property
    def is_usable(self) -> bool:
        """Whether calls can be admitted, and reports read."""
        return self.store.problem is None and self.ledger.problem is None


def examine(ledger_path: Path, store_path: Path, now: datetime) -> Health:
    """Examine both; no byte of either changes."""
    place = place_at(store_path)
    store = place.health(now, writable=_is_writable(store_path))
    outbox = None
    try:
        if store.store_id is not None:
            outbox = StoreOutbox(place)
    except StoreError:
        pass  # it was replaced a moment ago; the ledger is told of alone
    ledger = ledger_health(ledger_path, outbox, writable=_is_writable(ledger_path))
    return Health(store, ledger)


def _is_writable(path: Path) -> bool:
    """Tell whether a file may be written, or made with the folders above it."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False  # its name is too long, or what stands above it is no folder
    else:
        return _may(path, os.W_OK) and _may(path.parent, os.W_OK)
    folder = next((one for one in path.absolute().parents if os.path.lexists(one)), path.parent)
    return os.path.isdir(folder) and _may(folder, os.W_OK | os.X_OK)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
