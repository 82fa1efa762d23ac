"""Both engines give the same answers: over random rows of every kind, to every look there is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import EnumMeta
from random import Random
from types import NoneType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.base.postgres_address import PostgresAddress
from corvus.base.time import instant_at
from corvus.model.budget import Measure
from corvus.model.parts import PartOrder, PartsQuery
from corvus.store import kinds, part_sums, statements
from corvus.store.api import BalanceKey
from corvus.store.codec import Kind, Query, values_of
from corvus.store.kinds import KINDS
from corvus.store.part_sums import PartLimits, PartSums
from corvus.store.postgres import schema
from corvus.store.postgres import statements as bulk
from corvus.store.postgres.connection import BEGIN, connect, local_settings, run
from corvus.store.postgres.packing import given_row, packed, parameters
from corvus.store.postgres.queries import translated
from corvus.store.sqlite import SqliteBackend

ALL = [
    HealthCheck.function_scoped_fixture,  # which makes a transaction for each example
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
]
TEXTS = ["", "a", "b", "A", "Ä", "a%b_c*", "\\", "a\\u0041", "\x01", "\x1e", "\U0001f600", "~'\""]
NUMBERS = [0, 1, 2, 3, 10**15, 10**15 + 1, 2 * 10**15, 9 * 10**18]
PARTS = ["a", "b", "Ab", "aB,c", "a%b", "a_b", "x" * 300 + "1", "x" * 300 + "2", "Ä", "\x01"]
BUDGET_KEYS = [
    '["b","month","UTC",[]]',
    '["b","quarter","UTC",[["model","x"]]]',
    '["\\u0001","custom","UTC",[],["user"],86400]',
    '["c","year","UTC",[],[],10]',
]


class Rows:
    """Makes rows of every kind, at random, of few enough values that looks find some."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def of_all_kinds(self) -> dict[Kind[Any], list[Any]]:
        return {kind: self.some(kind, 1 if kind is kinds.STATE else 5) for kind in KINDS}

    def some(self, kind: Kind[Any], most: int) -> list[Any]:
        """Make rows that no unique index refuses."""
        rows = [self.row(kind) for _ in range(self.random.randint(0, most))]
        seen: set[object] = set()
        kept: list[Any] = []
        for row in rows:
            stored = dict(zip(kind.columns, kind.stored(row), strict=True))
            marks: set[object] = {values_of(kind.key_of(row))}
            if unique := UNIQUE.get(kind.table):
                marks.add((*unique, *(stored[name] for name in unique)))
            if not marks & seen:
                kept.append(row)
            seen |= marks
        return kept

    def row(self, kind: Kind[Any]) -> Any:
        pick = self.random.choice
        if kind is kinds.BUDGET:
            return kinds.RegisteredBudget(pick([1, 2, 3]), pick(BUDGET_KEYS))
        row = self._built(getattr(kind, "_row"))  # noqa: B009 - the type of its rows is its own
        if kind is kinds.BALANCE:
            ids = [pick(["", pick(TEXTS)]) for _ in range(3)]
            window, part = pick([0, 1, 2, 10**15]), pick(["", pick(PARTS)])
            row.key = BalanceKey(pick([1, 2]), window, ids[0], ids[1], ids[2], part)
        return row

    def values(self, form: str) -> list[Any]:
        """Make the values of a look."""
        of: dict[str, Sequence[Any]] = {
            "s": TEXTS,
            "n": NUMBERS,
            "b": [1, 2],
            "p": ["", *PARTS],
            "l": [1000],
            "y": [0, 1],
        }
        return [self.random.choice(of[one]) for one in form]

    def _built(self, row: Any) -> Any:
        hints = get_type_hints(row)
        declared: Any = row
        if is_dataclass(declared):
            usual = {one.name: one.default is not MISSING for one in fields(declared)}
        else:
            usual = {name: name in row._field_defaults for name in row._fields}
        while True:
            known = [(name, self._of(hints[name])) for name in usual]
            with suppress(ValueError):  # it may refuse what does not fit together
                return row(**{n: value for n, value in known if value is not LEFT or not usual[n]})

    def _of(self, hint: Any) -> Any:  # noqa: PLR0911 - one for each form of types
        choices, pick = get_args(hint), self.random.choice
        origin: Any = get_origin(hint)
        if hint in SIMPLE:
            return SIMPLE[hint](pick)
        if NoneType in choices:
            inner = self._of(next(one for one in choices if one is not NoneType))
            return pick([None, inner])
        if origin is tuple:
            some = choices[:1] * pick([0, 1, 2]) if choices[-1] is Ellipsis else choices
            return tuple(self._of(one) for one in some)
        if origin in (dict, Mapping):
            return {pick(TEXTS): pick([pick(TEXTS), pick(NUMBERS)]) for _ in range(pick([0, 2]))}
        if issubclass(type(hint), EnumMeta):
            return pick([*hint])
        if hasattr(hint, "__supertype__"):
            return self._of(hint.__supertype__)
        return self._built(hint) if is_dataclass(hint) or hasattr(hint, "_fields") else LEFT


