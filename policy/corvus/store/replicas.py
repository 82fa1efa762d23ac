"""The ledgers of the hosts that share a store: how far each has got, and what may be forgotten.

The events of a shared store are the truth (STO-3); each host that reports has a ledger of its own,
a replica, which takes them over. The store forgets an event when every live replica has it for
good, and not before it is a week old, so that a host that was away for a weekend goes on. A replica
that says nothing for a month is dead, and holds nothing back; it is refused afterwards, and seeded
from another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from corvus.base.ids import new_id
from corvus.base.time import instant_at
from corvus.model.replica import EventAge, Replica
from corvus.store import kinds
from corvus.store.api import Look
from corvus.store.kinds import EVENT_AGE, REPLICA
from corvus.store.unit import Unit, state_of

KEEP_EVENTS = timedelta(days=7)
"""How long an event of a shared store is kept at least."""
LIVE = timedelta(days=30)
"""How long a replica that says nothing holds events back."""
_KEEP_DEAD = timedelta(days=365)
_AGES_APART = timedelta(hours=1)
_SEEN_APART = timedelta(hours=1)
"""How often a replica that stands still says that it is there."""


@dataclass(frozen=True, slots=True)
class ReplicaStanding:
    """A replica, and how far it has got.

    Attributes:
        id: UUID text, which its file has.
        host: Host and path of the file.
        watermark: It has the events up to this number.
        behind: How many events it lacks.
        seen_at: When it last said so, aware UTC.
        is_live: Whether it was seen within 30 days, so that the store keeps what it lacks.
        is_readable: Whether the store still has all that it lacks; else it is to be seeded.
    """

    id: str
    host: str
    watermark: int
    behind: int
    seen_at: datetime
    is_live: bool
    is_readable: bool


def replicas(look: Look) -> list[ReplicaStanding]:
    """Return the replicas of a store, those seen last first; none where hosts do not share it.

    Raises:
        StoreError: The store cannot be read.
    """
    look.hold_still()
    if not look.is_current:
        return []
    state = state_of(look)
    rows = sorted(look.find(kinds.REPLICAS), key=lambda row: (-row.seen_us, row.id))
    return [
        ReplicaStanding(
            row.id,
            row.host,
            row.watermark,
            max(0, state.next_seq - 1 - row.watermark),
            instant_at(row.seen_us),
            is_live=_is_live(row, state.last_us),
            is_readable=row.watermark >= state.drained_seq,
        )
        for row in rows
    ]


def is_enrolled(look: Look, mine: Replica) -> bool:
    """Return whether a store keeps for a replica what it lacks, and has heard of it lately."""
    known = look.get(REPLICA, mine.id)
    if known is None or (known.host, known.watermark) != (mine.host, mine.watermark):
        return False
    return state_of(look).last_us - known.seen_us < _us(_SEEN_APART)


def enrol(unit: Unit, mine: Replica) -> str | None:
    """Have the store keep what a replica lacks.

    A file that has less than its replica had was set back, or is a copy of another one that went
    on: it is a replica of its own from then on, under another id. Of a file that was set back
    in its place the old replica is no more.

    Args:
        unit: The transaction under way.
        mine: The replica; whatever it says of when it was seen.

    Returns:
        The id of the replica; ``None`` when the store has forgotten events that it lacks.
    """
    if mine.watermark < unit.state.drained_seq:
        return None
    known = unit.get(REPLICA, mine.id)
    if known is not None and known.watermark > mine.watermark:
        if known.host == mine.host:
            unit.drop(REPLICA, known.id)
        mine = mine._replace(id=new_id(unit.now_us))
    unit.put(REPLICA, mine._replace(seen_us=unit.now_us))
    return mine.id


def report(unit: Unit, mine: Replica) -> None:
    """Say that a replica has the events up to its watermark for good."""
    unit.put(REPLICA, mine._replace(seen_us=unit.now_us))
    _note_age(unit)
    before_us = unit.now_us - _us(_KEEP_DEAD)
    for row in _replicas(unit):
        if row.seen_us < before_us:
            unit.drop(REPLICA, row.id)


def forgettable_seq(unit: Unit) -> int:
    """Return the number up to which events may be forgotten, as of this transaction."""
    live = [row.watermark for row in _replicas(unit) if _is_live(row, unit.now_us)]
    aged = unit.rows.find(kinds.LATEST_AGE, unit.now_us - _us(KEEP_EVENTS))
    if not live or not aged:
        return unit.state.drained_seq
    return max(unit.state.drained_seq, min(min(live), aged[0].next_seq - 1))


def _replicas(unit: Unit) -> list[Replica]:
    """Return the replicas as this transaction sees them."""
    rows = {row.id: row for row in unit.rows.find(kinds.REPLICAS)}
    rows |= unit.changes.changed_of(REPLICA)
    gone = unit.changes.dropped.get(REPLICA, set())
    return [row for row in rows.values() if row.id not in gone]


def _note_age(unit: Unit) -> None:
    """Remember which number is next now, once an hour, and nothing that is of no use any more."""
    latest = unit.rows.find(kinds.LATEST_AGE, unit.now_us)
    if not latest or unit.now_us - latest[0].at_us >= _us(_AGES_APART):
        unit.put(EVENT_AGE, EventAge(unit.now_us, unit.state.next_seq))
    aged = unit.rows.find(kinds.LATEST_AGE, unit.now_us - _us(KEEP_EVENTS))
    for old in unit.rows.find(kinds.OLD_AGES, aged[0].at_us) if aged else ():
        unit.drop(EVENT_AGE, old.at_us)


def _is_live(row: Replica, now_us: int) -> bool:
    return now_us - row.seen_us <= _us(LIVE)


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
