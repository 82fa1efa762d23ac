"""Every shipped report keeps its contract (REP-1) and answers what was computed by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.ledger.ledger import open_ledger
from corvus.ledger.roll_ups import ROLL_UPS
from corvus.model.budget import Budget, Measure
from corvus.reporting.catalog import load_catalog
from corvus.reporting.formats import csv_text
from corvus.reporting.in_force import show_budgets
from corvus.reporting.run import check_statement, run_report
from corvus.reporting.table import Table
from tests.properties import examples
from tests.reporting.conftest import set_defaults, sum_up

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
REPORTS = load_catalog().reports
PARAMETERS: dict[str, dict[str, object]] = {
    "audit/overrides": {},
    "budgets/denied": {"since": "2026-04-01"},
    "budgets/expected-holds": {},
    "budgets/ladder": {"since": "2026-04-01"},
    "budgets/overruns": {},
    "budgets/shadow": {"since": "2026-04-01"},
    "budgets/status-over-time": {"as_of": "2026-04-08T12:00:00Z", "windows": 2},
    "budgets/warnings": {},
    "prices/changes": {},
    "reconcile/bills": {},
    "reconcile/reconcile": {"provider": "anthropic"},
    "reconcile/reconciliations": {"top": 5},
    "spend/anomalies": {"as_of": "2026-04-20T12:00:00Z", "days": 3},
    "spend/by-agent": {"model": "gpt-5"},
    "spend/by-mission": {"top": 3},
    "spend/by-project": {"model": "gpt-5"},
    "spend/by-provider": {"since": "2026-04-01", "until": "2026-05-01"},
    "spend/by-source": {},
    "spend/by-tag": {},
    "spend/by-user": {"model": "gpt-5"},
    "spend/cache-savings": {},
    "spend/cost-per-call": {},
    "spend/forecast": {"as_of": "2026-04-10T12:00:00Z"},
    "spend/history-by-week": {"as_of": "2026-01-07T12:00:00Z", "weeks": 3},
    "spend/top-sessions": {"since": "2026-04-01", "top": 3},
    "spend/history-by-day": {"as_of": "2026-04-06T12:00:00Z", "days": 3},
    "spend/history-by-month": {"as_of": "2026-03-31T23:00:00Z", "months": 4},
    "spend/history-by-quarter": {"as_of": "2026-03-31T23:00:00Z", "quarters": 3},
    "spend/history-by-year": {"as_of": "2026-03-31T23:00:00Z", "years": 2},
    "spend/history-by-session": {"as_of": "2026-04-06T12:00:00Z", "sessions": 3},
    "spend/history-by-mission": {"as_of": "2026-04-06T12:00:00Z", "missions": 3},
    "spend/by-model": {"since": "2026-04-01", "until": "2026-05-01"},
    "spend/by-session": {"top": 4},
    "spend/session-tree": {"session": "s-1"},
    "spend/series": {"by": "user", "period": "week", "top": 1, "zone": "Europe/Berlin"},
    "spend/sessions": {"since": "2026-04-01", "rows": 3},
    "spend/calls": {"session": "s-1", "rows": 2, "page": 2},
    "spend/unpriced": {},
    "spend/blocks": {"as_of": "2026-04-07T03:00:00Z", "zone": "Asia/Kathmandu"},
    "spend/by-branch": {},
    "spend/on-branch": {"branch": "one", "repository": "a", "since": "2026-04-01"},
    "spend/by-commit": {},
    "spend/by-hour": {"zone": "America/New_York"},
    "spend/by-pull-request": {"since": "2026-04-01"},
    "spend/cache-hit-rate": {"zone": "Europe/Berlin"},
    "spend/month-over-month": {"as_of": "2026-03-31T12:00:00Z", "zone": "Europe/Berlin"},
    "spend/user-by-day": {"project": "web", "zone": "Europe/Berlin"},
    "spend/week-over-week": {"as_of": "2026-04-09T12:00:00Z", "zone": "Europe/Berlin"},
}
NEEDED = {"as_of": "2026-04-06"}
BUDGETS = (
    Budget("day", Period.DAY, NanoUSD(1_000_000_000), (80,), "cost.daily_limit_usd"),
    Budget("month", Period.MONTH, NanoUSD(0), (80,), "cost.monthly_limit_usd"),
    Budget(
        "gpt-week",
        Period.WEEK,
        NanoUSD(2_000_000_000),
        (80,),
        "cost.budgets[0].limit_usd",
        match=(("model", ("gpt-*",)),),
        timezone="America/New_York",
    ),
    Budget("all", Period.TOTAL, NanoUSD(10_000_000_000), (80,), "cost.budgets[1].limit_usd"),
    Budget(
        "each",
        Period.DAY,
        1000,
        (50,),
        "cost.budgets[2].limit_tokens",
        measure=Measure.TOKENS,
        match=(("user", ("*",)),),
        per=("user",),
        limits=(("bot-*", 100),),
    ),
)
NOW = datetime(2026, 4, 8, 12, tzinfo=UTC)

MACROS = {"budget_usage", *(f"{roll_up.table}_between" for roll_up in ROLL_UPS)}
TOLD = ("reservation_event", "audit_event", "session", "mission", "price_entry")

every_report = pytest.mark.parametrize("name", REPORTS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A ledger with the budgets that reports of budgets see."""
    with open_ledger(tmp_path_factory.mktemp("reports") / "l.duckdb", write=True) as ledger:
        set_defaults(ledger.connection)
        show_budgets(ledger.connection, BUDGETS, NOW)
        yield ledger.connection


