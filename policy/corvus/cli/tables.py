"""Shows the answer of a report to a person: a table that fits the terminal, and bars."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from corvus.cli.output import GAP_CELLS, is_unicode, print_stacked
from corvus.diagnostics.plain import width as cells
from corvus.reporting.chart import bars
from corvus.reporting.formats import human
from corvus.reporting.header import Chart
from corvus.reporting.table import Cell, Column, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable


_BAR_CELLS = 30
_LEAST_BAR_CELLS = 8
_LABEL_CELLS = 40


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
    if layout.same:
        same = f"the same throughout: {', '.join(layout.same)}"
        out.print(same, style="dim", markup=False)
    if layout.hidden:
        hidden = f"no room for {', '.join(layout.hidden)}: widen the terminal or take --format kv"
        out.print(hidden, style="dim", markup=False)


def print_chart(out: Console, table: Table, chart: Chart) -> None:
    """Print one bar for each row, with its label before and its value after it."""
    for line in chart_lines(table, chart):
        out.print(line, markup=False, soft_wrap=True)


def chart_lines(table: Table, chart: Chart) -> list[str]:
    """Return the lines of a chart; an unknown value draws ``?``."""
    labels, values = chart_words(table, chart)
    drawn = _marks(table, chart, _BAR_CELLS)
    width = max(map(cells, labels), default=0)
    return [
        f"{label}{' ' * (width - cells(label))}  {mark:<{_BAR_CELLS}}  {value}"
        for label, mark, value in zip(labels, drawn, values, strict=True)
    ]


def chart_words(table: Table, chart: Chart) -> tuple[list[str], list[str]]:
    """Return the labels of a chart and its values, as people read them."""
    picked = [_place(table, chart.x), _place(table, chart.y)]
    columns = tuple(table.columns[place] for place in picked)
    pair = Table(columns, tuple((row[picked[0]], row[picked[1]]) for row in table.rows))
    _, rows = human(pair)
    return [_label(row[0]) for row in rows], [row[1] for row in rows]


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
    values = [amount(cell) for cell in table.values(chart.y)]
    return bars(values, width=width, unicode=is_unicode())


def amount(cell: Cell) -> Fraction | None:
    """Return a number of any type exactly; ``None`` for no number, or none that has a length."""
    if isinstance(cell, int | float | Decimal) and isfinite(cell):
        return Fraction(cell)
    return None


def _place(table: Table, name: str) -> int:
    return [column.name for column in table.columns].index(name)


_FOLDED_CELLS = 36
"""A word longer than this may be folded; the common names of models are shorter."""
_FOLDED_LINES = 4
"""A text that needs more lines than this loses its middle: one long name is no page of its own."""
_SHORT_ID_CELLS = 9
_LIST = "models"
"""The column whose texts are lists; each model gets a line of its own."""
_KEPT_TEXTS = {"provider", "model", "models"}


@dataclass(frozen=True, slots=True)
class Layout:
    """What is shown of a table.

    Attributes:
        headings: One for each column, wrapped by line feeds unless stacked.
        rows: The cells as text.
        widths: Character cells of each column; nothing when the rows are stacked.
        zero: Names of the columns left out because they are 0 in every row.
        same: Name and value of those left out because every row says the same, and there is no
            room for all.
        hidden: Names of the columns left out for want of room.
    """

    columns: tuple[Column, ...]
    headings: list[str]
    rows: list[list[str]]
    widths: list[int]
    zero: list[str]
    same: list[str]
    hidden: list[str]

    @property
    def width(self) -> int:
        """Character cells of a line of the table."""
        return sum(self.widths) + GAP_CELLS * (len(self.widths) - 1)


@dataclass(frozen=True, slots=True)
class _Strip:
    """One column with everything that is written in it."""

    column: Column
    heading: str
    texts: list[str]

    @property
    def width(self) -> int:
        return max(map(cells, "\n".join([*self.texts, self.heading]).split("\n")))

    @property
    def least(self) -> int:
        """The width below which the column must not be squeezed."""
        if is_rigid(self.column):
            return self.width
        heading = max(map(cells, self.heading.split()))
        if _is_id(self.column):
            return max(heading, _least_id_cells(self.texts))
        words = max((cells(word) for text in self.texts for word in text.split()), default=0)
        return max(heading, min(words, _FOLDED_CELLS))


def lay_out(table: Table, width: int) -> Layout:
    """Choose and write what fits.

    Args:
        table: The answer, with at least one row.
        width: Character cells of the terminal.
    """
    zero = [column.name for column in table.columns if _is_zero(table, column)]
    if len(zero) == len(table.columns):
        zero = []  # then it is all there is to tell
    whole = [strip for strip in _strips(table) if strip.column.name not in zero]
    strips = [_wrapped(strip) for strip in whole]
    if _needed([strip.width for strip in strips]) > width:
        strips = [_wrapped(_shortened(table, strip)) for strip in whole]
    hidden: set[str] = set()
    same: list[str] = []
    for constant in _constant(whole):
        if _needed([strip.least for strip in strips]) <= width:
            break
        strips = [strip for strip in strips if strip.column.name != constant.column.name]
        same.append(f"{constant.column.name} {constant.texts[0] or 'none'}")
    for name in _dispensable(table, strips):
        if _needed([strip.least for strip in strips]) <= width:
            break
        strips = [strip for strip in strips if strip.column.name != name]
        hidden.add(name)
    if _needed([strip.least for strip in strips]) > width:
        return _layout(table, whole, [], _LeftOut(zero))
    widths = _widths(strips, width)
    fitted = [_fitted(strip, wide) for strip, wide in zip(strips, widths, strict=True)]
    return _layout(table, fitted, widths, _LeftOut(zero, same, hidden))


def is_rigid(column: Column) -> bool:
    """Return whether a column must stay on one line: folded numbers and instants are misread."""
    return column.is_number or column.type in {"TIMESTAMP", "DATE"}


class _LeftOut(NamedTuple):
    """What is not shown of a table; see ``Layout``."""

    zero: list[str]
    same: Sequence[str] = ()
    hidden: Collection[str] = ()


def _layout(
    table: Table, strips: Sequence[_Strip], widths: list[int], left_out: _LeftOut
) -> Layout:
    return Layout(
        columns=tuple(strip.column for strip in strips),
        headings=[strip.heading for strip in strips],
        rows=[[strip.texts[place] for strip in strips] for place in range(len(table.rows))],
        widths=widths,
        zero=left_out.zero,
        same=[*reversed(left_out.same)],
        hidden=[column.name for column in table.columns if column.name in left_out.hidden],
    )


def _strips(table: Table) -> Iterator[_Strip]:
    headings, rows = human(table)
    for place, (column, heading) in enumerate(zip(table.columns, headings, strict=True)):
        texts = [row[place] for row in rows]
        if column.name == _LIST:
            texts = [text.replace(", ", "\n") for text in texts]
        yield _Strip(column, heading.replace("_", " "), texts)


def _shortened(table: Table, strip: _Strip) -> _Strip:
    if strip.column.unit != "tokens":
        return strip
    return replace(strip, texts=[_rounded(cell) for cell in table.values(strip.column.name)])


def _wrapped(strip: _Strip) -> _Strip:
    """Break a heading into words where it is wider than its cells."""
    texts = replace(strip, heading="")
    return replace(strip, heading=_lines(strip.heading, max(texts.width, 1)))


def _fitted(strip: _Strip, width: int) -> _Strip:
    heading = _lines(strip.heading, width)
    if is_rigid(strip.column) or strip.column.name == _LIST:
        return replace(strip, heading=heading)
    room = width if _is_id(strip.column) else width * _FOLDED_LINES
    return replace(strip, heading=heading, texts=[_middle_cut(text, room) for text in strip.texts])


def _lines(heading: str, width: int) -> str:
    words = " ".join(heading.split())
    return "\n".join(textwrap.wrap(words, width, break_long_words=False))


def _needed(widths: Sequence[int]) -> int:
    return sum(widths) + GAP_CELLS * (len(widths) - 1)


def _widths(strips: Sequence[_Strip], width: int) -> list[int]:
    """Share the room out: what each column needs at least, then ids, then texts from the left."""
    widths = [strip.least for strip in strips]
    room = width - _needed(widths)
    places = sorted(range(len(strips)), key=lambda place: not _is_id(strips[place].column))
    for place in places:
        more = min(room, strips[place].width - widths[place])
        widths[place] += more
        room -= more
    return widths


def _constant(strips: Sequence[_Strip]) -> list[_Strip]:
    """Return the columns that say the same in all of several rows, the last one first.

    What the rows are of stays, and so does money.
    """
    return [
        strip
        for strip in reversed(strips[1:])
        if len(strip.texts) > 1 and len({*strip.texts}) == 1 and not strip.column.is_money
    ]


def _dispensable(table: Table, strips: Sequence[_Strip]) -> list[str]:
    """Return the names of what may be left out, the first to go first.

    Kinds of tokens go before their sum, the smallest before the largest; then instants but the
    last, then texts that say where a call came from.
    """
    columns = [strip.column for strip in strips]
    kinds = [
        column.name
        for column in reversed(columns)
        if column.unit in {"tokens", "requests"} and column.name != "tokens"
    ]
    kinds.sort(key=lambda name: sum(table.counts(name)))
    sums = [column.name for column in columns if column.name == "tokens"]
    instants = [column.name for column in columns if column.type == "TIMESTAMP"]
    texts = [
        column.name
        for column in columns[1:]
        if column.type == "VARCHAR" and column.name not in _KEPT_TEXTS
    ]
    return [*kinds, *sums, *instants[:-1], *texts]


def _is_zero(table: Table, column: Column) -> bool:
    return (
        column.is_number
        and not column.is_money
        and all(cell == 0 for cell in table.values(column.name))
    )


def _is_id(column: Column) -> bool:
    return column.type == "VARCHAR" and (column.name.endswith("_id") or column.unit.endswith(" id"))


def _least_id_cells(texts: Sequence[str]) -> int:
    """Return the fewest cells at which different ids still look different."""
    longest = max(map(cells, texts))
    different = len(set(texts))
    widths = range(min(_SHORT_ID_CELLS, longest), longest)
    return next(
        (wide for wide in widths if len({_middle_cut(text, wide) for text in texts}) == different),
        longest,
    )


def _middle_cut(text: str, width: int) -> str:
    """Leave out the middle of a text that is wider than a column."""
    if cells(text) <= width:
        return text
    mark = "…" if is_unicode() else "..."
    kept = width - len(mark)
    return f"{text[: kept - kept // 2]}{mark}{text[len(text) - kept // 2 :]}"


def _rounded(cell: Cell) -> str:
    """Return a large count with one decimal and a letter."""
    count = cell if isinstance(cell, int) else 0
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size * 10:
            return f"{count / size:,.1f}{letter}"
    return f"{count:,}"
