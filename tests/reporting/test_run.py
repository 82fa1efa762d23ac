"""The runner takes one SELECT with the declared parameters and columns, and leaves nothing open."""

from __future__ import annotations

import duckdb
import pytest

from corvus.base.errors import ReportError, ReportInvalid, ReportParameterInvalid
from corvus.reporting.catalog import Report, load_catalog
from corvus.reporting.run import run_report
from tests.reporting.conftest import sum_up

HEAD = "-- title: T\n-- summary: S\n-- column: calls BIGINT calls\n-- reads: usage_record\n"


def report(sql: str, head: str = HEAD) -> Report:
    return Report("own/test", "user", "test.sql", (head + sql).encode())


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM usage_record", "exactly one SELECT, got DELETE"),
        ("SELECT 1; SELECT 2", "exactly one SELECT, got SELECT, SELECT"),
        ("COPY (SELECT 1) TO '/tmp/x'", "exactly one SELECT, got COPY"),
        ("PRAGMA version", "exactly one SELECT, got PRAGMA"),
        ("", "exactly one SELECT, got nothing"),
        ("SELEC 1", "syntax error"),
        ("SELECT $day::BIGINT AS calls", "declares the parameters none, the SQL uses day"),
        ("SELECT 1 AS calls", "column 1 is declared as calls BIGINT, the SQL gives calls INTEGER"),
        ("SELECT 1::BIGINT AS n", "column 1 is declared as calls BIGINT, the SQL gives n BIGINT"),
        ("SELECT 1::BIGINT AS calls, 2 AS more", "declares 1 columns, the SQL gives 2"),
    ],
)
def test_file_that_breaks_its_contract_is_refused(
    connection: duckdb.DuckDBPyConnection, sql: str, message: str
) -> None:
    with pytest.raises(ReportInvalid) as refusal:
        run_report(connection, report(sql), {})
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_error_of_duckdb_is_told_in_one_line(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ReportError) as refusal:
        run_report(connection, report("SELECT colour AS calls FROM usage_record"), {})
    assert 'report own/test failed: Binder Error: Referenced column "colour"' in str(refusal.value)
    assert "LINE" not in str(refusal.value)


def test_sum_beyond_64_bits_is_an_error_and_no_wrong_number(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute(
        "INSERT INTO usage_record (admitted_at, cost_nano_usd) "
        "VALUES ('2026-04-01', 9223372036854775807), ('2026-04-01', 1)"
    )
    sum_up(connection)
    with pytest.raises(ReportError, match="spend/by-model failed: Conversion Error"):
        run_report(connection, load_catalog().find("by-model"), {})


def test_hostile_text_is_only_ever_a_value(connection: duckdb.DuckDBPyConnection) -> None:
    hostile = "x' OR 1=1; DROP TABLE usage_record; --"
    connection.execute("INSERT INTO usage_record (admitted_at) VALUES ('2026-04-01')")
    connection.execute(
        "INSERT INTO usage_record (admitted_at, session_id) VALUES ('2026-04-01', ?)", [hostile]
    )
    table = run_report(connection, load_catalog().find("by-model"), {"session": hostile})
    assert table.values("calls") == (1,)


def test_no_result_stays_open_even_when_the_columns_are_wrong(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(ReportInvalid):
        run_report(connection, report("SELECT range AS n FROM range(10_000_000)"), {})
    connection.execute("CHECKPOINT")  # fails while a result pins a transaction
    assert connection.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("history-by-day", "days", 0),
        ("history-by-day", "days", 367),
        ("history-by-week", "weeks", 0),
        ("history-by-week", "weeks", 261),
        ("history-by-month", "months", 0),
        ("history-by-month", "months", 61),
    ],
)
def test_history_windows_beyond_their_range_are_refused(
    connection: duckdb.DuckDBPyConnection, name: str, parameter: str, value: int
) -> None:
    """UP-V17, REP-5."""
    with pytest.raises(ReportParameterInvalid, match=f"parameter {parameter} must be from 1"):
        run_report(connection, load_catalog().find(name), {parameter: value, "as_of": "2026-04-06"})


@pytest.mark.parametrize(
    ("name", "given", "first"),
    [
        ("history-by-day", {"days": 366}, "2025-04-06"),
        ("history-by-day", {"days": 1}, "2026-04-06"),
        ("history-by-week", {"weeks": 260}, "2021-W16"),
        ("history-by-week", {"weeks": 1}, "2026-W15"),
        ("history-by-month", {"months": 60}, "2021-05"),
        ("history-by-month", {"months": 1}, "2026-04"),
    ],
)
def test_largest_and_smallest_history_windows_are_zero_filled(
    connection: duckdb.DuckDBPyConnection, name: str, given: dict[str, object], first: str
) -> None:
    given = {**given, "as_of": "2026-04-06T23:59:59.999999Z"}
    table = run_report(connection, load_catalog().find(name), given)
    buckets = table.values("bucket")
    assert [len(buckets)] == [value for value in given.values() if isinstance(value, int)]
    assert buckets[0] == first
    assert str(buckets[-1]) in {"2026-04-06", "2026-W15", "2026-04"}
    assert set(table.values("cost_nano_usd")) == {0}


@pytest.mark.parametrize(
    ("filters", "calls"),
    [({}, 4), ({"session": "s"}, 2), ({"model": "m"}, 2), ({"project": "p", "session": "s"}, 1)],
)
def test_history_counts_only_what_its_filters_name(
    connection: duckdb.DuckDBPyConnection, filters: dict[str, object], calls: int
) -> None:
    connection.execute(
        "INSERT INTO usage_record (admitted_at, session_id, requested_model, project) VALUES "
        "('2026-04-06', 's', 'm', 'p'), ('2026-04-06', 's', 'n', 'q'), "
        "('2026-04-06', 't', 'm', 'p'), ('2026-04-06', NULL, 'n', NULL)"
    )
    sum_up(connection)
    given = {"as_of": "2026-04-06", "days": 1, **filters}
    table = run_report(connection, load_catalog().find("history-by-day"), given)
    assert table.values("calls") == (calls,)