@pytest.fixture
def connection(shared: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty ledger: what a test writes is taken back."""
    shared.execute("BEGIN")
    yield shared
    shared.execute("ROLLBACK")


def run(connection: duckdb.DuckDBPyConnection, name: str) -> Table:
    return run_report(connection, REPORTS[name], PARAMETERS[name])


def shuffle(connection: duckdb.DuckDBPyConnection, table: str, salt: int) -> None:
    for statement in (
        "CREATE OR REPLACE TEMP TABLE shuffled AS SELECT * FROM {table} "
        "ORDER BY md5(rowid::VARCHAR || '{salt}')",
        "DELETE FROM {table}",
        "INSERT INTO {table} SELECT * FROM shuffled",
    ):
        connection.execute(statement.format(table=table, salt=salt))


def walk(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a syntax tree."""
    if isinstance(tree, dict):
        node = cast("dict[str, Any]", tree)
        yield node
        tree = list(node.values())
    if isinstance(tree, list):
        for child in cast("list[Any]", tree):
            yield from walk(child)


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
    sum_up(connection)
    assert csv_text(run(connection, name)) == (GOLDEN / f"{name}.csv").read_text()


@every_report
def test_order_of_the_answer_does_not_depend_on_the_order_of_the_rows(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    connection.execute((GOLDEN / f"{name}.sql").read_text())
    # Equal amounts and times everywhere: only a unique last key can still tell the rows apart.
    connection.execute("UPDATE usage_record SET cost_nano_usd = 0 WHERE cost_nano_usd IS NOT NULL")
    connection.execute("UPDATE usage_record SET admitted_at = TIMESTAMP '2026-04-06'")
    for table in TOLD:
        connection.execute(f"UPDATE {table} SET recorded_at = TIMESTAMP '2026-04-06'")  # noqa: S608 - a name of this file
    filled = [
        table for table in ("usage_record", *TOLD) if connection.table(table).limit(1).fetchall()
    ]
    sum_up(connection)
    filled += [roll_up.table for roll_up in ROLL_UPS]
    answers = {csv_text(run(connection, name))}
    for salt in range(examples(5, by_day=2)):
        for table in filled:
            shuffle(connection, table, salt)
        answers.add(csv_text(run(connection, name)))
    assert len(answers) == 1


@every_report
def test_report_reads_the_tables_that_its_header_names(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    row = connection.execute("SELECT json_serialize_sql(?)", [REPORTS[name].sql]).fetchone()
    assert row is not None
    nodes = list(walk(json.loads(str(row[0]))))
    named = {node["table_name"] for node in nodes if node.get("type") == "BASE_TABLE"}
    functions = (node["function"] for node in nodes if node.get("type") == "TABLE_FUNCTION")
    named |= {one["function_name"] for one in functions} & MACROS
    common = {one["key"] for node in nodes for one in node.get("cte_map", {}).get("map", ())}
    assert named - common == set(REPORTS[name].header.reads)


@every_report
def test_report_keeps_the_house_style(name: str) -> None:
    body = "\n".join(
        line.partition("--")[0] for line in REPORTS[name].sql.splitlines() if line[:2] != "--"
    )
    assert not re.search(r"(?:SELECT|DISTINCT|,|\.)\s*\*", body), "no SELECT *"
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
