"""Bookkeeping of a ledger whose store lies next to it."""

from __future__ import annotations

from pathlib import Path

from corvus.base.time import Clock
from corvus.bookkeeping import Bookkeeping
from corvus.store.place import place_of


def books_at(ledger_path: Path, clock: Clock | None = None) -> Bookkeeping:
    """Return what keeps a ledger and the store next to it in agreement."""
    return Bookkeeping(ledger_path, place_of(ledger_path), clock)


def store_file(books: Bookkeeping) -> Path:
    """Return the file of such a store."""
    return Path(books.place.name)
