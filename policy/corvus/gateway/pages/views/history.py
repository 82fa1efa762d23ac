"""What each bucket of time has cost, and by which model, provider, project, user or agent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from corvus.base.errors import ReportParameterInvalid
from corvus.base.period import CALENDAR_PERIODS, Period, window_at
from corvus.diagnostics.plain import escape
from corvus.gateway.pages.chart import Point, bars_of
from corvus.gateway.pages.grid import grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.span import Span, span_of
from corvus.gateway.pages.summary import answer
from corvus.reporting.table import Table

PERIODS = [period.value for period in CALENDAR_PERIODS if period.buckets_max]
"""What a bar can be."""
BY = ("model", "provider", "project", "user", "agent")
SERIES = 5
"""How many colours there are, next to that of all others."""
_SPAN = "last-30-days"
_BARS_MAX = 62
"""While nobody chooses, a bar is the first period of which no more are needed."""
_COLUMNS = (
    *("provider", "model", "project", "user_name", "agent"),
    *("cost_nano_usd", "share_percent", "calls", "unpriced_calls", "tokens"),
)


@page("/history", live_seconds=15.0, menu=2)
def history(request: PageRequest) -> Page:
    """Show the cost over time and what it was for."""
    span = span_of(request, _SPAN)
    if span.since is None and not span.mistakes:
        span = span.with_mistake("since", request.words("span.mistake.no_beginning"))
    by = request.query.get("by", "model")
    by = by if by in BY else "model"
    period = request.query.get("period", "")
    period = period if period in PERIODS else ""
    data: dict[str, object] = {
        "span": span,
        "period": period,
        "periods": PERIODS,
        "by": by,
        "ways": BY,
        "is_empty": False,
    }
    if span.since is None or span.mistakes:
        return Page("history", data, 422)
    last = span.until or request.service.runtime.clock.now()
    bar = period or _fitting(span.since, last)
    try:
        table = answer(request, f"spend/history-by-{bar}", **span.bounds)
    except ReportParameterInvalid as error:
        text = request.detail(error) or request.words("filter.invalid")
        data["span"] = span.with_mistake("since", text)
        return Page("history", data, 422)
    data |= {
        "is_empty": table is None or not any(table.counts("calls")),
        "csv": request.link(f"/csv/spend/history-by-{bar}", **span.query),
    }
    return Page("history", data | ({} if table is None else _shown(request, table, span, bar, by)))


def _shown(request: PageRequest, table: Table, span: Span, bar: str, by: str) -> dict[str, object]:
    """Return the chart of the buckets, and what it was for, from the first bucket on."""
    assert span.since is not None, "a history has a beginning"
    since = window_at(Period(bar), span.since)
    assert since is not None, "the page offers periods with a calendar"
    bounds = {"since": since.start, "until": span.until}
    ends = {name: at and f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in bounds.items()}
    parts = answer(request, f"spend/by-{by}", **bounds)
    assert parts is not None, "the ledger was read a moment ago"
    drawn = answer(request, "spend/series", **bounds, period=bar, by=by, top=SERIES)
    assert drawn is not None, "the ledger was read a moment ago"
    return _chart(request, table, _series(request, drawn)) | {
        "legend": _legend(request, drawn),
        "buckets": grid_of(request, Table(table.columns, table.rows[::-1])),
        "parts": grid_of(request, parts, only=_COLUMNS),
        "parts_csv": request.link(f"/csv/spend/by-{by}", **ends),
    }


def _fitting(since: datetime, last: datetime) -> str:
    """Return what a bar is while nobody chooses."""
    for name in PERIODS:
        calendar = Period(name).calendar
        assert calendar is not None, "the page offers periods with a calendar"
        if calendar.number(last.date()) - calendar.number(since.date()) < _BARS_MAX:
            return name
    return PERIODS[-1]


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
