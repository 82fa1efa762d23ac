"""Reports of budgets see exactly the budgets and windows that are enforced."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.base.money import NanoUSD
from corvus.base.period import Period, Window, window_at
from corvus.ledger.counts import spend_in
from corvus.model.budget import Budget, Measure
from corvus.reporting.catalog import load_catalog
from corvus.reporting.in_force import WINDOWS_MAX, show_budgets
from corvus.reporting.run import run_report
from corvus.store.kinds import budget_key
from tests.properties import examples
from tests.reporting.conftest import sum_up

NOW = datetime(2026, 4, 8, 12, tzinfo=UTC)
LIMIT = NanoUSD(1_000)


def budget(name: str, period: Period, **about: Any) -> Budget:
    return Budget(name, period, LIMIT, (80,), "key", **about)


def test_windows_are_those_of_enforcement_back_from_the_present(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    zoned = budget("b", Period.DAY, timezone="America/Sao_Paulo")
    show_budgets(connection, [zoned], NOW)
    rows = connection.execute(
        "SELECT starts_at, ends_at FROM budget_window ORDER BY number"
    ).fetchall()
    assert len(rows) == WINDOWS_MAX
    for number, (start, end) in enumerate(rows):
        expected = window_at(Period.DAY, NOW - timedelta(days=number), "America/Sao_Paulo")
        assert Window(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)) == expected


def test_a_total_budget_has_one_window_and_a_session_budget_none(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    budgets = [budget("all", Period.TOTAL), budget("session", Period.SESSION)]
    show_budgets(connection, budgets, NOW)
    rows = connection.execute(
        "SELECT budget, number, starts_at, ends_at FROM budget_window"
    ).fetchall()
    names = connection.execute("SELECT name FROM budget ORDER BY place").fetchall()
    assert rows == [("all", 0, None, None)]
    assert names == [("all",), ("session",)]


def test_showing_them_again_replaces_them(connection: duckdb.DuckDBPyConnection) -> None:
    show_budgets(connection, [budget("a", Period.DAY)], NOW)
    show_budgets(connection, [budget("b", Period.DAY)], NOW)
    assert connection.execute("SELECT name FROM budget").fetchall() == [("b",)]


INSERT = """
INSERT INTO usage_record (admitted_at, requested_model, provider, project, cost_nano_usd)
VALUES (?, ?, ?, ?, ?)
"""
ATTRIBUTES = {"model": ["gpt-5", "o3"], "provider": ["openai", "azure"], "project": ["web", None]}
CALLS = st.lists(
    st.tuples(
        st.integers(0, 60 * 24 * 40),  # minutes before the present
        *(st.sampled_from(values) for values in ATTRIBUTES.values()),
        st.one_of(st.none(), st.integers(0, 3_000)),
    ),
    max_size=30,
)
MATCH = st.dictionaries(
    st.sampled_from(sorted(ATTRIBUTES)),
    st.sampled_from(["*", "o*", "gpt-[0-9]", "w?b"]),
    max_size=2,
)
BUDGETS = st.lists(
    st.tuples(
        st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH, Period.TOTAL]),
        MATCH,
        st.sampled_from(["UTC", "Asia/Kathmandu", "America/New_York"]),
    ),
    min_size=1,
    max_size=3,
)


@settings(
    max_examples=examples(100, by_day=35),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(calls=CALLS, drawn=BUDGETS)
def test_each_window_costs_what_enforcement_counts_in_it(
    connection: duckdb.DuckDBPyConnection,
    calls: list[tuple[int, str, str, str | None, int | None]],
    drawn: list[tuple[Period, dict[str, str], str]],
) -> None:
    budgets = [
        budget(
            f"b{number}",
            period,
            match=tuple((name, (glob,)) for name, glob in match.items()),
            timezone=zone,
        )
        for number, (period, match, zone) in enumerate(drawn)
    ]
    connection.execute("DELETE FROM usage_record")
    for minutes, *about in calls:
        connection.execute(INSERT, [NOW - timedelta(minutes=minutes), *about])
    sum_up(connection)
    show_budgets(connection, budgets, NOW)
    report = load_catalog().find("status-over-time")
    table = run_report(connection, report, {"windows": WINDOWS_MAX}, now=NOW)
    connection.execute("DELETE FROM model_usage; DELETE FROM caller_usage")
    connection.execute("UPDATE usage_record SET tags = MAP {'a': 'b'}")
    by_record = [replace(one, match=(*one.match, ("tag.a", ("b",)))) for one in budgets]
    show_budgets(connection, by_record, NOW)
    assert run_report(connection, report, {"windows": WINDOWS_MAX}, now=NOW) == table
    seen = dict.fromkeys((one.name for one in budgets), 0)
    for row in table.rows:
        told = dict(zip((column.name for column in table.columns), row, strict=True))
        one = next(each for each in budgets if each.name == told["budget"])
        spend = spend_in(connection, window=window(told), match=one.match)
        assert told["cost_nano_usd"] == spend.cost_nano_usd
        assert told["unpriced_calls"] == spend.unpriced_calls
        assert told["calls"] == spend.calls
        assert told["state"] == state(spend.cost_nano_usd)
        assert (told["warned_at"] is None) == (told["state"] == "allowed")
        assert (told["exceeded_at"] is None) == (told["state"] != "exceeded")
        seen[one.name] += spend.calls
    # Every call that a budget matches is in one of its windows.
    assert seen == {one.name: spend_in(connection, match=one.match).calls for one in budgets}


def window(told: dict[str, Any]) -> Window | None:
    if told["window_start"] is None:
        return None
    return Window(*(told[name].replace(tzinfo=UTC) for name in ("window_start", "window_end")))


def state(cost: int) -> str:
    return "exceeded" if cost > LIMIT else "warning" if cost >= 800 else "allowed"


def test_windows_that_open_with_a_call_are_those_that_did(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Each part has its own; what was used before or after them counts in none."""
    each = budget("w", Period.WINDOW, per=("user",), window_seconds=3600, measure=Measure.TOKENS)
    key = budget_key(each)
    for number, (part, hour, minute) in enumerate((("ana", 9, 10), ("ana", 11, 0), ("bea", 9, 30))):
        start = datetime(2026, 4, 8, hour, minute)  # noqa: DTZ001 - naive and in UTC, as it is kept
        connection.execute(
            "INSERT INTO opened_window (store_id, seq, budget, budget_key, part, window_start, "
            "window_end) VALUES (uuid(), ?, 'w', ?, ?, ?, ?)",
            [number, key, part, start, start + timedelta(hours=1)],
        )
    for user, time, tokens in (
        ("ana", "09:10:00", 400),
        ("ana", "10:09:59", 450),
        ("ana", "10:10:00", 7),
        ("ana", "11:05:00", 30),
        ("bea", "09:30:00", 2_000),
    ):
        connection.execute(
            "INSERT INTO usage_record (calls, admitted_at, user_name, input_tokens) "
            "VALUES (1, ?, ?, ?)",
            [f"2026-04-08 {time}", user, tokens],
        )
    show_budgets(connection, [each], NOW)
    report = load_catalog().find("status-over-time")
    table = run_report(connection, report, {}, now=NOW)
    names = [column.name for column in table.columns]
    found: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in table.rows]
    assert [
        (row["part"], row["window_start"].hour, row["used_amount"], row["state"]) for row in found
    ] == [
        ("ana", 9, 850, "warning"),
        ("bea", 9, 2_000, "exceeded"),
        ("ana", 11, 30, "allowed"),
    ]
    assert found[1]["exceeded_at"] == datetime(2026, 4, 8, 9, 30)  # noqa: DTZ001 - as it is kept
