"""Counts that a record states and its reader does not know: named, and never counted as 0 (IMP-1).

A new kind of token has a price of its own more often than not, so a call with one has no known
cost.
"""

from __future__ import annotations

from collections.abc import Collection

from corvus.usage.importers.importer import Notice, Object
from corvus.usage.importers.telemetry.attributes import Suspicion, shown, suspicion


def unread_counts(owner: Object, known: Collection[str], place: str) -> list[str]:
    """Return the names of counts that are not 0 and not known.

    Args:
        owner: An object with counts.
        known: The names that are read, or that repeat what is read.
        place: Name of the object, such as ``tokens``; what its names count follows from both.
    """
    found = [name for name in owner if name not in known and whole(owner[name])]
    named = [f"{place}.{name}" if place else name for name in found]
    return [name for name in named if suspicion(name) is not Suspicion.NONE]


def doubt(name: str) -> Notice:
    """Return what to say of a count that is not known."""
    return Notice(
        f"{shown(name)} is in no table of names, so it is not known what it counts: "
        "the cost of these calls is unknown"
    )


def whole(value: object) -> int:
    """Return a whole number, also as text; anything else is 0."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) <= _DIGITS else 0
    return int(value) if isinstance(value, int | float) and value == value // 1 else 0


_DIGITS = 20
