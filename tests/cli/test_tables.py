"""What a person sees fits the terminal and obeys no text from a log."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal

import pytest
from rich.cells import cell_len
from rich.console import Console

from corvus.cli import tables
from corvus.cli.output import is_unicode
from corvus.reporting.header import Chart
from corvus.reporting.table import Cell, Column, Table

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
    tables.print_table(Console(file=out, width=width), table, "[b]T[/b]", chart=chart)
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
    assert "no room for kind_0_tokens, kind_1_tokens" in text.replace(" \n", " ")
    assert "kind 8" in text  # the largest kind says most
    assert max(len(line) for line in text.splitlines()) <= 40


def test_one_long_name_takes_no_more_than_four_lines() -> None:
    columns = (Column("name", "VARCHAR", "text"), Column("calls", "BIGINT", "calls"))
    text = printed(Table(columns, (("a" + "n" * 3_000 + "z", 7), ("b", 2))), 80)
    lines = text.splitlines()
    assert len(lines) == 1 + 1 + 4 + 1
    assert lines[2].startswith("an")
    assert lines[5].rstrip().endswith("z")


def by_model() -> Table:
    kinds = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    columns = (
        Column("provider", "VARCHAR", "provider"),
        Column("model", "VARCHAR", "model"),
        Column("calls", "BIGINT", "calls"),
        Column("unpriced_calls", "BIGINT", "calls"),
        *(Column(f"{kind}_tokens", "BIGINT", "tokens") for kind in kinds),
        Column("cost_nano_usd", "BIGINT", "nano-USD"),
        Column("share_percent", "DECIMAL(5,2)", "percent"),
    )
    tokens = (301, 31_700, 981_000, 105_800, 30_800)
    rows = (
        ("anthropic", "claude-sonnet-4-5-20250929", 15, 0, *tokens, 10**9, Decimal("83.42")),
        ("unknown", "nimbus-1-preview", 1, 1, *(count - 1 for count in tokens), None, None),
    )
    return Table(columns, rows)


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 120])
def test_cost_calls_and_share_are_shown_at_any_width_and_raw_tokens_go_first(width: int) -> None:
    text = printed(by_model(), width)
    for shown in ("claude-sonnet-4-5-20250929", "1.0000", "unknown", "15", "83.42", "unpriced"):
        assert shown in text
    for name in ("cost", "calls", "share", "model", "provider"):
        assert f"{name}," not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width


def test_of_the_kinds_of_tokens_the_largest_stays_longest() -> None:
    text = printed(by_model(), 80)
    assert "981.0k" in text
    assert "no room for input_tokens, output_tokens, cache_write_5m_tokens" in text


def by_session(*ids: str) -> Table:
    columns = (
        Column("session_id", "VARCHAR", "session id"),
        Column("project", "VARCHAR", "projects"),
        Column("first_at", "TIMESTAMP", "UTC"),
        Column("last_at", "TIMESTAMP", "UTC"),
        Column("models", "VARCHAR", "models"),
        Column("calls", "BIGINT", "calls"),
        Column("cost_nano_usd", "BIGINT", "nano-USD"),
    )
    models = "claude-haiku-4-5-20251001, claude-sonnet-4-5-20250929"
    swapped = ", ".join(reversed(models.split(", ")))
    first = ("/home/dev/x", at(58), at(58), models, 9)
    others = ("/home/dev/y", at(59), at(59), swapped, 8)
    rows = tuple((one, *(others if place else first), 10**9) for place, one in enumerate(ids))
    return Table(columns, rows)


def at(minute: int) -> datetime:
    return datetime(2026, 11, 18, 16, minute)  # noqa: DTZ001 - as the ledger answers: naive, in UTC


IDS = ("00000000-5e55-4a0e-8a11-f23835daa570", "00000001-5e55-4a0e-8a11-47bc711c219b")


def test_ids_lose_their_middle_and_models_stay_whole_where_room_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    text = printed(by_session(*IDS), 80)
    first = text.splitlines()[3]
    assert first.startswith("0000")
    assert "…" in first.split()[0]
    assert first.split()[0].endswith("a570")
    for model in ("claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"):
        assert text.count(model) == len(IDS)
    assert IDS[0] in printed(by_session(*IDS), 160)
    assert IDS[0] in printed(by_session(*IDS), 40)


def test_shortened_ids_that_would_look_alike_keep_more_of_themselves() -> None:
    alike = ("0000aaaa-5e55-4a0e-8a11-f23835daa570", "0000aaab-5e55-4a0e-8a11-f23835daa570")
    lines = printed(by_session(*alike), 80).splitlines()
    shown = {line.split()[0] for line in lines if line.startswith("0000")}
    assert len(shown) == 2


def test_a_terminal_too_narrow_for_a_table_stacks_the_rows_and_leaves_nothing_out() -> None:
    text = printed(by_session(*IDS), 40)
    assert text.splitlines()[1:4] == [
        IDS[0], "  project   /home/dev/x", "  first at  2026-11-18 16:58",
    ]  # fmt: skip
    assert "no room" not in text


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
    return ("█" if is_unicode() else "#") * 30


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "█"), ("ascii", "#"), ("cp1252", "#")])
def test_chart_without_utf8_is_ascii(
    monkeypatch: pytest.MonkeyPatch, encoding: str, mark: str
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    lines = tables.chart_lines(TABLE, Chart("model", "cost_nano_usd"))
    assert mark * 30 in lines[0]
    assert lines[1] == f"{'y' * 37}...  {'?':<30}  unknown"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("DOUBLE", (1.5, 0.75, 0.0)),
        ("DECIMAL(5,2)", (Decimal("1.50"), Decimal("0.75"), Decimal(0))),
        ("BIGINT", (150, 75, 0)),
    ],
)
def test_a_chart_draws_numbers_of_every_type(
    monkeypatch: pytest.MonkeyPatch, kind: str, values: tuple[Cell, ...]
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    columns = (Column("day", "VARCHAR", "day"), Column("y", kind, "things"))
    table = Table(columns, (*(("d", value) for value in values), ("d", None)))
    lines = tables.chart_lines(table, Chart("day", "y"))
    assert [line.count("#") for line in lines] == [30, 15, 0, 0]
    assert [line.split()[1] == "?" for line in lines] == [False, False, False, True]


def test_a_chart_draws_no_length_for_what_has_none() -> None:
    columns = (Column("day", "VARCHAR", "day"), Column("y", "DOUBLE", "things"))
    table = Table(columns, (("d", float("inf")), ("d", float("nan")), ("d", 1.0)))
    lines = tables.chart_lines(table, Chart("day", "y"))
    assert [line.split()[1] == "?" for line in lines] == [True, True, False]


def test_wide_labels_of_a_chart_align_with_narrow_ones() -> None:
    columns = (Column("project", "VARCHAR", "project"), Column("calls", "BIGINT", "calls"))
    names = ("検索サービス", "search", "検" * 30)
    table = Table(columns, tuple((name, 7) for name in names))
    lines = tables.chart_lines(table, Chart("project", "calls"))
    starts = {cell_len(line[: line.index(bar_of_full_width())]) for line in lines}
    assert starts == {41}


@pytest.mark.parametrize("width", [80, 120])
def test_what_is_the_same_throughout_goes_first_and_is_named(width: int) -> None:
    columns = (
        Column("admitted_at", "TIMESTAMP"),
        Column("model", "VARCHAR"),
        Column("agent", "VARCHAR"),
        Column("source", "VARCHAR"),
        Column("input_tokens", "BIGINT", "tokens"),
        Column("cost_nano_usd", "BIGINT", "nano-USD"),
        Column("outcome", "VARCHAR"),
    )
    rows = tuple(
        (at(day), f"a-model-of-many-words-{day}", "claude-code-of-the-team",
         "imported-from-a-file", 1_000 + day, 10**9, "completed")
        for day in (5, 6)
    )  # fmt: skip
    layout = tables.lay_out(Table(columns, rows), width)
    kept = [column.name for column in layout.columns]
    assert kept[:2] == ["admitted_at", "model"]
    assert {"input_tokens", "cost_nano_usd"} <= {*kept}, "neither what differs nor the cost"
    assert layout.hidden == []
    named = [one.partition(" ")[0] for one in layout.same]
    assert sorted([*kept, *named]) == sorted(column.name for column in columns)
    assert layout.width <= width


def test_one_row_has_nothing_that_is_the_same_throughout() -> None:
    columns = (Column("model", "VARCHAR"), Column("agent", "VARCHAR"))
    layout = tables.lay_out(Table(columns, (("m" * 30, "a" * 30),)), 50)
    assert layout.same == []
