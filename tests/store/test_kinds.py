"""The table of kinds agrees with the tables of a store, and what is on disk stays as it is."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from corvus.base.money import NanoUSD
from corvus.base.time import instant_at, microseconds
from corvus.model.approval import Approval
from corvus.model.decision import BudgetState
from corvus.model.expectation import ExpectedOutput
from corvus.model.notify import Notice, TargetProgress
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.model.refusals import Refusals
from corvus.model.replica import Election, EventAge, Replica
from corvus.model.reservation import AnswerKeys, ReservationState, Source
from corvus.model.signin import DeviceGrant, GrantState, SignIn
from corvus.model.steering import (
    MissionOutcome,
    MissionRecord,
    Override,
    OverrideState,
    SessionRecord,
)
from corvus.model.token import Token, TokenScope
from corvus.model.usage import Usage
from corvus.store import kinds
from corvus.store.api import BalanceKey, StoredBalance, StoreState
from corvus.store.codec import Kind, values_of
from corvus.store.lease import Lease, LeaseHost, LeaseKey
from corvus.store.sqlite import SqliteBackend
from corvus.store.statements import MIGRATIONS
from tests.store.contract import BARE, BUDGET, HELD, NOW

AT = microseconds(NOW)
LATER = NOW + timedelta(hours=1)
COMMITTED = replace(
    HELD.ended(
        ReservationState.COMMITTED,
        NOW,
        cost_nano_usd=NanoUSD(7),
        record_id="r",
        settlement_key="k",
        answer=AnswerKeys("req_1", "mark"),
    ),
    recorded=(Source.PRICED, Usage(1, 2, 3, 4, 5, 6, 7)),
)
ROWS: list[tuple[Kind[Any], Any, list[Any]]] = [
    (
        kinds.STATE,
        StoreState("id", 1, 2, 3, 4, "h", recount_due=True, witness="w", forgotten_times=5),
        ["id", 1, 2, 3, 4, "h", 1, "w", "", 5, 0, 1, ""],
    ),
    (
        kinds.BUDGET,
        kinds.RegisteredBudget(1, kinds.budget_key(BUDGET)),
        [1, '["b","week","Asia/Tokyo",[["model","claude-*"],["user","?"]]]'],
    ),
    (
        kinds.BALANCE,
        StoredBalance(BalanceKey(1, 5, "s", "m", "p"), 1, 2, 3, 4, 5, 6, 1),
        [1, 5, "s", "m", "p", 1, 2, 3, 4, 5, 6, 1, None, "", 0, 0, -1],
    ),
    (
        kinds.BALANCE,
        StoredBalance(BalanceKey(1), refusals=Refusals(3, NOW, None, NanoUSD(0), "ü")),
        [
            1,
            0,
            "",
            "",
            "",
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            f'{{"count":3,"last_at":{AT},"left":0,"model":"ü","blocking":true}}',
            "",
            0,
            0,
            -1,
        ],
    ),
    (
        kinds.RESERVATION,
        COMMITTED,
        [
            HELD.id,
            "key",
            "committed",
            12345,
            AT,
            AT + 77000000,
            AT,
            0,
            7,
            "r",
            "k",
            '{"model":"m/1","estimate":12345,"session":"séance","provider":"p","mission":"mission",'
            '"surface":"proxy","user":"ana","agent":"bot","tags":[["team","s"],["env","prod"]],'
            '"ttl":77,"input":45,"rate":15000000000,'
            f'"principal":"01a2138a-0000-7000-8000-0000000000aa","fingerprint":"{"f" * 64}",'
            f'"policy":"sha256:x","override":"{HELD.override_id}","answer":"[1]"}}',
            "search",
            '["priced",1,2,3,4,5,6,7]',
            0,
            "req_1",
            "mark",
        ],
    ),
    (
        kinds.RESERVATION,
        replace(HELD, id="i", request=BARE, override_id=None, answer=None),
        [
            "i",
            None,
            "held",
            12345,
            AT,
            AT + 77000000,
            None,
            1,
            None,
            None,
            None,
            '{"model":"m","session":"s","provider":"unknown","surface":"python","policy":"sha256:x"}',
            "",
            None,
            0,
            None,
            None,
        ],
    ),
    (
        kinds.OVERRIDE,
        Override("o", "ana", "why", "s", NOW, LATER, OverrideState.CONSUMED, "r", "p"),
        [
            "o",
            "consumed",
            f'{{"id":"o","actor":"ana","reason":"why","session":"s","granted_at":{AT},'
            f'"expires_at":{AT + 3_600_000_000},"state":"consumed","consumed_by":"r",'
            '"project":"p"}',
        ],
    ),
    (
        kinds.SESSION,
        SessionRecord("s", NOW, BudgetState.WARNING),
        ["s", "", f'{{"id":"s","opened_at":{AT},"worst":1}}'],
    ),
    (
        kinds.MISSION,
        MissionRecord("s", "m", NOW, NanoUSD(5), 3, project="p", has_calls=True, holders=2),
        [
            "s",
            "m",
            "p",
            1,
            f'{{"session":"s","id":"m","started_at":{AT},"limit":5,"max_steps":3,"steps":0,'
            '"project":"p","has_calls":true,"holders":2}',
        ],
    ),
    (
        kinds.MISSION,
        MissionRecord("s", "m", NOW, ended_at=NOW, outcome=MissionOutcome.FAILED),
        [
            "s",
            "m",
            "",
            0,
            f'{{"session":"s","id":"m","started_at":{AT},"limit":0,"max_steps":0,"steps":0,'
            f'"ended_at":{AT},"outcome":"failed"}}',
        ],
    ),
    (kinds.POLICY_LIMITS, kinds.PolicyLimits("o", "{}"), ["o", "{}"]),
    (kinds.PRICE_ENTRY, kinds.PriceEntry("e"), ["e"]),
    (
        kinds.TOKEN,
        Token("t", "ci", TokenScope.PROXY, "d", NOW, "ana", project="p", mission=None),
        [
            "t",
            f'{{"id":"t","name":"ci","scope":"proxy","digest":"d","created_at":{AT},'
            '"created_by":"ana","project":"p"}',
        ],
    ),
    (kinds.ACTION, kinds.AdmittedAction("ana", 5), ["ana", 5]),
    (
        kinds.LEASE_HOST,
        LeaseHost("h", "ada", 1, 2, 3, 4, "b", is_presumed=True),
        ["h", "ada", 1, 2, 3, 4, "b", 1],
    ),
    (
        kinds.LEASE,
        Lease(LeaseKey("h", 1, 2, "p", "usd"), 3, 4, 5, 6, 7, 8),
        ["h", 1, 2, "p", "usd", 3, 4, 5, 6, 7, 8],
    ),
    (kinds.FORGOTTEN_SESSION, kinds.ForgottenSession("m"), ["m"]),
    (kinds.WAITER, kinds.Waiter(5, 7, "[]"), [5, 7, "[]"]),
    (
        kinds.DEVICE_GRANT,
        DeviceGrant("d", "u", GrantState.APPROVED, 7, "t"),
        ["d", "u", "approved", 7, "t"],
    ),
    (
        kinds.SIGN_IN,
        SignIn("s", "t", "f", "r", "a", 7, 9),
        ["s", "t", "f", "r", "a", 7, 9, "", 0],
    ),
    (
        kinds.APPROVAL,
        Approval("a", NOW, LATER, 9, "t", "s", "m", "p", "proxy", "[]", NanoUSD(5), 6),
        [
            "a",
            "pending",
            9,
            f'{{"id":"a","parked_at":{AT},"deadline_at":{AT + 3_600_000_000},"alive_until_us":9,'
            '"principal":"t","session":"s","model":"m","provider":"p","surface":"proxy",'
            '"budgets":"[]","estimate_nano_usd":5,"estimate_tokens":6,"state":"pending"}',
        ],
    ),
    (kinds.SECRET, kinds.StoreSecret("n", "00ff"), ["n", "00ff"]),
    (
        kinds.NOTICE,
        Notice("msg_a", 3, "resets", "budget.reset", NOW, LATER, "day", '{"budget":"day"}'),
        [
            "msg_a",
            3,
            microseconds(LATER),
            f'{{"id":"msg_a","seq":3,"topic":"resets","event":"budget.reset","at":{AT},'
            f'"until":{microseconds(LATER)},"budget":"day","fields":"{{\\"budget\\":\\"day\\"}}"}}',
        ],
    ),
    (
        kinds.NOTIFY_TARGET,
        TargetProgress("ops", 3, 2, 1, holder="h", held_until=LATER),
        [
            "ops",
            '{"name":"ops","done_seq":3,"delivered":2,"given_up":1,"attempts":0,"last_error":"",'
            f'"holder":"h","held_until":{microseconds(LATER)}}}',
        ],
    ),
    (kinds.EXPECTED_OUTPUT, ExpectedOutput("m", "", 700, 50), ["m", "", 700, 50]),
    (kinds.REPLICA, Replica("r", 3, AT, "a:/l"), ["r", 3, AT, "a:/l"]),
    (kinds.EVENT_AGE, EventAge(AT, 4), [AT, 4]),
    (kinds.ELECTION, Election("import", "a:1:f", AT), ["import", "a:1:f", AT]),
    (
        kinds.OUTBOX,
        OutboxEvent(1, LedgerTable.SESSION, {"a": "ü", "tags": {"x": "y"}}),
        [1, "session", '{"a":"ü","tags":{"x":"y"}}'],
    ),
]


@pytest.mark.parametrize(("kind", "value", "stored"), ROWS)
def test_a_row_is_on_disk_what_it_always_was(
    kind: Kind[Any], value: Any, stored: list[Any]
) -> None:
    assert kind.stored(value) == stored
    row = (stored[kind.columns.index("body")],) if kind.whole else tuple(stored)
    assert kind.read(row) == value
    assert all(type(cell) in (int, str, type(None)) for cell in stored)
    in_key = [stored[kind.columns.index(name)] for name in kind.key]
    assert [*values_of(kind.key_of(value))] == in_key
    if kind.changing:
        columns = (*kind.changing, *kind.key)
        assert kind.changed(value) == [stored[kind.columns.index(name)] for name in columns]


def test_every_kind_has_a_row_here() -> None:
    assert {kind for kind, _, _ in ROWS} == {*kinds.KINDS}


def test_every_table_of_a_store_is_a_kind_with_its_columns(tmp_path: Path) -> None:
    SqliteBackend(tmp_path / "store").close()
    with sqlite3.connect(tmp_path / "store") as connection:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table'"
        tables = {
            name: tuple(row[1] for row in connection.execute(f"PRAGMA table_info({name})"))
            for (name,) in connection.execute(names).fetchall()
        }
    connection.close()
    assert tables == {kind.table: kind.columns for kind in kinds.KINDS}


@pytest.mark.parametrize("query", [one for one in vars(kinds).values() if hasattr(one, "sql")])
def test_every_look_is_sql_that_a_store_understands(tmp_path: Path, query: Any) -> None:
    SqliteBackend(tmp_path / "store").close()
    with sqlite3.connect(tmp_path / "store") as connection:
        connection.execute(query.sql, [0] * query.sql.count("?")).fetchall()
    connection.close()


class Note(NamedTuple):
    """A kind that no version has."""

    id: str
    at: Any
    words: str | None = None


def test_a_new_kind_is_a_dataclass_and_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from corvus.store import statements
    from corvus.store.store import Store

    shape = "CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT;"
    monkeypatch.setattr(statements, "MIGRATIONS", (*MIGRATIONS, shape))
    note = Kind("note", Note, "id body")
    for write in (Note("n", 1), Note("n", 2, "x")):
        store = Store(SqliteBackend(tmp_path / "store"))
        store.run(lambda unit, row=write: unit.put(note, row))
        store.close()
        store = Store(SqliteBackend(tmp_path / "store"))
        assert store.run(lambda unit: unit.get(note, "n")) == write
        store.close()


def test_a_body_that_lacks_what_every_body_has_is_damaged() -> None:
    with pytest.raises(KeyError):
        kinds.SESSION.read(('{"id":"s"}',))
    assert instant_at(AT) == NOW
