"""Fits an answer into the width of a terminal, so that no digit is ever cut off.

Steps, each only when the one before did not suffice: wrap headings; round token counts; leave out
token columns from the right, then all instants but the last; fold long texts. Whatever is left
out is named.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policy.reporting.formats import human
from policy.reporting.table import Cell, Column, Table

GAP_CELLS = 2
"""Space between two columns."""

_FOLDED_CELLS = 36  # a session id of the common kind stays whole


@dataclass(frozen=True, slots=True)
class Layout:
    """What is shown of a table.

    Attributes:
        headings: One for each column, wrapped by line feeds.
        rows: The cells as text.
        zero: Names of the columns left out because they are 0 in every row.
        hidden: Names of the columns left out for want of room.
        width: Character cells needed when no text is folded.
    """

    columns: tuple[Column, ...]
    headings: list[str]
    rows: list[list[str]]
    zero: list[str]
    hidden: list[str]
    width: int


@dataclass(frozen=True, slots=True)
class _Strip:
    """One column with everything that is written in it."""

    column: Column
    heading: str
    texts: list[str]

    @property
    def width(self) -> int:
        return max(map(len, [*self.texts, *self.heading.split("\n")]))

    @property
    def least(self) -> int:
        """The width below which the column must not be squeezed."""
        return self.width if is_rigid(self.column) else min(self.width, _FOLDED_CELLS)


def lay_out(table: Table, width: int) -> Layout:
    """Choose and write what fits.

    Args:
        table: The answer, with at least one row.
        width: Character cells of the terminal.
    """
    zero = [column.name for column in table.columns if _is_zero(table, column)]
    strips = [strip for strip in _strips(table, shorten=False) if strip.column.name not in zero]
    if _needed(strips) > width:
        strips = [strip for strip in _strips(table, shorten=True) if strip.column.name not in zero]
    hidden: list[str] = []
    for name in _dispensable([strip.column for strip in strips]):
        if _needed(strips) <= width:
            break
        strips = [strip for strip in strips if strip.column.name != name]
        hidden.insert(0, name)
    return Layout(
        columns=tuple(strip.column for strip in strips),
        headings=[strip.heading for strip in strips],
        rows=[[strip.texts[place] for strip in strips] for place in range(len(table.rows))],
        zero=zero,
        hidden=hidden,
        width=sum(strip.width for strip in strips) + GAP_CELLS * (len(strips) - 1),
    )


def is_rigid(column: Column) -> bool:
    """Tell whether a column must stay on one line: folded numbers and instants are misread."""
    return column.is_number or column.type in {"TIMESTAMP", "DATE"}


def _strips(table: Table, *, shorten: bool) -> Iterator[_Strip]:
    headings, rows = human(table)
    for place, (column, heading) in enumerate(zip(table.columns, headings, strict=True)):
        texts = [row[place] for row in rows]
        if shorten and column.unit == "tokens":
            texts = [_rounded(cell) for cell in table.values(column.name)]
        yield _Strip(column, _wrapped(heading, texts), texts)


def _wrapped(heading: str, texts: Sequence[str]) -> str:
    """Break a heading into words where it is wider than its cells."""
    words = heading.split("_")
    width = max(map(len, [*words, *texts]))
    return "\n".join(textwrap.wrap(" ".join(words), width, break_long_words=False))


def _needed(strips: Sequence[_Strip]) -> int:
    return sum(strip.least for strip in strips) + GAP_CELLS * (len(strips) - 1)


def _dispensable(columns: Sequence[Column]) -> list[str]:
    """Return the names of what may be left out, the first to go first."""
    counts = [column.name for column in columns if column.unit in {"tokens", "requests"}]
    instants = [column.name for column in columns if column.type == "TIMESTAMP"]
    return [*reversed(counts), *instants[:-1]]


def _is_zero(table: Table, column: Column) -> bool:
    return (
        column.is_number
        and not column.is_money
        and all(cell == 0 for cell in table.values(column.name))
    )


def _rounded(cell: Cell) -> str:
    """Return a large count with one decimal and a letter."""
    count = cell if isinstance(cell, int) else 0
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size * 10:
            return f"{count / size:,.1f}{letter}"
    return f"{count:,}"
