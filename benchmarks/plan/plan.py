"""``corvus plan`` on a month of calls: against the bare evaluator, and against a scan in DuckDB.

``python benchmarks/plan/plan.py [CALLS]`` makes a ledger of governed calls (a million by default),
and plans a change of five budgets over it: in a month in which nothing binds, in one in which one
of 50 users comes to his limit on most days, and in one that binds everywhere. Times are CPU of one
process in one run, as other work may share the machine; only ratios mean anything.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from corvus.base.time import SystemClock
from corvus.governor.evaluate import Balance, evaluate
from corvus.ledger.ledger import Ledger, open_ledger
from corvus.model.budget import Amounts
from corvus.model.policy import Policy
from corvus.planning.change import Side, plan
from corvus.planning.ledger_events import Span
from corvus.prices.lookup import PriceBooks
from corvus.testing import fake_policy

CONFIG = """
[cost]
enabled = true
session_limit_usd = 50
daily_limit_usd = {day}
monthly_limit_usd = 100000
[[cost.budgets]]
name = "each-user"
period = "day"
limit_usd = {user}
per = ["user"]
[[cost.budgets]]
name = "opus-week"
period = "week"
limit_usd = 90000
match = {{ model = "opus*" }}
"""
SINCE, DAYS = datetime(2026, 10, 1, tzinfo=UTC), 30

_EVENTS = """
INSERT INTO reservation_event BY NAME
SELECT '00000000-0000-7000-8000-000000000001'::UUID AS store_id, n * 2 + 1 - {settles} AS seq,
    TIMESTAMP '2026-10-01' + to_microseconds((n * {step} + {settles} * 20000000)::BIGINT)
        AS recorded_at,
    {kind} AS kind, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::UUID
        AS reservation_id, 's' || (n // 40) AS session_id, 'proxy' AS surface,
    'anthropic' AS provider, CASE WHEN n % 5 = 0 THEN 'opus' ELSE 'sonnet' END AS requested_model,
    'shop' AS project, 'user' || CASE WHEN n // 40 % 10 = 0 THEN 0 ELSE n // 40 % 50 END
        AS user_name, 'claude-code' AS agent,
    100000000 AS estimate_nano_usd, 30000 AS estimate_tokens, {state} AS state
FROM range({calls}) AS calls(n)
"""
_USAGE = """
INSERT INTO usage_record BY NAME
SELECT reservation_id AS id, 1 AS calls, recorded_at - INTERVAL 20 SECONDS AS requested_at,
    recorded_at - INTERVAL 20 SECONDS AS admitted_at, recorded_at AS settled_at, session_id,
    surface, provider, requested_model, project, user_name, agent, 20000 AS input_tokens,
    1000 AS output_tokens, 0 AS cache_read_tokens, 0 AS cache_write_5m_tokens,
    0 AS cache_write_1h_tokens, 0 AS reasoning_tokens, 0 AS web_search_requests,
    30000000 AS cost_nano_usd, 'priced' AS source, 'completed' AS outcome, reservation_id
FROM reservation_event WHERE kind = 'committed'
"""


def make(ledger: Ledger, calls: int) -> None:
    """Fill a ledger with calls of a month, each held at $0.10 for 20 seconds and cost $0.03."""
    step = DAYS * 86_400_000_000 // calls
    for settles, kind, state in ((0, "'reserved'", "'allowed'"), (1, "'committed'", "NULL")):
        fill = {"settles": settles, "kind": kind, "state": state, "step": step, "calls": calls}
        ledger.connection.execute(_EVENTS.format(**fill))
    ledger.connection.execute(_USAGE)
    ledger.connection.execute("CHECKPOINT")


def bare(policy: Policy, rounds: int = 20_000) -> float:
    """Return the calls a second that the pure evaluator decides, of five balances each."""
    balances = [Balance(budget, 1_000, 1_000) for budget in policy.budgets[:5]]
    estimate, begun = Amounts(1_000, 10, 1), time.process_time()
    for _ in range(rounds):
        evaluate(balances, estimate)
    return rounds / (time.process_time() - begun)


def scan(ledger: Ledger) -> float:
    """Return the CPU seconds in which DuckDB reads what a plan must read."""
    begun = time.process_time()
    ledger.connection.execute(
        "SELECT sum(estimate_nano_usd), max(hash(session_id, user_name, requested_model, kind)) "
        "FROM reservation_event"
    ).fetchall()
    ledger.connection.execute("SELECT sum(cost_nano_usd) FROM usage_record").fetchall()
    return time.process_time() - begun


def main() -> int:
    """Measure the three months."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "l.duckdb"
        with open_ledger(path, write=True, clock=SystemClock()) as ledger:
            make(ledger, calls)
        a_day = calls * 0.03 / DAYS
        months = {
            "nothing binds": (a_day * 3, a_day),
            "one of 50 users binds": (a_day * 3, a_day / 15),
            "binds everywhere": (a_day / 3, a_day / 150),
        }
        span = Span(SINCE, datetime(2026, 11, 1, tzinfo=UTC))
        print("| month | CPU s | calls/CPU s | evaluated | of bare evaluator | of scan | RSS MB |")
        print("|---|---|---|---|---|---|---|")
        for name, (day, user) in months.items():
            policy = fake_policy(CONFIG.format(day=round(day, 2), user=round(user, 2)))
            policy = replace(policy, wait_seconds=0)
            old = Side(policy, PriceBooks(), "old")
            budgets = tuple(replace(each, limit=each.limit * 9 // 10) for each in policy.budgets)
            new = Side(replace(policy, budgets=budgets), PriceBooks(), "new")
            with open_ledger(path) as ledger:
                seen = scan(ledger)
                begun = time.process_time()
                found = plan(ledger, old, new, span)
                took = time.process_time() - begun
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            rate = calls / took
            print(
                f"| {name} | {took:.1f} | {rate:,.0f} | {found.evaluated:,} | "
                f"{rate / bare(policy):.2f} | {took / seen:.0f} | {peak} |",
                flush=True,
            )
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
