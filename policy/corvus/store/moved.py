"""The mark of a store that was moved away, or is still arriving: nobody may use it (STO-5).

A store that goes on elsewhere leaves a copy behind whose balances are those of that moment: whoever
used it would spend the same money again. The mark stands in the store's own row, which each writer
and each look reads first, so that a process that has the store open learns of it as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from corvus.base.errors import StoreCorrupt, StoreMoved
from corvus.base.time import instant_at
from corvus.store.codec import encoded


class MovePhase(StrEnum):
    """How far a move has got, as this store knows it."""

    MOVED = "moved"
    """It goes on elsewhere."""
    ARRIVING = "arriving"
    """It is being copied from elsewhere, and is not whole."""


@dataclass(frozen=True, slots=True)
class MoveMark:
    """Why a store must not be used.

    Attributes:
        place: The other store as it is known on every host, without a password.
        move: Which move, the same in both stores.
        at_us: When it began, microseconds since 1970.
    """

    phase: MovePhase
    place: str
    move: str
    at_us: int

    @property
    def text(self) -> str:
        """The mark as it is stored."""
        return encoded([self.phase.value, self.place, self.move, self.at_us])

    def refusal(self, name: str) -> StoreMoved:
        """Return the refusal of whoever opens the store.

        Args:
            name: The store, as the user knows it.
        """
        at = f"{instant_at(self.at_us):%Y-%m-%d %H:%M} UTC"
        if self.phase is MovePhase.MOVED:
            return StoreMoved(
                f"the store {name} was moved to {self.place} at {at} and goes on there; set "
                "governance.ledger.url, or --ledger, to that place"
            )
        return StoreMoved(
            f"the store {name} is a copy of {self.place} that has not fully arrived (begun at "
            f"{at}); run the same `corvus store move` again to finish it"
        )


def mark_of(text: str, name: str) -> MoveMark | None:
    """Return the mark of a store; ``None`` when it is in use here.

    Args:
        text: ``StoreState.moved``.
        name: The store, as the user knows it.

    Raises:
        StoreCorrupt: Nobody can read it.
    """
    if not text:
        return None
    try:
        phase, place, move, at_us = json.loads(text)
        return MoveMark(MovePhase(phase), str(place), str(move), int(at_us))
    except (ValueError, TypeError) as fault:
        raise StoreCorrupt(
            f"the store {name} says that it was moved, but not where to; keep it, and use the "
            "store that it was moved to"
        ) from fault
