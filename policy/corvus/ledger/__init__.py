"""The DuckDB file: opening, locking, migrating and appending.

Raises:
    LedgerNotInstalled: On import, without the extra ``ledger``.
"""

from __future__ import annotations

from corvus.base.extras import require_ledger

require_ledger()
