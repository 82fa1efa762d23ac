"""A schema of a PostgreSQL database as the place of a store (STO-1).

A place is named without the client of PostgreSQL, which the extra ``postgres`` brings: whoever
opens it hears what to install, and ``corvus status`` shows that as its problem.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import StoreError, StoreUnavailable
from corvus.base.extras import require_postgres
from corvus.base.postgres_address import PostgresAddress
from corvus.store.health import StoreHealth, examined
from corvus.store.kinds import KINDS
from corvus.store.postgres.faults import GRANT_IT
from corvus.store.postgres.generation import SeenGeneration
from corvus.store.spill import UNSETTLED

if TYPE_CHECKING:
    from corvus.store.postgres.admin import PostgresAdmin
    from corvus.store.postgres.backend import PostgresBackend
    from corvus.store.postgres.connection import Connection
    from corvus.store.postgres.look import Looks, PostgresLook

_TABLES = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint,
    coalesce(bool_and(has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
        AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
        FILTER (WHERE relname = ANY(%s)), true)
FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s)
"""
"""What all tables take, and whether the role may do all with those that are written."""

_MAY_MAKE = """
SELECT CASE WHEN to_regnamespace(%s) IS NULL
    THEN has_database_privilege(current_database(), 'CREATE')
    ELSE has_schema_privilege(to_regnamespace(%s)::oid, 'CREATE')
        AND has_schema_privilege(to_regnamespace(%s)::oid, 'USAGE') END
"""


class PostgresPlace:
    """Where a store in PostgreSQL is; implements ``corvus.store.place.StorePlace``.

    Args:
        address: The database and the schema.
        beside: The file next to which this host keeps what the store cannot: settlements that wait
            for it, and which state of it was seen last.
        policy: The hash of the policy that is in force here, for others.
    """

    is_shared = True

    def __init__(self, address: PostgresAddress, beside: Path, policy: str = "") -> None:
        self._address = address
        real = Path(os.path.realpath(beside))
        self._beside = real.with_name(f"{real.name}.{address.schema}")
        self._policy = policy
        self._exists = False
        self.name = address.shown

    @cached_property
    def _looks(self) -> Looks:
        require_postgres()
        from corvus.store.postgres.look import Looks

        return Looks(self._address)

    @property
    def full_name(self) -> str:
        """The place as it is known in every folder, on every host."""
        return self.name

    @property
    def exists(self) -> bool:
        """Whether a store was ever made there.

        Raises:
            StoreUnavailable: The server cannot be reached.
        """
        if not self._exists:
            with self._looks.looking() as look:
                self._exists = look.version > 0
        return self._exists

    @property
    def unsettled_path(self) -> Path:
        """Where settlements wait that could not be written."""
        return self._beside.with_name(f"{self._beside.name}{UNSETTLED}")

    @property
    def lease_path(self) -> Path:
        """Where this host's own store lies, should it have slices of this one."""
        return self._beside.with_name(f"{self._beside.name}.store")

    @property
    def admin(self) -> PostgresAdmin:
        """What an operator does with it besides using it.

        Raises:
            PostgresNotInstalled: The client is missing; so do all that open the store.
        """
        require_postgres()
        from corvus.store.postgres.admin import PostgresAdmin

        return PostgresAdmin(self._address, self._looks, self._beside)

    def backend(self, *, is_trusted: bool = False) -> PostgresBackend:
        """Open the store for a writer; it is made when missing, the first one of a database."""
        require_postgres()
        from corvus.store.postgres.backend import PostgresBackend
        from corvus.store.postgres.others import refuse_further

        if not self.exists:
            with self._looks.connection() as connection:
                refuse_further(connection, self._address)
        return PostgresBackend(
            self._address, beside=self._beside, policy=self._policy, is_trusted=is_trusted
        )

    @contextmanager
    def looking(self) -> Generator[PostgresLook]:
        """Open the store, which exists, for a look."""
        with self._looks.looking() as look:
            yield look

    def health(self, now: datetime) -> StoreHealth:
        """Examine the store, which need not exist.

        Args:
            now: The present instant, aware.
        """
        seen = StoreHealth(self.name)
        # Before the look: another process may note later what the look does not show yet.
        known = SeenGeneration(self._beside)
        try:
            with self._looks.connection() as connection:
                from corvus.store.postgres.look import PostgresLook

                look = PostgresLook(connection, self._address)
                written = [*(kind.table for kind in KINDS), "store_lock", "writer"]
                found = connection.execute(_TABLES, [written, self._address.schema]).fetchall()
                ((size, may_write),) = found
                seen = replace(
                    seen, exists=look.version > 0, is_writable=may_write, size_bytes=int(size)
                )
                seen = examined(seen, look, now)
                self._judge(connection, seen, known)
                missing = f"the role may not write all tables of the store {self.name}; {GRANT_IT}"
                return seen if may_write else replace(seen, problem=missing)
        except StoreError as fault:
            return replace(seen, problem=str(fault))

    def _judge(self, connection: Connection, health: StoreHealth, seen: SeenGeneration) -> None:
        """Refuse a server that lacks what this host has seen, as a writer would."""
        if not health.exists:
            seen.judge_absence(self.name)
            from corvus.store.postgres.others import refuse_further

            refuse_further(connection, self._address)
            ((may_make,),) = connection.execute(_MAY_MAKE, [self._address.schema] * 3).fetchall()
            if not may_make:
                raise StoreUnavailable(
                    f"there is no store at {self.name}, and this role may not make one: mend the "
                    "schema in the URL, or have an administrator run `corvus store init --sql`"
                )
            return
        ((generation,),) = connection.execute("SELECT generation FROM store_lock").fetchall()
        seen.judge(self.name, generation, health.store_id)
