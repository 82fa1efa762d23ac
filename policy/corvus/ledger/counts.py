"""Counts usage from the ledger: the only SQL for what counts against a budget (STO-2, EVA-12).

Balances are derived from it, and what a report or a status without a store sums agrees with them.
Calls of unknown cost are counted apart, so that it is never taken for 0 (PRC-5); where something
was held for one, the bound of its cost is in the sum, so that none is free (PRC-8).

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
from corvus.model.budget import NONE, NOT, TAG, Budget, Match
from corvus.model.columns import COLUMNS, ESTIMATED_TOKENS
from corvus.model.spend import Spend
from corvus.model.usage import TOKENS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SUMS = f"""
    COALESCE(SUM(COALESCE(cost_nano_usd, computed_cost_nano_usd)), 0)::BIGINT AS cost_nano_usd,
    COALESCE(SUM(calls), 0)::BIGINT AS calls,
    COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    COALESCE(SUM({" + ".join(TOKENS)} + COALESCE({ESTIMATED_TOKENS}, 0)), 0)::BIGINT AS tokens"""
"""What is summed of ``usage_record``: cost, calls, unpriced calls and tokens of all kinds."""

_COLUMNS = {column.attribute: column.name for column in COLUMNS if column.attribute}

_GRAINS_SECONDS = (3600, 900, 1)
"""Usage is summed by the coarsest of these that every window starts on: hours nearly everywhere,
quarters of hours where a zone's offset has them, seconds before such offsets were rounded."""

_DAYS = "SELECT DISTINCT admitted_at::DATE FROM usage_record"

_BY_WINDOW = f"""
WITH summed AS (
    SELECT time_bucket(to_seconds($grain), admitted_at) AS bucket, {{part}} AS part, {SUMS}
    FROM usage_record
    WHERE {{matches}}
    GROUP BY bucket, part
)
SELECT epoch_us(window_start), part,
    SUM(cost_nano_usd), SUM(calls), SUM(unpriced_calls), SUM(tokens)
FROM summed
ASOF JOIN (SELECT make_timestamp(unnest($starts::BIGINT[])) AS window_start) AS windows
    ON summed.bucket >= windows.window_start
GROUP BY window_start, part
"""  # noqa: S608 - made of constants of this package

_SINCE_BY_WINDOW = f"""
WITH windows AS (
    SELECT make_timestamp(unnest($starts::BIGINT[])) AS first_instant,
        make_timestamp(unnest($ends::BIGINT[])) AS after_instant,
        unnest($parts::VARCHAR[]) AS part,
        make_timestamp(unnest($since::BIGINT[])) AS since
), record AS (
    SELECT *, {{part}} AS part FROM usage_record WHERE {{matches}}
)
SELECT epoch_us(windows.first_instant), windows.part, {SUMS}
FROM record
JOIN windows ON record.part = windows.part
    AND admitted_at >= windows.first_instant AND admitted_at < windows.after_instant
WHERE settled_at >= windows.since
GROUP BY windows.first_instant, windows.part
"""  # noqa: S608 - made of constants of this package

_BY_OPENED_WINDOW = f"""
WITH windows AS (
    SELECT part, window_start, window_end FROM opened_window WHERE budget_key = $budget_key
), resets AS (
    SELECT make_timestamp(unnest($starts::BIGINT[])) AS window_start,
        unnest($parts::VARCHAR[]) AS part,
        make_timestamp(unnest($since::BIGINT[])) AS since
), record AS (
    SELECT *, {{part}} AS part FROM usage_record WHERE {{matches}}
)
SELECT epoch_us(windows.window_start), windows.part, {SUMS}
FROM record
JOIN windows ON record.part = windows.part
    AND admitted_at >= windows.window_start AND admitted_at < windows.window_end
LEFT JOIN resets ON resets.part = windows.part AND resets.window_start = windows.window_start
WHERE since IS NULL OR settled_at >= since
GROUP BY windows.window_start, windows.part
"""  # noqa: S608 - made of constants of this package

