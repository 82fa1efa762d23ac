"""What hosts that share a store keep of each other's ledgers in it (STO-3)."""

from __future__ import annotations

from typing import NamedTuple


class Replica(NamedTuple):
    """A ledger that is fed by a store.

    Attributes:
        id: UUID text, made by the ledger file when it is first fed.
        watermark: It has the events up to this number for good.
        seen_us: When it last said so, by the clock of the store, microseconds.
        host: Host and path of the file.
    """

    id: str
    watermark: int
    seen_us: int
    host: str


class EventAge(NamedTuple):
    """How old events are at least.

    Attributes:
        at_us: An instant by the clock of the store, microseconds.
        next_seq: The number that was next then: events below it are older.
    """

    at_us: int
    next_seq: int


class Election(NamedTuple):
    """Who does what only one may do.

    Attributes:
        role: What is done.
        holder: Which process, on which host.
        until_us: Until when, unless it says so again; by the clock of the store, microseconds.
    """

    role: str
    holder: str
    until_us: int
