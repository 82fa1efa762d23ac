"""Fits an answer into the width of a terminal, so that no digit is ever cut off.

Steps, each only when those before did not suffice: wrap headings; round token counts; shorten ids
in their middle and fold texts between words; leave out columns, the least useful first; stack the
rows, one value on each line. Cost, calls and names of models are never left out, and whatever is
left out is named.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from corvus.cli.common import is_unicode
from corvus.cli.fitted import GAP_CELLS
from corvus.diagnostics.plain import width as cells
from corvus.reporting.formats import human
from corvus.reporting.table import Cell, Column, Table

_FOLDED_CELLS = 36
"""A word longer than this may be folded; the common names of models are shorter."""
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
        hidden: Names of the columns left out for want of room.
    """

    columns: tuple[Column, ...]
    headings: list[str]
    rows: list[list[str]]
    widths: list[int]
    zero: list[str]
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
    for name in _dispensable(table, strips):
        if _needed([strip.least for strip in strips]) <= width:
            break
        strips = [strip for strip in strips if strip.column.name != name]
        hidden.add(name)
    if _needed([strip.least for strip in strips]) > width:
        return _layout(table, whole, [], zero, set())
    widths = _widths(strips, width)
    fitted = [_fitted(strip, wide) for strip, wide in zip(strips, widths, strict=True)]
    return _layout(table, fitted, widths, zero, hidden)


def is_rigid(column: Column) -> bool:
    """Tell whether a column must stay on one line: folded numbers and instants are misread."""
    return column.is_number or column.type in {"TIMESTAMP", "DATE"}


def _layout(
    table: Table, strips: Sequence[_Strip], widths: list[int], zero: list[str], hidden: set[str]
) -> Layout:
    return Layout(
        columns=tuple(strip.column for strip in strips),
        headings=[strip.heading for strip in strips],
        rows=[[strip.texts[place] for strip in strips] for place in range(len(table.rows))],
        widths=widths,
        zero=zero,
        hidden=[column.name for column in table.columns if column.name in hidden],
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
    if not _is_id(strip.column):
        return replace(strip, heading=heading)
    return replace(strip, heading=heading, texts=[_middle_cut(one, width) for one in strip.texts])


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
        (wide for wide in widths if len({_middle_cut(one, wide) for one in texts}) == different),
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
