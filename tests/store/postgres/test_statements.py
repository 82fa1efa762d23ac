"""Bulk statements: keys of any length, and plans that read no whole table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from corvus.base.postgres_address import PostgresAddress
from corvus.store import kinds
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.codec import Kind, Query, values_of
from corvus.store.kinds import KINDS
from corvus.store.part_sums import _PARTS  # pyright: ignore[reportPrivateUsage] - its plan
from corvus.store.postgres import schema
from corvus.store.postgres.connection import BEGIN, connect, local_settings, run
from corvus.store.postgres.packing import given_row, packed, parameters
from corvus.store.postgres.queries import translated
from corvus.store.postgres.statements import add, drop, get_many, put
from tests.store.postgres.test_queries import VALUES

LONGEST = 1_000
"""Characters of an id (``corvus.model.request.TEXT_MAX``), of four bytes each."""
WHOLE_TABLES = {
    "BUDGETS",
    "EXPECTED_OUTPUTS",
    "FIRST_ADMITTED",
    "FORGETTABLE_MORE",
    "FORGOTTEN_SESSIONS",
    "DEVICE_GRANTS",
    "BLOCKING",
    "NOTIFY_TARGETS",
    "OLD_SESSIONS",
    "OPEN_SESSIONS",
    "THE_STATE",
}
"""Looks of an opening, a page or an operator, and at tables of a few rows."""


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in a transaction of an empty store."""
    address = PostgresAddress.of(postgres_url)
    with connect(address) as connection:
        schema.migrate(connection, address)
        run(connection, BEGIN)
        run(connection, *local_settings(address))
        yield connection
        connection.rollback()


def _long(seed: int) -> str:
    """Return an id that no compression makes shorter."""
    made = random.Random(seed)
    return "".join(chr(made.randrange(0x10000, 0x10FFFF)) for _ in range(LONGEST))


def test_no_index_bounds_how_long_a_key_is(postgres: psycopg.Connection[Any]) -> None:
    one, two, three, four = map(_long, range(4))
    balance = StoredBalance(BalanceKey(1, 0, one, two, three, four), spent_nano_usd=5)
    other = StoredBalance(BalanceKey(1, 0, one, two, three, four[:-1] + "x"), spent_nano_usd=6)
    run(postgres, add(kinds.BALANCE), packed(map(kinds.BALANCE.stored, (balance, other))))
    balance.spent_nano_usd = 7
    run(postgres, put(kinds.BALANCE), packed([kinds.BALANCE.stored(balance)]))
    keys = packed([values_of(balance.key)])
    (row,) = run(postgres, get_many(kinds.BALANCE), keys).fetchall()
    assert kinds.BALANCE.read(given_row(row)) == balance
    run(postgres, drop(kinds.BALANCE), keys)
    (row,) = run(postgres, translated(kinds.BALANCES_OF), (1,)).fetchall()
    assert kinds.BALANCE.read(given_row(row)) == other


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (kinds.SESSION, [_long(1), _long(2), "{}"]),
        (kinds.MISSION, [_long(1), _long(2), _long(3), 1, "{}"]),
        (kinds.ACTION, [_long(1), 5]),
        (kinds.POLICY_LIMITS, [_long(1) * 5, "{}"]),
        (kinds.PRICE_ENTRY, [_long(1) * 5]),
        (kinds.BUDGET, [1, _long(1) * 5]),
        (kinds.NOTIFY_TARGET, [_long(1), "{}"]),
        (kinds.EXPECTED_OUTPUT, [_long(1), _long(2), 1, 1]),
    ],
)
def test_a_long_key_is_found_and_stands_for_one_row(
    postgres: psycopg.Connection[Any], kind: Kind[Any], row: list[Any]
) -> None:
    run(postgres, add(kind), packed([row]))
    key = [row[kind.columns.index(name)] for name in kind.key]
    assert len(run(postgres, get_many(kind), packed([key])).fetchall()) == 1
    assert len(run(postgres, translated(kind.by_key), parameters(key)).fetchall()) == 1
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(postgres, add(kind), packed([row]))


def test_keys_that_look_alike_are_not_mistaken(postgres: psycopg.Connection[Any]) -> None:
    keys = [("a", "b"), ("a\x01\x01b", ""), ("", "ab"), ("ab", ""), ("a\\", "b"), ("\\101", "b")]
    rows = [[*key, f'{{"{number}":1}}'] for number, key in enumerate(keys)]
    run(postgres, add(kinds.SESSION), packed(rows))
    for *key, body in rows:
        found = run(postgres, get_many(kinds.SESSION), packed([key])).fetchall()
        assert [*map(given_row, found)] == [(body,)]


def test_a_single_empty_text_is_a_value_and_no_row_at_all(
    postgres: psycopg.Connection[Any],
) -> None:
    run(postgres, add(kinds.PRICE_ENTRY), packed([[""]]))
    assert run(postgres, get_many(kinds.PRICE_ENTRY), packed([[""]])).fetchall() == [("",)]
    run(postgres, drop(kinds.PRICE_ENTRY), packed([[""]]))
    assert run(postgres, "SELECT * FROM price_entry").fetchall() == []


def _plan(postgres: psycopg.Connection[Any], sql: str, values: list[Any]) -> str:
    return "\n".join(line for (line,) in run(postgres, f"EXPLAIN {sql}", values).fetchall())


def _samples(kind: Kind[Any], names: tuple[str, ...]) -> list[Any]:
    return [1 if name in schema.numbers(kind.table) else "{}" for name in names]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)
def test_rows_are_found_by_an_index(postgres: psycopg.Connection[Any], kind: Kind[Any]) -> None:
    key = packed([_samples(kind, kind.key)])
    changed = kind.changing + kind.key if kind.changing else kind.columns
    for sql, values in (
        (get_many(kind), key),
        (drop(kind), key),
        (put(kind), packed([_samples(kind, changed)])),
        (translated(kind.by_key), _samples(kind, kind.key)),
    ):
        plan = _plan(postgres, sql, values)
        assert f"Seq Scan on {kind.table}" not in plan, plan
        assert "Index Cond" in plan or "INSERT" in sql, plan


LOOKS: dict[str, Query[Any]] = {
    **{name: one for name, one in vars(kinds).items() if isinstance(one, Query)},
    "parts": _PARTS,
}


@pytest.mark.parametrize("name", sorted(LOOKS.keys() - WHOLE_TABLES))
def test_a_look_of_a_call_reads_no_whole_table(
    postgres: psycopg.Connection[Any], name: str
) -> None:
    values = {"parts": [1, 0, 1, "", "", "", "a*"]}.get(name)
    if values is None:
        values = ["a" if one in "sp" else 1 for one in VALUES[name]]
    plan = _plan(postgres, translated(LOOKS[name]), values)
    assert "Seq Scan" not in plan, plan
