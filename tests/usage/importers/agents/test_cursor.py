"""Exports of Cursor's dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corvus.usage.importers.agents.cursor import request
from corvus.usage.importers.importer import BadRecord, Notice

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

COLUMNS = (
    "Date,User,Kind,Model,Max Mode,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,"
    "Output Tokens,Total Tokens,Cost"
)
ROW = {
    "Date": "2026-11-16T10:00:00.000Z",
    "Kind": "On-Demand",
    "Model": "claude-4.5-sonnet",
    "Max Mode": "No",
    "Input (w/ Cache Write)": "200",
    "Input (w/o Cache Write)": "1000",
    "Cache Read": "5000",
    "Output Tokens": "300",
    "Total Tokens": "6500",
    "Cost": "$0.12",
}


def read(**rest: str) -> list[dict[str, Any]]:
    return [dict(one) for one in request(ROW | rest) if not isinstance(one, Notice)]


def test_an_export_is_read(desk: Desk) -> None:
    row = "2026-11-16T10:00:00.000Z,ada@x.com,Included,gpt-5,No,200,1000,5000,300,6500,Included"
    path = desk.folder / "usage.csv"
    path.write_text("\n".join([COLUMNS, row, row, ""]))
    summary = desk.take(path)
    assert (summary.files, summary.new) == ({"cursor": 1}, 2)
    assert desk.take(path).duplicate == 2
    assert desk.ask(
        "SELECT DISTINCT provider, user_name, input_tokens, cache_write_5m_tokens, "
        "cache_read_tokens, output_tokens, cost_nano_usd, tags['kind'] FROM usage_call"
    ) == [("cursor", "ada@x.com", 1000, 200, 5000, 300, None, "Included")]


def test_the_total_says_whether_written_tokens_stand_apart() -> None:
    (apart,) = read()
    (inside,) = read(**{"Input (w/ Cache Write)": "1200"})
    assert apart["cache_write_5m_tokens"] == inside["cache_write_5m_tokens"] == 200
    assert apart["input_tokens"] == inside["input_tokens"] == 1000
    assert apart["unknown_cost"] is inside["unknown_cost"] is None


def test_what_fits_no_total_has_no_cost() -> None:
    odd = ROW | {"Input (w/ Cache Write)": "1200", "Total Tokens": "9999"}
    found = list(request(odd))
    assert isinstance(found[0], Notice)
    assert [one["unknown_cost"] for one in found if not isinstance(one, Notice)] == [True]


@pytest.mark.parametrize(
    ("rest", "cost"),
    [
        ({}, {"cost_usd": "0.12"}),
        ({"Cost": "1,234.5"}, {"cost_usd": "1234.5"}),
        ({"Kind": "Included"}, {"estimated_cost_usd": "0.12"}),
        ({"Kind": "Included in Pro"}, {"estimated_cost_usd": "0.12"}),
        ({"Kind": ""}, {"estimated_cost_usd": "0.12"}),
        ({"Kind": "Included", "Cost": "Included"}, {}),
        ({"Kind": "Errored, No Charge"}, {"cost_usd": "0"}),
        ({"Kind": "Aborted, Not Charged"}, {"cost_usd": "0"}),
        ({"Kind": "Free", "Cost": "Free"}, {}),
        ({"Cost": "-"}, {}),
        ({"Cost": "NaN"}, {}),
        ({"Cost": "-0.5"}, {}),
    ],
    ids=str,
)
def test_what_was_charged_is_stated_and_the_rest_estimated(
    rest: dict[str, str], cost: dict[str, str]
) -> None:
    (record,) = read(**rest)
    assert {name: record[name] for name in record if name.endswith("cost_usd")} == cost


def test_what_was_not_charged_costs_nothing(desk: Desk) -> None:
    kinds = ("Errored, No Charge", "Included")
    rows = [f'2026-11-16T10:00:00Z,,"{kind}",gpt-5,No,0,10,0,5,15,0.5' for kind in kinds]
    path = desk.folder / "usage.csv"
    path.write_text("\n".join([COLUMNS, *rows, ""]))
    desk.take(path)
    assert desk.ask("SELECT cost_nano_usd, source FROM usage_call ORDER BY 1") == [
        (0, "provider"),
        (500_000_000, "estimated"),
    ]


def test_a_row_with_only_a_total_is_refused() -> None:
    with pytest.raises(BadRecord, match="only a total"):
        list(request({"Date": "x", "Model": "gpt-5", "Kind": "Included", "Tokens": "5"}))


def test_a_row_that_used_nothing_is_no_call() -> None:
    counts = [name for name in ROW if "Input" in name or "Cache" in name or "Tokens" in name]
    assert read(**dict.fromkeys(counts, "0")) == []
