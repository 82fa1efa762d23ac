"""How a look of the store (``Query``) reads in PostgreSQL.

Most texts are the same in both engines but for their placeholders. What SQLite does otherwise has a
second text at the query itself: ``->>`` gives text in PostgreSQL, a truth is no number, NULL sorts
last, and ``GLOB``, ``instr``, ``iif``, ``json_each`` and ``INDEXED BY`` are not there. Keys that
are indexed by their hash are looked up by it (``corvus.store.postgres.schema``).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from corvus.store.codec import Kind, Query
from corvus.store.kinds import ACTIONS, KINDS, RESERVATION_OF_KEY
from corvus.store.postgres.schema import HASHED_KEYS, key_hash, numbers

_JSON_COLUMNS: Final = ("body", "refused", "key")
_ARROW: Final = re.compile(rf"\b({'|'.join(_JSON_COLUMNS)}) ->>")


def translated(query: Query[Any]) -> str:
    """Return a look in the words of PostgreSQL; it takes the same values in the same order."""
    return _translated(query.sql, query.postgres, query.kind)


@cache
def _translated(sql: str, postgres: str | None, kind: Kind[Any] | None) -> str:
    if postgres is None:
        postgres = _hash_looks().get(sql) or _ARROW.sub(r"\1::json ->>", sql)
    if kind is not None:  # a column that a later version adds does not come before others
        postgres = postgres.replace("SELECT *", f"SELECT {', '.join(kind.read_columns)}", 1)
    return postgres.replace("%", "%%").replace("?", "%s")


@cache
def _hash_looks() -> dict[str, str]:
    """Return the looks that an index of hashes answers, by their text for SQLite."""
    of_key = f"{key_hash('project', 'idempotency_key')} = {key_hash('?::text', '?::text')}"
    reservation = RESERVATION_OF_KEY.sql.partition("WHERE")[0]
    return {
        **{kind.by_key.sql: _by_hash(kind) for kind in KINDS if kind.table in HASHED_KEYS},
        RESERVATION_OF_KEY.sql: f"{reservation}WHERE idempotency_key IS NOT NULL AND {of_key}",
        ACTIONS.sql: ACTIONS.sql.replace(
            "principal = ?", f"{key_hash('principal')} = {key_hash('?::text')}"
        ),
    }


def _by_hash(kind: Kind[Any]) -> str:
    hashed = HASHED_KEYS[kind.table]
    here = ", ".join(
        f"?::{'bigint' if name in numbers(kind.table) else 'text'}" for name in kind.key
    )
    same = [f"t.{name} = k.{name}" for name in kind.key if name not in hashed]
    there = key_hash(*(f"t.{name}" for name in hashed))
    given = key_hash(*(f"k.{name}" for name in hashed))
    columns = "SELECT " + ", ".join(f"t.{name}" for name in kind.read_columns)
    return (
        f"{columns} FROM (SELECT {here}) AS k({', '.join(kind.key)}) "
        f"JOIN {kind.table} AS t ON {' AND '.join([*same, f'{there} = {given}'])}"
    )
