"""The audit event of a move, one link of the chain in both places (AUD-1, STO-5).

The commit that marks the source as moved writes it there, and the one that lets the copy take over
writes the same event: the chain that is left says where the store went, and the one that goes on
says where it came from. A move that is cut off between the two is ended with the same event.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from corvus.base.ids import new_id
from corvus.base.time import Clock, SystemClock, instant_at
from corvus.model.audit_hash import audit_hash, audit_row
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.model.steering import AuditEvent, AuditKind
from corvus.store.api import Changes, Rows, StoreState
from corvus.store.kinds import OUTBOX
from corvus.store.moved import MoveMark


@dataclass(frozen=True, slots=True)
class Mover:
    """Who moves a store.

    Attributes:
        actor: The principal, for the audit.
        clock: What stamps the marks.
    """

    actor: str
    clock: Clock = field(default_factory=SystemClock)


def move_event(state: StoreState, mark: MoveMark, actor: str) -> tuple[StoreState, OutboxEvent]:
    """Return what the move appends to the chain.

    Args:
        state: The store's own row before it.
        mark: That of the place which the store leaves.
        actor: Who moves it.

    Returns:
        The row after it, and the event for the ledger.
    """
    at_us = max(mark.at_us, state.last_us)
    event = AuditEvent(
        position=state.audit_position + 1,
        id=new_id(at_us),
        kind=AuditKind.STORE_MOVED,
        recorded_at=instant_at(at_us),
        actor=actor,
        details=json.dumps({"target": mark.place}, separators=(",", ":")),
        previous_hash=state.audit_head,
    )
    event = replace(event, hash=audit_hash(event))
    after = replace(
        state,
        last_us=at_us,
        next_seq=state.next_seq + 1,
        audit_position=event.position,
        audit_head=event.hash,
    )
    return after, OutboxEvent(state.next_seq, LedgerTable.AUDIT_EVENT, audit_row(event))


def last_event(rows: Rows, state: StoreState) -> OutboxEvent:
    """Return the event that the move has written last at the place which the store left."""
    event = rows.get(OUTBOX, state.next_seq - 1)
    assert event is not None, "the mark of a move and its event are one commit"
    return event


def with_event(state: StoreState, event: OutboxEvent) -> Changes:
    """Return what writes a store's own row together with its newest event."""
    return Changes(state=state, new={OUTBOX: {event.seq: event}})
