"""Reads the rows that stand in one item of a file, such as those of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from corvus.usage.importers.importer import BadRecord, Found, Object

MORE_PAGES = "has more pages (has_more): what they say is missing until they are imported, too"
"""Said of a page that is not the last one."""


def read_each(
    rows: Iterable[Object], read: Callable[[Object], Iterator[Found]], *faults: BadRecord
) -> Iterator[Found]:
    """Yield faults, then what is found in rows; one that cannot be used ends none of the others."""
    yield from faults
    for row in rows:
        try:
            yield from read(row)
        except BadRecord as fault:
            yield fault
