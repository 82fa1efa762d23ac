"""How a command names the place of a store: by a URL, by a ledger, or not at all."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from corvus.base.errors import StoreError

if TYPE_CHECKING:
    from corvus.runtime import Runtime
    from corvus.store.place import StorePlace

URL_MARK = "://"


@contextmanager
def named_place(named: str | None, runtime: Runtime) -> Generator[StorePlace]:
    """Open the place that an argument names: a URL, a ledger, or the store in force."""
    place = _found(named, runtime)
    try:
        yield place
    finally:
        with suppress(StoreError):  # what could not be opened holds nothing
            place.admin.let_go()


def _found(named: str | None, runtime: Runtime) -> StorePlace:
    from corvus.store.place import place_at, place_of

    if named is None:
        return runtime.bookkeeping.place
    if URL_MARK in named:
        return place_of(runtime.ledger_path, named)
    _refuse_mistyped_url(named)
    path = Path(named)
    return place_at(path if path.suffix == ".store" else Path(f"{named}.store"))


def _refuse_mistyped_url(named: str) -> None:
    """Refuse what was meant as an address of PostgreSQL, and would be made as a file."""
    first = named.split("/", 1)[0]
    is_drive = len(first) == 2 and first[1] == ":"
    if not named or (":" in first and not is_drive) or "=" in first:
        raise typer.BadParameter(
            f"{named!r} is neither a URL, postgresql://HOST/DATABASE, nor the path of a ledger; "
            "a file of this name is written with ./ before it"
        )
