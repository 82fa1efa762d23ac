"""Compiles the installed genai-prices into ``book.json``, the bundled price book.

``corvus.prices.compile`` does the work, from the text of its data: users need neither the package
nor the network. The output is deterministic: the same package gives the same bytes.
"""

from __future__ import annotations

import json
from importlib.metadata import version

from corvus.prices.book import BOOK_PATH
from corvus.prices.compile.book import compile_book
from corvus.prices.compile.files import PACKAGE, installed_providers
from corvus.prices.compile.units import Tally


def render() -> str | None:
    """Return the text of the book; ``None`` where another version of the source is installed.

    The book names the version that it was compiled from. To compile a new one, install it and
    delete the old book first.
    """
    old = BOOK_PATH.read_text(encoding="utf-8") if BOOK_PATH.exists() else ""
    if old and json.loads(old)["book"]["package_version"] != version(PACKAGE):
        return None
    tally = Tally()
    text = compile_installed(tally)
    if text != old:
        _print(tally)
    return text


def _print(tally: Tally) -> None:
    """Print what was left out."""
    for name, count in sorted(tally.counts.items()):
        print(f"  {count:5,} {name}")
    for line in tally.rounded:
        print(f"  rounded {line}")


def compile_installed(tally: Tally) -> str:
    """Return the text of the book that the installed package makes.

    Raises:
        ValueError: The source has a price or a clause that the compile does not understand.
    """
    return compile_book(installed_providers(), PACKAGE, version(PACKAGE), tally)
