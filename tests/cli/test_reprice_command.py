"""``corvus report reprice`` shows both costs in every format, and says what it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from corvus.base import errors
from corvus.cli.app import application

CONFIG = """
[cost.prices."acme/m"]
input = 8
output = 16
effective_from = 2026-06-01
"""


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    call: dict[str, object] = {"provider": "acme", "requested_model": "m", "input_tokens": 1000}
    call |= {"admitted_at": "2026-04-06 08:00:00", "cost_nano_usd": 5_000_000}
    return record_calls(tmp_path / "ledger.duckdb", call)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(CONFIG)
    return path


def reprice(ledger: Path, config: Path, *words: object) -> Result:
    common = ["report", "reprice", "--ledger", str(ledger), "--config", str(config)]
    return CliRunner().invoke(application(), [*common, *map(str, words)])


def test_the_lines_name_the_day_and_both_costs(ledger: Path, config: Path) -> None:
    result = reprice(ledger, config, "--book", "2026-06-01")
    assert result.exception is None, result.exception
    assert result.stdout.splitlines() == [
        "report=reprice",
        "book=2026-06-01",
        "rows=1",
        "provider=acme model=m calls=1 recorded_usd=0.0050 repriced_usd=0.0080 "
        "difference_usd=0.0030 unpriced_calls=0 unpriced_then_calls=0",
    ]


def test_json_tells_the_period_that_was_asked_for(ledger: Path, config: Path) -> None:
    words = ["--book", "2026-05", "--since", "2026-04", "--format", "json"]
    body = json.loads(reprice(ledger, config, *words).stdout)
    assert body["book"] == "2026-05-01"
    assert body["parameters"] == {"since": "2026-04-01T00:00:00Z"}
    assert body["rows"][0]["unpriced_then_calls"] == 1


def test_a_table_is_for_a_person(ledger: Path, config: Path) -> None:
    output = reprice(ledger, config, "--book", "2026-06-01", "--format", "table").stdout
    assert output.startswith("Recorded cost, and cost at the prices of 2026-06-01\n")
    assert "0.0080" in output


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "md", "parquet"])
def test_every_format_goes_into_a_file(
    ledger: Path, config: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"out.{suffix}"
    assert reprice(ledger, config, "--book", "today", "-o", target).stdout == ""
    assert target.stat().st_size > 0


def test_a_book_of_no_day_is_refused(ledger: Path, config: Path) -> None:
    result = reprice(ledger, config, "--book", "last-year")
    assert isinstance(result.exception, errors.ReportParameterInvalid)
    assert "is not a time" in str(result.exception)


def test_another_model_is_priced_as_of_today_and_named(ledger: Path, config: Path) -> None:
    config.write_text(CONFIG + '[cost.prices."beta/n"]\ninput = 3\noutput = 6\n')
    result = reprice(ledger, config, "--model", "beta/n", "--as-of", "2026-07-01")
    assert result.exception is None, result.exception
    assert result.stdout.splitlines() == [
        "report=reprice",
        "book=2026-07-01",
        "model=beta/n",
        "rows=1",
        "provider=acme model=m calls=1 recorded_usd=0.0050 low_usd=0.0030 high_usd=0.0030 "
        "low_difference_usd=-0.0020 high_difference_usd=-0.0020 unpriced_calls=0 "
        "unpriced_then_calls=0",
    ]


def test_the_provider_of_another_model_may_stand_apart(ledger: Path, config: Path) -> None:
    config.write_text(CONFIG + '[cost.prices."beta/n"]\ninput = 3\noutput = 6\n')
    words = ["--model", "n", "--provider", "beta", "--book", "2026-07", "--format", "json"]
    body = json.loads(reprice(ledger, config, *words).stdout)
    assert (body["model"], body["provider"], body["book"]) == ("n", "beta", "2026-07-01")


@pytest.mark.parametrize("words", [(), ("--provider", "beta", "--book", "today")])
def test_what_is_to_be_priced_must_be_stated(
    ledger: Path, config: Path, words: tuple[str, ...]
) -> None:
    result = reprice(ledger, config, *words)
    assert isinstance(result.exception, errors.ReportParameterInvalid)
    assert "--model" in str(result.exception)
