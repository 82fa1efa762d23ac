"""Prints rows so that they fit the terminal: as a table, or else one value on each line.

It never cuts a value off; only a value that is wider than the terminal itself is folded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP_CELLS = 2
"""Space between two columns."""
_INDENT = "  "


def print_rows(
    out: Console,
    headings: Sequence[str],
    rows: Sequence[Sequence[Text | str]],
    *,
    right: Collection[int] = (),
) -> None:
    """Print a table if each of its rows fits on a line, else stack it.

    Args:
        out: Where to print.
        headings: One for each column.
        rows: The cells; the first of a row names it.
        right: Places of the columns that are aligned to the right.
    """
    if natural_width(headings, rows) > out.width:
        print_stacked(out, headings, rows)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(_text, row))
    out.print(table)


def print_stacked(
    out: Console, headings: Sequence[str], rows: Sequence[Sequence[Text | str]]
) -> None:
    """Print each row as its first value and, below it, one line for each other value.

    A value that has no room beside its heading stands below it.
    """
    from rich.padding import Padding
    from rich.text import Text

    wide = max(map(len, headings[1:]), default=0)
    for row in rows:
        out.print(_text(row[0]), style="bold")
        for heading, cell in list(zip(headings, row, strict=True))[1:]:
            value = _text(cell)
            lines = value.split("\n")
            room = out.width - len(_INDENT) - wide - GAP_CELLS
            label = Text(f"{_INDENT}{heading:<{wide + GAP_CELLS}}", style="dim")
            if len(lines) == 1 and value.cell_len <= room:
                out.print(Text.assemble(label, value))
            else:
                label.rstrip()
                out.print(label)
                out.print(Padding(value, (0, 0, 0, 2 * len(_INDENT)), expand=False))


def natural_width(headings: Sequence[str], rows: Sequence[Sequence[Text | str]]) -> int:
    """Return the character cells that a table takes when nothing is folded."""
    columns = zip(headings, *rows, strict=True)
    widths = [max(_text(cell).cell_len for cell in column) for column in columns]
    return sum(widths) + GAP_CELLS * (len(widths) - 1)


def _text(cell: Text | str) -> Text:
    from rich.text import Text

    return Text(cell) if isinstance(cell, str) else cell
