"""Writes a ledger with a year of governed calls, all invented, for measuring reports.

It is a real ledger: made and migrated by corvus, with rows in the order in which drains write them,
and `corvus ledger verify` finds it sound. For each call it has the usage record and the events of
its reservation, as the governor tells them; beside them refused calls (one for 50), calls without a
price, estimates that were too low, warnings, sessions, missions, tags, overrides with their audit
chain, resets, prices and their changes, and records taken back and replaced (one in 1,000). The
year ends now. The config with its budgets is written beside the ledger.

    python benchmarks/reports/make_ledger.py /tmp/year/ledger.duckdb --calls 10000000
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from corvus.base.time import SystemClock
from corvus.ledger.ledger import Ledger, open_ledger
from corvus.ledger.verify import AUDIT_COLUMNS
from corvus.model.audit_hash import GENESIS, audit_hash
from corvus.model.steering import AuditEvent, AuditKind
from corvus.prices.lookup import PriceBooks

STORE = "01990000-0000-7000-8000-000000000001"
CHUNK = 1_000_000
MODELS = [  # with how often each is called
    ("anthropic", "claude-sonnet-4-5", 30),
    ("anthropic", "claude-haiku-4-5", 18),
    ("anthropic", "claude-opus-4-5", 8),
    ("openai", "gpt-5", 14),
    ("openai", "gpt-5-mini", 10),
    ("openai", "gpt-4o-mini", 6),
    ("google", "gemini-2.5-flash", 6),
    ("google", "gemini-2.5-pro", 4),
    ("deepseek", "deepseek-chat", 3),
    ("nimbus", "nimbus-1-preview", 1),  # has no price
]
KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning")
CONFIG = """
[cost]
enabled = true
session_limit_usd = 20
daily_limit_usd = 2000
monthly_limit_usd = 40000

[cost.prices."nimbus/nimbus-1-preview"]
input = 1
output = 4
effective_from = 2099-01-01
""" + "".join(
    f"""
[[cost.budgets]]
name = "team-{number}"
period = "{"month" if number % 2 else "week"}"
limit_usd = {1000 * (number + 1)}
match = {{ project = "project-{number}*" }}
"""
    for number in range(6)
)
FUNCTIONS = """
CREATE TEMP MACRO draw(n, salt, below) AS (hash(n * 64 + salt) % below)::BIGINT;
CREATE TEMP MACRO uuid_at(instant, n, salt) AS CAST(
    format('{:012x}', epoch_ms(instant)) || '7' || md5(n || ':' || salt)[1:3]
    || '8' || md5(n || ':' || salt)[4:18] AS UUID);
"""
CALLS = """
INSERT INTO {table} BY NAME
WITH drawn AS (
    SELECT n, n // 400 * 8 + n % 8 AS session, {instant} AS t, model.*,
        1 + draw(n, 1, 9) * draw(n, 2, 300) AS input_tokens,
        20 + draw(n, 3, 1500) AS output_tokens,
        CASE WHEN model.cache_read IS NOT NULL AND draw(n, 4, 3) > 0
            THEN 1000 * draw(n, 5, 60) ELSE 0 END AS cache_read_tokens,
        CASE WHEN model.cache_write_5m IS NOT NULL AND draw(n, 6, 4) = 0
            THEN 100 * draw(n, 7, 80) ELSE 0 END AS cache_write_5m_tokens,
        CASE WHEN model.cache_write_1h IS NOT NULL AND draw(n, 6, 20) = 1
            THEN 100 * draw(n, 7, 80) ELSE 0 END AS cache_write_1h_tokens,
        CASE WHEN model.thinks AND draw(n, 8, 2) = 0 THEN draw(n, 9, 2000) ELSE 0 END
            AS reasoning_tokens,
        CASE WHEN model.web_search IS NOT NULL AND draw(n, 10, 200) = 0 THEN 1 + draw(n, 11, 3)
            ELSE 0 END AS web_search_requests
    FROM (SELECT range AS n FROM range($start::BIGINT, $stop::BIGINT))
    JOIN model ON model.place = draw(n, 12, 100)
)
SELECT uuid_at(t, n, 'record') AS id, 1 AS calls, t AS requested_at, t AS admitted_at,
    t + to_milliseconds(200 + draw(n, 13, 900)) AS first_token_at,
    t + to_milliseconds(1200 + draw(n, 14, 1800)) AS settled_at,
    'session-' || session AS session_id,
    CASE WHEN session % 3 = 0 THEN 'mission-1' END AS mission_id,
    ['proxy', 'api', 'cli-agent', 'cli-code', 'python'][1 + session % 5] AS surface,
    provider, model AS requested_model, model AS answering_model,
    CASE WHEN draw(n, 15, 40) = 0 THEN 'batch' END AS service_tier,
    'project-' || draw(session, 16, 60) AS project, 'user-' || draw(session, 17, 200) AS user_name,
    'agent-' || draw(session, 18, 12) AS agent,
    CASE WHEN session % 5 > 0 THEN MAP {{'team': 'team-' || draw(session, 19, 12),
        'stage': ['dev', 'test', 'live'][1 + draw(session, 20, 3)]}} END AS tags,
    input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
    reasoning_tokens, web_search_requests,
    CASE WHEN entry IS NOT NULL THEN (CASE WHEN date_part('doy', t) % 61 = 0 THEN 3 ELSE 1 END)
        * (input_tokens * input + output_tokens * output
        + cache_read_tokens * COALESCE(cache_read, 0)
        + cache_write_5m_tokens * COALESCE(cache_write_5m, 0)
        + cache_write_1h_tokens * COALESCE(cache_write_1h, 0)
        + reasoning_tokens * COALESCE(reasoning, 0)
        + web_search_requests * COALESCE(web_search, 0)) // 1_000_000 END AS cost_nano_usd,
    CASE WHEN entry IS NOT NULL THEN 'bundled' END AS price_book, entry AS price_entry,
    CASE WHEN entry IS NULL THEN 'unknown' WHEN draw(n, 21, 50) = 0 THEN 'estimated'
        ELSE 'priced' END AS source,
    CASE WHEN draw(n, 22, 100) = 0 THEN 'cancelled' ELSE 'completed' END AS outcome,
    'd41d8cd98f00b204' AS policy_hash, uuid_at(t, n, 'reservation') AS reservation_id,
    'req_' || md5(n::VARCHAR)[1:20] AS provider_request_id
