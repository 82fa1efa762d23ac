"""A settlement as data: what the store keeps until it is written (RES-9).

A settlement is never withdrawn, so it must outlive the caller, the transaction and the process that
it came from. As data it can wait in a file, and another process can apply it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from corvus.model.reservation import Settlement


class PendingKind(StrEnum):
    """What is to become of a reservation."""

    COMMIT = "commit"
    RELEASE = "release"
    CORRECT = "correct"
    """Record what a meter measured, also where somebody else has settled it (RES-8)."""
    ADD = "add"
    """Commit it; where somebody else has settled it, record a call of its own (RES-2)."""
    FORGET = "forget"
    """Release it if it is there and held: its caller never got it."""


@dataclass(frozen=True, slots=True)
class PendingSettlement:
    """A settlement that must not get lost.

    Attributes:
        reservation_id: UUIDv7 text.
        settlement_key: Makes a second application harmless: it replays the first (RES-2). Of an
            addition it is a UUIDv7, and the id of the reservation that may be added.
        settlement: What is known of the call, priced; ``None`` for a release, or what is to be
            forgotten.
    """

    kind: PendingKind
    reservation_id: str
    settlement_key: str
    settlement: Settlement | None = None
