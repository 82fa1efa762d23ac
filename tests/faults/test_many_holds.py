"""A store with very many open holds: answers stay right, and expiry works through them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes import FrozenClock
from tests.faults import raw
from tests.faults.governed import CENT, cents, config, governing, policy_of

# Copies of one reservation and its event, each with an id of its own, and the sums they belong to.
MULTIPLY = """
BEGIN;
CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n})
    SELECT i, printf('%s-%012x', substr((SELECT id FROM reservation), 1, 23), i) AS id FROM c;
INSERT INTO reservation SELECT n.id, NULL, state, hold_nano_usd, admitted_at_us,
    expires_at_us + n.i, NULL, dispatched, NULL, NULL, NULL, body, project,
    recorded, hold_tokens, answer_id, answer_mark FROM reservation, n;
INSERT INTO outbox SELECT (SELECT next_seq FROM store_state) + n.i - 1, ledger_table,
    json_set(row, '$.reservation_id', n.id)
    FROM outbox, n WHERE row ->> 'kind' = 'reserved';
UPDATE store_state SET next_seq = next_seq + {n};
UPDATE balance SET held_nano_usd = held_nano_usd * ({n} + 1),
    held_tokens = held_tokens * ({n} + 1), held_calls = held_calls * ({n} + 1);
COMMIT;
"""


def show_many(folder: Path, holds: int) -> None:
    path = folder / "a.store"
    limit_cents = holds + 500
    policy = policy_of(config(folder, f"{limit_cents / 100:.2f}"))
    clock = FrozenClock(datetime(2026, 11, 25, 12, tzinfo=UTC))
    with governing(policy, path, clock) as governor:
        assert governor.reserve(cents(1, ttl_seconds=60)).allowed
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(MULTIPLY.format(n=holds - 1))
    with governing(policy, path, clock, wait_seconds=600) as governor:
        assert not governor.reserve(cents(501)).allowed
        last = governor.reserve(cents(500, ttl_seconds=86_400)).reservation
        assert last is not None
        assert governor.recount(write=False) == []
        clock.move(timedelta(seconds=62))
        left = [held_cents(path)]
        while left[-1] > 500:
            assert not governor.reserve(cents(1)).allowed  # held or presumed: it counts (RES-6)
            left.append(held_cents(path))
        assert left == [*range(holds + 500, 500, -1000), 500]
        governor.commit(last, cost_nano_usd=last.hold_nano_usd)
        assert governor.recount(write=False) == []
    assert raw.findings(path, {"day": limit_cents * CENT}) == []
    states = [*raw.RawStore(path).states().values()]
    assert (states.count("expired"), states.count("committed")) == (holds, 1)


def held_cents(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (held,) = connection.execute("SELECT max(held_nano_usd) FROM balance").fetchone()
    return held // CENT


def test_thousands_of_open_holds_count_and_expire_in_portions(tmp_path: Path) -> None:
    show_many(tmp_path, 5_000)


@pytest.mark.nightly
def test_a_million_open_holds_count_and_expire_in_portions(tmp_path: Path) -> None:
    """Takes minutes, and 16 GB: the check keeps the 4 million events that come of it."""
    show_many(tmp_path, 1_000_000)
