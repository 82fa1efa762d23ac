"""Counts usage from the ledger: the only SQL for what counts against a budget (STO-2, EVA-12).

Balances are derived from it, and what a report or a status without a store sums agrees with them.
Calls without a price are counted apart, so that their cost is never taken for 0 (PRC-5).

Windows are computed by ``corvus.base.period`` alone, never by DuckDB's own table of time zones, so
that a count from the ledger puts each call in the window that admission put it in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from corvus.base.errors import ReportError
from corvus.base.money import NanoUSD
from corvus.base.period import Period, Window, window_at
from corvus.base.time import instant_at, microseconds, naive_utc
from corvus.ledger.connect import clean_message
from corvus.ledger.ledger import Ledger
from corvus.model.budget import Budget
from corvus.model.spend import Spend
from corvus.model.usage import TOKENS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ATTRIBUTES = ("model", "provider", "project", "user", "agent", "surface")
"""What a budget can match on (CFG-10); each is a parameter of ``MATCHES``."""

SUMS = f"""
    COALESCE(SUM(cost_nano_usd), 0)::BIGINT AS cost_nano_usd,
    COALESCE(SUM(calls), 0)::BIGINT AS calls,
    COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    COALESCE(SUM({" + ".join(TOKENS)}), 0)::BIGINT AS tokens"""
"""What is summed of ``usage_record``: cost, calls, unpriced calls and tokens of all kinds."""

MATCHES = """($model::VARCHAR IS NULL OR requested_model GLOB $model)
  AND ($provider::VARCHAR IS NULL OR provider GLOB $provider)
  AND ($project::VARCHAR IS NULL OR project GLOB $project)
  AND ($user::VARCHAR IS NULL OR user_name GLOB $user)
  AND ($agent::VARCHAR IS NULL OR agent GLOB $agent)
  AND ($surface::VARCHAR IS NULL OR surface GLOB $surface)"""
"""Whether a record fits every glob; one bound as NULL fits all, an absent attribute fits none."""

_GRAINS_SECONDS = (3600, 900, 1)
"""Usage is summed by the coarsest of these that every window starts on: hours nearly everywhere,
quarters of hours where a zone's offset has them, seconds before such offsets were rounded."""

_DAYS = "SELECT DISTINCT admitted_at::DATE FROM usage_record"

_BY_WINDOW = f"""
WITH summed AS (
    SELECT time_bucket(to_seconds($grain), admitted_at) AS bucket, {SUMS}
    FROM usage_record
    WHERE {MATCHES}
    GROUP BY bucket
)
SELECT epoch_us(window_start), SUM(cost_nano_usd), SUM(calls), SUM(unpriced_calls), SUM(tokens)
FROM summed
ASOF JOIN (SELECT make_timestamp(unnest($starts::BIGINT[])) AS window_start) AS windows
    ON summed.bucket >= windows.window_start
GROUP BY window_start
"""  # noqa: S608 - made of constants of this package

_SINCE_BY_WINDOW = f"""
SELECT epoch_us(windows.first_instant), {SUMS}
FROM usage_record
JOIN (SELECT make_timestamp(unnest($starts::BIGINT[])) AS first_instant,
    make_timestamp(unnest($ends::BIGINT[])) AS after_instant,
    make_timestamp(unnest($since::BIGINT[])) AS since) AS windows
    ON admitted_at >= windows.first_instant AND admitted_at < windows.after_instant
WHERE settled_at >= windows.since AND {MATCHES}
GROUP BY windows.first_instant
"""  # noqa: S608 - made of constants of this package

_MARK = "sha256(record.session_id)[1:32]"
"""What the store keeps of a session that it forgot (``corvus.store.api.session_mark``)."""

_BY_SESSION = f"""
SELECT record.session_id, coalesce(record.project, '') AS of_project, {SUMS}
FROM usage_record AS record
LEFT JOIN (SELECT unnest($sessions::VARCHAR[]) AS session_id,
    unnest($projects::VARCHAR[]) AS of_project,
    make_timestamp(unnest($since::BIGINT[])) AS since) AS resets
    ON resets.session_id = record.session_id
    AND resets.of_project = coalesce(record.project, '')
WHERE record.session_id <> '' AND (since IS NULL OR settled_at >= since) AND {MATCHES}
    AND ($session::VARCHAR IS NULL OR record.session_id = $session)
GROUP BY record.session_id, coalesce(record.project, '')
HAVING {_MARK} NOT IN (SELECT unnest($forgotten::VARCHAR[]))
"""  # noqa: S608 - made of constants of this package

