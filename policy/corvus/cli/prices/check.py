"""``corvus prices check``: the author's own prices against the book (PRC-10)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from corvus.answers.kv import kv_words
from corvus.answers.prices import CHECKED, REMARK, CheckedPrices
from corvus.cli.exits import Exit
from corvus.cli.options import opened
from corvus.cli.output import TextOrBody, emit
from corvus.diagnostics.plain import escape
from corvus.prices.comparison import Level, compare

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Config files, later ones on top; default: the one read."),
]


def check(files: Files = None, *, output: TextOrBody = None) -> None:
    """Hold the prices of the config against the book: unknown, different, outdated, equal.

    A price ten times that of the book, or a tenth of it, is an error and exits with 1; all else is
    for you to judge.

    Example: corvus prices check corvus.toml
    """
    runtime = opened(files, None)
    today = datetime.now(UTC).date()
    book = runtime.books.without_own()
    remarks = [note for price in runtime.policy.prices for note in compare(price, book, today)]
    checked = CheckedPrices(runtime.config_shown, today, len(runtime.policy.prices), tuple(remarks))
    emit(
        output,
        lambda: CHECKED.body(checked),
        lambda: _print(checked),
        kv=lambda: _lines(checked),
    )
    if any(remark.level is Level.ERROR for remark in remarks):
        raise typer.Exit(Exit.FINDINGS)


def _lines(checked: CheckedPrices) -> list[str]:
    head = {"config": checked.config, "on": str(checked.on), "own_prices": checked.count}
    return [*kv_words(head), *(" ".join(kv_words(REMARK.body(one))) for one in checked.remarks)]


def _print(checked: CheckedPrices) -> None:
    for remark in checked.remarks:
        print(escape(f'{remark.level}: [cost.prices."{remark.key}"] {remark.message}'))
    found = Counter(remark.level for remark in checked.remarks)
    said = ", ".join(_many(found[level], level.value) for level in Level if found[level])
    prices = _many(checked.count, "own price")
    print(escape(f"{said or 'nothing to say'} of {prices} in {checked.config}, as of {checked.on}"))


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
