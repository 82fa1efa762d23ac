"""Every shipped report keeps its contract (REP-1) and answers what was computed by hand."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from policy.reporting.catalog import load_catalog
from policy.reporting.formats import csv_text
from policy.reporting.run import check_statement, run_report
from policy.reporting.table import Table

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
REPORTS = load_catalog().reports
PARAMETERS: dict[str, dict[str, object]] = {
    "spend/history-by-day": {"as_of": "2026-04-06T12:00:00Z", "days": 3},
    "spend/history-by-month": {"as_of": "2026-03-31T23:00:00Z", "months": 4},
    "spend/history-by-session": {"as_of": "2026-04-06T12:00:00Z", "sessions": 3},
    "spend/history-by-mission": {"as_of": "2026-04-06T12:00:00Z", "missions": 3},
    "spend/by-model": {"since": "2026-04-01", "until": "2026-05-01"},
    "spend/by-session": {"top": 4},
    "spend/unpriced": {},
}
VIEWS = {"usage_call": "usage_record"}  # DuckDB names the table behind a view
NEEDED = {"as_of": "2026-04-06"}

every_report = pytest.mark.parametrize("name", REPORTS)


def run(connection: duckdb.DuckDBPyConnection, name: str) -> Table:
    return run_report(connection, REPORTS[name], PARAMETERS[name])


def test_every_report_has_a_golden_seed_and_answer() -> None:
    files = {file.relative_to(GOLDEN).with_suffix("").as_posix() for file in GOLDEN.rglob("*.*")}
    assert files == set(REPORTS) == set(PARAMETERS)


@every_report
def test_report_is_one_select_with_the_parameters_of_its_header(name: str) -> None:
    check_statement(REPORTS[name])


@every_report
def test_columns_on_an_empty_ledger_are_those_of_the_header(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    header = REPORTS[name].header
    given = {key: NEEDED[key] for key in NEEDED if key in {item.name for item in header.parameters}}
    assert run_report(connection, REPORTS[name], given).columns == header.columns


@every_report
def test_report_answers_what_was_computed_by_hand(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    connection.execute((GOLDEN / f"{name}.sql").read_text())
    assert csv_text(run(connection, name)) == (GOLDEN / f"{name}.csv").read_text()


@every_report
def test_order_of_the_answer_does_not_depend_on_the_order_of_the_rows(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    connection.execute((GOLDEN / f"{name}.sql").read_text())
    # Equal amounts and times everywhere: only a unique last key can still tell the rows apart.
    connection.execute("UPDATE usage_record SET cost_nano_usd = 0 WHERE cost_nano_usd IS NOT NULL")
    connection.execute("UPDATE usage_record SET admitted_at = TIMESTAMP '2026-04-06'")
    answers = {csv_text(run(connection, name))}
    for salt in range(5):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE shuffled AS SELECT * FROM usage_record "
            "ORDER BY md5(id::VARCHAR || ?::VARCHAR)",
            [salt],
        )
        connection.execute("DELETE FROM usage_record")
        connection.execute("INSERT INTO usage_record SELECT * FROM shuffled")
        answers.add(csv_text(run(connection, name)))
    assert len(answers) == 1


@every_report
def test_report_reads_the_tables_that_its_header_names(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    report = REPORTS[name]
    # DuckDB names the tables of a statement only without parameters.
    without = re.sub(r"\$\w+", "NULL", report.sql)
    common = set(re.findall(r"(?:WITH|,)\s+(\w+) AS \(", report.sql))
    assert all(f"FROM {table}" in report.sql for table in report.header.reads)
    tables = {VIEWS.get(name, name) for name in report.header.reads}
    assert connection.get_table_names(without) - common == tables


@every_report
def test_report_keeps_the_house_style(name: str) -> None:
    body = "\n".join(
        line.partition("--")[0] for line in REPORTS[name].sql.splitlines() if line[:2] != "--"
    )
    assert "*" not in re.sub(r"COUNT\(\*\)|\d \* ", "", body), "no SELECT *"
    assert re.search(r"\bORDER BY\b[^()]*;\s*$", body), "the last clause orders the rows"
    assert not re.search(r"\b(select|from|where|group by|order by|sum|count)\b", body)


@every_report
def test_no_column_name_is_a_reserved_word(name: str) -> None:
    with duckdb.connect() as scratch:
        for column in REPORTS[name].header.columns:
            scratch.execute(f"CREATE OR REPLACE TABLE probe ({column.name} INTEGER)")


@pytest.mark.parametrize("name", ["at", "end", "limit", "order", "window"])
def test_duckdb_still_refuses_the_words_that_the_glossary_avoids(name: str) -> None:
    with duckdb.connect() as scratch, pytest.raises(duckdb.ParserException):
        scratch.execute(f"CREATE TABLE probe ({name} INTEGER)")