_BY_MISSION = f"""
SELECT record.session_id, record.mission_id, coalesce(record.project, '') AS of_project, {SUMS}
FROM usage_record AS record
LEFT JOIN (SELECT unnest($sessions::VARCHAR[]) AS session_id,
    unnest($missions::VARCHAR[]) AS mission_id,
    unnest($projects::VARCHAR[]) AS of_project,
    make_timestamp(unnest($since::BIGINT[])) AS since) AS resets
    ON resets.session_id = record.session_id AND resets.mission_id = record.mission_id
    AND resets.of_project = coalesce(record.project, '')
WHERE record.session_id <> '' AND record.mission_id <> ''
    AND (since IS NULL OR settled_at >= since) AND {MATCHES}
    AND ($session::VARCHAR IS NULL OR record.session_id = $session)
GROUP BY record.session_id, record.mission_id, coalesce(record.project, '')
HAVING {_MARK} NOT IN (SELECT unnest($forgotten::VARCHAR[]))
"""  # noqa: S608 - made of constants of this package

_IN_TOTAL = f"""
SELECT {SUMS}
FROM usage_record
WHERE ($since::BIGINT IS NULL OR settled_at >= make_timestamp($since)) AND {MATCHES}
HAVING COUNT(*) > 0
"""  # noqa: S608 - made of constants of this package

_SPEND = f"""
SELECT{SUMS}
FROM usage_record
WHERE ($window_start::TIMESTAMP IS NULL OR admitted_at >= $window_start)
  AND ($window_end::TIMESTAMP IS NULL OR admitted_at < $window_end)
  AND ($session_id::VARCHAR IS NULL OR session_id = $session_id)
  AND ($mission_id::VARCHAR IS NULL OR mission_id = $mission_id)
  AND {MATCHES}
"""
"""Spend of the calls that pass every filter; a filter bound as NULL passes all calls."""

_LATEST_SESSION = """
SELECT session_id
FROM usage_record
WHERE session_id IS NOT NULL
ORDER BY admitted_at DESC, id DESC
LIMIT 1
"""
"""The session of the call admitted last."""

