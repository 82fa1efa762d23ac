"""Shows the answer of a report to a person: a table that fits the terminal, and bars."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.cli.common import is_unicode, warn_unused
from corvus.cli.fitted import GAP_CELLS, print_stacked
from corvus.cli.report_layout import Layout, is_rigid, lay_out
from corvus.diagnostics.plain import width as cells
from corvus.reporting.chart import bars
from corvus.reporting.formats import human
from corvus.reporting.header import Chart
from corvus.reporting.table import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_BAR_CELLS = 30
_LEAST_BAR_CELLS = 8
_LABEL_CELLS = 40


def ledger_path(config: Sequence[Path] | None, ledger: Path | None) -> Path:
    """Return the ledger to read: the one named, else the config's, else the user's own.

    Warns of a key of the config that is meant to name another and is not used yet.

    Raises:
        ConfigError: No ledger is named, and the config that would name it has errors.
    """
    if ledger is not None:
        return ledger
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or [])
    warn_unused(runtime)
    return runtime.ledger_path


def print_table(out: Console, table: Table, title: str, *, chart: Chart | None = None) -> None:
    """Print a table that fits the terminal, and name below it what is left out.

    Args:
        out: Where to print.
        table: The answer.
        title: Printed above, if there is one.
        chart: Draws a bar at the end of each row, if given and if there is room.
    """
    if title:
        out.print(title, style="bold", markup=False)
    if not table.rows:
        out.print("no rows: nothing matches", style="dim")
        return
    layout = lay_out(table, out.width)
    if not layout.widths:
        print_stacked(out, layout.headings, layout.rows)
        _print_left_out(out, layout)
        return
    room = min(out.width - layout.width - GAP_CELLS, _BAR_CELLS)
    marks = _marks(table, chart, room) if chart and room >= _LEAST_BAR_CELLS else []
    out.print(_rich_table(layout, marks))
    _print_left_out(out, layout)


def _print_left_out(out: Console, layout: Layout) -> None:
    if layout.zero:
        out.print(f"0 throughout: {', '.join(layout.zero)}", style="dim", markup=False)
    if layout.hidden:
        hidden = f"no room for {', '.join(layout.hidden)}: widen the terminal or take --format kv"
        out.print(hidden, style="dim", markup=False)


def print_chart(out: Console, table: Table, chart: Chart) -> None:
    """Print one bar for each row, with its label before and its value after it."""
    for line in chart_lines(table, chart):
        out.print(line, markup=False, soft_wrap=True)


def chart_lines(table: Table, chart: Chart) -> list[str]:
    """Return the lines of a chart; an unknown value draws ``?``."""
    picked = [_place(table, chart.x), _place(table, chart.y)]
    columns = tuple(table.columns[place] for place in picked)
    pair = Table(columns, tuple((row[picked[0]], row[picked[1]]) for row in table.rows))
    _, rows = human(pair)
    labels = [_label(row[0]) for row in rows]
    drawn = _marks(table, chart, _BAR_CELLS)
    width = max(map(cells, labels), default=0)
    return [
        f"{label}{' ' * (width - cells(label))}  {mark:<{_BAR_CELLS}}  {row[1]}"
        for label, mark, row in zip(labels, drawn, rows, strict=True)
    ]


def _rich_table(layout: Layout, marks: Sequence[str]) -> RichTable:
    from rich.table import Column as RichColumn
    from rich.table import Table as RichTable
    from rich.text import Text

    columns = [
        RichColumn(
            Text(heading),
            justify="right" if column.is_number else "left",
            overflow="fold",
            no_wrap=is_rigid(column),
            width=width,
        )
        for column, heading, width in zip(
            layout.columns, layout.headings, layout.widths, strict=True
        )
    ]
    if marks:
        columns.append(RichColumn("", style="cyan", no_wrap=True))
    drawn = RichTable(*columns, box=None, pad_edge=False, header_style="dim")
    for place, row in enumerate(layout.rows):
        drawn.add_row(*(Text(text) for text in row), *marks[place : place + 1])
    return drawn


def _label(text: str) -> str:
    """Cut a label that would leave no room for the bars."""
    if cells(text) <= _LABEL_CELLS:
        return text
    kept = text[: _LABEL_CELLS - 3]
    while cells(kept) > _LABEL_CELLS - 3:
        kept = kept[:-1]
    return f"{kept}..."


def _marks(table: Table, chart: Chart, width: int) -> list[str]:
    values = [_amount(cell) for cell in table.values(chart.y)]
    return bars(values, width=width, unicode=is_unicode())


def _amount(cell: Cell) -> Fraction | None:
    """Return a number of any type exactly; ``None`` for no number, or none that has a length."""
    if isinstance(cell, int | float | Decimal) and isfinite(cell):
        return Fraction(cell)
    return None


def _place(table: Table, name: str) -> int:
    return [column.name for column in table.columns].index(name)
