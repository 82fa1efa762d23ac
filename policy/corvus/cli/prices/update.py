"""``corvus prices update``: makes a price book, and pins it in the config (PRC-10)."""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from corvus.base.files import whole_file
from corvus.cli.config_edit import apply_change
from corvus.config.edit.change import set_keys
from corvus.config.layers.locate import locate
from corvus.config.toml.values import quoted
from corvus.diagnostics.plain import escape
from corvus.prices.book import PinnedBook
from corvus.prices.lookup import PriceBooks

_NAME_DIGITS = 12
_BOOK, _SHA256 = "governance.prices.book", "governance.prices.sha256"

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="A wheel of genai-prices or LiteLLM, their JSON, or a price book of corvus.",
    ),
]


def update(
    source: Source = None,
    *,
    installed: Annotated[
        bool, typer.Option("--installed", help="Take the genai-prices that is installed here.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The book to write; default: next to the config, by its hash."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The file to pin it in; default: the one read."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change and write nothing.")
    ] = False,
) -> None:
    """Make a price book of a file, and pin it in the config; nothing is fetched from a network.

    Example: corvus prices update genai_prices-0.2.4-py3-none-any.whl
    """
    if (source is None) is not installed:
        raise typer.BadParameter("name a file, or take --installed", param_hint="FILE")
    from corvus.prices.compile.files import book_of, installed_book

    text = book_of(source) if source else installed_book()
    paths = locate([config] if config else (), environment=os.environ).paths
    _pin(text, paths[-1] if paths else None, output, dry_run=dry_run)


def _pin(text: str, home: Path | None, output: Path | None, *, dry_run: bool) -> None:
    """Write a book, and state it in the config; without a config the lines to state are printed."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    book = output or (home.parent if home else Path()) / f"prices-{sha256[:_NAME_DIGITS]}.json"
    if dry_run:
        print(f"dry run: {escape(str(book))} would be written", file=sys.stderr)
    else:
        with whole_file(book) as part:
            part.write_text(text, encoding="utf-8", newline="")
        print(f"written: {escape(str(book))}, {_what(PinnedBook(book, sha256))}")
    if home is None or dry_run:
        print(f"[governance.prices]\nbook = {quoted(_from(home, book))}\nsha256 = {quoted(sha256)}")
        return
    values = {_BOOK: quoted(_from(home, book)), _SHA256: quoted(sha256)}
    apply_change(home, lambda raw: set_keys(raw, str(home), values), dry_run=False)


def _from(home: Path | None, book: Path) -> str:
    """Return the path of a book as the config states it: relative where it lies below its folder.

    Args:
        home: The config; ``None``: there is none, and the book is named as it is.
        book: The book.
    """
    if home is None:
        return str(book)
    folder, target = Path(os.path.realpath(home.parent)), Path(os.path.realpath(book))
    return str(target.relative_to(folder) if target.is_relative_to(folder) else target)


def _what(pinned: PinnedBook) -> str:
    """Say what a book has, and how it differs from the bundled one today."""
    today = datetime.now(UTC).date()
    new, old = (_rates(PriceBooks(pinned=held), today) for held in (pinned, None))
    other = sum(new[name] != old[name] for name in new.keys() & old.keys())
    return (
        f"{PriceBooks(pinned=pinned).bundled_version}: {len(new):,} models; next to the bundled "
        f"book {len(new.keys() - old.keys()):,} more, {len(old.keys() - new.keys()):,} fewer, "
        f"{other:,} at other prices"
    )


def _rates(books: PriceBooks, on: date) -> dict[str, object]:
    return {price.key: (price.rates, price.tiers, price.hours) for price in books.in_force(on)}