_OPENED_WINDOWS = """
SELECT part, list(epoch_us(window_start) ORDER BY window_start) FROM opened_window
WHERE budget_key = ? GROUP BY part
"""

_MARK = "sha256(record.session_id)[1:32]"
"""What the store keeps of a session that it forgot (``corvus.store.api.session_mark``)."""

_BY_SESSION = f"""
WITH record AS (
    SELECT *, {{part}} AS part FROM usage_record WHERE session_id <> '' AND {{matches}}
        AND ($session::VARCHAR IS NULL OR session_id = $session)
)
SELECT record.session_id, coalesce(record.project, '') AS of_project, record.part, {SUMS}
FROM record
LEFT JOIN (SELECT unnest($sessions::VARCHAR[]) AS session_id,
    unnest($projects::VARCHAR[]) AS of_project,
    unnest($parts::VARCHAR[]) AS part,
    make_timestamp(unnest($since::BIGINT[])) AS since) AS resets
    ON resets.session_id = record.session_id AND resets.part = record.part
    AND resets.of_project = coalesce(record.project, '')
WHERE since IS NULL OR settled_at >= since
GROUP BY record.session_id, coalesce(record.project, ''), record.part
HAVING {_MARK} NOT IN (SELECT unnest($forgotten::VARCHAR[]))
"""  # noqa: S608 - made of constants of this package

_BY_MISSION = f"""
WITH record AS (
    SELECT *, {{part}} AS part FROM usage_record
    WHERE session_id <> '' AND mission_id <> '' AND {{matches}}
        AND ($session::VARCHAR IS NULL OR session_id = $session)
)
SELECT record.session_id, record.mission_id, coalesce(record.project, '') AS of_project,
    record.part, {SUMS}
FROM record
LEFT JOIN (SELECT unnest($sessions::VARCHAR[]) AS session_id,
    unnest($missions::VARCHAR[]) AS mission_id,
    unnest($projects::VARCHAR[]) AS of_project,
    unnest($parts::VARCHAR[]) AS part,
    make_timestamp(unnest($since::BIGINT[])) AS since) AS resets
    ON resets.session_id = record.session_id AND resets.mission_id = record.mission_id
    AND resets.part = record.part AND resets.of_project = coalesce(record.project, '')
WHERE since IS NULL OR settled_at >= since
GROUP BY record.session_id, record.mission_id, coalesce(record.project, ''), record.part
HAVING {_MARK} NOT IN (SELECT unnest($forgotten::VARCHAR[]))
"""  # noqa: S608 - made of constants of this package

_IN_TOTAL = f"""
WITH record AS (
    SELECT *, {{part}} AS part FROM usage_record WHERE {{matches}}
)
SELECT record.part, {SUMS}
FROM record
LEFT JOIN (SELECT unnest($parts::VARCHAR[]) AS part,
    make_timestamp(unnest($since::BIGINT[])) AS since) AS resets ON resets.part = record.part
WHERE since IS NULL OR settled_at >= since
GROUP BY record.part
"""  # noqa: S608 - made of constants of this package

_SPEND = f"""
SELECT{SUMS}
FROM usage_record
WHERE ($window_start::TIMESTAMP IS NULL OR admitted_at >= $window_start)
  AND ($window_end::TIMESTAMP IS NULL OR admitted_at < $window_end)
  AND ($session_id::VARCHAR IS NULL OR session_id = $session_id)
  AND ($mission_id::VARCHAR IS NULL OR mission_id = $mission_id)
  AND {{matches}}
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
    coalesce(project, ''), coalesce(part, ''), epoch_us(max(effective_at))
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
        part: Of a budget with ``per``; else empty.
    """

    window_start: datetime | None = None
    session_id: str = ""
    mission_id: str = ""
    project: str = ""
    part: str = ""


