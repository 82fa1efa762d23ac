"""``corvus sql`` reads the ledger and nothing else, whatever is asked of it (REP-4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.errors import ReportError
from corvus.ledger.ledger import open_ledger
from corvus.reporting import sql, sql_guard
from corvus.reporting.formats import csv_text, human, json_text, kv_lines
from corvus.reporting.parquet import write_parquet
from corvus.reporting.sql import Answer, run_sql
from corvus.reporting.table import Table
from tests.properties import examples

REFUSED = {
    "INSERT INTO usage_record SELECT * FROM usage_record": "not INSERT",
    "UPDATE usage_record SET cost_nano_usd = 0": "not UPDATE",
    "DELETE FROM usage_record": "not DELETE",
    "WITH gone AS (DELETE FROM usage_record RETURNING *) FROM gone": "not DELETE",
    "WITH more AS (INSERT INTO reset SELECT * FROM reset RETURNING *) FROM more": "not INSERT",
    "CREATE TEMP TABLE t AS SELECT 1": "not CREATE",
    "DROP TABLE usage_record": "not DROP",
    "ALTER TABLE usage_record ADD COLUMN x INTEGER": "not ALTER",
    "COPY usage_record TO 'stolen.csv'": "not COPY",
    "COPY usage_record FROM 'planted.csv'": "not COPY",
    "EXPORT DATABASE 'folder'": "not EXPORT",
    "ATTACH 'other.duckdb'": "not ATTACH",
    "USE memory": "not SET",
    "SET enable_external_access = true": "not SET",
    "RESET threads": "not SET",
    "PRAGMA enable_profiling": "not PRAGMA",
    "INSTALL httpfs": "not LOAD",
    "LOAD httpfs": "not LOAD",
    "CALL pragma_version()": "not CALL",
    "CHECKPOINT": "not CALL",
    "BEGIN": "not TRANSACTION",
    "PREPARE p AS SELECT 1": "not PREPARE",
    "PIVOT usage_call ON provider USING count(*)": "IN",
    "EXPLAIN DELETE FROM usage_record": "EXPLAIN explains a SELECT",
    "EXPLAIN ANALYZE DELETE FROM usage_record": "EXPLAIN explains a SELECT",
    "EXPLAIN SELECT * FROM read_text('/etc/passwd')": "read_text",
    "SELECT 1; SELECT 2": "exactly one statement",
    "": "exactly one statement",
    "-- nothing": "exactly one statement",
    "SELECT $secret": "no parameters",
    "SELECT getenv('HOME')": "getenv",
    "SELECT GetEnv('HOME')": "getenv",
    "SELECT current_setting('secret_directory')": "current_setting",
    "SELECT getvariable('x')": "getvariable",
    "SELECT write_log('x')": "write_log",
    "SELECT (SELECT sum(getenv('A')::INTEGER) FROM reset)": "getenv",
    "FROM read_csv('/etc/passwd')": "read_csv",
    "FROM read_csv_auto('/etc/passwd')": "read_csv_auto",
    "FROM read_text('/etc/passwd')": "read_text",
    "FROM read_blob('/etc/passwd')": "read_blob",
    "FROM read_json('/etc/passwd')": "read_json",
    "FROM read_parquet('https://example.com/x.parquet')": "read_parquet",
    "FROM parquet_metadata('x.parquet')": "parquet_metadata",
    "FROM sniff_csv('/etc/passwd')": "sniff_csv",
    "FROM glob('/etc/*')": "glob",
    "FROM query('SELECT 1')": "query",
    "FROM query_table('usage_record')": "query_table",
    "FROM json_execute_serialized_sql('{}')": "json_execute_serialized_sql",
    "FROM duckdb_secrets()": "duckdb_secrets",
    "FROM duckdb_settings()": "duckdb_settings",
    "FROM enable_logging()": "enable_logging",
    "FROM checkpoint()": "checkpoint",
    "FROM seq_scan('usage_record')": "seq_scan",
    "FROM '/etc/passwd'": "no table",
    "FROM 'planted.csv'": "no table",
    "SELECT * FROM usage_call JOIN 'planted.csv' ON true": "no table",
    "SELECT 1 WHERE EXISTS (FROM 'planted.csv')": "no table",
    "FROM duckdb_settings": "no table",
    "FROM 'https://example.com/x.csv'": "no table",
    "FROM planted": "no table",
    "FROM other.main.usage_record": "alone",
    "FROM pg_catalog.pg_settings": "alone",
    "SHOW DATABASES": "SHOW TABLES",
    "SUMMARIZE 'planted.csv'": "no table",
    "DESCRIBE 'planted.csv'": "no table",
    "SELEC 1": "syntax error",
}
ALLOWED = {
    "SELECT count(*) FROM usage_record": 1,
    "select COUNT(*) from main.USAGE_RECORD;": 1,
    "WITH a AS (SELECT 1 AS x), b AS (FROM a) SELECT x FROM b": 1,
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) FROM n": 3,
    "SELECT 1 UNION ALL SELECT 2": 2,
    "VALUES (1), (2)": 2,
    "FROM range(3)": 3,
    "SELECT unnest([1, 2])": 2,
    "PIVOT usage_call ON provider IN ('openai', 'anthropic') USING count(*)": 1,
    "SELECT list_transform([1], lambda x: x + 1)": 1,
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'reset'": 14,
    "DESCRIBE reset": 14,
    "/* why */ EXPLAIN -- a plan\n SELECT 1": 1,
    "SELECT 'COPY x TO y; DROP TABLE usage_record'": 1,
    "SELECT session_id FROM usage_call ORDER BY admitted_at LIMIT 1": 1,
}


_CALL = {"admitted_at": "2026-04-06 08:00:00", "cost_nano_usd": 1_250_000_000, "session_id": "s1"}


@pytest.fixture
def path(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    return record_calls(tmp_path / "ledger.duckdb", _CALL)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, record_calls: Callable[..., Path]) -> Path:
    """Return one ledger for all tests that only ask."""
    return record_calls(tmp_path_factory.mktemp("lasting") / "ledger.duckdb", _CALL)


def ask(path: Path, text: str, **options: int | float | bool) -> Answer:
    with open_ledger(path) as ledger:
        return run_sql(ledger.connection, text, **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_whatever_is_no_select_of_the_ledger_is_refused_before_it_runs(
    lasting: Path, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lasting.parent)
    Path("planted.csv").write_text("a\n1\n")
    with pytest.raises(ReportError, match=reason):
        ask(lasting, text)
    assert sorted(one.name for one in lasting.parent.glob("*.csv")) == ["planted.csv"]


@pytest.mark.parametrize(("text", "rows"), ALLOWED.items())
def test_a_select_of_any_shape_runs(lasting: Path, text: str, rows: int) -> None:
    assert len(ask(lasting, text).table.rows) == rows


EIGHT_O_CLOCK = datetime(2026, 4, 6, 8, tzinfo=UTC).replace(tzinfo=None)
SECOND_WALL = [
    "FROM read_csv('planted.csv')",
    "FROM 'planted.csv'",
    "FROM frame_of_this_program",
    "SET threads = 1",
    "SET lock_configuration = false",
    "COPY (SELECT 1) TO 'out.csv'",
    "ATTACH 'planted.csv'",
    "INSTALL httpfs",
    "INSERT INTO usage_record SELECT * FROM usage_record",
    "FROM enable_logging()",
]


@pytest.mark.parametrize("text", SECOND_WALL)
def test_past_the_parser_duckdb_itself_refuses(
    path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings hold, even were the judgement of the statement wrong."""
    monkeypatch.chdir(path.parent)
    Path("planted.csv").write_text("a\n1\n")
    with open_ledger(path) as ledger, duckdb.connect() as other:
        frame_of_this_program = other.sql("SELECT 1 AS a")
        run_sql(ledger.connection, "SELECT 1")
        with pytest.raises(duckdb.Error):
            ledger.connection.execute(text).fetchall()
        assert frame_of_this_program.fetchall() == [(1,)]


