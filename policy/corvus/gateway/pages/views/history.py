"""What each bucket of time has cost, and by which model, provider or project."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from corvus.base.period import HISTORY_PERIODS, Period, Window, window_at
from corvus.diagnostics.plain import escape
from corvus.gateway.pages.chart import Point, bars_of
from corvus.gateway.pages.grid import grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.summary import answer
from corvus.reporting.history import Bucket, check_window
from corvus.reporting.table import Table

PERIODS = {period.value: period.buckets_shown for period in HISTORY_PERIODS if period.buckets_shown}
"""What a bucket can be, and how many are shown by default."""
BY = ("model", "provider", "project", "user", "agent")
PRESETS = (("day", 7), ("day", 30), ("week", 12), ("month", 12))
"""Ranges that are one click away: what a bar is, and how many."""
SERIES = 5
"""How many colours there are, next to that of all others."""
_COLUMNS = (
    *("provider", "model", "project", "user_name", "agent"),
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
        "presets": [
            (f"{one}_{many}", request.link(period=one, last=many), (one, many) == (period, last))
            for one, many in PRESETS
        ],
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
        drawn = answer(request, "spend/series", since=since, period=period, by=by, top=SERIES)
        assert drawn is not None, "the ledger was read a moment ago"
        series = _series(request, drawn)
        data |= _chart(request, table, series) | {
            "legend": _legend(request, drawn),
            "buckets": grid_of(request, Table(table.columns, table.rows[::-1])),
            "parts": grid_of(request, parts, only=_COLUMNS),
            "parts_csv": request.link(f"/csv/spend/by-{by}", since=f"{since:%Y-%m-%d}"),
        }
    return Page("history", data)


def _series(request: PageRequest, drawn: Table) -> dict[str, list[tuple[int, int, str]]]:
    """Return the pieces of each bucket's bar, from the bottom up."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for row in _rows(drawn):
        cost = max(0, row["cost_nano_usd"])
        shown = f"{_name(request, row)}: {request.figures.usd(cost)}"
        text = f"{request.figures.bucket(row['bucket'])}, {shown}"
        found.setdefault(row["bucket"], []).append((_colour(row), cost, text))
    return found


def _legend(request: PageRequest, drawn: Table) -> list[dict[str, object]]:
    """Return what each colour stands for, what cost most first."""
    costs: dict[tuple[int, str], int] = {}
    for row in _rows(drawn):
        key = _colour(row), _name(request, row)
        costs[key] = costs.get(key, 0) + row["cost_nano_usd"]
    return [
        {"series": series, "name": name, "cost_nano_usd": cost}
        for (series, name), cost in sorted(costs.items())
        if cost > 0
    ]


def _colour(row: dict[str, Any]) -> int:
    return row["place"] or SERIES + 1


def _name(request: PageRequest, row: dict[str, Any]) -> str:
    if row["name"] is not None:
        return escape(row["name"])
    return request.words("history.none" if row["place"] else "history.others")


def _rows(table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _chart(
    request: PageRequest, table: Table, series: dict[str, list[tuple[int, int, str]]]
) -> dict[str, object]:
    rows = _rows(table)
    points = [
        Point(
            row["cost_nano_usd"],
            _short(request, row["bucket"]),
            f"{request.figures.bucket(row['bucket'])}: {request.figures.usd(row['cost_nano_usd'])}",
            series.get(row["bucket"], ()),
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
            bucket=request.figures.bucket(costliest["bucket"]),
            amount=request.figures.usd(costliest["cost_nano_usd"]),
        )
    )
    return {
        "chart": bars_of(points, request.figures.usd, width=960),
        "label": label,
        "total": total,
    }


def _short(request: PageRequest, bucket: str) -> str:
    is_day = bucket.count("-") > 1
    return request.figures.short_day(date.fromisoformat(bucket)) if is_day else bucket


def _since(now: datetime, period: str, last: int) -> datetime:
    """Return the first instant of the first bucket, in UTC."""
    for _ in range(last - 1):
        now = _window(period, now).start - timedelta(microseconds=1)
    return _window(period, now).start


def _window(period: str, now: datetime) -> Window:
    window = window_at(Period(period), now)
    assert window is not None, "the page offers periods with a calendar"
    return window