LEFT = object()
"""Stands for a value of a type that no store keeps."""
SIMPLE: dict[Any, Callable[[Any], Any]] = {
    str: lambda pick: pick(TEXTS),
    int: lambda pick: pick(NUMBERS[:-1]),
    bool: lambda pick: pick([False, True]),
    datetime: lambda pick: instant_at(pick(NUMBERS[:-1])),
}
UNIQUE: dict[str, tuple[str, ...]] = {
    "budget": ("key",),
    "notice": ("seq",),
    "reservation": ("project", "idempotency_key"),
}


class Engines(NamedTuple):
    """The same rows in both."""

    sqlite: sqlite3.Connection
    postgres: psycopg.Connection[Any]

    def find(self, query: Query[Any], *values: object) -> tuple[list[Any], list[Any]]:
        here = self.sqlite.execute(query.sql, values).fetchall()
        there = run(self.postgres, translated(query), parameters(values)).fetchall()
        return [*map(query.read, here)], [query.read(given_row(row)) for row in there]

    def add(self, rows: dict[Kind[Any], list[Any]]) -> None:
        for kind, some in rows.items():
            stored = [kind.stored(row) for row in some]
            self.sqlite.executemany(statements.add(kind), stored)
            if stored:
                run(self.postgres, bulk.add(kind), packed(stored))

    def put(self, kind: Kind[Any], rows: list[Any]) -> None:
        values = [statements.values(kind, row) for row in rows]
        self.sqlite.executemany(statements.put(kind), values)
        run(self.postgres, bulk.put(kind), packed(values))

    def drop(self, kind: Kind[Any], keys: list[Any]) -> None:
        self.sqlite.executemany(statements.drop(kind), map(values_of, keys))
        run(self.postgres, bulk.drop(kind), packed(map(values_of, keys)))


@pytest.fixture
def begin(postgres_url: str, tmp_path: Any) -> Iterator[Callable[[], Engines]]:
    """Both engines in a transaction that has no row yet."""
    address = PostgresAddress.of(postgres_url)
    SqliteBackend(tmp_path / "store").close()
    sqlite = sqlite3.connect(tmp_path / "store", isolation_level=None)
    with connect(address) as postgres:
        schema.migrate(postgres, address)

        def fresh() -> Engines:
            if sqlite.in_transaction:
                sqlite.execute("ROLLBACK")
                postgres.rollback()
            sqlite.execute("BEGIN")
            sqlite.execute("DELETE FROM store_state")
            run(postgres, BEGIN)
            run(postgres, *local_settings(address))
            for limit in ("idle_in_transaction_session_timeout", "transaction_timeout"):
                if limit != "transaction_timeout" or postgres.info.server_version >= 170_000:
                    run(postgres, f"SET LOCAL {limit} = 0")  # examples take their time
            run(postgres, "DELETE FROM store_state")
            return Engines(sqlite, postgres)

        yield fresh
        postgres.rollback()
    sqlite.close()


