"""Bring a ledger to the shape this version knows: ordered, checksummed migrations (LED-1).

Refuses a ledger from a newer version, one whose history differs from what this version ships, and a
database that is something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from importlib.resources import files

import duckdb

from corvus.base.errors import (
    LedgerCorrupt,
    LedgerOutdated,
    LedgerTooNew,
    ResourceMissing,
)
from corvus.base.time import Clock

_CREATE = """
CREATE TABLE ledger_migration (
    version    INTEGER   NOT NULL,
    name       VARCHAR   NOT NULL,
    sha256     VARCHAR   NOT NULL, -- of the migration's text
    applied_at TIMESTAMP NOT NULL  -- UTC
)
"""
_TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE database_name = current_database() AND NOT temporary ORDER BY table_name
"""
"""Of the file alone: a look at DuckDB's own catalogs as well takes five times as long."""
_APPLIED = "SELECT version, name, sha256 FROM ledger_migration ORDER BY version"
_RECORD = "INSERT INTO ledger_migration VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the ledger's shape.

    Attributes:
        version: 1, 2, …, without a gap.
        name: The words of its file name.
        sql: One or more statements.
    """

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Checksum of the text, 64 hex digits."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped_migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version, in order.

    Raises:
        ResourceMissing: None is there, or a number is missing: the wheel was built wrong.
    """
    found: list[Migration] = []
    for file in files("corvus.ledger").joinpath("migrations").iterdir():
        stem, dot, suffix = file.name.rpartition(".")
        if dot and suffix == "sql":
            number, _, name = stem.partition("_")
            # Checksums must not depend on how a checkout writes line ends.
            text = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
            found.append(Migration(int(number), name, text))
    found.sort(key=lambda migration: migration.version)
    if not found or [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ResourceMissing("policy was installed without all of its ledger migrations")
    return tuple(found)


def migrate(
    connection: duckdb.DuckDBPyConnection,
    migrations: tuple[Migration, ...],
    clock: Clock,
    *,
    upgraded: Callable[[int], None] = lambda _: None,
) -> None:
    """Apply what is missing, in one transaction.

    Args:
        connection: To the database.
        migrations: All of this version.
        clock: Stamps what is applied.
        upgraded: Called in the transaction with the version that a ledger had before.

    Raises:
        LedgerTooNew: The ledger has migrations this version does not know.
        LedgerCorrupt: The database is no ledger, or its history differs from the shipped one.
    """
    done = _applied(connection, migrations)
    if done == len(migrations):
        return
    connection.execute("BEGIN TRANSACTION")
    try:
        if done == 0:
            connection.execute(_CREATE)
        now = clock.now().astimezone(UTC).replace(tzinfo=None)
        for migration in migrations[done:]:
            connection.execute(migration.sql)
            connection.execute(_RECORD, [migration.version, migration.name, migration.sha256, now])
        if done:
            upgraded(done)
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End a transaction without keeping it; a failed COMMIT may have done so already."""
    with suppress(duckdb.Error):
        connection.rollback()


def verify(connection: duckdb.DuckDBPyConnection, migrations: tuple[Migration, ...]) -> None:
    """Check that a ledger opened for reading has exactly the shape this version knows.

    Raises:
        LedgerOutdated: It is older, or still empty, as one whose maker was killed: what writes
            upgrades it.
        LedgerTooNew: As for ``migrate``.
        LedgerCorrupt: As for ``migrate``.
    """
    done = _applied(connection, migrations)
    if done == 0:
        raise LedgerOutdated("the ledger is empty; fill it with `corvus usage import PATH`")
    if done < len(migrations):
        raise LedgerOutdated(
            f"the ledger has version {done}, this corvus needs {len(migrations)}; "
            "`corvus ledger drain` or `corvus usage import PATH` upgrades it"
        )


def applied_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Return how many migrations a ledger has seen.

    Raises:
        LedgerTooNew: As for ``migrate``.
        LedgerCorrupt: As for ``migrate``.
    """
    return _applied(connection, shipped_migrations())


def _applied(connection: duckdb.DuckDBPyConnection, migrations: tuple[Migration, ...]) -> int:
    """Return how many migrations the ledger has, all of them known."""
    tables = [str(row[0]) for row in connection.execute(_TABLES).fetchall()]
    if not tables:
        return 0
    if "ledger_migration" not in tables:
        raise LedgerCorrupt(
            f"the file is a DuckDB database, but no ledger (it has {', '.join(tables[:5])}); "
            "name another file with --ledger"
        )
    rows = connection.execute(_APPLIED).fetchall()
    if len(rows) > len(migrations):
        raise LedgerTooNew(
            f"the ledger has version {len(rows)}, this corvus knows up to {len(migrations)}; "
            "upgrade corvus (pip install --upgrade corvus-policy)"
        )
    for (version, name, sha256), known in zip(rows, migrations, strict=False):
        if (version, sha256) != (known.version, known.sha256):
            raise LedgerCorrupt(
                f"migration {version} ({name}) of the ledger differs from the one this corvus "
                "ships; it was written by another build"
            )
    return len(rows)
