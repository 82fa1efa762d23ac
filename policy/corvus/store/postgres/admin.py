"""The administration of a store in PostgreSQL: alone with it, by hand, and how its server is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from corvus.base.postgres_address import PostgresAddress
from corvus.base.time import instant_at
from corvus.store.operations.server import HostSeen, ServerStanding
from corvus.store.postgres.backend import PostgresBackend
from corvus.store.postgres.connection import ANSWER_SECONDS, ServerFacts, examined, run
from corvus.store.postgres.look import Looks
from corvus.store.postgres.schema import MIGRATIONS
from corvus.store.postgres.script import script
from corvus.store.postgres.sole import SolePostgresBackend

if TYPE_CHECKING:
    from corvus.store.postgres.connection import Connection

_RECENT_US = 60 * 10**6
"""A host that has written within this is at work, microseconds."""

_NOW: Final = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr(),
    to_regclass(%s) IS NOT NULL
"""


class PostgresAdmin:
    """Administers a store in PostgreSQL; implements ``corvus.store.operations.admin.StoreAdmin``.

    Args:
        address: The database and the schema.
        looks: The connections that this process has for looks.
        beside: As for ``PostgresBackend``.
    """

    newest_version = len(MIGRATIONS)

    def __init__(self, address: PostgresAddress, looks: Looks, beside: Path) -> None:
        self._address = address
        self._looks = looks
        self._beside = beside

    def make(self) -> None:
        """Make the store, also beside others, or bring it up to date."""
        PostgresBackend(self._address, beside=self._beside).close()

    def sole_backend(self) -> SolePostgresBackend:
        """Open the store for one who must be alone with it; it is made when missing."""
        self.let_go()
        return SolePostgresBackend(self._address, beside=self._beside)

    def server(self) -> ServerStanding:
        """Return how the server is."""
        import psycopg

        from corvus.store.postgres.faults import explain

        connection, facts = examined(self._address, ANSWER_SECONDS)
        try:
            return self._standing(connection, facts)
        except psycopg.Error as fault:
            raise explain(fault, self._address) from fault
        finally:
            connection.close()

    def file(self) -> None:
        """Return nothing: `pg_dump` copies the schema."""

    def let_go(self) -> None:
        """Close what this process keeps open for its next look."""
        self._looks.close()

    def script(self, role: str, since: int = 0) -> str:
        """Return the SQL that makes the store, or brings it further."""
        return script(self._address, role, since)

    def _standing(self, connection: Connection, facts: ServerFacts) -> ServerStanding:
        writers = f"{self._address.schema}.writer"
        sent_ns, began = time.time_ns(), time.monotonic()
        row = run(connection, _NOW, (writers,)).fetchone()
        took_seconds = time.monotonic() - began
        assert row is not None
        now_us, is_local, has_writers = row
        middle_us = sent_ns // 1000 + int(took_seconds * 5e5)
        return ServerStanding(
            f"PostgreSQL {facts.version_text}",
            facts.tls,
            is_local=is_local,
            is_pooled=facts.is_pooled,
            standbys=facts.standbys,
            clock_at=instant_at(now_us),
            ahead_seconds=(now_us - middle_us) / 1e6,
            round_trip_seconds=took_seconds,
            hosts=tuple(_hosts(connection, writers, now_us)) if has_writers else (),
        )


def _hosts(connection: Connection, writers: str, now_us: int) -> list[HostSeen]:
    rows = run(
        connection,
        f"SELECT host, policy, count(*), max(seen_us) FROM {writers} WHERE seen_us > %s "  # noqa: S608 - a plain name
        "GROUP BY host, policy ORDER BY max(seen_us) DESC, host, policy",
        (now_us - _RECENT_US,),
    ).fetchall()
    return [
        HostSeen(host, policy, many, instant_at(seen_us)) for host, policy, many, seen_us in rows
    ]
