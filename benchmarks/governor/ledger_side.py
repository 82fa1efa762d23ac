"""Measures how fast events reach the ledger, and that a summary does not grow with history.

Drain: a store with calls that were reserved and committed is handed over to an empty ledger, in
turn with the floor, which is DuckDB's own appender fed the same usage rows from memory.

Summary: `corvus cost summary` as a whole process over histories of 1, 10^5 and 10^7 usage records,
in turn with a bare interpreter.

    python benchmarks/governor/ledger_side.py
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb

from corvus import Usage, open_runtime
from corvus.governor import admission, settlement
from corvus.governor.governor import Governor
from corvus.governor.pricing import settlement_of
from corvus.ledger.ledger import open_ledger
from corvus.model.outbox import LedgerTable, Row
from corvus.runtime import Runtime
from corvus.store.unit import Unit

CONFIG = """
[cost]
enabled = true
session_limit_usd = 1000000
daily_limit_usd = 1000000
monthly_limit_usd = 1000000
"""
SIZES = (1, 100_000, 10_000_000)
HISTORY = """
INSERT INTO {table} BY NAME
SELECT uuidv7() AS id, 1 AS calls, t AS requested_at, t AS admitted_at, t AS settled_at,
    'session-' || (n // 50) AS session_id, 'python' AS surface, 'anthropic' AS provider,
    'claude-sonnet-4-5' AS requested_model, 'project-' || (n % 60) AS project,
    1000 AS input_tokens, 200 AS output_tokens, 0 AS cache_read_tokens,
    0 AS cache_write_5m_tokens, 0 AS cache_write_1h_tokens, 0 AS reasoning_tokens,
    0 AS web_search_requests, 6000000 AS cost_nano_usd, 'priced' AS source, 'completed' AS outcome
FROM (SELECT range AS n, $now::TIMESTAMP - to_microseconds(
    CAST(365 * 86400 * 1e6 * (1 - (range + 1) / $rows) AS BIGINT)) AS t FROM range($rows))
"""


def runtime_in(folder: Path) -> Runtime:
    config = folder / "corvus.toml"
    config.write_text(CONFIG)
    return open_runtime([config], ledger=folder / "ledger.duckdb")


def fill(governor: Governor, calls: int) -> None:
    """Reserve and commit calls, a thousand in a transaction."""
    request = governor.request(
        "claude-sonnet-4-5", session_id="s", input_tokens=1000, max_output_tokens=500
    )

    def step(unit: Unit) -> None:
        for _ in range(1000):
            decision, _ = admission.reserve(
                unit, governor.engine.rules, governor.engine.register, request, None
            )
            reservation = decision.reservation
            assert reservation is not None
            known = settlement_of(governor.books, reservation, Usage(900, 100), {})
            settlement.commit(unit, governor.engine.in_force, reservation.id, known, None)

    for _ in range(calls // 1000):
        governor.store.run(step)


def time_drain(folder: Path, calls: int) -> tuple[float, int, list[Row]]:
    """Return seconds of a drain, its events, and the usage rows among them."""
    runtime = runtime_in(folder)
    with runtime.governor() as governor:
        fill(governor, calls)
        usage = [
            event.row
            for event in governor.store.run(lambda unit: unit.events(0, 10 * calls))
            if event.table is LedgerTable.USAGE_RECORD
        ]
    started = time.perf_counter()
    events = runtime.bookkeeping.drain().events
    return time.perf_counter() - started, events, usage


def time_floor(folder: Path, usage: list[Row]) -> float:
    """Return seconds of appending the usage rows alone, with a commit and a checkpoint."""
    with open_ledger(folder / "floor.duckdb", write=True) as ledger:
        connection = ledger.connection
        columns = [
            str(name)
            for (name,) in connection.execute(
                "SELECT column_name FROM duckdb_columns() WHERE table_name = 'usage_record' "
                "ORDER BY column_index"
            ).fetchall()
        ]
        at = {name for name in columns if name.endswith("_at")}
        epoch = duckdb.connect().execute("SELECT TIMESTAMP '1970-01-01'").fetchone()
        assert epoch is not None
        from datetime import timedelta

        def cell(row: Row, name: str) -> object:
            value = row.get(name)
            if name in at and isinstance(value, int):
                return epoch[0] + timedelta(microseconds=value)
            return value

        rows = [tuple(cell(row, name) for name in columns) for row in usage]
        started = time.perf_counter()
        connection.execute("BEGIN")
        with connection.appender("usage_record") as appender:
            appender.append_rows(rows)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")
        return time.perf_counter() - started


def drain_figures(calls: int, runs: int) -> None:
    drained, floors, events = list[float](), list[float](), 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as name:
            seconds, events, usage = time_drain(Path(name), calls)
            drained.append(seconds)
            floors.append(time_floor(Path(name), usage))
    ours, floor = median(drained), median(floors)
    print(
        f"drain of {events:,} events of {calls:,} calls: {ours:.2f} s, "
        f"{events / ours:,.0f} events/s, "
        f"{calls / ours:,.0f} calls/s"
    )
    print(f"floor, the usage rows alone by the appender: {floor:.2f} s, ratio {ours / floor:.1f}")


def with_history(folder: Path, rows: int) -> Runtime:
    runtime = runtime_in(folder)
    with open_ledger(runtime.ledger_path, write=True) as ledger:
        now = runtime.clock.now().replace(tzinfo=None)
        statement = HISTORY.format(table=ledger.table("usage_record"))
        ledger.connection.execute(statement, {"now": now, "rows": rows})
    started = time.perf_counter()
    with runtime.governor() as governor:
        seconds = time.perf_counter() - started
        assert governor.status().spends["month"] is not None
    print(f"counting in {rows:,} records when the store is made: {seconds:.2f} s")
    return runtime


def process_seconds(words: list[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(words, cwd=folder, check=True, capture_output=True, env=os.environ)
    return time.perf_counter() - started


def summary_figures(runs: int) -> None:
    corvus = str(Path(sys.executable).with_name("corvus"))
    with tempfile.TemporaryDirectory() as name:
        folders = {rows: Path(name) / str(rows) for rows in SIZES}
        for rows, folder in folders.items():
            folder.mkdir()
            with_history(folder, rows)
        summary = [
            corvus,
            "cost",
            "summary",
            "--config",
            "corvus.toml",
            "--ledger",
            "ledger.duckdb",
        ]
        kinds: dict[str, Callable[[], float]] = {
            f"{rows:,} records": lambda folder=folder: process_seconds(summary, folder)
            for rows, folder in folders.items()
        }
        kinds["bare python"] = lambda: process_seconds([sys.executable, "-c", "pass"], Path(name))
        taken: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(runs):
            for kind, measure in kinds.items():
                taken[kind].append(measure())
    floor = median(taken.pop("bare python"))
    print(f"bare python: {floor * 1000:.0f} ms")
    for kind, seconds in taken.items():
        print(
            f"cost summary, {kind}: {median(seconds) * 1000:.0f} ms, {median(seconds) / floor:.1f}x"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    drain_figures(options.calls, options.runs)
    summary_figures(max(options.runs, 7))


if __name__ == "__main__":
    main()