FROM drawn
"""
EVENTS = """
INSERT INTO {table} BY NAME
WITH used AS (
    SELECT *, $start::BIGINT + row_number() OVER () - 1 AS n
    FROM usage_record WHERE admitted_at >= {first} AND admitted_at < {last} AND corrects_id IS NULL
)
SELECT '{store}'::UUID AS store_id, 10 * n + kind[2]::BIGINT AS seq,
    CASE kind[1] WHEN 'committed' THEN settled_at ELSE admitted_at END AS recorded_at,
    kind[1] AS kind, CASE WHEN kind[1] <> 'denied' THEN reservation_id END AS reservation_id,
    session_id, mission_id, surface, provider, requested_model, project, user_name, agent, tags,
    cost_nano_usd * (CASE WHEN draw(n, 30, 30) = 0 THEN 80 ELSE 100 + draw(n, 31, 120) END) // 100
        AS estimate_nano_usd,
    CASE kind[1] WHEN 'committed' THEN cost_nano_usd END AS cost_nano_usd,
    CASE WHEN kind[1] = 'denied' OR n % 40000 = 17 THEN 'exceeded'
        WHEN draw(n, 32, 40) = 0 THEN 'warning' ELSE 'allowed' END AS state,
    CASE WHEN kind[1] <> 'denied' THEN NULL WHEN cost_nano_usd IS NULL THEN 'unpriced_model'
        ELSE 'budget_exceeded' END AS denial,
    ['day', 'month', 'session', 'team-0', 'team-1', 'team-2'][1 + draw(n, 33, 6)]
        AS governing_budget,
    2_000_000_000_000 AS governing_limit_nano_usd,
    CASE WHEN kind[1] = 'denied' THEN 2_000_000_000_000 + draw(n, 34, 1_000_000_000)
        ELSE draw(n, 34, 1_999_000_000_000) END AS projected_nano_usd,
    CASE WHEN n % 40000 = 17 THEN uuid_at(admitted_at, n, 'override') END AS override_id,
    policy_hash, admitted_at + INTERVAL 10 MINUTE AS expires_at
FROM used, UNNEST(CASE WHEN n % 50 = 0
    THEN [['reserved', '1'], ['committed', '3'], ['denied', '4']]
    ELSE [['reserved', '1'], ['committed', '3']] END) AS told(kind)
ORDER BY n, seq
"""
CORRECTIONS = """
INSERT INTO {table} BY NAME
SELECT record.* REPLACE (
    uuid_at(admitted_at, epoch_us(admitted_at), 'taken-' || way) AS id, record.id AS corrects_id,
    way AS calls, way * input_tokens AS input_tokens, way * output_tokens AS output_tokens,
    way * cache_read_tokens AS cache_read_tokens, way * cost_nano_usd AS cost_nano_usd,
    way * cache_write_5m_tokens AS cache_write_5m_tokens,
    way * cache_write_1h_tokens AS cache_write_1h_tokens,
    way * reasoning_tokens AS reasoning_tokens, way * web_search_requests AS web_search_requests)
