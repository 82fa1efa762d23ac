"""Shows the budgets in force to reports, as the temporary tables ``budget`` and ``budget_window``.

A report thus compares recorded spend with the very limits, matches and windows that are enforced.
``budget`` has a row for each budget: name, place (EVA-7), period, timezone, limit_nano_usd (0 is no
limit), warn_at_percent, and match, globs by attribute. ``budget_window`` has the windows of each:
number (0 holds the present instant, 1 is the one before), starts_at, ends_at, naive and in UTC. A
``total`` budget has one window without bounds; session and mission budgets have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from corvus.base.period import Period, window_at
from corvus.base.time import naive_utc
from corvus.model.budget import Budget

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WINDOWS_MAX = 366
"""Windows shown of each budget, the present one included."""

_CREATE = """
CREATE OR REPLACE TEMP TABLE budget (
    name VARCHAR, place BIGINT, period VARCHAR, timezone VARCHAR, limit_nano_usd BIGINT,
    warn_at_percent BIGINT, match MAP(VARCHAR, VARCHAR)
);
CREATE OR REPLACE TEMP TABLE budget_window (
    budget VARCHAR, number BIGINT, starts_at TIMESTAMP, ends_at TIMESTAMP
);
"""
_BUDGET = "INSERT INTO temp.budget VALUES (?, ?, ?, ?, ?, ?, map(?::VARCHAR[], ?::VARCHAR[]))"
_WINDOWS = """
INSERT INTO temp.budget_window
SELECT $budget, UNNEST(range(len($starts))),
    UNNEST($starts::TIMESTAMP[]), UNNEST($ends::TIMESTAMP[])
"""


def show_budgets(connection: DuckDBPyConnection, budgets: Sequence[Budget], now: datetime) -> None:
    """Make the two tables.

    Args:
        connection: A connection to a ledger; reading is enough.
        budgets: The budgets, in order of EVA-7.
        now: The present instant, aware.
    """
    connection.execute(_CREATE)
    for place, budget in enumerate(budgets):
        attributes, globs = (
            [name for name, _ in budget.match],
            [globs[0] for _, globs in budget.match],
        )
        limits = [budget.limit, budget.warn_at_percent]
        about = [budget.name, place, budget.period.value, budget.timezone, *limits]
        connection.execute(_BUDGET, [*about, attributes, globs])
        windows = list(_windows(budget, now))
        starts, ends = [start for start, _ in windows], [end for _, end in windows]
        connection.execute(_WINDOWS, {"budget": budget.name, "starts": starts, "ends": ends})


def _windows(budget: Budget, now: datetime) -> Iterator[tuple[datetime | None, datetime | None]]:
    """Yield the windows of a budget, the present one first."""
    if budget.period is Period.TOTAL:
        yield None, None
        return
    instant = now
    for _ in range(WINDOWS_MAX):
        window = window_at(budget.period, instant, budget.timezone)
        if window is None:
            return
        yield naive_utc(window.start), naive_utc(window.end)
        instant = window.start - timedelta(microseconds=1)
