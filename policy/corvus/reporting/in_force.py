"""Shows the budgets in force to reports, as temporary tables and a view.

A report thus compares recorded use with the very limits, matches, parts and windows that are
enforced. ``budget`` has a row for each budget: name, place (EVA-7), period, timezone, measure,
limit_amount in the unit of the measure (0 is no limit), the same as limit_nano_usd where that is
money, warn_at_percent (the first threshold), enforce, per and match, globs by attribute.
``budget_limit`` has the exceptions to a limit by value: place, pattern (a glob), limit_amount.
``budget_window`` has the windows of each budget: number (0 holds the present instant or began
last, 1 is the one before), part (only where windows open with a call), starts_at, ends_at, naive
and in UTC. A ``total`` budget has one window without bounds; session and mission budgets have none.
``budget_usage(until)`` has what each budget counts of the calls admitted before an instant: budget,
part, admitted_at, cost_nano_usd, calls and tokens. Where a roll-up can tell it, that is a row for
each quarter of an hour (LED-5); of a budget whose windows open with a call, or that matches what no
roll-up has, it is a row for each record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from corvus.base.period import Period, window_at
from corvus.base.time import naive_utc
from corvus.ledger.counts import column_of, part_sql
from corvus.ledger.roll_ups import QUARTER, ROLL_UPS
from corvus.model.budget import Budget, Measure
from corvus.model.columns import ESTIMATED_TOKENS
from corvus.model.usage import TOKENS
from corvus.store.kinds import budget_key

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WINDOWS_MAX = 366
"""Windows shown of each budget, the present one included, unless all since an instant are."""

_CREATE = """
CREATE OR REPLACE TEMP TABLE budget (
    name VARCHAR, place BIGINT, period VARCHAR, timezone VARCHAR, measure VARCHAR,
    limit_amount BIGINT, limit_nano_usd BIGINT, warn_at_percent BIGINT, enforce VARCHAR,
    per VARCHAR[], match MAP(VARCHAR, VARCHAR[])
);
CREATE OR REPLACE TEMP TABLE budget_limit (
    budget VARCHAR, place BIGINT, pattern VARCHAR, limit_amount BIGINT
);
CREATE OR REPLACE TEMP TABLE budget_window (
    budget VARCHAR, number BIGINT, part VARCHAR, starts_at TIMESTAMP, ends_at TIMESTAMP
);
"""
_BUDGET = """
INSERT INTO temp.budget
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?::VARCHAR[], map(?::VARCHAR[], ?::VARCHAR[][]))
"""
_LIMIT = "INSERT INTO temp.budget_limit VALUES (?, ?, ?, ?)"
_WINDOWS_OF_PARTS = """
INSERT INTO temp.budget_window
SELECT $budget, least(row_number() OVER latest, $most) - 1, part, window_start, window_end
FROM opened_window WHERE budget_key = $budget_key AND window_start <= $now
WINDOW latest AS (PARTITION BY part ORDER BY window_start DESC)
QUALIFY row_number() OVER latest <= $most OR window_end > $since
"""
_WINDOWS = """
INSERT INTO temp.budget_window
SELECT $budget, least(UNNEST(range(len($starts))), $most - 1), NULL,
    UNNEST($starts::TIMESTAMP[]), UNNEST($ends::TIMESTAMP[])
"""
_USED = f"""
SELECT {{name}} AS budget, {{part}} AS part, admitted_at, cost_nano_usd, calls,
    {" + ".join(TOKENS)} + coalesce({ESTIMATED_TOKENS}, 0) AS tokens
