"""Whatever a user types, and wherever output goes: an exit code of the table, never a traceback."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "first-light"
NOW = "2026-11-20T18:00:00Z"
LONG = "x" * 300


def typed(value: object) -> str:
    """Return what a user typed, as the name of a test."""
    return str(value)[:60].translate(str.maketrans("", "", "[]',\\"))


def corvus(
    words: list[str], *, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "corvus", *words],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        env={name: os.environ[name] for name in ("PATH", "TMPDIR")}
        | {"PYTHONPATH": str(ROOT / "policy"), "HOME": "/nowhere"}
        | environment,
        check=False,
        timeout=60,
    )


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    call = {"admitted_at": "2026-11-20 10:00:00", "cost_nano_usd": 5}
    hostile = {"session_id": "\x1b[31mred[/]", "project": "café", "requested_model": "=1+1\n"}
    return record_calls(tmp_path / "ledger.duckdb", call | hostile)


def make_own_ledger(words: list[str]) -> None:
    if "own.duckdb" in words:  # elsewhere it is missing, which comes before all else
        main(["usage", "import", "log.jsonl", "--ledger", "own.duckdb"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check", ""], Exit.USAGE),
        (["check", LONG], Exit.USAGE),
        (["check", "a\x00b"], Exit.USAGE),
        (["check", "secret/a.toml"], Exit.USAGE),
        (["check", "secret"], Exit.USAGE),
        (["check", "/dev/null"], Exit.CLEAN),
        (["check"], Exit.USAGE),
        (["explain", "nothing-like-it"], Exit.USAGE),
        (["usage", "import", ""], Exit.USAGE),
        (["usage", "import", LONG], Exit.USAGE),
        (["usage", "import", "secret/log.jsonl"], Exit.USAGE),
        (["usage", "import", "~nosuchuser/x"], Exit.USAGE),
        (["usage", "import", "log.jsonl", "--map", "a=b", "--map", "a=c"], Exit.USAGE),
        (["usage", "import", "log.jsonl", "--ledger", ""], Exit.LEDGER_UNAVAILABLE),
        (["usage", "import", "log.jsonl", "--ledger", "."], Exit.LEDGER_UNAVAILABLE),
        (["usage", "import", "log.jsonl", "--ledger", "/"], Exit.LEDGER_UNAVAILABLE),
        (["usage", "import", "log.jsonl", "--ledger", LONG], Exit.LEDGER_UNAVAILABLE),
        (["usage", "import", "log.jsonl", "--ledger", "log.jsonl"], Exit.LEDGER_UNAVAILABLE),
        (["usage", "import", "log.jsonl", "--ledger", "secret/l.duckdb"], Exit.LEDGER_UNAVAILABLE),
        (["cost", "summary", "--ledger", "secret/l.duckdb"], Exit.LEDGER_UNAVAILABLE),
        (["cost", "summary", "--ledger", "log.jsonl"], Exit.LEDGER_UNAVAILABLE),
        (["cost", "summary", "--config", "secret/c.toml"], Exit.USAGE),
        (["cost", "summary", "--config", LONG], Exit.USAGE),
        (["cost", "summary", "--as-of", "9999-12-31"], Exit.USAGE),
        (["cost", "summary", "--as-of", "0001-01-01"], Exit.USAGE),
        (["cost", "history", "--window", "0"], Exit.USAGE),
        (["cost", "history", "--window", "x"], Exit.USAGE),
        (["cost", "override", "--expires-in", "soon"], Exit.USAGE),
        (["cost", "override", "--ledger", "own.duckdb"], Exit.USAGE),
        (["cost", "override", "--ledger", ""], Exit.LEDGER_UNAVAILABLE),
        (["cost", "override", "--ledger", "."], Exit.LEDGER_UNAVAILABLE),
        (["cost", "override", "--ledger", "secret/l.duckdb"], Exit.LEDGER_UNAVAILABLE),
        (["cost", "override", "--ledger", LONG], Exit.LEDGER_UNAVAILABLE),
        (["cost", "reset", "--yes"], Exit.USAGE),
        (["cost", "reset", "--scope", "day", "--ledger", "own.duckdb"], Exit.USAGE),
        (["cost", "reset", "--scope", "", "--yes", "--ledger", "own.duckdb"], Exit.USAGE),
        (["cost", "reset", "--scope", LONG, "--yes", "--ledger", "own.duckdb"], Exit.USAGE),
        (["cost", "reset", "--scope", "day", "--yes", "--ledger", "/"], Exit.LEDGER_UNAVAILABLE),
        (["cost", "audit", "--ledger", "log.jsonl"], Exit.LEDGER_UNAVAILABLE),
        (["cost", "audit", "--since", LONG], Exit.USAGE),
        (["cost", "audit", "--ledger", "secret/l.duckdb", "--anchor"], Exit.LEDGER_UNAVAILABLE),
        (["cost", "budgets", "--mission", "m"], Exit.USAGE),
        (["cost", "budgets", "--ledger", "log.jsonl"], Exit.LEDGER_UNAVAILABLE),
        (["status", "--ledger", ""], Exit.LEDGER_UNAVAILABLE),
        (["status", "--ledger", "log.jsonl"], Exit.LEDGER_UNAVAILABLE),
        (["status", "--ledger", "secret/l.duckdb"], Exit.LEDGER_UNAVAILABLE),
        (["status", "--ledger", LONG], Exit.LEDGER_UNAVAILABLE),
        (["status", "--config", "absent.toml"], Exit.USAGE),
        (["status"], Exit.CLEAN),
        (["report", "nothing"], Exit.USAGE),
        (["report", "by-model", "--reports-dir", "secret/reports"], Exit.USAGE),
        (["report", "by-model", "--since", "20261105"], Exit.USAGE),
        (["report", "by-model", "--since", "2026-11-20", "--until", "2026-11-19"], Exit.USAGE),
        (["report", "by-model", "--format", "xlsx"], Exit.USAGE),
        (["policy", "show", "--config", "absent.toml"], Exit.USAGE),
        (["no-such-command"], Exit.USAGE),
    ],
    ids=typed,
)
def test_wrong_use_has_its_exit_code_and_says_what_to_do(
    words: list[str],
    code: Exit,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    with_rights = tmp_path / "with-rights"
    with_rights.mkdir()
    for folder in (tmp_path, with_rights):
        shutil.copy(next(EXAMPLE.glob("sessions/*.jsonl")), folder / "log.jsonl")
    with contextlib.chdir(with_rights):
        make_own_ledger(words)
        main(words)  # loads what the command needs, which without rights may be out of reach
    request.getfixturevalue("unprivileged")
    make_own_ledger(words)
    secret = tmp_path / "secret"
    secret.mkdir(mode=0)
    capsys.readouterr()
    assert main(words) == code
    secret.chmod(0o700)
    told = capsys.readouterr()
    assert "unexpectedly" not in told.err
    assert code is Exit.CLEAN or told.err or told.out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize(
    "words",
    [
        ["cost", "summary", "--format", "table"],
        ["cost", "history", "--format", "table"],
        ["cost", "budgets", "--format", "table"],
        ["cost", "audit", "--format", "table"],
        ["status", "--format", "text"],
        ["report", "by-session", "--format", "table"],
        ["report", "by-session", "--format", "json"],
        ["report", "list", "--format", "table"],
        ["policy", "show", "--format", "table"],
    ],
    ids=typed,
)
def test_a_terminal_that_cannot_show_every_character_gets_escapes(
    words: list[str],
    encoding: str,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    extra = ["--ledger", str(ledger)] if words[0] != "policy" and "list" not in words else []
    capsys.readouterr()
    with io.TextIOWrapper(io.BytesIO(), encoding=encoding) as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        assert main([*words, *extra]) == 0
        terminal.seek(0)
        told = terminal.read()
    assert capsys.readouterr().err == ""
    assert told
    assert "\x1b" not in told


@pytest.mark.parametrize("style", ["text", "concise", "json"])
def test_a_check_prints_on_any_terminal(style: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[cost]\n"é" = 1\n', encoding="utf-8")
    result = corvus(["check", str(tmp_path), "--format", style], PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (1, "")
    assert "unknown-key" in result.stdout


def test_a_reader_that_leaves_early_does_not_turn_findings_into_a_pass(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.toml").write_text("[cost]\nenabeld = true\nlevell = 1\n")
    command = f"{sys.executable} -m corvus check {tmp_path} | head -1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert result.returncode == 128 + signal.SIGPIPE
    assert result.stderr == ""


@pytest.mark.parametrize(
    "words",
    ["check --help", "migrate --help", "explain", "explain --help", "lsp --help", "--help"],
)
def test_a_reader_that_has_left_ends_every_command_alike(words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = corvus(words.split(), stdout=writing)
    os.close(writing)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize(
    "words",
    [["check", str(EXAMPLE / "broken.toml")], ["report", "list"], ["policy", "show"], ["status"]],
)
def test_a_full_disk_behind_standard_output_is_an_error(words: list[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    result = corvus(words, stdout=full)
    os.close(full)
    assert result.returncode == Exit.USAGE
    assert result.stderr == "error[system-error]: the system refused: No space left on device\n"


@pytest.mark.parametrize("words", [["check", "-"], ["policy", "show"], ["report", "list"]])
def test_closed_streams_are_no_bug_of_ours(words: list[str]) -> None:
    command = f"{sys.executable} -m corvus {' '.join(words)} <&- >&- 2>&-"
    result = subprocess.run(["bash", "-c", command], cwd=ROOT, check=False, timeout=60)
    assert result.returncode == (Exit.USAGE if words[0] == "check" else Exit.CLEAN)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_import_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    words = ["usage", "import", str(tmp_path / "pipe"), "--ledger", str(tmp_path / "l.duckdb")]
    process = subprocess.Popen(
        [sys.executable, "-m", "corvus", *words],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with (tmp_path / "pipe").open("wb"):
        time.sleep(0.5)
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert told.startswith("stopped: "), told
    assert len(told.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_no_text_of_a_stranger_reaches_the_terminal_as_it_is(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["cost", "summary", "--as-of", NOW, "--format", "table"],
        ["cost", "summary", "--as-of", NOW, "--session", "\x1b[31mred[/]"],
        ["report", "by-session"],
        ["report", "by-session", "--format", "table"],
        ["report", "by-session", "--format", "markdown"],
    ):
        assert main([*words, "--ledger", str(ledger)]) == Exit.CLEAN
        told = capsys.readouterr()
        assert "\x1b" not in told.out + told.err
        assert "[31mred" in told.out


def test_an_own_report_reads_the_ledger_and_nothing_else(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "-- title:   T\n-- summary: S.\n-- column:  content  VARCHAR  text\n-- reads:   x\n"
    for number, source in enumerate(
        ("read_text('/etc/passwd')", "read_csv('/etc/passwd')", "'/etc/passwd'", "glob('/*')")
    ):
        (tmp_path / f"r{number}.sql").write_text(
            f"{header}SELECT 'x' AS content FROM {source};\n"  # noqa: S608 - names of this file
        )
        words = ["report", f"r{number}", "--reports-dir", str(tmp_path), "--ledger", str(ledger)]
        assert main(words) == Exit.USAGE
        told = capsys.readouterr().err
        assert "disabled" in told or "does not exist" in told


def test_one_broken_report_hides_no_other(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "dangling.sql").symlink_to("nowhere.sql")
    os.mkfifo(mine / "pipe.sql")
    words = ["--reports-dir", str(mine)]
    assert main(["report", "by-model", *words, "--ledger", str(ledger)]) == Exit.CLEAN
    assert main(["report", "list", *words]) == Exit.CLEAN
    listed = capsys.readouterr().out
    assert "report=dangling" in listed
    assert "is no file" in listed
    assert main(["report", "dangling", *words, "--ledger", str(ledger)]) == Exit.USAGE