FROM usage_record AS record, (VALUES (-1), (1)) AS both_ways(way)
WHERE draw(epoch_us(admitted_at), 40, 1000) = 0 AND cost_nano_usd IS NOT NULL
ORDER BY admitted_at, way
"""
SESSIONS = """
INSERT INTO session BY NAME
SELECT '{store}'::UUID AS store_id, 10 * n + 2 AS seq, {instant} AS recorded_at, event, surface,
    'session-' || s AS session_id, 'user-' || draw(s, 17, 200) AS user_name,
    CASE WHEN event = 'closed' THEN ['within_budget', 'within_budget', 'warned', 'blocked']
        [1 + draw(s, 50, 4)] END AS outcome, 'd41d8cd98f00b204' AS policy_hash
FROM (SELECT range AS s, event, range // 8 * 400 + range % 8 + later AS n,
        ['proxy', 'api', 'cli-agent', 'cli-code', 'python'][1 + range % 5] AS surface
    FROM range($sessions::BIGINT), (VALUES ('opened', 0), ('closed', 392)) AS two(event, later))
WHERE n < $calls ORDER BY n, s
"""
MISSIONS = """
INSERT INTO mission BY NAME
SELECT store_id, seq + 3 AS seq, recorded_at, CASE event WHEN 'opened' THEN 'started'
        ELSE 'ended' END AS event,
    session_id, 'mission-1' AS mission_id, 5_000_000_000 AS limit_nano_usd, 60 AS max_steps,
    CASE event WHEN 'closed' THEN 50 END AS steps,
    CASE event WHEN 'closed' THEN 'completed' END AS outcome
FROM session WHERE session_id[9:]::BIGINT % 3 = 0 ORDER BY seq
"""
PASSED = """
SELECT override_id::VARCHAR, reservation_id::VARCHAR, session_id, recorded_at
FROM reservation_event WHERE override_id IS NOT NULL AND kind = 'reserved' ORDER BY recorded_at
"""
RESETS = """
INSERT INTO reset (store_id, seq, audit_id, budget, budget_key, period, window_start, session_id,
    mission_id, effective_at, removed_cost_nano_usd, removed_requests)
SELECT '{store}'::UUID, 10 * position + 7, id, 'month', 'month', 'month',
    date_trunc('month', recorded_at)::TIMESTAMP, NULL, NULL, recorded_at,
    removed_cost_nano_usd, removed_requests