VALUES = {
    "THE_STATE": "",
    "EXPECTED_OUTPUTS": "",
    "BUDGETS": "",
    "BALANCES_OF": "b",
    "RESERVATION_OF_KEY": "ss",
    "ANSWERED": "syl",
    "ANSWERED_ALIKE": "syl",
    "OVERDUE": "nl",
    "HELD": "",
    "LATEST_HELD": "l",
    "ACTIVE_OVERRIDES": "",
    "SESSIONS_NAMED": "s",
    "SESSIONS": "l",
    "SESSIONS_OF": "sl",
    "OPEN_MISSIONS": "ss",
    "MISSIONS_OF": "ss",
    "MISSIONS_NAMED": "s",
    "TOKENS": "",
    "DEVICE_GRANTS": "",
    "SIGN_INS": "",
    "ACTIONS": "snn",
    "WAITERS": "",
    "OPEN_APPROVALS": "",
    "LEFT_APPROVALS": "ss",
    "OLD_APPROVALS": "s",
    "FORGOTTEN_SESSIONS": "",
    "NOTICES": "nl",
    "NOTIFY_TARGETS": "",
    "REPLICAS": "",
    "LEASE_HOSTS": "",
    "LEASES": "",
    "LEASES_OF": "s",
    "LEASES_ON": "b",
    "LATEST_AGE": "n",
    "OLD_AGES": "n",
    "EVENTS": "nl",
    "STANDING_REPORT": "",
    "WINDOW_OPENED": "bpn",
    "PART_WINDOW_OPENED": "bpn",
    "NOTICE_HEADS": "nl",
    "LATEST_SESSION": "",
    "FIRST_ADMITTED": "",
    "OPEN_SESSIONS": "",
    "SUM_HELD": "n",
    "BLOCKING": "",
    "FORGETTABLE_RESERVATION": "sn",
    "FORGETTABLE_MORE": "nsn",
    "OLD_SESSIONS": "nl",
}
"""The values of each look, by ``Rows.values``."""
ORDERS: dict[str, Callable[[Any], object]] = {
    "OVERDUE": lambda row: row.expires_at,
    "SESSIONS": lambda row: row.opened_at,
    "SESSIONS_OF": lambda row: row.opened_at,
    "DEVICE_GRANTS": lambda row: row.until_us,
    "BLOCKING": lambda row: row.refusals.last_at,
    "OLD_SESSIONS": lambda _name: None,
    **dict.fromkeys(
        [
            "BALANCES_OF",
            "LEASES_OF",
            "LEASES_ON",
            "ANSWERED",
            "ANSWERED_ALIKE",
            "HELD",
            "OPEN_MISSIONS",
            "MISSIONS_OF",
            "MISSIONS_NAMED",
            "LEFT_APPROVALS",
            "OLD_APPROVALS",
            "EXPECTED_OUTPUTS",
            "FORGOTTEN_SESSIONS",
            "NOTICE_HEADS",
        ],
        lambda _row: None,
    ),
}
"""What is in order where not every row has a place of its own."""


def test_every_look_is_compared() -> None:
    named = {name for name, one in vars(kinds).items() if isinstance(one, Query)}
    assert named == VALUES.keys()


SEEDS = st.integers(0, 2**32)


@settings(max_examples=40, suppress_health_check=ALL)
@given(seed=SEEDS)
def test_every_look_finds_the_same_in_both(begin: Callable[[], Engines], seed: int) -> None:
    make, both = Rows(seed), begin()
    rows = make.of_all_kinds()
    both.add(rows)
    for name, form in VALUES.items():
        for values in (make.values(form) for _ in range(3 if form else 1)):
            here, there = both.find(getattr(kinds, name), *values)
            if order := ORDERS.get(name):
                assert [*map(order, there)] == [*map(order, here)], (name, values)
                assert sorted(map(repr, there)) == sorted(map(repr, here)), (name, values)
            else:
                assert there == here, (name, values)


@settings(max_examples=20, suppress_health_check=ALL)
@given(seed=SEEDS)
def test_a_row_is_found_by_its_key(begin: Callable[[], Engines], seed: int) -> None:
    make, both = Rows(seed), begin()
    rows = make.of_all_kinds()
    both.add(rows)
    for kind, some in rows.items():
        keys = [values_of(kind.key_of(row)) for row in some]
        wanted: list[str] = []
        for key in keys:
            here, there = both.find(kind.by_key, *key)
            assert len(here) == 1
            assert there == here
            wanted.append(repr(*here))
        if keys:
            absent = values_of(kind.key_of(make.row(kind)))
            found = run(both.postgres, bulk.get_many(kind), packed({*keys, absent})).fetchall()
            read = [repr(kind.read(given_row(row))) for row in found]
            assert {*read} == {*wanted}
            assert len(read) == len(wanted)


