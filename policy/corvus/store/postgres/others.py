"""The stores of other schemas of a database: a store is not made beside them by itself (STO-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corvus.base.errors import StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.store.postgres.connection import run
from corvus.store.postgres.schema import known_version

if TYPE_CHECKING:
    from corvus.store.postgres.connection import Connection

_OTHER_STORE = """
SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relname IN ('store_lock', 'store_state') AND n.nspname <> %s
GROUP BY n.oid HAVING count(*) = 2 LIMIT 1
"""


def refuse_further(connection: Connection, address: PostgresAddress) -> None:
    """Refuse a store that is not there where another is: a mistyped schema had limits of its own.

    Raises:
        StoreUnavailable: There is none, and another schema of the database has one.
        psycopg.Error: It cannot be asked.
    """
    if known_version(connection, address) > 0:
        return
    if run(connection, _OTHER_STORE, (address.schema,)).fetchone() is not None:
        raise StoreUnavailable(
            f"there is no store {address.shown}, and the database has one in another schema: mend "
            "?schema= in the URL, or make a further one, with budgets of its own, by "
            "`corvus store init`"
        )