FROM audit_event WHERE kind = 'reset_applied'
"""


def fill(ledger: Ledger, calls: int) -> None:
    """Write everything; the last call is admitted a second before now."""
    connection = ledger.connection
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    step = 365 * 86_400 * 1_000_000 // calls
    first = now - timedelta(microseconds=step * calls) - timedelta(seconds=1)
    instant = f"TIMESTAMP '{first}' + to_microseconds(n * {step}::BIGINT)"
    connection.execute(FUNCTIONS)
    know_models(ledger)
    for start in range(0, calls, CHUNK):
        stop = min(start + CHUNK, calls)
        span = {"start": start, "stop": stop}
        usage, told = ledger.table("usage_record"), ledger.table("reservation_event")
        with ledger.transaction():
            connection.execute(CALLS.format(table=usage, instant=instant), span)
        between = {
            word: f"TIMESTAMP '{first + timedelta(microseconds=step * n)}'"
            for word, n in (("first", start), ("last", stop))
        }
        with ledger.transaction():
            connection.execute(EVENTS.format(table=told, store=STORE, **between), {"start": start})
    with ledger.transaction():
        connection.execute(CORRECTIONS.format(table=ledger.table("usage_record")))
        sessions = {"sessions": calls // 50 + 8, "calls": calls}
        connection.execute(SESSIONS.format(store=STORE, instant=instant), sessions)
        connection.execute(MISSIONS)
        write_audit(ledger, first)
        connection.execute(RESETS.format(store=STORE))
        write_prices(ledger, first)
        mark = (
            "INSERT INTO ledger_watermark (store_id, seq, events, drained_at) "
            "VALUES ($store, $seq, $seq, $now)"
        )
        connection.execute(mark, {"store": STORE, "seq": 10 * calls, "now": now})
    ledger.fill_roll_ups(SystemClock())
    connection.execute("CHECKPOINT")


def know_models(ledger: Ledger) -> None:
    """Make the temporary table that a call draws its model and rates from: 100 places."""
    rates = ", ".join(f"{kind} BIGINT" for kind in (*KINDS, "web_search"))
    ledger.connection.execute(
        "CREATE TEMP TABLE model (place BIGINT, provider VARCHAR, model VARCHAR, entry VARCHAR, "
        f"thinks BOOLEAN, {rates})"
    )
    books, place = PriceBooks(), 0
    for provider, name, share in MODELS:
        price = books.find(name, provider=provider)
        by_kind = {str(kind): rate for kind, rate in price.rates.items()} if price else {}
        row = [by_kind.get(kind) for kind in (*KINDS, "web_search")]
        about = [provider, name, price.entry if price else None, name.startswith(("gpt-5", "gem"))]
        for _ in range(share):
            marks = ", ".join("?" * (5 + len(row)))
            ledger.connection.execute(f"INSERT INTO model VALUES ({marks})", [place, *about, *row])
            place += 1


def write_prices(ledger: Ledger, first: datetime) -> None:
    """Write the entry of every model, and for one of them a dearer rate half a year before."""
    books, seq = PriceBooks(), 0
    statement = (
        "INSERT INTO price_entry BY NAME SELECT $store::UUID AS store_id, $seq AS seq, "
        "$at::TIMESTAMP AS recorded_at, $entry AS entry, 'bundled' AS book, $provider AS provider, "
        "$model AS model, map($kinds::VARCHAR[], $rates::BIGINT[]) AS rates"
    )
    for provider, name, _ in MODELS:
        price = books.find(name, provider=provider)
        for months, percent in ((0, 125), (6, 100)) if name == "gpt-5" else ((0, 100),):
            if price is None:
                continue
            seq += 10
            rates = [rate * percent // 100 for rate in price.rates.values()]
            ledger.connection.execute(
                statement,
                {
                    "store": STORE,
                    "seq": seq + 8,
                    "at": first + timedelta(days=30 * months),
                    "entry": price.entry,
                    "provider": provider,
                    "model": name,
                    "kinds": [str(kind) for kind in price.rates],
                    "rates": rates,
                },
            )


def write_audit(ledger: Ledger, first: datetime) -> None:
    """Write the chain of audit events: overrides that let a call pass, and twelve resets."""
    moments: list[tuple[datetime, AuditKind, dict[str, object]]] = []
    for override, reservation, session, at in ledger.connection.execute(PASSED).fetchall():
        about: dict[str, object] = {"override_id": override, "session_id": session}
        granted = about | {
            "reason": "the release must go out",
            "expires_at": at.replace(tzinfo=UTC),
        }
        moments.append((at - timedelta(minutes=5), AuditKind.OVERRIDE_GRANTED, granted))
        used = about | {"reservation_id": reservation}
        moments.append((at, AuditKind.OVERRIDE_CONSUMED, used))
    for month in range(12):
        removed = {"removed_cost_nano_usd": 10**12, "removed_requests": 5_000, "budget": "month"}
        at = first + timedelta(days=10 + 30 * month)
        moments.append((at, AuditKind.RESET_APPLIED, dict(removed)))
    previous = GENESIS
    columns = ("store_id", "seq", *AUDIT_COLUMNS)
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO audit_event ({', '.join(columns)}) VALUES ({marks})"
    for position, (at, kind, about) in enumerate(sorted(moments, key=lambda one: one[0]), 1):
        event = AuditEvent(
            position=position,
            id=f"01990000-0000-7000-9000-{position:012x}",
            kind=kind,
            recorded_at=at.replace(tzinfo=UTC),
            actor=f"user-{position % 7}",
            previous_hash=previous,
            **({"reason": None} | about),  # type: ignore[arg-type]
        )
        event = replace(event, hash=audit_hash(event))
        previous = event.hash
        values = (getattr(event, name) for name in AUDIT_COLUMNS)
        plain = [one.replace(tzinfo=None) if isinstance(one, datetime) else one for one in values]
        ledger.connection.execute(statement, [STORE, 10 * position + 6, *plain])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("ledger", type=Path, help="file to make; it must not exist")
    parser.add_argument("--calls", type=int, default=10_000_000)
    wanted = parser.parse_args()
    if wanted.ledger.exists():
        parser.error(f"{wanted.ledger} exists")
    started = time.perf_counter()
    with open_ledger(wanted.ledger, write=True) as ledger:
        fill(ledger, wanted.calls)
        records = ledger.connection.execute("SELECT count(*) FROM usage_record").fetchone()
    wanted.ledger.with_name("corvus.toml").write_text(CONFIG)
    size = wanted.ledger.stat().st_size
    assert records is not None
    print(
        f"{records[0]:,} usage records of {wanted.calls:,} calls in "
        f"{time.perf_counter() - started:.0f} s, {size / 1e6:,.0f} MB, "
        f"{size / records[0]:,.0f} MB per million records"
    )


if __name__ == "__main__":
    main()
