"""Reports of much history answer in little memory, without spilling to the disk (REP-1)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from corvus.base.time import SystemClock
from corvus.ledger.ledger import open_ledger
from corvus.reporting.catalog import load_catalog
from corvus.reporting.run import run_report

CALLS = 600_000
USAGE = """
INSERT INTO usage_record BY NAME
SELECT uuid() AS id, 1 AS calls, t AS requested_at, t AS admitted_at, t AS settled_at,
    'session-' || n // 5 AS session_id, 'proxy' AS surface, 'anthropic' AS provider,
    'model-' || n % 7 AS requested_model, 'project-' || n // 5 % 60 AS project,
    1 AS input_tokens, 1 AS output_tokens, 0 AS cache_read_tokens, 0 AS cache_write_5m_tokens,
    0 AS cache_write_1h_tokens, 0 AS reasoning_tokens, 0 AS web_search_requests,
    n AS cost_nano_usd, 'priced' AS source, 'completed' AS outcome
FROM (SELECT range AS n, TIMESTAMP '2026-01-01' + to_seconds(range) AS t FROM range($calls))
"""
EVENTS = """
INSERT INTO reservation_event BY NAME
SELECT '01990000-0000-7000-8000-000000000001'::UUID AS store_id, n AS seq, t AS recorded_at,
    if(n % 1000 = 0, 'replaced', 'committed') AS kind, uuid() AS reservation_id,
    'anthropic' AS provider, 'model-' || n % 7 AS requested_model,
    10 AS estimate_nano_usd, 11 AS cost_nano_usd
FROM (SELECT range AS n, TIMESTAMP '2026-01-01' + to_seconds(range) AS t FROM range($calls))
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("much") / "ledger.duckdb"
    with open_ledger(path, write=True) as opened:
        opened.connection.execute(USAGE, {"calls": CALLS})
        opened.connection.execute(EVENTS, {"calls": CALLS})
        opened.fill_roll_ups(SystemClock())
    return path


@pytest.mark.parametrize(
    ("name", "megabytes"), [("budgets/overruns", 35), ("spend/by-session", 70)]
)
def test_report_of_much_history_needs_little_memory(
    ledger: Path, name: str, megabytes: int
) -> None:
    # One thread: each has buffers of its own, and machines differ in how many they have.
    with duckdb.connect(ledger, read_only=True, config={"threads": 1}) as connection:
        connection.execute(f"SET memory_limit = '{megabytes}MB'")
        connection.execute("SET temp_directory = ''")
        table = run_report(connection, load_catalog().find(name), {})
    assert len(table.rows) == {"budgets/overruns": 7, "spend/by-session": 20}[name]
