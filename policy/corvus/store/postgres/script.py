"""The SQL that makes a store or brings it further, for an administrator who runs it by hand.

What corvus runs itself when it is let to, in the same order and with the same checksums. The role
that corvus connects as may then read and write rows, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from corvus.base.postgres_address import PostgresAddress
from corvus.store.api import StoreState
from corvus.store.kinds import STATE
from corvus.store.postgres.schema import MIGRATIONS, checksum

_TAKEN: Final = """\
INSERT INTO schema_version
    VALUES ({number}, '{checksum}', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);"""
_FIRST_STATE: Final = "INSERT INTO store_state VALUES (gen_random_uuid()::text, {values});"
"""Each store has an id of its own, also where a script is run again, or for another team."""
_VERSION: Final = """\
UPDATE store_lock SET version = {version}, generation = generation + 1,
    rare_generation = rare_generation + 1;"""


def script(address: PostgresAddress, role: str, since: int = 0) -> str:
    """Return the SQL.

    Args:
        address: Whose schema is made.
        role: Whom it lets use the store; made without a password when it is missing.
        since: The version from which the store is brought further; 0 makes it.
    """
    return "\n".join(_lines(address, role, since)) + "\n"


def _lines(address: PostgresAddress, role: str, since: int) -> Iterator[str]:
    schema, name = address.schema, _identifier(role)
    yield f"-- The store of corvus in the schema {schema}, version {len(MIGRATIONS)}."
    yield "-- Run it as an owner of the database, whole: psql -v ON_ERROR_STOP=1 -f FILE DATABASE"
    yield "BEGIN;"
    if since == 0:
        quote = _dollar_quote(role)
        yield f"DO {quote} BEGIN"
        yield f"    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {_literal(role)}) THEN"
        yield f"        CREATE ROLE {name} LOGIN;"
        yield "    END IF;"
        yield f"END {quote};"
        yield f"CREATE SCHEMA IF NOT EXISTS {schema};"
    yield f"SET LOCAL search_path = {schema}, pg_temp;"
    if since:
        yield "SELECT version FROM store_lock FOR UPDATE;"
    for number, step in enumerate(MIGRATIONS[since:], since + 1):
        yield step.strip()
        yield _TAKEN.format(number=number, checksum=checksum(step))
    if since == 0:
        yield _FIRST_STATE.format(values=", ".join(map(_literal, _first_state())))
    yield _VERSION.format(version=len(MIGRATIONS))
    yield f"GRANT USAGE ON SCHEMA {schema} TO {name};"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name};"
    yield "COMMIT;"


def _first_state() -> list[object]:
    """Return the columns of the store's own row, but for the id, which is the first."""
    return STATE.stored(StoreState(store_id=""))[1:]


def _dollar_quote(text: str) -> str:
    """Return what may stand around a text in place of quotes: something that is not in it."""
    tag = ""
    while f"${tag}$" in text:
        tag += "q"
    return f"${tag}$"


def _identifier(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'"{quoted}"'


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(int(value))
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'"