_RESETS = """
SELECT epoch_us(window_start), coalesce(session_id, ''), coalesce(mission_id, ''),
    coalesce(project, ''), epoch_us(max(effective_at))
FROM reset
WHERE budget_key = ?
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class CountKey:
    """Which sum of a budget: one window, session or mission.

    Attributes:
        window_start: Aware UTC; ``None`` without a calendar window.
        session_id: Empty unless the period is ``session`` or ``mission``.
        mission_id: Empty unless the period is ``mission``.
        project: Of the session or mission; empty without one, and for all other periods.
    """

    window_start: datetime | None = None
    session_id: str = ""
    mission_id: str = ""
    project: str = ""


def count_budget(
    ledger: Ledger,
    budget: Budget,
    since: Mapping[CountKey, datetime],
    *,
    session_id: str | None = None,
    forgotten: Sequence[str] = (),
) -> dict[CountKey, Spend]:
    """Sum the usage of a budget, by window, session or mission.

    Args:
        ledger: Opened so that its tables show all that shall count: with the outbox.
        budget: Which records, and how they are summed; its limit does not matter.
        since: Instants of resets, aware; what a key's calls settled earlier does not count (RST-1).
        session_id: Of a session or mission budget, only the sums of this session.
        forgotten: Of such a budget, the marks of sessions that are left out.

    Returns:
        One sum for each key that has records; of a ``total`` budget at most one.

    Raises:
        LedgerError: DuckDB could not run the statement.
    """
    globs: Mapping[str, object] = dict.fromkeys(ATTRIBUTES) | dict(budget.match)
    scope: Mapping[str, object] = {"session": session_id, "forgotten": [*forgotten]}
    match budget.period:
        case Period.SESSION:
            values = {
                "sessions": [key.session_id for key in since],
                "projects": [key.project for key in since],
                "since": [*map(microseconds, since.values())],
            }
            rows = _fetched(ledger, _BY_SESSION, {**globs, **scope, **values})
            return {
                CountKey(None, session, "", project): Spend(*sums)
                for session, project, *sums in rows
            }
        case Period.MISSION:
            values = {
                "sessions": [key.session_id for key in since],
                "projects": [key.project for key in since],
                "missions": [key.mission_id for key in since],
                "since": [*map(microseconds, since.values())],
            }
            rows = _fetched(ledger, _BY_MISSION, {**globs, **scope, **values})
            return {
                CountKey(None, session, mission, project): Spend(*sums)
                for session, mission, project, *sums in rows
            }
        case Period.TOTAL:
            reset_at = since.get(CountKey())
            value = {"since": None if reset_at is None else microseconds(reset_at)}
            rows = _fetched(ledger, _IN_TOTAL, {**globs, **value})
            return {CountKey(): Spend(*sums) for sums in rows}
        case _:
            return _by_window(ledger, budget, globs, since)


def latest_resets(ledger: Ledger, budget_key: str) -> dict[CountKey, datetime]:
    """Return when each window, session or mission of a budget was last reset.

    Args:
        ledger: Opened with the outbox.
        budget_key: What identifies the budget in the table ``reset``.
    """
    with ledger.explaining():
        rows = ledger.connection.execute(_RESETS, [budget_key]).fetchall()
    return {
        CountKey(None if start is None else instant_at(start), session, mission, project): (
            instant_at(at_us)
        )
        for start, session, mission, project, at_us in rows
    }


def spend_in(
    connection: DuckDBPyConnection,
    *,
    window: Window | None = None,
    session_id: str | None = None,
    mission_id: str | None = None,
    match: Sequence[tuple[str, str]] = (),
) -> Spend:
    """Sum the calls that pass every filter; without a filter, all calls.

    Args:
        connection: A connection to the ledger.
        window: Half-open window that must hold the admission of a call (EVA-8).
        session_id: Session of the calls.
        mission_id: Mission of the calls.
        match: Pairs of attribute and glob (``*``, ``?``, ``[a-z]``; case matters). A call without
            the attribute does not match, not even ``*``.

    Raises:
        ValueError: An attribute is unknown or named twice.
        ReportError: DuckDB could not run the statement.
    """
    values: dict[str, object] = {name: None for name in ATTRIBUTES}
    for attribute, glob in match:
        if attribute not in values or values[attribute] is not None:
            raise ValueError(f"{attribute!r} is no attribute to match, or is named twice")
        values[attribute] = glob
    values["window_start"] = naive_utc(window.start) if window else None
    values["window_end"] = naive_utc(window.end) if window else None
    values["session_id"] = session_id
    values["mission_id"] = mission_id
    ((cost, calls, unpriced, tokens),) = _read(connection, _SPEND, values)
    return Spend(NanoUSD(cost), calls, unpriced, tokens)


def latest_session(connection: DuckDBPyConnection) -> str | None:
    """Return the session of the call that was admitted last; ``None`` when no call has a session.

    Raises:
        ReportError: DuckDB could not run the statement.
    """
    rows = _read(connection, _LATEST_SESSION, {})
    return rows[0][0] if rows else None


def _by_window(
    ledger: Ledger, budget: Budget, globs: Mapping[str, object], since: Mapping[CountKey, datetime]
) -> dict[CountKey, Spend]:
    starts = _window_starts(ledger, budget)
    grain = next(size for size in _GRAINS_SECONDS if not any(s % (size * 10**6) for s in starts))
    rows = _fetched(ledger, _BY_WINDOW, {**globs, "grain": grain, "starts": starts})
    counts = {CountKey(instant_at(start)): Spend(*sums) for start, *sums in rows}
    resets = {key.window_start: at for key, at in since.items() if key in counts}
    if not resets:
        return counts
    windows = [_window(budget, start) for start in resets if start is not None]
    values = {
        "starts": [microseconds(window.start) for window in windows],
        "ends": [microseconds(window.end) for window in windows],
        "since": [microseconds(at) for at in resets.values()],
    }
    for window in windows:
        del counts[CountKey(window.start)]
    for start, *sums in _fetched(ledger, _SINCE_BY_WINDOW, {**globs, **values}):
        counts[CountKey(instant_at(start))] = Spend(*sums)
    return counts


def _window_starts(ledger: Ledger, budget: Budget) -> list[int]:
    """Return the starts of all windows that have usage, in microseconds, ascending."""
    starts: set[datetime] = set()
    for (day,) in _fetched(ledger, _DAYS, {}):
        window = _window(budget, datetime.combine(day, time.min, UTC))
        starts.add(window.start)
        tomorrow = datetime.combine(day, time.min, UTC) + timedelta(days=1)
        while window.end < tomorrow:
            window = _window(budget, window.end)
            starts.add(window.start)
    return sorted(map(microseconds, starts))


def _window(budget: Budget, instant: datetime) -> Window:
    window = window_at(budget.period, instant, budget.timezone)
    assert window is not None, f"{budget.period} has a calendar"
    return window


def _fetched(
    ledger: Ledger, statement: str, values: Mapping[str, object]
) -> Sequence[tuple[Any, ...]]:
    with ledger.explaining():
        return ledger.connection.execute(statement, dict(values)).fetchall()


def _read(
    connection: DuckDBPyConnection, statement: str, values: dict[str, object]
) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(statement, values).fetchall()
    except duckdb.Error as error:
        raise ReportError(f"cannot sum the spend: {clean_message(error)}") from None
