"""Days of reports are those of a time zone, with 23 and 25 hours (REP-6)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.base.errors import ReportParameterInvalid
from corvus.reporting.catalog import Report, load_catalog
from corvus.reporting.parameters import ParameterType
from corvus.reporting.run import run_report
from tests.properties import examples
from tests.reporting.conftest import sum_up

ZONES = [
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def fill(connection: duckdb.DuckDBPyConnection, instants: list[datetime]) -> None:
    connection.execute("DELETE FROM usage_record")
    rows = [[each.astimezone(UTC).replace(tzinfo=None)] for each in instants]
    if rows:
        connection.executemany(
            "INSERT INTO usage_record (admitted_at, cost_nano_usd) VALUES (?, 1)", rows
        )
    sum_up(connection)


def history(connection: duckdb.DuckDBPyConnection, **given: object) -> dict[str, int]:
    report = load_catalog().find("spend/history-by-day")
    rows = run_report(connection, report, given, now=NOW).mappings()
    return {str(row["bucket"]): int(str(row["calls"])) for row in rows}


@settings(
    max_examples=examples(40, by_day=12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    zone=st.sampled_from(ZONES),
    instants=st.lists(
        st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 29), timezones=st.just(UTC)),  # noqa: DTZ001
        max_size=12,
    ),
)
def test_a_call_counts_in_the_day_that_its_zone_had(
    connection: duckdb.DuckDBPyConnection, zone: str, instants: list[datetime]
) -> None:
    fill(connection, instants)
    found = history(connection, days=366, zone=zone)
    local = NOW.astimezone(ZoneInfo(zone)).date()
    days = [local - timedelta(days=back) for back in range(365, -1, -1)]
    right = Counter(each.astimezone(ZoneInfo(zone)).date() for each in instants)
    assert found == {day.isoformat(): right[day] for day in days}


def hours(zone: str, day: date) -> int:
    first = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    after = first + timedelta(days=1)
    return round((after.astimezone(UTC) - first.astimezone(UTC)) / timedelta(hours=1))


@pytest.mark.parametrize(
    ("day", "long"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 7, 1), 24)]
)
def test_a_day_of_new_york_may_have_23_or_25_hours(
    connection: duckdb.DuckDBPyConnection, day: date, long: int
) -> None:
    zone = "America/New_York"
    assert hours(zone, day) == long
    first = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    fill(connection, [first + timedelta(minutes=30, hours=hour) for hour in range(-2, long + 2)])
    assert history(connection, days=366, zone=zone)[day.isoformat()] == long


def test_a_day_that_a_zone_skipped_has_no_call(connection: duckdb.DuckDBPyConnection) -> None:
    """Samoa had no 30 December 2011."""
    apia = ZoneInfo("Pacific/Apia")
    last = datetime(2011, 12, 29, 23, 30, tzinfo=apia).astimezone(UTC)
    fill(connection, [last, last + timedelta(hours=1)])
    found = history(connection, since="2011-12-28", until="2012-01-02", zone="Pacific/Apia")
    assert found == {
        "2011-12-28": 0,
        "2011-12-29": 1,
        "2011-12-30": 0,
        "2011-12-31": 1,
        "2012-01-01": 0,
    }


def test_dates_without_an_offset_are_of_the_zone(connection: duckdb.DuckDBPyConnection) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    fill(connection, [datetime(2026, 11, 2, 0, 30, tzinfo=berlin)])
    found = history(connection, since="2026-11-02", until="2026-11-03", zone="Europe/Berlin")
    assert found == {"2026-11-02": 1}


def test_a_range_is_counted_in_days_of_the_zone(connection: duckdb.DuckDBPyConnection) -> None:
    fill(connection, [])
    edge = {"since": "2025-11-27T23:30:00Z", "until": "2026-11-28T00:30:00Z"}
    with pytest.raises(ReportParameterInvalid, match="367 days long"):
        history(connection, **edge)
    assert len(history(connection, **edge, zone="America/New_York")) == 366


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "CEST", "x" * 300])
def test_a_zone_that_does_not_exist_is_refused(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    with pytest.raises(ReportParameterInvalid, match="an IANA time zone such as Europe/Berlin"):
        history(connection, zone=name)


DATED = [
    report
    for report in load_catalog().reports.values()
    if "date_trunc(" in report.sql or "::DATE" in report.sql
]


@pytest.mark.parametrize("report", DATED, ids=lambda report: report.name)
def test_every_report_with_days_takes_a_zone(report: Report) -> None:
    """REP-6; days of bills are UTC, as the providers write them (REC-1)."""
    zones = [one for one in report.header.parameters if one.type is ParameterType.ZONE]
    assert [one.name for one in zones] == ([] if report.name.startswith("reconcile/") else ["zone"])
