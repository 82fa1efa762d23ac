"""What an install of corvus has besides its core.

The core is what ``check``, ``migrate``, ``config``, ``explain`` and ``schema`` need, so that a hook
installs in seconds; DuckDB, which is larger than all of it, comes with an extra.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

from corvus.base.errors import LedgerNotInstalled

LEDGER_LIBRARY: Final = "duckdb"


def require_ledger() -> None:
    """Return if the library of the ledger is here; it is looked for, not imported.

    Whoever would write to the store calls this before: what is recorded there is counted again from
    the ledger, after a change of the config or in a new session, so that a governor without one
    would have to stop in the middle of its work.

    Raises:
        LedgerNotInstalled: It is not; says what to install.
    """
    if LEDGER_LIBRARY not in sys.modules and find_spec(LEDGER_LIBRARY) is None:
        raise ledger_not_installed()


def ledger_not_installed() -> LedgerNotInstalled:
    """Return the error that says what to install for the ledger."""
    return LedgerNotInstalled(
        f"store, ledger and reports need {LEDGER_LIBRARY}: pip install 'corvus-policy[ledger]'"
    )
