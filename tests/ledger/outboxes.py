"""An outbox in a SQLite file, as durable as a store's, and rows to put into it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from corvus.ledger.ledger import Ledger
from corvus.model.outbox import LedgerTable, OutboxEvent, Row

STORE = "01900000-0000-7000-8000-000000000001"
NOON_US = 1_764_072_000_000_000
"""2025-11-25 12:00 UTC."""

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "web_search_requests",
)


class FileOutbox:
    """Keeps events in a SQLite file; every call is a connection and a transaction of its own."""

    is_shared = False

    def __init__(self, path: Path, store_id: str = STORE) -> None:
        self.store_id = store_id
        self._path = path
        with self._connect() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, home TEXT, line TEXT)"
            )
            connection.execute("CREATE TABLE IF NOT EXISTS drained (seq INTEGER)")

    def drained_seq(self) -> int:
        ((seq,),) = self._ask("SELECT coalesce(max(seq), 0) FROM drained")
        return seq

    def newest_seq(self) -> int:
        ((seq,),) = self._ask("SELECT coalesce(max(seq), 0) FROM event")
        return max(seq, self.drained_seq())

    def enrol(self, replica_id: str, watermark: int, host: str) -> str:
        raise NotImplementedError("nobody shares it")

    def pending(self, after_seq: int, limit: int) -> list[OutboxEvent]:
        rows = self._ask(
            "SELECT seq, home, line FROM event WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit
        )
        return [OutboxEvent(seq, LedgerTable(home), json.loads(line)) for seq, home, line in rows]

    def forget(
        self, through_seq: int, replica_id: str | None = None, host: str | None = None
    ) -> None:
        with self._connect() as connection:
            connection.execute("DELETE FROM event WHERE seq <= ?", (through_seq,))
            connection.execute("INSERT INTO drained VALUES (?)", (through_seq,))

    def append(self, rows: Iterable[tuple[LedgerTable, Row]]) -> None:
        with self._connect() as connection:
            ((last,),) = connection.execute(
                "SELECT max(coalesce((SELECT max(seq) FROM event), 0), "
                "coalesce((SELECT max(seq) FROM drained), 0))"
            ).fetchall()
            for seq, (table, row) in enumerate(rows, start=last + 1):
                values = (seq, table.value, json.dumps(row))
                connection.execute("INSERT INTO event VALUES (?, ?, ?)", values)

    def lose(self, seq: int) -> None:
        with self._connect() as connection:
            connection.execute("DELETE FROM event WHERE seq = ?", (seq,))

    def _ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path, timeout=20)) as connection:
            return connection.execute(statement, values).fetchall()

    def _connect(self) -> _Transaction:
        return _Transaction(self._path)


class _Transaction:
    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=20)

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.commit()
        self._connection.close()


def uuid_at(instant_us: int, number: int) -> str:
    text = f"{max(instant_us, 0) // 1000:012x}7{number % 4096:03x}8{number:015x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def call(number: int, **unusual: Any) -> tuple[LedgerTable, Row]:
    """Return the usage record of a call, a minute after the one before."""
    at = unusual.get("admitted_at", NOON_US + number * 60_000_000)
    row: Row = {
        "id": uuid_at(at, number),
        "calls": 1,
        "requested_at": at,
        "admitted_at": at,
        "settled_at": at,
        "session_id": f"session-{number % 3}",
        "surface": "python",
        "provider": "openai",
        "requested_model": "gpt-5",
        "tags": {"team": "core"},
        "cost_nano_usd": number,
        "source": "provider",
        "outcome": "completed",
        **dict.fromkeys(_COUNTS, 0),
        "input_tokens": 10,
    }
    return LedgerTable.USAGE_RECORD, row | unusual


def reserved(number: int, **unusual: Any) -> tuple[LedgerTable, Row]:
    """Return the event of a reservation."""
    at = NOON_US + number * 60_000_000
    row: Row = {
        "recorded_at": at,
        "kind": "reserved",
        "reservation_id": uuid_at(at, number),
        "session_id": f"session-{number % 3}",
        "estimate_nano_usd": number,
        "state": "allowed",
        "expires_at": at + 900_000_000,
    }
    return LedgerTable.RESERVATION_EVENT, row | unusual


def opened(number: int) -> tuple[LedgerTable, Row]:
    """Return the event of a session that opens."""
    return LedgerTable.SESSION, {
        "recorded_at": NOON_US + number,
        "event": "opened",
        "session_id": f"session-{number}",
    }


def mixed(count: int, start: int = 0) -> list[tuple[LedgerTable, Row]]:
    """Return rows of several tables, none like another."""
    makers = (call, reserved, opened)
    return [makers[number % 3](number) for number in range(start, start + count)]


def asked(ledger: Ledger, statement: str) -> list[tuple[Any, ...]]:
    return ledger.connection.execute(statement).fetchall()


def contents(ledger: Ledger) -> list[str]:
    """Return what tells the rows of ``mixed`` apart, sorted."""
    return sorted(
        str(value)
        for (value,) in asked(
            ledger,
            "SELECT id::VARCHAR FROM usage_record UNION ALL "
            "SELECT reservation_id::VARCHAR FROM reservation_event UNION ALL "
            "SELECT session_id FROM session",
        )
    )


def keys(rows: Iterable[tuple[LedgerTable, Row]]) -> list[str]:
    """Return what ``contents`` must be after these rows."""
    names = {
        LedgerTable.USAGE_RECORD: "id",
        LedgerTable.RESERVATION_EVENT: "reservation_id",
        LedgerTable.SESSION: "session_id",
    }
    return sorted(str(row[names[table]]) for table, row in rows)
