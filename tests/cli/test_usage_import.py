from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

SESSIONS = Path(__file__).parents[2] / "examples" / "first-light" / "sessions"


def run(*words: str | Path) -> int:
    return main(["usage", "import", *map(str, words)])


def test_summary_is_key_value_lines_when_no_terminal_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SESSIONS, "--ledger", tmp_path / "l.duckdb") == Exit.CLEAN
    told = capsys.readouterr()
    passed_over = f"{SESSIONS}: files passed over, as no format that is read has them: .md (1)"
    assert told.out.splitlines() == [
        "formats=claude-code (3)",
        "unchanged_files=0",
        "read_lines=83",
        "usage_lines=50",
        "synthetic=2",
        "new=24",
        "updated=0",
        "duplicate=0",
        "unpriced_calls=1",
        "bad=1",
        "notes=1",
        "new_cost_usd=1.644908",
        f"ledger={tmp_path / 'l.duckdb'}",
        f"note={passed_over}",
    ]
    skipped, note, unpriced = told.err.splitlines()
    assert note == passed_over
    assert re.fullmatch(r"skipped .*\.jsonl:37: ends in the middle of a JSON value.*", skipped)
    assert unpriced == (
        'no price for nimbus-1-preview (1 call): add [cost.prices."nimbus-1-preview"] to the '
        "config, as `corvus prices add nimbus-1-preview --input USD --output USD` does, and import "
        "again"
    )


def test_a_second_import_reads_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(SESSIONS, "--ledger", tmp_path / "l.duckdb")
    capsys.readouterr()
    assert run(SESSIONS, "--ledger", tmp_path / "l.duckdb", "--format", "json") == Exit.CLEAN
    told = json.loads(capsys.readouterr().out)
    assert (told["unchanged_files"], told["read_lines"], told["bad"]) == (3, 0, 0)
    assert (told["new"], told["updated"], told["duplicate"]) == (0, 0, 0)
    assert told["new_cost_nano_usd"] == "0"


def test_reread_reads_everything_and_adds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(SESSIONS, "--ledger", tmp_path / "l.duckdb")
    capsys.readouterr()
    words = ["--ledger", tmp_path / "l.duckdb", "--format", "json", "--reread"]
    assert run(SESSIONS, *words) == Exit.CLEAN
    told = json.loads(capsys.readouterr().out)
    assert (told["unchanged_files"], told["read_lines"]) == (0, 83)
    assert (told["new"], told["updated"], told["duplicate"]) == (0, 0, 24)
    assert told["bad_lines"][0]["line"] == 37


def test_a_table_is_shown_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SESSIONS, "--ledger", tmp_path / "l.duckdb", "--format", "table") == Exit.CLEAN
    text = capsys.readouterr().out
    assert re.search(r"recognised as +claude-code \(3\)", text)
    assert re.search(r"new calls +24", text)


def test_strict_turns_bad_lines_into_findings(tmp_path: Path) -> None:
    assert run(SESSIONS, "--ledger", tmp_path / "l.duckdb", "--strict") == Exit.FINDINGS


def test_only_the_first_ten_bad_lines_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.jsonl").write_text('{"type":"user","sessionId":\n' * 25)
    assert run("log.jsonl") == Exit.CLEAN
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert lines[-2] == "... and 15 more"
    assert lines[-1] == "log.jsonl: 0 calls; read as claude-code, its lines are unreadable"


def test_a_path_without_files_is_a_usage_error_and_makes_no_ledger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "nothing", "--ledger", tmp_path / "l.duckdb") == Exit.USAGE
    assert "no file matches" in capsys.readouterr().err
    assert not (tmp_path / "l.duckdb").exists()


def test_a_file_that_is_no_ledger_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "l.duckdb").write_text("not a ledger")
    assert run(SESSIONS, "--ledger", tmp_path / "l.duckdb") == Exit.LEDGER_UNAVAILABLE
    told = capsys.readouterr().err
    assert "is no ledger" in told
    assert "Traceback" not in told


def test_columns_of_a_csv_are_mapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "usage.csv").write_text(
        "timestamp,model,prompt,completion\n2026-11-16T10:00:00Z,claude-haiku-4-5,1000,100\n"
    )
    words = ["usage.csv", "--map", "input_tokens=prompt", "--map", "output_tokens=completion"]
    assert run(*words, "--project", "harbour") == Exit.CLEAN
    told = capsys.readouterr().out
    # 1000 tokens at 1 USD and 100 at 5 USD per million
    assert "new_cost_usd=0.0015" in told
    assert f"ledger={tmp_path}/home/.local/state/corvus/ledger.duckdb" in told


@pytest.mark.parametrize("pair", ["input_tokens", "=x", "input_tokens="])
def test_a_map_that_is_no_pair_is_a_usage_error(pair: str) -> None:
    assert run(SESSIONS, "--map", pair) == Exit.USAGE


def test_missing_columns_are_told_with_those_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "usage.csv").write_text("when,model,in,out\n2026-11-16,m,1,2\n")
    assert run("usage.csv") == Exit.USAGE
    assert "the columns are when, model, in, out" in capsys.readouterr().err


def test_an_import_that_a_signal_ends_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("corvus.usage.importers.run.import_usage", stop)
    assert main(["usage", "import", "x.jsonl", "--ledger", str(tmp_path / "l.duckdb")]) == 130
    told = capsys.readouterr().err
    assert told == (
        "stopped: what was not recorded yet is not; the same command reads the rest, and counts "
        "nothing twice\n"
    )
