"""What a person sees fits the terminal and obeys no text from a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from policy.cli import report_view
from policy.reporting.header import Chart
from policy.reporting.table import Column, Table

TABLE = Table(
    (
        Column("model", "VARCHAR", "model"),
        Column("input_tokens", "BIGINT", "tokens"),
        Column("cost_nano_usd", "BIGINT", "nano-USD"),
    ),
    (("[red]x[/red]\x1b[2J", 1_234_567_890, 1_000_000_000), ("y" * 60, 5, None)),
)


def printed(table: Table, width: int, chart: Chart | None = None) -> str:
    out = io.StringIO()
    report_view.print_table(Console(file=out, width=width), table, "[b]T[/b]", chart=chart)
    return out.getvalue()


def test_markup_and_control_characters_of_a_log_are_shown_and_not_obeyed() -> None:
    text = printed(TABLE, 200)
    assert "[red]x[/red]\\x1b[2J" in text
    assert "[b]T[/b]" in text
    assert "\x1b" not in text


def test_wide_terminal_shows_every_digit_and_a_narrow_one_short_counts() -> None:
    assert "1,234,567,890" in printed(TABLE, 200)
    narrow = printed(TABLE, 58)
    assert "1,234.6M" in narrow
    assert max(len(line) for line in narrow.splitlines()) <= 58


def test_terminal_too_narrow_names_the_columns_that_it_leaves_out() -> None:
    counts = tuple(Column(f"kind_{n}_tokens", "BIGINT", "tokens") for n in range(9))
    wide = Table((*counts, TABLE.columns[2]), ((*range(1, 10), 7_000_000_000),))
    text = printed(wide, 40)
    assert "7.0000" in text
    assert "no room for kind_4_tokens, kind_5_tokens" in text.replace(" \n", " ")
    assert max(len(line) for line in text.splitlines()) <= 40


@pytest.mark.parametrize("width", range(20, 120, 7))
def test_no_digit_is_cut_off_at_any_width(width: int) -> None:
    text = printed(TABLE, width)
    assert "…" not in text
    assert "1.0000" in text


def test_column_of_zeros_is_named_and_not_shown() -> None:
    table = Table((TABLE.columns[0], TABLE.columns[1]), (("x", 0), ("y", 0)))
    assert printed(table, 80).splitlines()[-1] == "0 throughout: input_tokens"


def test_table_without_rows_says_so() -> None:
    assert "no rows" in printed(Table(TABLE.columns, ()), 80)


def test_bars_stand_at_the_end_of_each_row() -> None:
    lines = printed(TABLE, 200, Chart("model", "cost_nano_usd")).splitlines()
    assert lines[3].rstrip().endswith("1.0000  " + bar_of_full_width())
    assert lines[4].rstrip().endswith("unknown  ?")


def bar_of_full_width() -> str:
    return ("█" if report_view.is_unicode() else "#") * 30


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "█"), ("ascii", "#"), ("cp1252", "#")])
def test_chart_without_utf8_is_ascii(
    monkeypatch: pytest.MonkeyPatch, encoding: str, mark: str
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    lines = report_view.chart_lines(TABLE, Chart("model", "cost_nano_usd"))
    assert mark * 30 in lines[0]
    assert lines[1] == f"{'y' * 37}...  {'?':<30}  unknown"