@settings(max_examples=40, suppress_health_check=ALL)
@given(seed=SEEDS)
def test_parts_are_the_same_in_both(begin: Callable[[], Engines], seed: int) -> None:
    make, both = Rows(seed), begin()
    pick = make.random.choice
    balances = [make.row(kinds.BALANCE) for _ in range(12)]
    for number, balance in enumerate(balances):
        session = "s" if number % 5 == 4 else ""
        balance.key = BalanceKey(1, number, session, "", "", balance.key.part or pick(PARTS))
    both.add({kinds.BALANCE: balances})
    query = PartsQuery(
        "b",
        pick(["", pick(PARTS)]),
        pick(["", "a", "B", "%", "_", "x", "ä", "\x01", "\\"]),
        pick([*PartOrder]),
        pick([0, 1]),
    )
    own = {pick(PARTS): pick([0, 1, 10**15]) for _ in range(pick([0, 3]))}
    limits = PartLimits(pick([*Measure]), 10**15, own)
    glob = pick(["*", "a*", "*b", "a?b", "[ab]*", "x*", "*\\*", "a%b", "a_b", "Ä", "\x01"])
    recent = pick(NUMBERS)

    def looks(rows: Any) -> list[Any]:
        sums = PartSums(1, 0, 10**16)
        page = part_sums.page_of_parts(rows, sums, limits, query)
        refused = part_sums.last_refused(rows, sums)
        return [
            sorted(part_sums.parts_like(rows, sums, glob)),
            [one.key.part for one in page],
            part_sums.count_found(rows, sums, query),
            part_sums.count_parts(rows, sums, limits, recent),
            refused and refused.refusals and refused.refusals.last_at,
        ]

    assert looks(_One(both, 1)) == looks(_One(both, 0))


class _One:
    """One of the engines."""

    def __init__(self, both: Engines, which: int) -> None:
        self._both, self._which = both, which

    def find(self, query: Query[Any], *values: object) -> list[Any]:
        return self._both.find(query, *values)[self._which]


@settings(max_examples=40, suppress_health_check=ALL)
@given(seed=SEEDS)
def test_what_is_put_and_dropped_is_the_same_in_both(
    begin: Callable[[], Engines], seed: int
) -> None:
    make, both = Rows(seed), begin()
    rows = make.of_all_kinds()
    both.add(rows)
    for kind, some in rows.items():
        if some and kind.table not in UNIQUE:
            keys = {values_of(kind.key_of(row)): row for row in make.some(kind, 3)}
            both.put(kind, [*({values_of(kind.key_of(some[0])): some[0]} | keys).values()])
        if some:
            both.drop(kind, [kind.key_of(row) for row in some[: make.random.randint(1, 3)]])
        here, there = both.find(kind.where(""))
        assert sorted(map(repr, there)) == sorted(map(repr, here)), kind.table


@settings(max_examples=20, suppress_health_check=ALL)
@given(
    text=st.text(st.characters() | st.sampled_from("\x00\x01\ud800\\u0"), min_size=1, max_size=9)
)
def test_text_that_no_server_keeps_comes_back(begin: Callable[[], Engines], text: str) -> None:
    postgres = begin().postgres
    event = kinds.OUTBOX.read((7, "session", json.dumps({"a": text}, ensure_ascii=False)))
    run(postgres, bulk.add(kinds.OUTBOX), packed([kinds.OUTBOX.stored(event)]))
    secret = kinds.StoreSecret(text, "")
    run(postgres, bulk.add(kinds.SECRET), packed([kinds.SECRET.stored(secret)]))
    (row,) = run(postgres, translated(kinds.EVENTS), parameters((0, 9))).fetchall()
    assert kinds.OUTBOX.read(given_row(row)) == event
    (row,) = run(postgres, translated(kinds.SECRET.by_key), parameters((text,))).fetchall()
    assert kinds.SECRET.read(given_row(row)) == secret
    json_look = "SELECT row::json ->> 'a' FROM outbox"
    assert given_row(run(postgres, json_look).fetchall()[0])[0] == text
