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

from corvus.base.money import nano_usd
from corvus.base.period import Period
from corvus.diagnostics.plain import escape
from corvus.gateway.pages.page import PageRequest
from corvus.model.budget import Measure
from corvus.reporting.formats import usd_places
from corvus.reporting.table import Cell, Column, Table
from corvus.wording.words import DEFAULT

ROWS_MAX = 500
_STATES = {"outcome", "state"}
_KEPT = {"calls"}
"""Columns that are shown though all their rows are 0."""
Row: TypeAlias = Mapping[str, Cell]
Link: TypeAlias = Callable[[Row], str | None]
"""Where a cell of a row leads."""
Links: TypeAlias = Mapping[str, Link]


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell.

    Attributes:
        link: Where it leads.
        state: Name of the state that it tells, for its colour.
        is_time: Whether it is a time, which stays on one line.
    """

    text: str
    link: str | None = None
    state: str = ""
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column.

    Attributes:
        hint: What it says, with its unit, as the report does; empty in other languages.
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
    rows: Sequence[Sequence[GridCell]]
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
        only: Columns to show, in this order, as far as there are any; none is all, amounts of
            money right after what they are of, so that they are seen on a narrow screen.
        first: Columns that come before the others, in this order.
        without: Columns to leave out.
        links: Where the cells of a column lead.
    """
    named = {column.name: column for column in table.columns if column.name not in without}
    listed = [named[name] for name in dict.fromkeys((*first, *(only or named))) if name in named]
    listed = listed if only or first else _money_first(listed)
    empty = [one for one in listed if not only and _is_empty(table, one)]
    kept = [one for one in listed if one not in empty]
    places = {one.name: usd_places(table.values(one.name)) for one in kept if one.is_money}
    names = [column.name for column in table.columns]
    rows = [
        [
            _cell(request, row, one, places.get(one.name, 4), (links or {}).get(one.name))
            for one in kept
        ]
        for values in table.rows[:ROWS_MAX]
        for row in [dict(zip(names, values, strict=True))]
    ]
    left_out = max(0, len(table.rows) - ROWS_MAX)
    unseen = [label_of(request, one) for one in empty]
    return Grid([_heading(request, one) for one in kept], rows, left_out, unseen)


def _cell(
    request: PageRequest, row: Row, column: Column, places: int, link: Link | None
) -> GridCell:
    cell = row[column.name]
    text = _measured(request, row, column) or cell_text(request, column, cell, places)
    is_state = column.name in _STATES and isinstance(cell, str)
    is_time = isinstance(cell, date) or column.name == "bucket"
    return GridCell(text, link(row) if link else None, str(cell) if is_state else "", is_time)


def _money_first(columns: Sequence[Column]) -> list[Column]:
    """Return columns with amounts of money moved up to the first number."""
    place = next((at for at, one in enumerate(columns) if one.is_number), len(columns))
    rest = columns[place:]
    money = [one for one in rest if one.is_money]
    return [*columns[:place], *money, *(one for one in rest if not one.is_money)]


def _heading(request: PageRequest, column: Column) -> Heading:
    is_own = request.words.language == DEFAULT  # what reports say, they say in this one
    hint = f"{column.unit}, {column.description}".strip(", ") if is_own else ""
    return Heading(label_of(request, column), hint, column.is_number)


def _is_empty(table: Table, column: Column) -> bool:
    """Return whether no row says anything in a column; a cost that is unknown is said."""
    is_kept = column.is_money or column.name in _KEPT or not table.rows
    return not is_kept and not any(map(_says, table.values(column.name)))


def _says(cell: Cell) -> bool:
    return cell not in (None, "", 0) or isinstance(cell, bool)


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


def causes_of(request: PageRequest, text: str) -> list[tuple[str, str]]:
    """Return why a bill differs, as words and amounts, from ``not seen 9.6500, discount -2``."""
    parts = [each.rpartition(" ") for each in text.split(", ") if each]
    return [
        (
            request.words(f"cause.{name.replace(' ', '_')}"),
            request.figures.usd(nano_usd(Decimal(amount))),
        )
        for name, _, amount in parts
    ]


def _measured(request: PageRequest, row: Row, column: Column) -> str | None:
    """Write an amount of a budget in the unit of the budget; nothing for any other cell."""
    cell, measure = row[column.name], row.get("measure")
    if not column.name.endswith("_amount") or not isinstance(cell, int) or measure is None:
        return None
    return request.figures.amount(cell, Measure(str(measure)))


def _word(request: PageRequest, column: Column, cell: str) -> str:
    if column.name == "bucket":
        return escape(request.figures.bucket(cell))
    if column.name == "part":
        return escape(request.figures.shown_part(cell))
    if column.name == "causes":
        return ", ".join(" ".join(each) for each in causes_of(request, cell))
    if column.name == "period" and cell == Period.WINDOW:
        return request.words("table.window")
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
    "measure": "measure",
    "verdict": "shadow.outcome",
    **{name: name for name in ("fate", "basis", "book", "reason", "kind", "charge")},
}
"""Columns of closed sets of words, and where the catalogue has them."""
