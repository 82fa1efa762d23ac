"""Draws the answer of any report: which chart, of which columns, as its address says.

A report that declares a chart has that one until another is chosen. Refuses to draw more rows than
can be told apart; how many are left out is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import takewhile

from corvus.gateway.pages.chart import Bars, NamedBars, Point, bars_of, line_of, named_bars_of
from corvus.gateway.pages.grid import cell_text, label_of
from corvus.gateway.pages.page import PageRequest
from corvus.reporting.formats import usd_places
from corvus.reporting.header import Chart
from corvus.reporting.table import Cell, Column, Table

PARAMETERS = ("chart", "chart_x", "chart_y")
"""What an address says of the chart: its kind, and the columns of names and values."""
KINDS = ("none", "columns", "line", "bars")
_ROWS_MAX = {"columns": 366, "line": 366, "bars": 60}
_WIDTH = 960
_LABEL_MAX = 14
_TIMES = ("bucket", "hour", "weekday", "day")
_SCALE = 1000
"""Numbers that are no money are drawn in thousandths, so that fractions have a length."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be chosen."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart of an answer, and what else could be drawn.

    Attributes:
        label: What the chart shows, in words.
        bars: The chart; ``None`` where none is chosen or none can be drawn.
        rows: Names, values as people read them, and exact amounts, of the rows that are drawn.
        left_out: How many rows are not drawn.
    """

    kind: str
    label: str
    bars: Bars | NamedBars | None
    rows: Sequence[tuple[str, str, Fraction | None]]
    left_out: int
    kinds: Sequence[Choice]
    names: Sequence[Choice]
    values: Sequence[Choice]


def drawn_of(request: PageRequest, declared: Chart | None, table: Table) -> Drawn | None:
    """Return an answer as a chart; ``None`` where it has no numbers.

    Args:
        request: Its parameters say what is chosen.
        declared: The chart that the report declares.
        table: The answer.
    """
    numbers = [one for one in table.columns if one.is_number]
    if not numbers or not table.rows:
        return None
    named = {one.name: one for one in table.columns}
    x = named.get(request.query.get("chart_x", "")) or (
        named[declared.x] if declared else table.columns[0]
    )
    y = next((one for one in numbers if one.name == request.query.get("chart_y")), None) or (
        named[declared.y] if declared else numbers[0]
    )
    fitting = "columns" if _is_time(x) else "bars"
    usual = fitting if declared and len(table.rows) > 1 else "none"
    asked = request.query.get("chart", "")
    kind = asked if asked in KINDS else usual
    shown = table.rows[: _ROWS_MAX.get(kind, 0)]
    rows = _rows_of(request, Table(table.columns, shown), x, y)
    label = request.words("report_page.chart", y=label_of(request, y), x=label_of(request, x))
    return Drawn(
        kind,
        label,
        _bars(request, kind, rows, y),
        rows,
        len(table.rows) - len(shown) if kind != "none" else 0,
        [Choice(one, request.words(f"draw.kinds.{one}"), one == kind) for one in KINDS],
        [Choice(one.name, label_of(request, one), one is x) for one in table.columns],
        [Choice(one.name, label_of(request, one), one is y) for one in numbers],
    )


def _is_time(column: Column) -> bool:
    return column.name in _TIMES or column.type in ("DATE", "TIMESTAMP")


def _rows_of(
    request: PageRequest, table: Table, x: Column, y: Column
) -> list[tuple[str, str, Fraction | None]]:
    places = usd_places(table.values(y.name)) if y.is_money else 4
    names = [cell_text(request, x, name, 4) for name in table.values(x.name)]
    if len({*names}) < len(names):  # what else tells rows apart: the text before the numbers
        text = takewhile(lambda one: not one.is_number, table.columns)
        for other in (one for one in text if one is not x):
            cells = table.values(other.name)
            names = [
                f"{name}, {cell_text(request, other, cell, 4)}" if cell else name
                for name, cell in zip(names, cells, strict=True)
            ]
    return [
        (name, cell_text(request, y, value, places), _exact(value))
        for name, value in zip(names, table.values(y.name), strict=True)
    ]


def _exact(value: Cell) -> Fraction | None:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return None
    return Fraction(value)


def _bars(
    request: PageRequest, kind: str, rows: Sequence[tuple[str, str, Fraction | None]], y: Column
) -> Bars | NamedBars | None:
    scale = 1 if y.is_money else _SCALE
    points = [
        Point(None if exact is None else max(0, int(exact * scale)), name, f"{name}: {text}")
        for name, text, exact in rows
    ]
    if kind == "bars":
        return named_bars_of(points, [text for _, text, _ in rows], width=_WIDTH)
    draw = _DRAWING.get(kind)
    return draw(_short(points), _writer(request, y), _WIDTH) if draw else None


def _short(points: Sequence[Point]) -> list[Point]:
    return [Point(one.value, one.label[:_LABEL_MAX], one.text) for one in points]


def _writer(request: PageRequest, y: Column) -> Callable[[int], str]:
    figures = request.figures
    return figures.usd if y.is_money else lambda value: figures.number(Decimal(value) / _SCALE)


_DRAWING: Mapping[str, Callable[[Sequence[Point], Callable[[int], str], int], Bars]] = {
    "columns": bars_of,
    "line": line_of,
}
