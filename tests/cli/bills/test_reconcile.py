"""``corvus reconcile``: the bills of a small ledger, whose answers are worked out by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from tests.reconcile.months import bucket

OPUS, HAIKU = "claude-opus-5", "claude-haiku-4-5"
CALLS = tuple(
    {"id": str(count), "timestamp": f"2026-10-{day}T10:00Z", "model": model, "input_tokens": count}
    for day, model, count in ((20, OPUS, 100_000), (21, OPUS, 200_000), (21, HAIKU, 1_000))
)
"""At 5 and 1 USD for a million tokens: 0.50, 1.00 and 0.001 USD."""


@pytest.fixture
def ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    file, path = tmp_path / "calls.jsonl", tmp_path / "l.duckdb"
    rows = ({**call, "provider": "anthropic", "output_tokens": 0} for call in CALLS)
    file.write_text(
        "".join(json.dumps(row).replace('input"', 'input_tokens"') + "\n" for row in rows)
    )
    assert main(["usage", "import", str(file), "--ledger", str(path)]) == Exit.CLEAN
    capsys.readouterr()
    return path


def bill(tmp_path: Path, *amounts: tuple[int, str, str]) -> str:
    """Write a cost report: day of October, model and cents of input."""
    days = sorted({day for day, _, _ in amounts})
    data = [
        {
            **bucket(date(2026, 10, day)),
            "results": [
                {
                    "currency": "USD",
                    "amount": cents,
                    "cost_type": "tokens",
                    "token_type": "uncached_input_tokens",
                    "model": model,
                    "service_tier": "standard",
                }
                for at, model, cents in amounts
                if at == day
            ],
        }
        for day in days
    ]
    file = tmp_path / "bill.json"
    file.write_text(json.dumps({"data": data, "has_more": False}))
    return str(file)


WHOLE = ((20, "claude-opus-5", "50"), (21, "claude-opus-5", "100"), (21, "claude-haiku-4-5", "0.1"))


def run(ledger: Path, *words: str) -> int:
    return main(["reconcile", *words, "--ledger", str(ledger)])


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_a_bill_that_is_right_ends_with_0(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ledger, bill(tmp_path, *WHOLE), "--format", "json") == Exit.CLEAN
    found = answer(capsys)
    assert found["provider"] == "anthropic"
    assert found["days"]["compared"] == ["2026-10-20", "2026-10-21"]
    assert found["totals"] == {
        "billed_usd": "1.5010",
        "list_usd": "1.5010",
        "ours_usd": "1.5010",
        "ours_low_usd": "1.5010",
        "ours_high_usd": "1.5010",
        "gap_usd": "0.0000",
        "unseen": {},
        "causes_usd": {},
        "deviation_percent": "0",
        "within_tolerance": True,
    }


def test_a_gap_above_the_tolerance_ends_with_1_and_is_explained(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bill(tmp_path, *WHOLE[:1], (21, "claude-opus-5", "125"), *WHOLE[2:])
    assert run(ledger, file, "--format", "json") == Exit.FINDINGS
    found = answer(capsys)
    assert found["totals"]["gap_usd"] == "0.2500"
    assert found["totals"]["causes_usd"] == {"not_seen": "0.2500"}
    assert found["totals"]["unseen"] == {"input": 50_000}
    (row,) = (one for one in found["rows"] if one["causes_usd"])
    assert (row["day"], row["model"]) == ("2026-10-21", "claude-opus-5")
    assert run(ledger, file, "--tolerance", "20%") == Exit.CLEAN


@pytest.mark.parametrize("tolerance", ["-1", "101%", "much", "nan", ""])
def test_a_tolerance_is_a_percentage(ledger: Path, tmp_path: Path, tolerance: str) -> None:
    assert run(ledger, bill(tmp_path, *WHOLE), f"--tolerance={tolerance}") == Exit.USAGE


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("missing.json", None, "no file matches"),
        ("empty.json", "", "the file is empty"),
        ("other.csv", "a,b\n1,2\n", "no bill of a known form"),
        ("torn.json", '{"data": [', "no JSON that can be read"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_2(
    ledger: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str | None,
    words: str,
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    assert run(ledger, str(file)) == Exit.USAGE
    assert words in capsys.readouterr().err


def test_rows_are_written_as_csv_and_remarks_apart(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bill(tmp_path, *WHOLE[:2])
    assert run(ledger, file, "--format", "csv", "--tolerance", "0") == Exit.FINDINGS
    out, err = capsys.readouterr()
    header, *rows = out.splitlines()
    assert header.startswith("day,model,billed_nano_usd,billed_usd,list_nano_usd")
    assert rows[1].startswith("2026-10-21,claude-haiku-4-5,0,0.000000000")
    assert "not_billed -0.0010" in rows[1]
    assert "compared: 2 days, 2026-10-20 to 2026-10-21 (UTC)" in err


def test_the_sums_lead_the_lines_of_key_and_value(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ledger, bill(tmp_path, *WHOLE), "--format", "kv") == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "billed_usd=1.5010"
    assert "gap_usd=0.0000" in lines


def test_a_person_reads_a_table_and_why(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bill(tmp_path, *WHOLE[:1], (21, "claude-opus-5", "125"), *WHOLE[2:])
    assert run(ledger, file, "--format", "table") == Exit.FINDINGS
    out, err = capsys.readouterr()
    assert "anthropic: bill and ledger, 2026-10-20 to 2026-10-21 (UTC)" in out
    assert "0.2500 not seen" in out
    assert "above the tolerance of 1 %" in err


def test_usage_is_as_it_was_and_the_charges_can_be_asked_for(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bill(tmp_path, *WHOLE)
    for _ in range(2):
        run(ledger, file)
    capsys.readouterr()
    statement = (
        "SELECT (SELECT count(*) FROM usage_record) AS calls, "
        "(SELECT sum(amount_nano_usd)::BIGINT FROM provider_charge) AS billed"
    )
    assert main(["sql", statement, "--ledger", str(ledger), "--format", "csv"]) == Exit.CLEAN
    assert capsys.readouterr().out.splitlines()[1] == "3,1501000000"
    assert main(["report", "reconcile", "--ledger", str(ledger), "--format", "csv"]) == Exit.CLEAN
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_a_dry_run_needs_no_writing(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ledger.read_bytes()
    assert run(ledger, bill(tmp_path, *WHOLE), "--dry-run") == Exit.CLEAN
    assert ledger.read_bytes() == before


def test_names_with_escapes_of_a_terminal_are_shown_and_not_run(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bill(tmp_path, (20, "m\x1b[31m[red]", "5"))
    for shape in ("table", "kv", "markdown"):
        run(ledger, file, "--format", shape)
        out, err = capsys.readouterr()
        assert "\x1b[31m" not in out + err
