"""Checks a store from its bare rows, with arithmetic of its own: nothing of corvus takes part."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
_Key: TypeAlias = tuple[int, int, str, str]
_DAY_US = 86_400 * 1_000_000
_FINAL = ("committed", "released", "expired")
_AUDIT_FIELDS = [
    "position",
    "id",
    "kind",
    "recorded_at",
    "actor",
    "reason",
    "budget",
    "session_id",
    "mission_id",
    "override_id",
    "reservation_id",
    "expires_at",
    "removed_cost_nano_usd",
    "removed_requests",
    "details",
    "previous_hash",
]


class _Columns(dict[str, Any]):
    """A row of the outbox: a column that is absent is NULL."""

    def __missing__(self, name: str) -> None:
        return None


class RawStore:
    """All rows of a store that the checks need, read at one instant.

    Args:
        place: The file, or the URL of a schema in PostgreSQL.
    """

    def __init__(self, place: Path | str) -> None:
        rows = _of_url(place) if isinstance(place, str) else _of_file(place)
        self.damage: str = rows["damage"][0]["damage"]
        (self.state,) = rows["store_state"]
        self.budgets = rows["budget"]
        self.balances = rows["balance"]
        self.reservations = rows["reservation"]
        self.overrides = rows["override"]
        self.outbox = rows["outbox"]
        self.events = [
            (event["ledger_table"], _Columns(json.loads(event["row"]))) for event in self.outbox
        ]

    def of(self, table: str) -> list[Row]:
        """Return the rows that are on their way to a table of the ledger, oldest first."""
        return [row for name, row in self.events if name == table]

    def states(self) -> dict[str, str]:
        """Return the state of each reservation by id."""
        return {one["id"]: one["state"] for one in self.reservations}


def findings(place: Path | str, limits: dict[str, int]) -> list[str]:
    """Return every contradiction in a store whose budgets match all calls and count in UTC.

    Args:
        place: The file, or the URL of a schema in PostgreSQL.
        limits: Nano-USD by name of the budget; each admission is judged against them.
    """
    store = RawStore(place)
    found = [] if store.damage == "ok" else [f"it is damaged: {store.damage}"]
    found += _check_numbers(store)
    found += _check_sums(store)
    found += _check_lives(store)
    found += _check_audit(store)
    return found + _check_admissions(store, limits)


_TABLES = {
    "store_state": "SELECT * FROM store_state",
    "budget": "SELECT * FROM budget",
    "balance": "SELECT * FROM balance",
    "reservation": "SELECT * FROM reservation",
    "override": "SELECT * FROM override",
    "outbox": "SELECT * FROM outbox ORDER BY seq",
}


def _of_file(path: Path) -> dict[str, list[Row]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        looks = {
            "damage": "SELECT integrity_check AS damage FROM pragma_integrity_check",
            **_TABLES,
        }
        return {
            name: [dict(row) for row in connection.execute(look)] for name, look in looks.items()
        }


def _of_url(url: str) -> dict[str, list[Row]]:
    import psycopg
    from psycopg.rows import dict_row

    address, _, options = url.partition("?")
    parts = dict(part.split("=") for part in options.split("&"))
    schema = parts.pop("schema")
    more = "&".join(f"{name}={value}" for name, value in parts.items())
    with psycopg.Connection[Row].connect(f"{address}?{more}", row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT set_config('search_path', %s, true)", [schema])
        return {
            "damage": [{"damage": "ok"}],
            **{
                name: connection.execute(look.encode()).fetchall() for name, look in _TABLES.items()
            },
        }


def _check_numbers(store: RawStore) -> list[str]:
    numbers = [event["seq"] for event in store.outbox]
    first, after = store.state["drained_seq"] + 1, store.state["next_seq"]
    return [] if numbers == [*range(first, after)] else ["the numbers of the events have a gap"]


def _check_sums(store: RawStore) -> list[str]:
    """Compare balances with the sums of reservations, and with those of the usage records."""
    kinds = _kinds(store)
    stored = {
        (one["budget_id"], one["window_start_us"], one["session_id"], one["mission_id"]): one
        for one in store.balances
    }
    since = {key: one["since_us"] for key, one in stored.items()}
    held, settled = _of_reservations(store, kinds, since)
    recorded, calls = _of_records(store, kinds, since)
    found: list[str] = []
    for key in {*stored, *held, *settled, *recorded}:
        one = stored.get(key, defaultdict(int))
        have = (one["held_nano_usd"], one["spent_nano_usd"], one["spent_nano_usd"], one["calls"])
        want = (held[key], settled[key], recorded[key], calls[key])
        if have != want:
            found.append(f"balance {key} of {kinds[key[0]]} is {have}, its rows say {want}")
    return found


def _kinds(store: RawStore) -> dict[int, list[str]]:
    """Return name and period of each budget."""
    return {one["id"]: json.loads(one["key"])[:2] for one in store.budgets}


def _of_reservations(
    store: RawStore, kinds: dict[int, list[str]], since: dict[_Key, int]
) -> tuple[Counter[_Key], Counter[_Key]]:
    held, settled = Counter[_Key](), Counter[_Key]()
    for one in store.reservations:
        body = json.loads(one["body"])
        for key in _keys(kinds, one["admitted_at_us"], body["session"], body.get("mission")):
            if one["state"] == "held":
                held[key] += one["hold_nano_usd"]
            elif one["state"] != "released" and one["settled_at_us"] >= since.get(key, 0):
                settled[key] += one["cost_nano_usd"] or 0
    return held, settled


def _of_records(
    store: RawStore, kinds: dict[int, list[str]], since: dict[_Key, int]
) -> tuple[Counter[_Key], Counter[_Key]]:
    recorded, calls = Counter[_Key](), Counter[_Key]()
    for row in store.of("usage_record"):
        for key in _keys(kinds, row["admitted_at"], row["session_id"], row["mission_id"]):
            if row["settled_at"] >= since.get(key, 0):
                recorded[key] += row["cost_nano_usd"] or 0
                calls[key] += row["calls"]
    return recorded, calls


def _keys(
    kinds: dict[int, list[str]], admitted_us: int, session: str, mission: str | None
) -> list[_Key]:
    starts = _starts(admitted_us // _DAY_US)
    keys: list[_Key] = []
    for budget_id, (_, period) in kinds.items():
        if period in starts:
            keys.append((budget_id, starts[period], "", ""))
        elif period == "session":
            keys.append((budget_id, 0, session, ""))
        elif period == "total":
            keys.append((budget_id, 0, "", ""))
        elif mission is not None:
            keys.append((budget_id, 0, session, mission))
    return keys


@cache
def _starts(day: int) -> dict[str, int]:
    """Return where the windows begin that hold a day, counted from 1970."""
    into_month = datetime.fromtimestamp(day * 86_400, UTC).day - 1
    return {"day": day * _DAY_US, "month": (day - into_month) * _DAY_US}


def _check_lives(store: RawStore) -> list[str]:
    """Check that each reservation was made once and ended at most once (RES-2)."""
    lives: dict[str, list[str]] = defaultdict(list)
    for row in store.of("reservation_event"):
        if row["kind"] not in ("denied", "extended"):
            lives[row["reservation_id"]].append(row["kind"])
    found: list[str] = []
    for one in store.reservations:
        told = lives.pop(one["id"], [])
        want = ["reserved", *([] if one["state"] == "held" else [one["state"]])]
        if told not in (want, ["reserved", "expired", "replaced"]):
            found.append(f"reservation {one['id']} is {one['state']}, its events are {told}")
    return found + [f"events of a reservation that is not there: {one}" for one in lives]


def _check_audit(store: RawStore) -> list[str]:
    """Check the chain of audit events, hash by hash (AUD-2)."""
    head, found = "0" * 64, list[str]()
    for position, row in enumerate(store.of("audit_event"), start=1):
        values = {name: row.get(name) for name in _AUDIT_FIELDS}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        if row["position"] != position or row["previous_hash"] != head:
            found.append(f"the audit breaks at {position}")
        if row["hash"] != hashlib.sha256(text.encode()).hexdigest():
            found.append(f"audit event {position} was edited")
        head = row["hash"]
    if (store.state["audit_position"], store.state["audit_head"]) != (
        len(store.of("audit_event")),
        head,
    ):
        found.append("the head of the audit is another than its last event")
    return found


def _check_admissions(store: RawStore, limits: dict[str, int]) -> list[str]:
    """Follow all events in order: no call without an override came in above a limit (RES-1)."""
    kinds = _kinds(store)
    taken = Counter[_Key]()
    holds: dict[str, tuple[list[_Key], int]] = {}
    found: list[str] = []
    for table, row in store.events:
        kind = row["kind"] if table == "reservation_event" else table
        if kind == "usage_record":
            keys = _keys(kinds, row["admitted_at"], row["session_id"], row["mission_id"])
            taken.update(dict.fromkeys(keys, row["cost_nano_usd"] or 0))
        elif kind == "reserved":
            keys = _keys(kinds, row["recorded_at"], row["session_id"], row["mission_id"])
            holds[row["reservation_id"]] = keys, row["estimate_nano_usd"]
            taken.update(dict.fromkeys(keys, row["estimate_nano_usd"]))
            if row["override_id"] is None:
                found += _above(taken, keys, kinds, limits)
        elif kind == "extended":
            keys, hold = holds[row["reservation_id"]]
            holds[row["reservation_id"]] = keys, row["estimate_nano_usd"]
            taken.update(dict.fromkeys(keys, row["estimate_nano_usd"] - hold))
        elif kind in _FINAL:
            keys, hold = holds.pop(row["reservation_id"])
            taken.subtract(dict.fromkeys(keys, hold))
    return found


def _above(
    taken: Counter[_Key], keys: list[_Key], kinds: dict[int, list[str]], limits: dict[str, int]
) -> list[str]:
    return [
        f"overspend: {taken[key]} of {limit} in {kinds[key[0]][0]}"
        for key in keys
        if (limit := limits.get(kinds[key[0]][0], 0)) and taken[key] > limit
    ]
