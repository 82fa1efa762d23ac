"""Merges other ledgers into one: all of them, or nothing (EXP-1).

The others are only read, each for a moment, and copied before the ledger is opened. So no two are
held at once, and a process that dies at any step leaves the ledger as it was. What is merged again
adds nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from corvus.ledger.ledger import Ledger
from corvus.ledger.other_ledgers import (
    MERGED,
    MergedLedger,
    copy_ledger,
    merge_ledger,
    refuse_itself,
)
from corvus.ledger.outbox import last_seq
from corvus.store.outbox import StoreOutbox
from corvus.store.place import place_of

OpenLedger: TypeAlias = Callable[[], AbstractContextManager[Ledger]]
"""Opens the ledger for writing, for a moment."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What is merged into which ledger.

    Attributes:
        path: The ledger that is merged into.
        others: The ledgers that are read.
        own_store: Id of the store next to ``path``, if there is one.
    """

    path: Path
    others: Sequence[Path]
    own_store: str | None = None


def merge_ledgers(
    merge: Merge, open_ledger: OpenLedger, on_progress: Callable[[int, int], None] | None = None
) -> list[MergedLedger]:
    """Merge other ledgers into one.

    Args:
        merge: Which ones.
        open_ledger: Opens the ledger for writing.
        on_progress: Called with how many tables are done, and of how many.

    Returns:
        What was taken over of each, in their order.

    Raises:
        LedgerError: One of them is the ledger itself, is missing, locked, of another version, or
            damaged, or contradicts the ledger; nothing was merged.
    """
    for other in merge.others:
        refuse_itself(merge.path, other)
    total, done = 2 * len(merge.others) * (len(MERGED) + 2), 0

    def count() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    with tempfile.TemporaryDirectory(prefix="corvus-merge-") as name:
        copies = [
            copy_ledger(
                other,
                Path(name),
                number=number,
                own_store=merge.own_store,
                on_table=count,
            )
            for number, other in enumerate(merge.others)
        ]
        with open_ledger() as ledger, ledger.transaction():
            return [
                merge_ledger(ledger, copy, own_store=merge.own_store, on_table=count)
                for copy in copies
            ]


def undrained(ledger: Path) -> int:
    """Return how many events of the store next to a ledger it does not have yet.

    Raises:
        StoreError: The store is there and cannot be read.
    """
    place = place_of(ledger)
    if not place.exists:
        return 0
    outbox = StoreOutbox(place)
    drained = outbox.drained_seq()
    return last_seq(outbox, drained) - drained