def count_budget(  # noqa: PLR0913 - a question and its filters
    ledger: Ledger,
    budget: Budget,
    key: str,
    since: Mapping[CountKey, datetime],
    *,
    session_id: str | None = None,
    forgotten: Sequence[str] = (),
) -> dict[CountKey, Spend]:
    """Sum the usage of a budget, by window, session or mission.

    Args:
        ledger: Opened so that its tables show all that shall count: with the outbox.
        budget: Which records, and how they are summed; its limit does not matter.
        key: What identifies the budget in the tables ``reset`` and ``opened_window``.
        since: Instants of resets, aware; what a key's calls settled earlier does not count (RST-1).
        session_id: Of a session or mission budget, only the sums of this session.
        forgotten: Of such a budget, the marks of sessions that are left out.

    Returns:
        One sum for each key that has records; of a ``total`` budget at most one.

    Raises:
        LedgerError: DuckDB could not run the statement.
    """
    matches, globs = matches_sql(budget.match)
    fill = {"part": part_sql(budget.per), "matches": matches}
    scope: Mapping[str, object] = {"session": session_id, "forgotten": [*forgotten]}
    resets: Mapping[str, object] = {
        "parts": [each.part for each in since],
        "since": [*map(microseconds, since.values())],
    }
    match budget.period:
        case Period.SESSION:
            values = {
                "sessions": [each.session_id for each in since],
                "projects": [each.project for each in since],
            }
            rows = _fetched(
                ledger, _BY_SESSION.format(**fill), {**globs, **scope, **resets, **values}
            )
            return {
                CountKey(None, session, "", project, part): Spend(*sums)
                for session, project, part, *sums in rows
            }
        case Period.MISSION:
            values = {
                "sessions": [each.session_id for each in since],
                "projects": [each.project for each in since],
                "missions": [each.mission_id for each in since],
            }
            rows = _fetched(
                ledger, _BY_MISSION.format(**fill), {**globs, **scope, **resets, **values}
            )
            return {
                CountKey(None, session, mission, project, part): Spend(*sums)
                for session, mission, project, part, *sums in rows
            }
        case Period.TOTAL:
            rows = _fetched(ledger, _IN_TOTAL.format(**fill), {**globs, **resets})
            return {CountKey(part=part): Spend(*sums) for part, *sums in rows}
        case Period.WINDOW:
            starts = [microseconds(each.window_start) for each in since if each.window_start]
            values = {"starts": starts, "budget_key": key}
            rows = _fetched(ledger, _BY_OPENED_WINDOW.format(**fill), {**globs, **resets, **values})
            return _windows_of(rows)
        case _:
            return _by_window(ledger, budget, (fill, globs), since)


def _windows_of(rows: Sequence[tuple[Any, ...]]) -> dict[CountKey, Spend]:
    return {CountKey(instant_at(start), part=part): Spend(*sums) for start, part, *sums in rows}


def opened_windows(ledger: Ledger, budget: Budget, key: str) -> dict[str, list[int]]:
    """Return when the windows of a budget opened, by part, microseconds, ascending.

    Raises:
        LedgerError: DuckDB could not run the statement.
    """
    if budget.period is not Period.WINDOW:
        return {}
    with ledger.explaining():
        rows = ledger.connection.execute(_OPENED_WINDOWS, [key]).fetchall()
    return dict(rows)


def column_of(name: str) -> str:
    """Return the SQL of an attribute.

    A tag is a literal: no parameter may stand in a ``GROUP BY``.
    """
    if not name.startswith(TAG):
        return _COLUMNS[name]
    key = name.removeprefix(TAG).replace("'", "''")
    return f"tags['{key}']"


def matches_sql(match: Match) -> tuple[str, dict[str, object]]:
    """Return a condition that holds for the records a budget counts, and its parameters.

    An attribute that a record lacks matches no glob, not even ``*``.
    """
    conditions, values = ["true"], dict[str, object]()
    for place, (name, globs) in enumerate(match):
        column = column_of(name)
        if globs[0].startswith(NOT):
            values[f"glob_{place}_0"] = globs[0].removeprefix(NOT)
            conditions.append(f"coalesce(NOT {column} GLOB $glob_{place}_0, true)")
            continue
        fits: list[str] = []
        for number, glob in enumerate(globs):
            values[f"glob_{place}_{number}"] = glob
            fits.append(f"{column} GLOB $glob_{place}_{number}")
        conditions.append(f"coalesce({' OR '.join(fits)}, false)")
    return " AND ".join(conditions), values