def test_a_connection_may_be_asked_again_after_it_is_locked(path: Path) -> None:
    with open_ledger(path) as ledger:
        for _ in range(2):
            assert run_sql(ledger.connection, "SELECT 7 AS n").table.rows == ((7,),)


def test_an_unknown_table_is_told_with_what_was_meant(path: Path) -> None:
    with pytest.raises(ReportError, match="did you mean usage_call"):
        ask(path, "FROM usage_calls")


def test_more_rows_than_asked_for_are_left_out_and_told(path: Path) -> None:
    answer = ask(path, "FROM range(10)", rows_max=4)
    assert (len(answer.table.rows), answer.has_more) == (4, True)
    assert not ask(path, "FROM range(4)", rows_max=4).has_more


def test_a_statement_that_takes_too_long_is_stopped(path: Path) -> None:
    endless = "SELECT sum(hash(i) % 7) FROM range(1_000_000_000_000) t(i)"
    with pytest.raises(ReportError, match=r"longer than 0\.2 s"):
        ask(path, endless, timeout_seconds=0.2)
    assert "corvus-sql" not in {thread.name for thread in threading.enumerate()}


class CutOff(threading.Thread):
    """A thread whose start a signal cuts off, after it has begun and before its starter knows."""

    begun: threading.Thread

    def start(self) -> None:
        CutOff.begun = threading.Thread(target=self.run, daemon=True)
        CutOff.begun.start()
        raise KeyboardInterrupt


