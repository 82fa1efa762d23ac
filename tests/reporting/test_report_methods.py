"""The methods of forecast and anomalies, on days whose figures are worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus.ledger.ledger import open_ledger
from corvus.reporting.catalog import load_catalog
from corvus.reporting.run import run_report

Record = Callable[..., Path]
USD = 1_000_000_000
AS_OF = "2026-06-17T00:00:00Z"  # a Wednesday


def days_before(count: int, cost: Callable[[datetime], int]) -> list[dict[str, Any]]:
    """Return one call on each of the days before ``AS_OF``, the latest first."""
    today = datetime(2026, 6, 17, 12)  # noqa: DTZ001 - the ledger is naive UTC
    days = [today - timedelta(days=back) for back in range(1, count + 1)]
    return [{"admitted_at": day, "cost_nano_usd": cost(day)} for day in days]


def asked(path: Path, name: str, **parameters: object) -> list[dict[str, Any]]:
    with open_ledger(path) as ledger:
        table = run_report(
            ledger.connection, load_catalog().find(name), {"as_of": AS_OF, **parameters}
        )
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def weekday_cost(day: datetime) -> int:
    return 10 * USD if day.weekday() < 5 else 2 * USD


@pytest.mark.parametrize(
    ("days", "basis", "rest_usd"),
    [
        # After Wednesday the 17th come 18, 19, 22 to 26, 29, 30: 9 workdays, 4 days of weekends;
        # and all of the 17th is still missing.
        (28, "weekday", 10 * 10 + 4 * 2),
        # 14 days have 10 workdays and 4 others: 108 USD, 7.714 a day, times 14 days to come.
        (14, "mean", 108),
    ],
)
def test_a_forecast_knows_weekdays_after_four_weeks_and_a_mean_before(
    tmp_path: Path, record_calls: Record, days: int, basis: str, rest_usd: int
) -> None:
    path = record_calls(tmp_path / "l.duckdb", *days_before(days, weekday_cost))
    (row,) = asked(path, "forecast")
    assert (row["basis"], row["basis_days"], row["days_to_come"]) == (basis, days, 13)
    assert row["rest_nano_usd"] == pytest.approx(rest_usd * USD, abs=20)
    if basis == "weekday":  # every day cost what its weekday costs: there is nothing to doubt
        assert row["low_nano_usd"] == row["high_nano_usd"] == row["forecast_nano_usd"]
    else:
        assert row["low_nano_usd"] < row["forecast_nano_usd"] < row["high_nano_usd"]


def test_a_day_of_cents_is_not_unusual_however_even_the_days_before_were(
    tmp_path: Path, record_calls: Record
) -> None:
    """Days that cost the same have no spread: without a floor any other cost would stand out."""
    tenth, cent = USD // 1000, USD // 100

    def even(day: datetime) -> int:
        if day.day == 16:
            return tenth + 3 * cent
        return tenth + 5 * cent if day.day == 15 else tenth

    path = record_calls(tmp_path / "l.duckdb", *days_before(28, even))
    rows = {row["bucket"]: row for row in asked(path, "anomalies", days=2)}
    assert [rows[f"2026-06-{day}"]["deviation_nano_usd"] for day in (15, 16)] == [cent, cent]
    assert [str(rows[f"2026-06-{day}"]["score"]) for day in (15, 16)] == ["5.00", "3.00"]
    assert [rows[f"2026-06-{day}"]["is_unusual"] for day in (15, 16)] == [True, False]


def test_the_floor_of_dear_days_is_a_twentieth_of_what_is_usual(
    tmp_path: Path, record_calls: Record
) -> None:
    path = record_calls(
        tmp_path / "l.duckdb",
        *days_before(28, lambda day: 130 * USD if day.day == 16 else 100 * USD),
    )
    (row,) = asked(path, "anomalies", days=1)
    assert (row["deviation_nano_usd"], str(row["score"])) == (5 * USD, "6.00")
