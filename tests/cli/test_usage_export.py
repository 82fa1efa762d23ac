"""``corvus usage export``: to a file or a pipe, in the shape that is asked for (EXP-1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from corvus.base import errors
from corvus.cli.app import application


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    call: dict[str, object] = {"admitted_at": "2026-04-06 08:00:00", "cost_nano_usd": 5}
    return record_calls(
        tmp_path / "ledger.duckdb",
        call | {"session_id": "s1", "project": "search"},
        call | {"admitted_at": "2026-04-07 08:00:00", "cost_nano_usd": None},
    )


def export(ledger: Path, *words: object) -> Result:
    return CliRunner().invoke(
        application(), ["usage", "export", "--ledger", str(ledger), *map(str, words)]
    )


def test_without_a_file_json_lines_go_to_standard_output(ledger: Path) -> None:
    result = export(ledger)
    assert [json.loads(line)["cost_nano_usd"] for line in result.stdout.splitlines()] == [5, None]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("name", "words", "start"),
    [
        ("out.csv", [], b"id,corrects_id,calls"),
        ("out.jsonl", [], b'{"id":"'),
        ("out.ndjson", [], b'{"id":"'),
        ("out.parquet", [], b"PAR1"),
        ("out.dat", ["--format", "csv"], b"id,corrects_id"),
        ("out.csv", ["--format", "focus"], b"BilledCost,"),
        ("out.dat", ["--format", "focus"], b"BilledCost,"),
        ("out.jsonl", ["--format", "focus"], b'{"BilledCost":0.000000005,'),
        ("out.parquet", ["--format", "focus"], b"PAR1"),
    ],
)
def test_the_format_is_the_one_asked_for_or_that_of_the_suffix(
    ledger: Path, tmp_path: Path, name: str, words: list[str], start: bytes
) -> None:
    target = tmp_path / name
    result = export(ledger, "-o", target, *words)
    assert (result.exit_code, result.stdout) == (0, "")
    assert target.read_bytes().startswith(start)


def test_rows_are_counted_and_what_is_left_out_is_told(ledger: Path, tmp_path: Path) -> None:
    told = export(ledger, "--format", "focus", "-o", tmp_path / "focus.csv").stderr
    assert told.splitlines() == [
        "rows=1",
        "left out, as FOCUS knows no unknown cost: 1 call without a price; see "
        "`corvus report unpriced`",
    ]


def test_an_export_takes_time_session_and_project(ledger: Path) -> None:
    assert len(export(ledger, "--since", "2026-04-07").stdout.splitlines()) == 1
    assert len(export(ledger, "--until", "2026-04-06").stdout.splitlines()) == 1
    assert len(export(ledger, "--until", "2026-04").stdout.splitlines()) == 2
    assert len(export(ledger, "--session", "s1").stdout.splitlines()) == 1
    assert export(ledger, "--project", "other").stdout == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--format", "parquet"], "-o FILE"),
        (["--format", "parquet", "-o", "/dev/null"], "-o FILE"),
        (["--billing-account", "x"], "focus alone"),
        (["--since", "tomorrow-ish"], "is not a time"),
        (["--since", "2026-05", "--until", "2026-04"], "not before"),
    ],
)
def test_what_makes_no_sense_is_refused(ledger: Path, words: list[str], reason: str) -> None:
    result = export(ledger, *words)
    assert isinstance(result.exception, errors.ReportParameterInvalid)
    assert reason in str(result.exception)