FROM {{source}} WHERE {{condition}}
"""  # noqa: S608 - made of constants of this package
_RECORDS = "(SELECT * FROM usage_record WHERE admitted_at < until::TIMESTAMP)"
_ROLLED_UP = "{table}_between(NULL, until, false)"


def show_budgets(
    connection: DuckDBPyConnection,
    budgets: Sequence[Budget],
    now: datetime,
    *,
    since: datetime | None = None,
) -> None:
    """Make the tables and the view.

    Args:
        connection: A connection to a ledger; reading is enough.
        budgets: The budgets, in order of EVA-7.
        now: The present instant, aware.
        since: Show all windows that end after this instant, aware, however many: those beyond
            ``WINDOWS_MAX`` share the last number.
    """
    connection.execute(_CREATE)
    for place, budget in enumerate(budgets):
        connection.execute(_BUDGET, _row(place, budget))
        for number, (glob, limit) in enumerate(budget.limits):
            connection.execute(_LIMIT, [budget.name, number, glob, limit])
        _show_windows(connection, budget, now, since)
    used = [
        _USED.format(
            name=_text(each.name),
            part=part_sql(each.per),
            source=_source(each),
            condition=_condition(each),
        )
        for each in budgets
    ]
    used.append(_USED.format(name="''", part="''", source=_RECORDS, condition="false"))
    connection.execute(
        f"CREATE OR REPLACE TEMP MACRO budget_usage(until) AS TABLE {' UNION ALL '.join(used)}"
    )


def _show_windows(
    connection: DuckDBPyConnection, budget: Budget, now: datetime, since: datetime | None
) -> None:
    shown = {"budget": budget.name, "most": WINDOWS_MAX}
    if budget.period is Period.WINDOW:
        first = None if since is None else naive_utc(since)
        which = {"budget_key": budget_key(budget), "now": naive_utc(now), "since": first}
        connection.execute(_WINDOWS_OF_PARTS, {**shown, **which})
        return
    windows = list(_windows(budget, now, since))
    starts, ends = [start for start, _ in windows], [end for _, end in windows]
    connection.execute(_WINDOWS, {**shown, "starts": starts, "ends": ends})


def _row(place: int, budget: Budget) -> list[object]:
    is_money = budget.measure is Measure.USD
    return [
        budget.name,
        place,
        budget.period.value,
        budget.timezone,
        budget.measure.value,
        budget.limit,
        budget.limit if is_money else None,
        budget.warn_at_percent,
        budget.enforce,
        [*budget.per],
        [name for name, _ in budget.match],
        [[*globs] for _, globs in budget.match],
    ]


def _source(budget: Budget) -> str:
    """Return what tells the use of a budget, as SQL writes it: a roll-up that can, or records."""
    if budget.period is not Period.WINDOW:
        columns = {column_of(name) for name in (*dict(budget.match), *budget.per)}
        for roll_up in ROLL_UPS:
            if QUARTER in roll_up.keys and columns <= {*roll_up.names}:
                return _ROLLED_UP.format(table=roll_up.table)
    return _RECORDS


def _condition(budget: Budget) -> str:
    """Return the condition that holds for the records a budget counts.

    An attribute that a record lacks matches no glob, not even ``*``.
    """
    conditions = [
        f"coalesce({' OR '.join(f'{column_of(name)} GLOB {_text(glob)}' for glob in globs)}, false)"
        for name, globs in budget.match
    ]
    return " AND ".join(conditions) or "true"


def _text(text: str) -> str:
    """Return a text as SQL writes it; a view has no parameters."""
    return "'" + text.replace("'", "''") + "'"


def _windows(
    budget: Budget, now: datetime, since: datetime | None
) -> Iterator[tuple[datetime | None, datetime | None]]:
    """Yield the windows of a budget, the present one first; all that end after an instant."""
    if budget.period is Period.TOTAL:
        yield None, None
        return
    instant = now
    for number in count():
        window = window_at(budget.period, instant, budget.timezone)
        if window is None:
            return
        if number >= WINDOWS_MAX and (since is None or window.end <= since):
            return
        yield naive_utc(window.start), naive_utc(window.end)
        instant = window.start - timedelta(microseconds=1)
