"""The answer of a report as data: named, typed columns with units, and all rows.

It exists so that nothing outside this package sees a DuckDB result. It refuses to hold an open
cursor: an unread result pins a transaction of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

Cell: TypeAlias = str | bool | int | float | Decimal | date | datetime | None
"""One value. ``datetime`` is naive, in UTC; ``None`` is unknown, never 0 (PRC-5)."""

MONEY_UNIT = "nano-USD"
MONEY_SUFFIX = "_nano_usd"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a report.

    Attributes:
        name: Lower-case name, as in the SQL.
        type: DuckDB type, such as ``BIGINT`` or ``DECIMAL(5,2)``.
        unit: What a number counts, such as ``calls`` or ``nano-USD``; for text, what it says.
        description: Whatever the header adds after the unit.
    """

    name: str
    type: str
    unit: str = ""
    description: str = ""

    @property
    def is_money(self) -> bool:
        """Whether the column holds an amount in nano-USD."""
        return self.name.endswith(MONEY_SUFFIX)

    @property
    def is_number(self) -> bool:
        """Whether the column holds numbers, so that it is aligned to the right and needs a unit."""
        return self.type in {"BIGINT", "DOUBLE"} or self.type.startswith("DECIMAL")

    @property
    def usd_name(self) -> str:
        """The name that a money column has once its amounts are written in USD."""
        return self.name.removesuffix(MONEY_SUFFIX) + "_usd"


@dataclass(frozen=True, slots=True)
class Table:
    """The columns and all rows of an answer, in the report's own order."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def mappings(self) -> list[dict[str, Cell]]:
        """Return each row with its cells by the name of their column, top to bottom."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def values(self, name: str) -> tuple[Cell, ...]:
        """Return the cells of one column, top to bottom.

        Raises:
            KeyError: There is no such column.
        """
        for place, column in enumerate(self.columns):
            if column.name == name:
                return tuple(row[place] for row in self.rows)
        raise KeyError(name)

    def counts(self, name: str) -> tuple[int, ...]:
        """Return the cells of a column of whole numbers; unknown (``None``) cells are left out.

        Raises:
            KeyError: There is no such column.
        """
        return tuple(cell for cell in self.values(name) if isinstance(cell, int))
