"""What each bucket of time has cost, and by which model, provider or project."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from corvus.base.period import HISTORY_PERIODS, Period, Window, window_at
from corvus.gateway.pages.chart import Point, bars_of
from corvus.gateway.pages.grid import grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.summary import answer
from corvus.reporting.history import Bucket, check_window
from corvus.reporting.table import Table

PERIODS = {period.value: period.buckets_shown for period in HISTORY_PERIODS if period.buckets_shown}
"""What a bucket can be, and how many are shown by default."""
BY = ("model", "provider", "project")
_COLUMNS = (
    *("provider", "model", "project"),
    *("cost_nano_usd", "share_percent", "calls", "unpriced_calls", "tokens"),
)


@page("/history", live_seconds=15.0, menu=2)
def history(request: PageRequest) -> Page:
    """Show the cost over time and what it was for."""
    period = request.query.get("period", "day")
    period = period if period in PERIODS else "day"
    by = request.query.get("by", "model")
    by = by if by in BY else "model"
    text = request.query.get("last", "")
    last = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else PERIODS[period]
    check_window(Bucket(period), last)
    table = answer(request, f"spend/history-by-{period}", **{f"{period}s": last})
    data: dict[str, object] = {
        "period": period,
        "periods": PERIODS,
        "by": by,
        "ways": BY,
        "last": last,
        "is_empty": table is None or not any(table.counts("calls")),
        "csv": request.link(f"/csv/spend/history-by-{period}", **{f"{period}s": last}),
    }
    if table is not None:
        since = _since(request.service.runtime.clock.now(), period, last)
        parts = answer(request, f"spend/by-{by}", since=since)
        assert parts is not None, "the ledger was read a moment ago"
        data |= _chart(request, table) | {
            "buckets": grid_of(request, table),
            "parts": grid_of(request, parts, only=_COLUMNS),
            "parts_csv": request.link(f"/csv/spend/by-{by}", since=f"{since:%Y-%m-%d}"),
        }
    return Page("history", data)


def _chart(request: PageRequest, table: Table) -> dict[str, object]:
    names = [column.name for column in table.columns]
    rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in table.rows]
    points = [
        Point(
            row["cost_nano_usd"],
            _short(row["bucket"]),
            f"{row['bucket']}: {request.figures.usd(row['cost_nano_usd'])}",
        )
        for row in rows
    ]
    known = [row for row in rows if row["cost_nano_usd"]]
    total = sum(row["cost_nano_usd"] for row in known)
    costliest = max(known, key=lambda row: row["cost_nano_usd"], default=None)
    label = (
        request.words("history.chart_empty")
        if costliest is None
        else request.words(
            "history.chart",
            total=request.figures.usd(total),
            bucket=costliest["bucket"],
            amount=request.figures.usd(costliest["cost_nano_usd"]),
        )
    )
    return {
        "chart": bars_of(points, request.figures.usd, width=960),
        "label": label,
        "total": total,
    }


def _short(bucket: str) -> str:
    return bucket[5:] if bucket.count("-") > 1 else bucket


def _since(now: datetime, period: str, last: int) -> datetime:
    """Return the first instant of the first bucket, in UTC."""
    for _ in range(last - 1):
        now = _window(period, now).start - timedelta(microseconds=1)
    return _window(period, now).start


def _window(period: str, now: datetime) -> Window:
    window = window_at(Period(period), now)
    assert window is not None, "the page offers periods with a calendar"
    return window
