"""A price as a person reads it at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from corvus.answers.prices import PriceAnswer, hours_words
from corvus.cli.output import console, print_rows, shown
from corvus.diagnostics.plain import escape
from corvus.model.price import Price, Rates
from corvus.model.usage import FEES, TokenKind
from corvus.prices.stated import rate_text


def describe(answer: PriceAnswer) -> None:
    """Print which entry answers and why, then a table of its rates."""
    price, out = answer.match.price, console()
    assert price is not None, "what has no price is no answer to show"
    asked = f" billed by {answer.provider}" if answer.provider else ""
    out.print(f"[bold]{shown(answer.model + asked)}[/] on {answer.on}", soft_wrap=True)
    out.print(
        f"entry [bold]{shown(price.entry)}[/], by {answer.match.how or 'its name'}", soft_wrap=True
    )
    since = _since(answer.match.history)
    if since:
        out.print(f"entries from {since}", soft_wrap=True)
    if price.aliases:
        out.print(f"aliases {shown(', '.join(price.aliases))}", soft_wrap=True)
    columns = [*_columns(answer)]
    kinds = [kind for kind in TokenKind if any(kind in rates for _, rates in columns)]
    for heading, of_fees in (("USD per million tokens", False), ("USD for one use", True)):
        rows = [_row(kind, columns) for kind in kinds if (kind in FEES) is of_fees]
        if rows:
            headings = (heading, *(title for title, _ in columns))
            print_rows(out, headings, rows, right=range(1, len(headings)))
    out.print("a kind that is not listed has no price, and is never free", style="dim")
    book = "your own book" if price.book == "user" else answer.book_version
    out.print(f"source: {shown(price.source or book)}", soft_wrap=True)


def _since(history: Sequence[Price]) -> str:
    """Return the days from which the entries of a model hold, where there are several."""
    starts = [price.effective_from for price in history]
    return "" if starts == [None] else ", ".join(str(day) if day else "always" for day in starts)


def _columns(answer: PriceAnswer) -> Iterator[tuple[str, Rates]]:
    price = answer.match.price
    assert price is not None
    yield from _by_context("standard" if not price.hours else "highest", price)
    for some in price.hours:
        yield hours_words(some), some.rates
    for name, offer in answer.variants.items():
        yield from _by_context(name, offer)


def _by_context(name: str, price: Price) -> Iterator[tuple[str, Rates]]:
    yield name, price.rates
    for tier in price.tiers:
        yield f"{name} > {tier.above_tokens:,}", tier.rates


def _row(kind: TokenKind, columns: Sequence[tuple[str, Rates]]) -> list[str]:
    rates = (rates.get(kind) for _, rates in columns)
    cells = ("-" if rate is None else rate_text(kind, rate) for rate in rates)
    return [escape(kind.value.replace("_", " ")), *cells]
