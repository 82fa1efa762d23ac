"""How a form is read: pages of JSON or rows of a CSV become the sheets of a bill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from corvus.reconcile.charge import Bill, Charge, Form, Line, Sheet
from corvus.reconcile.contents import Content

_EXACT = Decimal(1)
"""Stands for a file in which no amount was met yet."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader is given besides the file.

    Attributes:
        provider: The provider whose bill is wanted, by the book's name; ``None`` takes the one
            that the file names.
        is_model: Returns whether a name is that of a model that is known.
        provider_of: Returns the book's name of a seller as bills write it, or ``None``.
    """

    provider: str | None
    is_model: Callable[[str], bool]
    provider_of: Callable[[str | None], str | None]


Page: TypeAlias = Mapping[str, Any]
ReadPages: TypeAlias = Callable[[Content, Context], Bill]


@dataclass(slots=True)
class Draft:
    """A page or file as far as it is read."""

    form: Form
    provider: str
    source: str
    file: str
    days: set[date] = field(default_factory=set[date])
    sheets: dict[date, Sheet] = field(default_factory=dict[date, Sheet])
    grouping: set[str] = field(default_factory=set[str])
    fields: set[str] = field(default_factory=set[str])
    smallest_usd: Decimal = _EXACT

    def cover(self, day: date) -> Sheet:
        """Take note that the bill covers a day, and return its sheet."""
        self.days.add(day)
        sheet = self.sheets.get(day)
        if sheet is None:
            sheet = Sheet(self.form, day, self.provider, "", self.source, self.file, day)
            self.sheets[day] = sheet
        return sheet

    def add(self, day: date, line: Line, charge: Charge) -> Sheet:
        """Add a charge to its day."""
        for amount in (charge.amount_usd, charge.list_usd):
            if amount:
                exponent = amount.as_tuple().exponent
                places = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
                self.smallest_usd = min(self.smallest_usd, places)
        sheet = self.cover(day)
        sheet.add(line, charge)
        return sheet

    def add_bucket(self, start: datetime, line: Line, charge: Charge) -> None:
        """Add a charge of a bucket; buckets of one day may be on different pages."""
        self.add(start.date(), line, charge).identities.add(hash((start, line)))

    def finish(self, every_day: Iterable[date] = (), *, is_page: bool = False) -> list[Sheet]:
        """Return the sheets.

        Args:
            every_day: Days that are covered without a charge.
            is_page: Whether other pages follow.
        """
        for day in every_day:
            self.cover(day)
        through = max(self.days, default=None)
        for sheet in self.sheets.values():
            assert through is not None, "a sheet has a day"
            sheet.through = through
            sheet.is_page = is_page
            sheet.grouping = ",".join(sorted(self.grouping))
            sheet.smallest_usd = min(self.smallest_usd, Decimal("0.01"))
        return [self.sheets[day] for day in sorted(self.sheets)]


@dataclass(frozen=True, slots=True)
class Reader:
    """A form and how it is recognised and read.

    Attributes:
        recognise: Returns whether a page of JSON has the form; ``None`` for a CSV.
        columns: Columns that the CSV has at least, in lower case; of a set inside, any of them.
    """

    form: Form
    read: ReadPages
    recognise: Callable[[Page], bool] | None = None
    columns: tuple[str | frozenset[str], ...] = ()

    def has_columns(self, found: Iterable[str]) -> bool:
        """Return whether a CSV with such a header has the form."""
        names = {name.lower() for name in found}
        return bool(self.columns) and all(
            wanted in names if isinstance(wanted, str) else wanted & names
            for wanted in self.columns
        )