def part_sql(per: Sequence[str]) -> str:
    """Return the SQL of the part in which a budget counts a record (``model.budget.part_of``)."""
    columns = [column_of(name) for name in per]
    escaped = (
        f"coalesce(replace(replace(replace({column}, '%', '%25'), ',', '%2C'), '(', '%28'), "
        f"'{NONE}')"
        for column in columns
    )
    return " || ',' || ".join(escaped) or "''"


def latest_resets(ledger: Ledger, budget_key: str) -> dict[CountKey, datetime]:
    """Return when each window, session or mission of a budget was last reset.

    Args:
        ledger: Opened with the outbox.
        budget_key: What identifies the budget in the table ``reset``.
    """
    with ledger.explaining():
        rows = ledger.connection.execute(_RESETS, [budget_key]).fetchall()
    return {
        CountKey(None if start is None else instant_at(start), session, mission, project, part): (
            instant_at(at_us)
        )
        for start, session, mission, project, part, at_us in rows
    }


def spend_in(
    connection: DuckDBPyConnection,
    *,
    window: Window | None = None,
    session_id: str | None = None,
    mission_id: str | None = None,
    match: Match = (),
) -> Spend:
    """Sum the calls that pass every filter; without a filter, all calls.

    Args:
        connection: A connection to the ledger.
        window: Half-open window that must hold the admission of a call (EVA-8).
        session_id: Session of the calls.
        mission_id: Mission of the calls.
        match: Pairs of attribute and globs (``*``, ``?``, ``[a-z]``; case matters). A call without
            the attribute does not match, not even ``*``.

    Raises:
        KeyError: An attribute is unknown.
        ReportError: DuckDB could not run the statement.
    """
    matches, values = matches_sql(match)
    values["window_start"] = naive_utc(window.start) if window else None
    values["window_end"] = naive_utc(window.end) if window else None
    values["session_id"] = session_id
    values["mission_id"] = mission_id
    ((cost, calls, unpriced, tokens),) = _read(connection, _SPEND.format(matches=matches), values)
    return Spend(NanoUSD(cost), calls, unpriced, tokens)


def latest_session(connection: DuckDBPyConnection) -> str | None:
    """Return the session of the call that was admitted last; ``None`` when no call has a session.

    Raises:
        ReportError: DuckDB could not run the statement.
    """
    rows = _read(connection, _LATEST_SESSION, {})
    return rows[0][0] if rows else None


def _by_window(
    ledger: Ledger,
    budget: Budget,
    selection: tuple[Mapping[str, str], Mapping[str, object]],
    since: Mapping[CountKey, datetime],
) -> dict[CountKey, Spend]:
    fill, globs = selection
    starts = _window_starts(ledger, budget)
    grain = next(size for size in _GRAINS_SECONDS if not any(s % (size * 10**6) for s in starts))
    values = {**globs, "grain": grain, "starts": starts}
    counts = _windows_of(_fetched(ledger, _BY_WINDOW.format(**fill), values))
    resets = {key: at for key, at in since.items() if key in counts}
    if not resets:
        return counts
    windows = [_window(budget, key.window_start) for key in resets if key.window_start is not None]
    values = {
        **globs,
        "starts": [microseconds(window.start) for window in windows],
        "ends": [microseconds(window.end) for window in windows],
        "parts": [key.part for key in resets],
        "since": [microseconds(at) for at in resets.values()],
    }
    for key in resets:
        del counts[key]
    return counts | _windows_of(_fetched(ledger, _SINCE_BY_WINDOW.format(**fill), values))


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
