"""Books settlements that could not be applied, and were kept aside: they count nowhere (RES-9).

Each is tried again first. A call that neither the store nor the ledger knows, because a backup was
restored that is older than the call, is recorded as a call of its own: by its own id, and at the
time that its id states. Of its session, project and user nothing is left; it counts in the budgets
that count every call. What contradicts the record stays aside, for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from corvus.base.errors import ReservationError, ReservationNotFound, StoreUnavailable
from corvus.base.money import NOTHING
from corvus.events import Event
from corvus.governor import settlement
from corvus.governor.endings.over import record_over
from corvus.governor.engine import Engine, Transaction, WithEvents
from corvus.governor.pricing import UNKNOWN_PROVIDER
from corvus.governor.rules import InForce
from corvus.model.outbox import LedgerTable, Row
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.request import Request, Surface
from corvus.model.reservation import Reservation, ReservationState, Settlement
from corvus.store.spill import SpilledLine, rejected_path, shown, take_again
from corvus.store.unit import Unit

SESSION = "kept-aside"
"""The session that such calls are recorded under."""
_TIME_ORDERED = 7

FindRecorded = Callable[[Collection[str]], Collection[str]]
"""Returns those of some ids of calls that the ledger knows."""


class LeftSettlement(NamedTuple):
    """A settlement that stays aside.

    Attributes:
        reservation_id: The call that it names, as far as it can be read.
        reason: Why it cannot be booked.
    """

    reservation_id: str
    reason: str


class BookedSettlements(NamedTuple):
    """What became of the settlements that were kept aside.

    Attributes:
        applied: Those that could be applied after all, or had been.
        booked: Calls recorded that the store did not know.
        cost_nano_usd: What these cost, as far as it is known.
        left: Those that stay aside.
    """

    applied: int = 0
    booked: int = 0
    cost_nano_usd: int = 0
    left: tuple[LeftSettlement, ...] = ()


class Booking(NamedTuple):
    """What a transaction did.

    Attributes:
        summary: In numbers.
        events: What happened, for listeners.
        left: The lines that stay aside.
    """

    summary: BookedSettlements
    events: list[Event]
    left: list[str]


def book_all(engine: Engine, find_recorded: FindRecorded) -> BookedSettlements:
    """Book what was kept aside; see ``Governor.book_kept_aside``."""
    path = engine.store.backend.unsettled_path
    done = BookedSettlements()
    if path is None:
        return done

    def settle(lines: Sequence[SpilledLine]) -> Sequence[str]:
        nonlocal done
        recorded = find_recorded(_call_ids(lines))

        def step(unit: Unit) -> WithEvents[Booking]:
            booking = book(unit, engine.in_force, lines, recorded, engine.policy.content_hash)
            return booking, booking.events

        booking = engine.run(Transaction(step))
        done = booking.summary
        return booking.left

    try:
        take_again(path, settle)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise StoreUnavailable(f"{rejected_path(path)} cannot be taken in: {reason}") from fault
    return done


def _call_ids(lines: Sequence[SpilledLine]) -> list[str]:
    """Return under which ids calls would be recorded that the store does not know."""
    return [_call_id(line.pending) for line in lines if line.pending and line.pending.settlement]


def book(
    unit: Unit,
    in_force: InForce,
    lines: Sequence[SpilledLine],
    recorded: Collection[str],
    policy_hash: str,
) -> Booking:
    """Apply settlements, or record the calls that they are about.

    Args:
        unit: The transaction under way.
        in_force: What the budgets are judged by.
        lines: What was kept aside.
        recorded: Ids of calls that the ledger knows; the store may have forgotten them.
        policy_hash: Content hash of the policy in force.
    """
    applied = booked = cost = 0
    events, left, refused = list[Event](), list[LeftSettlement](), list[str]()
    for line in lines:
        try:
            done = _settle(unit, in_force, line, recorded, policy_hash)
        except (ReservationError, ValueError) as fault:
            left.append(LeftSettlement(shown(line.text), str(fault)))
            refused.append(line.text)
            continue
        events += done.events
        if done.call is None:
            applied += 1
        else:
            booked += 1
            cost += done.call.cost_nano_usd or 0
    return Booking(BookedSettlements(applied, booked, cost, tuple(left)), events, refused)


class _Done(NamedTuple):
    events: Sequence[Event]
    call: Settlement | None = None


def _settle(
    unit: Unit,
    in_force: InForce,
    line: SpilledLine,
    recorded: Collection[str],
    policy_hash: str,
) -> _Done:
    pending = line.pending
    if pending is None:
        raise ValueError("the line cannot be read")
    try:
        return _Done(settlement.apply(unit, in_force, pending)[1])
    except ReservationNotFound:
        pass
    if pending.settlement is None or unit.reservation(_call_id(pending)) is not None:
        return _Done(())  # nothing was spent, or it was booked before
    if _call_id(pending) in recorded:
        raise ValueError(
            "the ledger knows the call, and the store has forgotten it: `corvus sql` shows its "
            "row of usage_record"
        )
    settlement.require_amounts(pending.settlement)
    call = _call_of(pending, pending.settlement, unit.now, policy_hash)
    key = pending.settlement_key
    done = record_over(unit, in_force, call, pending.settlement, _append, settlement_key=key)
    return _Done(done, pending.settlement)


def _call_id(pending: PendingSettlement) -> str:
    """Return the id of the call itself: one that shared a hold has its own (RES-2)."""
    return pending.settlement_key if pending.kind is PendingKind.ADD else pending.reservation_id


def _call_of(
    pending: PendingSettlement, settled: Settlement, now: datetime, policy_hash: str
) -> Reservation:
    price, call_id = settled.price, _call_id(pending)
    made_at = _made_at(call_id, now)
    request = Request(
        model=settled.answering_model or (price.model if price else "unknown"),
        estimate_nano_usd=None,
        session_id=SESSION,
        provider=(price.provider if price else None) or UNKNOWN_PROVIDER,
        surface=Surface.CLI,
        tags=(("settlement", "kept-aside"),),
    )
    return Reservation(
        id=call_id,
        request=request,
        state=ReservationState.COMMITTED,
        hold_nano_usd=NOTHING,
        admitted_at=made_at,
        expires_at=made_at,
        policy_hash=policy_hash,
    )


def _made_at(call_id: str, now: datetime) -> datetime:
    """Return when a call was admitted, which its id states.

    Raises:
        ValueError: It is no id of a call.
    """
    uuid = UUID(call_id)
    if uuid.version != _TIME_ORDERED:
        raise ValueError(f"{call_id!r} is no id of a call")
    made_at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=uuid.int >> 80)
    return min(made_at, now)


def _append(unit: Unit, row: Row, call: Reservation) -> None:
    del call
    unit.append(LedgerTable.USAGE_RECORD, row)
