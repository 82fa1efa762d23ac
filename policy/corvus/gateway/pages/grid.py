"""An answer of a report as a table for a person: headings in their words, cells in their figures.

Refuses to leave anything out in silence: rows beyond ``ROWS_MAX`` are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from corvus.diagnostics.plain import escape
from corvus.gateway.pages.page import PageRequest
from corvus.reporting.formats import usd_places
from corvus.reporting.table import Cell, Column, Table

ROWS_MAX = 500
_STATES = {"outcome", "state"}
Row: TypeAlias = Mapping[str, Cell]
Link: TypeAlias = Callable[[Row], str | None]
"""Where a cell of a row leads."""
Links: TypeAlias = Mapping[str, Link]


@dataclass(frozen=True, slots=True)
class LivePart:
    """One cell.

    Attributes:
        link: Where it leads.
        state: Name of the state that it tells, for its colour.
    """

    text: str
    link: str | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column.

    Attributes:
        hint: What it says, with its unit.
    """

    text: str
    hint: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to be shown.

    Attributes:
        left_out: How many rows are not shown.
        empty: What the columns are called that are not shown, as no row has anything in them.
    """

    headings: Sequence[Heading]
    rows: Sequence[Sequence[LivePart]]
    left_out: int = 0
    empty: Sequence[str] = ()


def grid_of(  # noqa: PLR0913 - what is shown of the columns, each by its name
    request: PageRequest,
    table: Table,
    *,
    only: Sequence[str] = (),
    first: Sequence[str] = (),
    without: Sequence[str] = (),
    links: Links | None = None,
) -> Grid:
    """Return an answer as a table.

    Args:
        request: In whose words.
        table: The answer.
        only: Columns to show, in this order, as far as there are any; none is all.
        first: Columns that come before the others, in this order.
        without: Columns to leave out.
        links: Where the cells of a column lead.
    """
    named = {column.name: column for column in table.columns if column.name not in without}
    listed = [named[name] for name in dict.fromkeys((*first, *(only or named))) if name in named]
    empty = [one for one in listed if not only and _is_empty(table, one)]
    kept = [one for one in listed if one not in empty]
    places = {one.name: usd_places(table.values(one.name)) for one in kept if one.is_money}
    names = [column.name for column in table.columns]
    rows: list[list[LivePart]] = []
    for values in table.rows[:ROWS_MAX]:
        row = dict(zip(names, values, strict=True))
        cells: list[LivePart] = []
        for column in kept:
            link = links[column.name](row) if links and column.name in links else None
            cell = row[column.name]
            text = cell_text(request, column, cell, places.get(column.name, 4))
            is_state = column.name in _STATES and isinstance(cell, str)
            cells.append(LivePart(text, link, str(cell) if is_state else ""))
        rows.append(cells)
    left_out = max(0, len(table.rows) - ROWS_MAX)
    unseen = [label_of(request, one) for one in empty]
    return Grid([_heading(request, one) for one in kept], rows, left_out, unseen)


def _heading(request: PageRequest, column: Column) -> Heading:
    hint = f"{column.unit}, {column.description}".strip(", ")
    return Heading(label_of(request, column), hint, column.is_number)


def _is_empty(table: Table, column: Column) -> bool:
    """Return whether no row says anything in a column; a cost that is unknown is said."""
    return (
        bool(table.rows) and not column.is_money and not any(map(_says, table.values(column.name)))
    )


def _says(cell: Cell) -> bool:
    return cell is not None and cell != ""


def label_of(request: PageRequest, column: Column) -> str:
    """Return what a column is called; its own name where the catalogue has no word for it."""
    name = column.name.removesuffix("_nano_usd") if column.is_money else column.name
    key = f"column.{name}"
    return request.words(key) if request.words.has(key) else name.replace("_", " ")


def cell_text(request: PageRequest, column: Column, cell: Cell, places: int) -> str:
    """Write one cell."""
    words = request.words
    match cell:
        case None:
            is_cost = column.is_money and "limit" not in column.name
            return words("figure.unknown" if is_cost else "figure.none")
        case bool():
            return words("figure.yes" if cell else "figure.no")
        case datetime():
            return request.figures.instant(cell)
        case date():
            return request.figures.day(cell)
        case str():
            return _word(request, column, cell)
        case _:
            return _number(request, column, cell, places)


def _word(request: PageRequest, column: Column, cell: str) -> str:
    if column.name == "bucket":
        return escape(request.figures.bucket(cell))
    key = f"{_WORDED.get(column.name, '')}.{cell}"
    return request.words(key) if request.words.has(key) else escape(cell)


def _number(request: PageRequest, column: Column, cell: int | float | Decimal, places: int) -> str:
    figures = request.figures
    if column.is_money and isinstance(cell, int):
        return figures.usd_places(cell, places)
    if column.name == "percent" or column.name.endswith("_percent"):
        return figures.percent(Fraction(cell))
    return figures.number(Decimal(f"{cell:.4g}") if isinstance(cell, float) else cell)


_WORDED = {
    "outcome": "outcome",
    "state": "state",
    "source": "source",
    "period": "period",
}
"""Columns of closed sets of words, and where the catalogue has them."""
