"""Compares reports that answer from roll-ups with the same SQL over the records.

    python benchmarks/reports/roll_ups.py /tmp/year/ledger.duckdb

Each report is run by corvus, and its SQL with every sum taken from the records (`by_record`), on a
bare connection of DuckDB. Both in turn, in one process; medians of CPU and of seconds. Answers must
be the same, row by row. CPU is that of all threads, and says more than seconds where others share
the machine.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import duckdb

from corvus.ledger.ledger import open_ledger
from corvus.reporting import in_force
from corvus.reporting.catalog import Report, load_catalog
from corvus.reporting.parameters import bind
from corvus.reporting.run import run_report
from corvus.runtime import open_runtime

REPORTS = (
    "budgets/status-over-time",
    "spend/by-agent",
    "spend/by-mission",
    "spend/by-model",
    "spend/by-project",
    "spend/by-provider",
    "spend/by-session",
    "spend/by-source",
    "spend/by-user",
    "spend/history-by-day",
    "spend/history-by-month",
    "spend/history-by-week",
    "spend/history-by-year",
    "spend/series",
    "spend/sessions",
    "spend/top-sessions",
    "spend/user-by-day",
)
BY_RECORD = re.compile(r"(_usage_between\(\S+, \S+, ).*\)$", re.MULTILINE)


class Took(NamedTuple):
    """CPU and seconds of one run."""

    cpu: float
    seconds: float


def timed(answers: dict[str, Any], side: str, rows: Callable[[Any], Any], run: Any) -> Took:
    cpu, began = time.process_time(), time.perf_counter()
    answers[side] = [tuple(row) for row in rows(run)]
    return Took(time.process_time() - cpu, time.perf_counter() - began)


def over_records(sql: str) -> str:
    """Return the SQL of a report with every sum taken from the records."""
    return BY_RECORD.sub(r"\1true)", sql)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    now = datetime.now(UTC)
    limits = open_runtime([asked.ledger.with_name("corvus.toml")]).policy.budgets
    catalog, source = load_catalog(), in_force._source  # pyright: ignore[reportPrivateUsage]
    print(
        "| report | rows | records: CPU s | seconds | roll-up: CPU s | seconds | CPU, of records |"
    )
    print("|---|---|---|---|---|---|---|")
    with (
        open_ledger(asked.ledger) as ledger,
        duckdb.connect(":memory:", config={"memory_limit": "1GB", "threads": 2}) as bare,
    ):
        bare.execute(f"ATTACH '{asked.ledger}' AS ledger (READ_ONLY); USE ledger")
        for name in REPORTS:
            report, answers = catalog.find(name), dict[str, Any]()
            took: dict[str, list[Took]] = {"records": [], "roll-up": []}
            values = bind(report.header.parameters, given(report, now), now=now)
            recorded = partial(bare.execute, over_records(report.sql), values)
            rolled_up = partial(run_report, ledger.connection, report, given(report, now), now=now)
            for _ in range(asked.rounds):
                in_force._source = lambda _: "usage_record"  # pyright: ignore[reportPrivateUsage]
                in_force.show_budgets(bare, limits, now)
                took["records"].append(
                    timed(answers, "records", lambda run: run().fetchall(), recorded)
                )
                in_force._source = source  # pyright: ignore[reportPrivateUsage]
                in_force.show_budgets(ledger.connection, limits, now)
                took["roll-up"].append(timed(answers, "roll-up", lambda run: run().rows, rolled_up))
            assert answers["records"] == answers["roll-up"], name
            row = [median(one[place] for one in took[side]) for side in took for place in (0, 1)]
            figures = " | ".join(f"{one:.3f}" for one in row)
            print(f"| {name} | {len(answers['roll-up']):,} | {figures} | {row[2] / row[0]:.2f} |")


def given(report: Report, now: datetime) -> dict[str, object]:
    """Return parameters: where a report has no other bound, the year is not cut."""
    names = {one.name for one in report.header.parameters}
    return {"as_of": now + timedelta(minutes=1)} if "as_of" in names else {}


if __name__ == "__main__":
    main()
