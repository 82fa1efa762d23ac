"""The prices that a search finds, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from corvus.cli.output import console, print_rows
from corvus.diagnostics.plain import escape
from corvus.model.price import Price
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks
from corvus.prices.names import provider_id
from corvus.prices.stated import keys_of, rate_text
from corvus.reporting.table import Cell, Column, Table

_SHOWN = (TokenKind.INPUT, TokenKind.OUTPUT, TokenKind.CACHE_READ)
_COLUMNS = (
    Column("provider", "VARCHAR", "who bills"),
    Column("model", "VARCHAR", "name of the model in its book"),
    *(Column(kind.value, "VARCHAR", "USD per million tokens") for kind in _SHOWN),
    Column("more", "VARCHAR", "what else has a price: other kinds, tiers, hours"),
    Column("effective_from", "VARCHAR", "first day, UTC; empty is always"),
    Column("entry", "VARCHAR", "name of the entry, as on usage records"),
)


def found_table(books: PriceBooks, text: str, provider: str | None, on: date) -> Table:
    """Return the prices in force on a day whose name has all words of a text, own ones first.

    Args:
        books: Both price books.
        text: Words, in any case.
        provider: Only what this one bills, if given.
        on: The day, UTC.
    """
    words = text.casefold().split()
    rows = [
        _row(price)
        for price in books.in_force(on)
        if all(word in price.key.casefold() for word in words)
        and (provider is None or provider_id(price.provider) == provider_id(provider))
    ]
    return Table(_COLUMNS, tuple(rows))


def print_found(table: Table, on: date) -> None:
    """Print what a person compares: models and their rates.

    Args:
        table: What ``found_table`` returned.
        on: The day of the prices, UTC.
    """
    out = console()
    if not table.rows:
        out.print(f"no model of {on} has that in its name", style="dim")
        return
    columns = ("provider", "model", *(kind.value for kind in _SHOWN))
    cells = zip(*(table.values(name) for name in columns), strict=True)
    rows = [[escape(str(cell)) if cell else "-" for cell in row] for row in cells]
    headings = [name.replace("_", " ") for name in columns]
    out.print(f"USD per million tokens, {on}", style="dim")
    print_rows(out, headings, rows, right=range(2, len(columns)))


def _row(price: Price) -> tuple[Cell, ...]:
    return (
        price.provider or None,
        price.model,
        *(rate_text(kind, price.rates[kind]) if kind in price.rates else None for kind in _SHOWN),
        ", ".join(_more(price)) or None,
        price.effective_from.isoformat() if price.effective_from else None,
        price.entry,
    )


def _more(price: Price) -> Iterator[str]:
    yield from (key for key in keys_of(price.rates) if key not in _SHOWN)
    if price.tiers:
        yield "tiers"
    if price.hours:
        yield "hours"