def test_nothing_works_on_a_connection_after_a_signal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "Thread", CutOff)
    with open_ledger(path) as ledger:
        with pytest.raises(KeyboardInterrupt):
            run_sql(ledger.connection, "SELECT sum(hash(i) % 7) FROM range(1000000000000) t(i)")
        CutOff.begun.join(2)
        is_at_work = CutOff.begun.is_alive()
        ledger.connection.interrupt()
        CutOff.begun.join()
    assert not is_at_work


def test_a_plan_is_text_and_runs_nothing(path: Path) -> None:
    for answer in (ask(path, "SELECT 1;", explain=True), ask(path, "EXPLAIN SELECT 1")):
        assert answer.plan is not None
        assert "Scan" in answer.plan


def test_money_is_whole_nano_usd_whatever_type_sums_it(path: Path) -> None:
    text = (
        "SELECT sum(cost_nano_usd) AS cost_nano_usd, avg(cost_nano_usd) + 0.5 AS mean_nano_usd, "
        "sum(NULL::BIGINT) AS none_nano_usd, 'x' AS word_nano_usd FROM usage_call"
    )
    table = ask(path, text).table
    assert table.rows == ((1_250_000_000, 1_250_000_000, None, "x"),)
    headings, rows = human(table)
    assert headings == ["cost_usd", "mean_usd", "none_usd", "word_nano_usd_"]
    assert rows == [["1.2500", "1.2500", "unknown", "x"]]


def test_types_become_those_that_every_format_writes(path: Path, tmp_path: Path) -> None:
    text = """
    SELECT 1::TINYINT AS a, 170141183460469231731687303715884105::HUGEINT AS b, 1.5::FLOAT AS c,
        'nan'::DOUBLE AS d, [1, 2] AS e, {'k': 'v'} AS f, MAP {'k': 1} AS g, 'AB'::BLOB AS h,
        TIMESTAMPTZ '2026-04-06 10:00:00+02' AS i, INTERVAL 1 DAY AS j, 1.50::DECIMAL(5, 2) AS k,
        '00000000-0000-0000-0000-000000000001'::UUID AS l, DATE '2026-04-06' AS m, true AS n
    """
    table = ask(path, text).table
    large = 170141183460469231731687303715884105
    assert table.rows[0] == (
        1, large, 1.5, None, "[1, 2]", '{"k": "v"}', '{"k": 1}', "4142",
        EIGHT_O_CLOCK, "1 day, 0:00:00", Decimal("1.50"),
        "00000000-0000-0000-0000-000000000001", EIGHT_O_CLOCK.date(), True,
    )  # fmt: skip
    assert json_text(table, {}).count('"name"') == 14
    write_parquet(table, tmp_path / "out.parquet")
    with duckdb.connect() as reader:
        row = reader.execute(f"SELECT a, b, k FROM '{tmp_path}/out.parquet'").fetchone()  # noqa: S608 - a path of this test
    assert row == (1, large, Decimal("1.50"))


def test_names_that_repeat_or_are_no_words_survive_in_every_format(
    path: Path, tmp_path: Path
) -> None:
    table = ask(path, 'SELECT 1 AS a, 2 AS A, 3 AS "x ""y"", z", 4 AS a_2').table
    assert [column.name for column in table.columns] == ["a", "A_2", 'x "y", z', "a_2_2"]
    assert csv_text(table).splitlines()[0] == 'a,A_2,"x ""y"", z",a_2_2'
    assert kv_lines(table) == ['a=1 A_2=2 "x \\"y\\", z"=3 a_2_2=4']
    write_parquet(table, tmp_path / "out.parquet")


def test_the_schema_of_a_table_is_told_in_order(path: Path) -> None:
    with open_ledger(path) as ledger:
        names = [name for name, *_ in sql_guard.columns(ledger.connection, "usage_record")]
        assert names[:3] == ["id", "corrects_id", "calls"]
        with pytest.raises(ReportError, match="did you mean reset"):
            sql_guard.columns(ledger.connection, "resets")


@settings(max_examples=examples(100, by_day=35))
@given(st.text(max_size=40))
def test_no_text_whatever_ends_in_anything_but_an_answer_or_a_refusal(text: str) -> None:
    with duckdb.connect() as connection:
        try:
            answer = run_sql(connection, text, rows_max=5)
        except ReportError:
            return
        assert isinstance(answer.table, Table)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT length(repeat('x', 4_000_000_000)) AS n",
        "SELECT len(range(900_000_000)) AS n",
        "SELECT repeat('abc', 100_000) AS a FROM range(20_000)",
    ],
)
def test_no_statement_takes_more_memory_than_it_is_given(
    connection: duckdb.DuckDBPyConnection, statement: str
) -> None:
    """REP-4: DuckDB's own limit counts neither long texts nor rows that have left it."""
    with pytest.raises(ReportError, match=r"more memory than corvus gives it|is larger than"):
        run_sql(connection, statement, timeout_seconds=60)
