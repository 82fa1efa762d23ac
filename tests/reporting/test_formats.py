"""Every format says the same, exact ones to the nano-USD, and none can be misread."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.answers.kv import kv_text
from corvus.base.errors import ReportError
from corvus.reporting.formats import (
    csv_text,
    human,
    json_text,
    jsonl_text,
    kv_lines,
    markdown_text,
    usd_places,
)
from corvus.reporting.parquet import write_parquet
from corvus.reporting.table import Column, Table

COLUMNS = (
    Column("model", "VARCHAR", "model"),
    Column("cost_nano_usd", "BIGINT", "nano-USD"),
    Column("share_percent", "DECIMAL(5,2)", "percent"),
    Column("last_at", "TIMESTAMP", "UTC"),
    Column("calls", "BIGINT", "calls"),
)
NOON = datetime(2026, 4, 6, 12)  # noqa: DTZ001 - the ledger's times are naive UTC
TABLE = Table(
    COLUMNS,
    (
        ("gpt-5", 1_234_567_890_123, Decimal("66.60"), NOON, 12_345),
        (None, None, None, None, 1),
    ),
)


def one(text: str) -> Table:
    return Table((Column("model", "VARCHAR", "model"),), ((text,),))


def test_csv_carries_exact_amounts_twice_and_null_as_an_empty_cell() -> None:
    assert csv_text(TABLE) == (
        "model,cost_nano_usd,cost_usd,share_percent,last_at,calls\n"
        "gpt-5,1234567890123,1234.567890123,66.60,2026-04-06T12:00:00Z,12345\n"
        ",,,,,1\n"
    )


def test_json_carries_exact_amounts_twice_and_what_is_told_about_the_report() -> None:
    body = json.loads(json_text(TABLE, {"report": "spend/x", "parameters": {"as_of": NOON}}))
    assert body["report"] == "spend/x"
    assert body["parameters"] == {"as_of": "2026-04-06T12:00:00Z"}
    assert [column["name"] for column in body["columns"]] == list(body["rows"][0])
    assert body["rows"] == [json.loads(line) for line in jsonl_text(TABLE).splitlines()]
    assert body["rows"][0] == {
        "model": "gpt-5",
        "cost_nano_usd": 1_234_567_890_123,
        "cost_usd": "1234.567890123",
        "share_percent": 66.6,
        "last_at": "2026-04-06T12:00:00Z",
        "calls": 12_345,
    }
    assert body["rows"][1]["cost_usd"] is None


def test_kv_says_unknown_for_an_amount_that_is_not_known() -> None:
    assert kv_lines(TABLE) == [
        "model=gpt-5 cost_usd=1234.567890123 share_percent=66.60 "
        "last_at=2026-04-06T12:00:00Z calls=12345",
        "model=none cost_usd=unknown share_percent=none last_at=none calls=1",
    ]


def test_markdown_shows_usd_and_separates_thousands() -> None:
    assert markdown_text(TABLE) == (
        "| model | cost_usd | share_percent | last_at | calls |\n"
        "| --- | ---: | ---: | --- | ---: |\n"
        "| gpt-5 | 1,234.5679 | 66.60 | 2026-04-06 12:00 | 12,345 |\n"
        "| - | unknown | - | - | 1 |\n"
    )


def test_parquet_keeps_types_and_exact_amounts(tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    write_parquet(TABLE, path)
    with duckdb.connect() as scratch:
        answer = scratch.read_parquet(str(path))
        assert [str(kind) for kind in answer.types] == [column.type for column in COLUMNS]
        assert tuple(answer.fetchall()) == TABLE.rows


def test_parquet_into_a_missing_folder_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot write"):
        write_parquet(TABLE, tmp_path / "absent" / "x.parquet")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=1"])
def test_text_that_a_spreadsheet_would_run_is_defused_in_csv_only(text: str) -> None:
    (_, row) = csv.reader(io.StringIO(csv_text(one(text)), newline=""))
    assert row == [f"'{text}"]
    assert json.loads(jsonl_text(one(text))) == {"model": text}


def test_negative_number_is_left_alone_in_csv() -> None:
    table = Table((Column("calls", "BIGINT", "calls"),), ((-5,),))
    assert csv_text(table) == "calls\n-5\n"


@pytest.mark.parametrize(
    "hidden", ["\x1b[31mred", "a\x07", "a\nb", "\u202egpj", "a\u200bb", "\x9b2J"]
)
def test_control_characters_are_shown_and_not_obeyed(hidden: str) -> None:
    shown = [human(one(hidden))[1][0][0], markdown_text(one(hidden)), kv_lines(one(hidden))[0]]
    for text in shown:
        assert not set(text) & set("\x1b\x07\x9b\u202e\u200b")
        assert "\\" in text
    assert len(kv_lines(one(hidden))[0].splitlines()) == 1


def test_markdown_cell_cannot_break_out_of_its_cell() -> None:
    line = markdown_text(one("a|b <b>*x*")).splitlines()[2]
    assert line == "| a\\|b \\<b\\>\\*x\\* |"


@given(st.text())
def test_kv_value_is_one_word_or_a_json_string(text: str) -> None:
    written = kv_text(text)
    assert "\n" not in written
    if written.startswith('"'):
        assert json.loads(written) == text
    else:
        assert written == text
        assert len(written.split()) == 1
        assert written not in {"none", "unknown"}


@given(st.lists(st.integers(0, 2**62) | st.none(), max_size=5))
def test_no_amount_above_0_is_shown_as_0(amounts: list[int | None]) -> None:
    table = Table((Column("cost_nano_usd", "BIGINT", "nano-USD"),), tuple((n,) for n in amounts))
    for amount, (shown,) in zip(amounts, human(table)[1], strict=True):
        assert (shown == "unknown") == (amount is None)
        if amount is not None:
            assert (Decimal(shown.replace(",", "")) == 0) == (amount == 0)


def test_amounts_of_ordinary_size_have_four_decimals() -> None:
    assert usd_places([1_250_000_000, 0, None]) == 4
