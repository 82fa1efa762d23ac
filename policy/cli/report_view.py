"""Shows the answer of a report to a person: a table that fits the terminal, and bars."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from policy.reporting.chart import bars
from policy.reporting.formats import human
from policy.reporting.header import Chart
from policy.reporting.table import Column, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_BAR_CELLS = 30
_LEAST_BAR_CELLS = 8
_GAP_CELLS = 2
_LABEL_CELLS = 40
_ANY_WIDTH = 10_000


def ledger_path(config: Sequence[Path] | None, ledger: Path | None) -> Path:
    """Return the ledger to read: the one named, else the config's, else the user's own.

    Raises:
        ConfigError: No ledger is named, and the config that would name it has errors.
    """
    if ledger is not None:
        return ledger
    from policy.runtime import open_runtime

    return open_runtime(config or []).ledger_path


def print_table(out: Console, table: Table, title: str, *, chart: Chart | None = None) -> None:
    """Print a table that fits: first in full, then with short token counts.

    Columns that are 0 in every row are named below the table instead of shown.

    Args:
        out: Where to print.
        table: The answer.
        title: Printed above.
        chart: Draws a bar at the end of each row, if given.
    """
    from rich.measure import Measurement

    out.print(title, style="bold", markup=False)
    if not table.rows:
        out.print("no rows: nothing matches", style="dim")
        return
    kept, empty = _without_empty(table)
    wide = out.options.update(width=_ANY_WIDTH)
    drawn = _rich_table(kept, shorten=False)
    shorten = Measurement.get(out, wide, drawn).maximum > out.width
    if shorten:
        drawn = _rich_table(kept, shorten=True)
    room = out.width - Measurement.get(out, wide, drawn).maximum - _GAP_CELLS
    if chart is not None and room >= _LEAST_BAR_CELLS:
        drawn = _rich_table(
            kept, shorten=shorten, marks=_marks(table, chart, min(room, _BAR_CELLS))
        )
    out.print(drawn)
    if empty:
        out.print(f"0 throughout: {', '.join(empty)}", style="dim", markup=False)


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
    width = max((len(label) for label in labels), default=0)
    return [
        f"{label:<{width}}  {mark:<{_BAR_CELLS}}  {row[1]}"
        for label, mark, row in zip(labels, drawn, rows, strict=True)
    ]


def is_unicode() -> bool:
    """Tell whether standard output can show block characters."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def printable(text: str) -> str:
    """Return a text that standard output can encode; what it cannot is written as an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _rich_table(table: Table, *, shorten: bool, marks: Sequence[str] = ()) -> RichTable:
    from rich.table import Column as RichColumn
    from rich.table import Table as RichTable
    from rich.text import Text

    headings, rows = human(table)
    columns = [
        RichColumn(
            Text(heading.replace("_", " ")),
            justify="right" if column.is_number else "left",
            overflow="fold",
            no_wrap=column.is_number,
        )
        for column, heading in zip(table.columns, headings, strict=True)
    ]
    if marks:
        columns.append(RichColumn("", style="cyan", no_wrap=True))
    drawn = RichTable(*columns, box=None, pad_edge=False, header_style="dim")
    for place, (texts, row) in enumerate(zip(rows, table.rows, strict=True)):
        cells = [
            Text(_short(cell) if shorten and _is_token_count(column, cell) else text)
            for column, cell, text in zip(table.columns, row, texts, strict=True)
        ]
        drawn.add_row(*cells, *marks[place : place + 1])
    return drawn


def _label(text: str) -> str:
    return text if len(text) <= _LABEL_CELLS else f"{text[: _LABEL_CELLS - 3]}..."


def _marks(table: Table, chart: Chart, width: int) -> list[str]:
    values = [cell if isinstance(cell, int) else None for cell in table.values(chart.y)]
    return bars(values, width=width, unicode=is_unicode())


def _is_token_count(column: Column, cell: object) -> bool:
    return column.unit == "tokens" and isinstance(cell, int)


def _short(cell: object) -> str:
    """Return a large count rounded, with a letter, for a terminal too narrow for all of it."""
    count = cell if isinstance(cell, int) else 0
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size * 10:
            return f"{count / size:,.1f}{letter}"
    return f"{count:,}"


def _without_empty(table: Table) -> tuple[Table, list[str]]:
    """Return the table without the number columns that are 0 in every row, and their names."""
    empty = [
        place
        for place, column in enumerate(table.columns)
        if column.is_number and not column.is_money and all(row[place] == 0 for row in table.rows)
    ]
    if not table.rows:
        return table, []
    kept = [place for place in range(len(table.columns)) if place not in empty]
    shown = Table(
        tuple(table.columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in table.rows),
    )
    return shown, [table.columns[place].name for place in empty]


def _place(table: Table, name: str) -> int:
    return [column.name for column in table.columns].index(name)
