"""``corvus sql``: every format, what is not drained yet, and a prompt for a person (REP-4)."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from corvus import open_runtime
from corvus.base import errors
from corvus.base.money import NanoUSD
from corvus.cli.app import application
from corvus.cli.exits import Exit
from corvus.cli.sql import is_complete
from corvus.ledger.archive import archive
from corvus.model.columns import COLUMNS
from corvus.model.request import Request
from corvus.model.usage import Usage
from corvus.reporting.sql_guard import columns
from tests.fakes import FrozenClock

SUM = "SELECT requested_model, SUM(cost_nano_usd) AS cost_nano_usd FROM usage_record GROUP BY ALL"
DEADLINE_SECONDS = 60


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    call = {"admitted_at": "2026-04-06 08:00:00", "cost_nano_usd": 1_250_000_000}
    return record_calls(tmp_path / "ledger.duckdb", call, call)


def corvus_sql(*words: object, stdin: str = "") -> Result:
    return CliRunner().invoke(application(), ["sql", *map(str, words)], input=stdin)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("kv", "rows=1\nrequested_model=gpt-5 cost_usd=2.5000\n"),
        ("csv", "requested_model,cost_nano_usd,cost_usd\ngpt-5,2500000000,2.500000000\n"),
        (
            "jsonl",
            '{"requested_model": "gpt-5", "cost_nano_usd": 2500000000, '
            '"cost_usd": "2.500000000"}\n',
        ),
        ("markdown", "| requested_model | cost_usd |\n| --- | ---: |\n| gpt-5 | 2.5000 |\n"),
    ],
)
def test_every_text_format_is_as_reports_have_it(ledger: Path, shape: str, text: str) -> None:
    result = corvus_sql(SUM, "--ledger", ledger, "--format", shape)
    assert (result.exit_code, result.stdout) == (0, text)


def test_json_repeats_the_statement(ledger: Path) -> None:
    body = json.loads(corvus_sql(SUM, "--ledger", ledger, "--format", "json").stdout)
    assert body["statement"] == SUM
    assert body["rows"][0]["cost_nano_usd"] == 2_500_000_000


def test_a_table_is_for_a_person(ledger: Path) -> None:
    lines = corvus_sql(SUM, "--ledger", ledger, "--format", "table").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["requested", "cost"],
        ["model", "usd"],
        ["gpt-5", "2.5000"],
    ]


def test_a_table_of_zeros_shows_them(ledger: Path) -> None:
    output = corvus_sql("SELECT 0 AS n", "--ledger", ledger, "--format", "table").stdout
    assert output.split() == ["n", "0"]


def test_parquet_keeps_exact_amounts_and_takes_the_place_of_the_file_whole(
    ledger: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.parquet"
    target.write_bytes(b"old")
    target.chmod(0o640)
    assert corvus_sql(SUM, "--ledger", ledger, "-o", target).exit_code == 0
    with duckdb.connect() as reader:
        assert reader.read_parquet(str(target)).fetchall() == [("gpt-5", 2_500_000_000)]
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.glob("*out.parquet*")) == ["out.parquet"]


def test_rows_that_are_left_out_of_a_table_are_told(ledger: Path) -> None:
    words = ["FROM range(500)", "--ledger", ledger, "--format"]
    assert "only the first 200 rows" in corvus_sql(*words, "table").stderr
    assert len(corvus_sql(*words, "csv").stdout.splitlines()) == 501
    limited = corvus_sql(*words, "csv", "--limit", 3)
    assert len(limited.stdout.splitlines()) == 4
    assert "only the first 3 rows" in limited.stderr
    assert corvus_sql(*words, "table", "--limit", 0).stderr == ""


@pytest.mark.parametrize("words", [[], ["-"]])
def test_without_a_terminal_the_statement_is_read_from_standard_input(
    ledger: Path, words: list[str]
) -> None:
    result = corvus_sql(*words, "--ledger", ledger, stdin="SELECT 1 AS one\n;\n")
    assert result.stdout == "rows=1\none=1\n"


def test_explain_shows_the_plan(ledger: Path) -> None:
    assert "Aggregate" in corvus_sql(SUM, "--explain", "--ledger", ledger).stdout


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("SELECT provder FROM usage_call", 'Candidate bindings: "provider"'),
        ("SELECT summ(calls) FROM usage_call", 'Did you mean "sum"?'),
        ("SELECT * FROM usage_cal", "did you mean usage_call?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_one(
    ledger: Path, statement: str, meant: str
) -> None:
    result = corvus_sql(statement, "--ledger", ledger)
    assert meant in str(result.exception)
    assert "LINE" not in str(result.exception)


def test_a_refused_statement_is_a_usage_error(ledger: Path) -> None:
    result = corvus_sql("DELETE FROM usage_record", "--ledger", ledger)
    assert isinstance(result.exception, errors.ReportError)
    assert "only reads" in str(result.exception)


@pytest.mark.parametrize("seconds", ["-1", "nan", "1e9"])
def test_a_timeout_that_is_no_time_is_refused(ledger: Path, seconds: str) -> None:
    result = corvus_sql("SELECT 1", "--timeout", seconds, "--ledger", ledger)
    assert isinstance(result.exception, errors.ReportParameterInvalid)


def test_what_is_not_drained_yet_and_what_is_archived_count(tmp_path: Path) -> None:
    config = tmp_path / "corvus.toml"
    config.write_text("[cost]\nenabled = true\nsession_limit_usd = 5\n")
    path, clock = tmp_path / "l.duckdb", FrozenClock()
    runtime = open_runtime([config], ledger=path, clock=clock)
    cent = NanoUSD(10_000_000)

    def spend() -> None:
        with runtime.governor() as governor:
            decision = governor.reserve(Request("m", cent, "s"))
            assert decision.reservation is not None
            governor.commit(decision.reservation, Usage(1, 1), cost_nano_usd=cent)

    spend()
    runtime.bookkeeping.drain()
    later = FrozenClock(clock.now() + timedelta(days=400))
    assert archive(path, 30, clock=later).rows > 0
    spend()
    question = "SELECT SUM(cost_nano_usd) AS cost_nano_usd, COUNT(*) AS n FROM usage_call"
    assert corvus_sql(question, "--ledger", path).stdout == "rows=1\ncost_usd=0.0200 n=2\n"
    with runtime.bookkeeping.ledger() as opened:
        names = [name for name, *_ in columns(opened.connection, "usage_record")]
    assert len(names) == len(set(names)) == len(COLUMNS)


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("SELECT 1;", True),
        ("SELECT 1; -- done", True),
        ("SELECT 1", False),
        ("SELECT ';", False),
        ("SELECT ';'", False),
        ('SELECT 1 AS ";"', False),
        ("SELECT 'it''s';\n", True),
        ("SELECT 1 -- ;", False),
        ("SELECT 1; SELECT", False),
    ],
)
def test_a_statement_ends_with_a_semicolon_outside_quotes_and_comments(
    text: str, complete: bool
) -> None:
    assert is_complete(text) == complete


class Terminal:
    """``corvus sql`` as a person has it: on a terminal of its own."""

    def __init__(self, *words: object, home: Path) -> None:
        self._main, behind = pty.openpty()
        environment = {
            **{name: value for name, value in os.environ.items() if name != "INPUTRC"},
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "TERM": "dumb",
            "NO_COLOR": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "corvus", "sql", *map(str, words)],
            stdin=behind,
            stdout=behind,
            stderr=behind,
            env=environment,
            start_new_session=True,
        )
        os.close(behind)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def wait_for(self, text: str, *, times: int = 1) -> str:
        until = time.monotonic() + DEADLINE_SECONDS
        while self.seen.count(text) < times and time.monotonic() < until:
            if select.select([self._main], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self._main, 65536).decode()
                except OSError:
                    break
        assert self.seen.count(text) >= times, self.seen
        return self.seen

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def interrupt_until(self, text: str, *, times: int = 1) -> None:
        """Press Ctrl-C until it takes: between two keys, or two steps of DuckDB, one gets lost."""
        until = time.monotonic() + DEADLINE_SECONDS
        while self.seen.count(text) < times and time.monotonic() < until:
            self.interrupt()
            while self.seen.count(text) < times and select.select([self._main], [], [], 5)[0]:
                self.seen += os.read(self._main, 65536).decode()
        assert self.seen.count(text) >= times, self.seen

    def end(self) -> int:
        code = self._process.wait(DEADLINE_SECONDS)
        os.close(self._main)
        return code

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self.end()


def wait_until_open(ledger: Path) -> None:
    """Wait until another process holds the ledger."""
    until = time.monotonic() + DEADLINE_SECONDS
    with open(f"{ledger}.lock", "a") as lock:
        while time.monotonic() < until:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(lock, fcntl.LOCK_UN)
            time.sleep(0.05)
    raise AssertionError("nobody opened the ledger")


@pytest.fixture
def prompt(ledger: Path, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal("--ledger", ledger, home=tmp_path)
    terminal.wait_for("corvus> ")
    yield terminal
    terminal.stop()


def test_the_prompt_takes_statements_of_several_lines_and_commands(
    prompt: Terminal, tmp_path: Path
) -> None:
    prompt.type("SELECT 40 + 2\n")
    prompt.wait_for("   ...> ")
    prompt.type("  AS answer;\n")
    prompt.wait_for("42")
    prompt.type(".tables\n")
    prompt.wait_for("reservation_event")
    prompt.type(".schema usage_record\n")
    prompt.wait_for("provider_request_id")
    prompt.type("DROP TABLE reset;\n")
    prompt.wait_for("only reads")
    prompt.wait_for("corvus> ", times=5)
    prompt.type("\x04")
    assert prompt.end() == Exit.CLEAN
    history = tmp_path / "state" / "corvus" / "sql_history"
    assert "AS answer;" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_tab_completes_tables_and_columns(prompt: Terminal) -> None:
    prompt.type("SELECT max(cache_write_5m\t) + 1000 * 1000 AS n FROM usage_ca\t;\n")
    seen = prompt.wait_for("1,000,000")
    assert "cache_write_5m_tokens" in seen
    assert "usage_call" in seen


def test_ctrl_c_drops_a_line_and_stops_a_statement_but_not_the_prompt(
    prompt: Terminal, ledger: Path
) -> None:
    prompt.type("SELECT nonsense")
    prompt.wait_for("nonsense")
    prompt.interrupt_until("corvus> ", times=2)
    prompt.type("SELECT sum(hash(i) % 7) FROM range(1000000000000) t(i);\n")
    wait_until_open(ledger)
    prompt.interrupt_until("stopped")
    prompt.type("SELECT 5 * 5 AS n;\n")
    prompt.wait_for("25")
    prompt.type(".quit\n")
    assert prompt.end() == Exit.CLEAN


def test_a_hand_that_hammers_ctrl_c_does_not_leave_the_prompt(
    prompt: Terminal, ledger: Path
) -> None:
    for _ in range(5):
        prompt.type("SELECT sum(hash(i) % 7) FROM range(1000000000000) t(i);\n")
        for _ in range(60):
            prompt.interrupt()
            time.sleep(0.01)
    prompt.type("\nSELECT 5 * 5 AS n;\n")
    prompt.wait_for("25")
    prompt.type(".quit\n")
    assert prompt.end() == Exit.CLEAN


def test_ctrl_c_ends_a_statement_given_on_the_command_line(ledger: Path, tmp_path: Path) -> None:
    endless = "SELECT sum(hash(i) % 7) FROM range(1000000000000) t(i)"
    terminal = Terminal(endless, "--ledger", ledger, home=tmp_path)
    wait_until_open(ledger)
    terminal.interrupt()
    assert terminal.end() == 128 + signal.SIGINT
