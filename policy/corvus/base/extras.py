"""What an install of corvus has besides its core.

The core is what ``check``, ``migrate``, ``config``, ``explain`` and ``schema`` need, so that a hook
installs in seconds; DuckDB, which is larger than all of it, comes with an extra.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

from corvus.base.errors import LedgerNotInstalled, PostgresNotInstalled

LEDGER_LIBRARY: Final = "duckdb"
POSTGRES_LIBRARY: Final = "psycopg"


def has_ledger() -> bool:
    """Return whether the library of the ledger is here; it is looked for, not imported."""
    return _is_here(LEDGER_LIBRARY)


def require_ledger() -> None:
    """Return if the library of the ledger is here.

    Whoever would write to the store calls this before: what is recorded there is counted again from
    the ledger, after a change of the config or in a new session, so that a governor without one
    would have to stop in the middle of its work.

    Raises:
        LedgerNotInstalled: It is not; says what to install.
    """
    if not has_ledger():
        raise ledger_not_installed()


def ledger_not_installed() -> LedgerNotInstalled:
    """Return the error that says what to install for the ledger."""
    return LedgerNotInstalled(
        f"store, ledger and reports need {LEDGER_LIBRARY}: pip install 'corvus-policy[ledger]'"
    )


def has_postgres() -> bool:
    """Return whether the client of PostgreSQL is here; it is looked for, not imported."""
    return _is_here(POSTGRES_LIBRARY)


def require_postgres() -> None:
    """Return if the client of PostgreSQL is here.

    Raises:
        PostgresNotInstalled: It is not; says what to install.
    """
    if not has_postgres():
        raise postgres_not_installed()


def postgres_not_installed() -> PostgresNotInstalled:
    """Return the error that says what to install for a store in PostgreSQL."""
    return PostgresNotInstalled(
        f"a store in PostgreSQL needs {POSTGRES_LIBRARY}: pip install 'corvus-policy[postgres]'"
    )


def _is_here(library: str) -> bool:
    return library in sys.modules or find_spec(library) is not None
