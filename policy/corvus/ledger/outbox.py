"""What the ledger asks of a store: its undrained events, in order and without a gap (LED-2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from corvus.base.errors import LedgerCorrupt
from corvus.model.outbox import OutboxEvent

BATCH_EVENTS = 10_000
"""How many events are taken over at a time."""


class Outbox(Protocol):
    """The events of a store that the ledger may not have yet."""

    @property
    def store_id(self) -> str:
        """UUID text, fixed for the life of a store."""
        ...

    def drained_seq(self) -> int:
        """Return the number up to which events were handed over and forgotten; 0 at first."""
        ...

    def pending(self, after_seq: int, limit: int) -> list[OutboxEvent]:
        """Return up to ``limit`` events with a greater number, ascending, without a gap."""
        ...

    def forget(self, through_seq: int) -> None:
        """Forget the events up to a number, durably; ``drained_seq`` answers it from then on."""
        ...


def last_seq(outbox: Outbox, after_seq: int) -> int:
    """Return the number of the newest event; ``after_seq`` when there is none after it.

    As numbers have no gap, doubling and halving steps find it with few looks at single events.
    """
    step = 1
    while outbox.pending(after_seq + step - 1, 1):
        step *= 2
    known, unknown = after_seq + step // 2, after_seq + step
    while unknown - known > 1:
        middle = (known + unknown) // 2
        if outbox.pending(middle - 1, 1):
            known = middle
        else:
            unknown = middle
    return known


def batches(outbox: Outbox, after_seq: int, through_seq: int) -> Iterator[list[OutboxEvent]]:
    """Yield the events after one number and up to another, in batches.

    Raises:
        LedgerCorrupt: A number is missing; nothing after it may be taken over.
    """
    while after_seq < through_seq:
        events = outbox.pending(after_seq, min(BATCH_EVENTS, through_seq - after_seq))
        wanted = range(after_seq + 1, after_seq + 1 + len(events))
        for seq, event in zip(wanted, events, strict=True):
            if event.seq != seq:
                raise LedgerCorrupt(_GAP.format(store=outbox.store_id, seq=seq, got=event.seq))
        if not events:
            raise LedgerCorrupt(
                _GAP.format(store=outbox.store_id, seq=after_seq + 1, got="nothing")
            )
        yield events
        after_seq = events[-1].seq


_GAP = (
    "the store {store} has lost event {seq} (found {got} in its place); nothing from there on was "
    "taken over; keep the store and run `corvus ledger verify`"
)


def refuse_lost_rows(outbox: Outbox, watermark: int) -> None:
    """Check that ledger and store agree on what was handed over.

    Args:
        outbox: The events of the store.
        watermark: Number of the newest event of this store that the ledger has.

    Raises:
        LedgerCorrupt: The ledger has lost rows that the store has forgotten, or the store was set
            back to an earlier state: its next events would be taken for ones the ledger has.
    """
    drained = outbox.drained_seq()
    if watermark < drained:
        raise LedgerCorrupt(
            f"the ledger has lost events {watermark + 1} to {drained} of the store: it has them up "
            f"to {watermark}, the store handed them over up to {drained}; put back a copy of the "
            "ledger that has them, or run `corvus ledger verify --rebuild` to go on without"
        )
    if watermark > drained:
        known = outbox.pending(watermark - 1, 1)
        if not known or known[0].seq != watermark:
            raise LedgerCorrupt(
                f"the store is older than the ledger, which has its events up to {watermark}; put "
                "the newer store back, or move this one away so that a new one is made"
            )
