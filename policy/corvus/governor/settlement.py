"""Settles reservations: commit, release, extend, and expiry of those whose holder died.

Each ends exactly once (RES-2), in one transaction that frees the hold and counts the cost, so that
no moment counts both or neither (RES-4). Sums change by the same rule by which a recount adds them
up: a record counts in every matching budget, from the last reset on (STO-2).

Where a meter of ours measured a call that somebody else has settled, what stood is taken back and
what was measured replaces it, each in a row of its own; the audit has both figures (RES-8). Where
it was another call under the same idempotency key, both count (RES-2). One measurement never counts
twice: it has a settlement key.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from corvus.base.errors import ReservationNotFound, ReservationSettled
from corvus.base.ids import new_id
from corvus.base.money import NOTHING, NanoUSD
from corvus.base.time import microseconds
from corvus.events import Event, Overrun, ReservationExpired, SettlementCorrected
from corvus.governor.audit_chain import SYSTEM, append_audit
from corvus.governor.endings.answers import answer_of, drop_reports
from corvus.governor.endings.sums import balances_at, count_call, counted_in, over_event, stands
from corvus.governor.ladder.approvals import expire_approvals
from corvus.governor.ladder.waiting import forget_gone
from corvus.governor.overrides import expire_overrides, restore
from corvus.governor.records import (
    append_counted_refusals,
    event_row,
    price_row,
    taken_back_row,
)
from corvus.governor.rules import InForce, Register
from corvus.governor.thresholds import note_settled
from corvus.model.budget import Amounts
from corvus.model.columns import SettledCall, usage_row
from corvus.model.outbox import LedgerTable
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.request import require_amount
from corvus.model.reservation import (
    Outcome,
    Reservation,
    ReservationState,
    Settled,
    Settlement,
    Source,
)
from corvus.model.steering import AuditKind
from corvus.model.usage import Usage
from corvus.store.api import StoredBalance
from corvus.store.unit import Unit

_AT_ONCE = 1000
"""Overdue holds that one transaction expires; those left over still count as held."""


def apply(
    unit: Unit, in_force: InForce, pending: PendingSettlement
) -> tuple[Settled | None, list[Event]]:
    """Settle a reservation as the data says.

    Returns:
        What it did; ``None`` when there was nothing to forget.

    Raises:
        ReservationNotFound: There is no such reservation.
        ReservationSettled: It was settled before, and not by this key.
        ValueError: The cost is no amount (EVA-10).
    """
    key, reservation_id = pending.settlement_key, pending.reservation_id
    match pending.kind:
        case PendingKind.COMMIT:
            assert pending.settlement is not None, "a commit says what the call used"
            return commit(unit, in_force, reservation_id, pending.settlement, key)
        case PendingKind.CORRECT:
            assert pending.settlement is not None, "a correction says what the call used"
            return correct(unit, in_force, reservation_id, pending.settlement, key)
        case PendingKind.ADD:
            assert pending.settlement is not None, "an addition says what the call used"
            return add(unit, in_force, reservation_id, pending.settlement, key)
        case PendingKind.RELEASE:
            return release(unit, in_force.register, reservation_id, key)
        case PendingKind.FORGET:
            reservation = unit.reservation(reservation_id)
            if reservation is None or reservation.state is not ReservationState.HELD:
                return None, []
            return release(unit, in_force.register, reservation_id, key)


def commit(
    unit: Unit,
    in_force: InForce,
    reservation_id: str,
    settlement: Settlement,
    settlement_key: str | None,
) -> tuple[Settled, list[Event]]:
    """Record what a call cost, and free its hold.

    A late commit of an expired reservation replaces what was presumed (RES-6). The budgets are
    judged by what it really cost (EVA-15).

    Raises:
        ReservationNotFound: There is no such reservation.
        ReservationSettled: It was settled before, and not by this ``settlement_key``.
        ValueError: The cost is no amount (EVA-10).
    """
    require_amounts(settlement)
    before = find(unit, reservation_id)
    if settlement_key is not None and before.settlement_key == settlement_key:
        return Settled(before, replayed=True), []
    _refuse_settled(before)
    return record(unit, in_force, before, settlement, settlement_key)


def record(
    unit: Unit,
    in_force: InForce,
    before: Reservation,
    settlement: Settlement,
    settlement_key: str | None,
) -> tuple[Settled, list[Event]]:
    """Count a cost in place of what stands for a reservation: its hold, or an earlier record."""
    replaced = stands(before)
    is_first = before.record_id is None
    record_id = before.id if is_first else new_id(microseconds(before.admitted_at))
    after = before.ended(
        ReservationState.COMMITTED,
        unit.now,
        cost_nano_usd=settlement.counted_nano_usd,
        record_id=record_id,
        settlement_key=settlement_key,
        recorded=(settlement.source, settlement.usage),
        answer=answer_of(before.request, settlement),
    )
    dropped_nano_usd, after = drop_reports(unit, in_force.register, after)
    counted = counted_in(unit, in_force.register, before)
    balances = balances_at(unit, counted)
    _close(unit, before, balances)
    usage = settlement.usage
    tokens = usage.total_tokens + before.estimated_tokens(settlement.source, usage)
    for balance in balances:
        count_call(balance, after, tokens, +1)
    unit.append(
        LedgerTable.USAGE_RECORD,
        usage_row(SettledCall(after, settlement, before.record_id if replaced else None)),
    )
    if settlement.price is not None and unit.is_new_price(settlement.price.version):
        unit.append(LedgerTable.PRICE_ENTRY, price_row(unit, settlement.price))
    kind = "replaced" if replaced else "committed"
    row = event_row(unit, kind, before.request, after)
    unit.append(LedgerTable.RESERVATION_EVENT, row | {"cost_nano_usd": settlement.cost_nano_usd})
    unit.put_reservation(after)
    overrun = NanoUSD(max(0, (settlement.counted_nano_usd or 0) - before.hold_nano_usd))
    replaced_nano_usd = (before.known_cost_nano_usd or 0) + dropped_nano_usd
    events: list[Event] = [over_event(after, settlement, replaced_nano_usd)]
    if overrun:
        events.append(Overrun(after.id, overrun, after.request.surface))
    events += note_settled(unit, in_force.rules, counted, balances, after.request)
    return Settled(after, overrun, replaced), events


def correct(
    unit: Unit,
    in_force: InForce,
    reservation_id: str,
    settlement: Settlement,
    settlement_key: str,
) -> tuple[Settled, list[Event]]:
    """Record what a meter measured of a call that somebody else has settled (RES-8).

    What stood is taken back, what was measured replaces it, and both are audited. A call that
    nobody has settled is committed.

    Raises:
        ReservationNotFound: There is no such reservation.
        ValueError: The cost is no amount (EVA-10).
    """
    require_amounts(settlement)
    before = find(unit, reservation_id)
    if before.settlement_key == settlement_key:
        return Settled(before, replayed=True), []
    done, events = record(unit, in_force, before, settlement, settlement_key)
    if before.state in (ReservationState.HELD, ReservationState.EXPIRED):
        return done, events
    request = before.request
    details = {
        "was": before.state.value,
        "recorded_nano_usd": _text(before.known_cost_nano_usd),
        "measured_nano_usd": _text(settlement.cost_nano_usd),
    }
    append_audit(
        unit,
        AuditKind.SETTLEMENT_CORRECTED,
        SYSTEM,
        session_id=request.session_id,
        mission_id=request.mission_id,
        reservation_id=before.id,
        details=json.dumps(details, sort_keys=True, separators=(",", ":")),
    )
    correction = SettlementCorrected(
        before.id,
        before.state.value,
        before.known_cost_nano_usd,
        settlement.cost_nano_usd,
        request.session_id,
        request.surface,
    )
    return done, [*events, correction]


def add(
    unit: Unit,
    in_force: InForce,
    reservation_id: str,
    settlement: Settlement,
    added_id: str,
) -> tuple[Settled, list[Event]]:
    """Commit a call that shares its hold, or record it next to the one that was settled (RES-2).

    Two processes that repeat one idempotency key at once are given one permission, and both may
    have made a call. Whoever ends second finds the hold gone; what its call cost counts, too, in
    the windows in which both were admitted, in a reservation that holds nothing.

    Args:
        unit: The transaction.
        in_force: The policy.
        reservation_id: Whose hold is shared.
        settlement: What the call used and cost.
        added_id: A UUIDv7, for a reservation of its own; it makes a second application harmless.

    Raises:
        ReservationNotFound: There is no such reservation.
        ValueError: The cost is no amount (EVA-10).
    """
    require_amounts(settlement)
    before = find(unit, reservation_id)
    first = before if before.settlement_key == added_id else unit.reservation(added_id)
    if first is not None:
        return Settled(first, replayed=True), []
    if before.state in (ReservationState.HELD, ReservationState.EXPIRED):
        return record(unit, in_force, before, settlement, added_id)
    added = Reservation(
        id=added_id,
        request=replace(before.request, idempotency_key=None, fingerprint=None),
        state=ReservationState.HELD,
        hold_nano_usd=NOTHING,
        admitted_at=before.admitted_at,
        expires_at=before.expires_at,
        policy_hash=before.policy_hash,
        hold_tokens=before.hold_tokens,
    )
    balances = balances_at(unit, counted_in(unit, in_force.register, added))
    for balance in balances:
        balance.hold(added.hold)
    unit.add_reservation(added)
    unit.append(LedgerTable.RESERVATION_EVENT, event_row(unit, "reserved", added.request, added))
    return record(unit, in_force, added, settlement, added_id)


def release(
    unit: Unit, register: Register, reservation_id: str, settlement_key: str | None
) -> tuple[Settled, list[Event]]:
    """Free a hold of which nothing was spent; its override, if it used one, is given back (OVR-4).

    Raises:
        ReservationNotFound: There is no such reservation.
        ReservationSettled: It was settled before, and not by this ``settlement_key``.
    """
    before = find(unit, reservation_id)
    if settlement_key is not None and before.settlement_key == settlement_key:
        return Settled(before, replayed=True), []
    _refuse_settled(before)
    after = before.ended(
        ReservationState.RELEASED,
        unit.now,
        record_id=before.record_id,
        settlement_key=settlement_key,
    )
    _close(unit, before, balances_at(unit, counted_in(unit, register, before)))
    unit.append(LedgerTable.RESERVATION_EVENT, event_row(unit, "released", before.request, after))
    unit.put_reservation(after)
    events = [over_event(after, None, before.known_cost_nano_usd or 0), *restore(unit, after)]
    return Settled(after, replaced=before.record_id is not None), events


def extend(
    unit: Unit,
    register: Register,
    reservation_id: str,
    ttl_seconds: int | None,
    hold_nano_usd: NanoUSD | None,
) -> Reservation:
    """Let a long call live longer, or hold more for it (RES-7); no budget refuses that (EVA-9).

    Raises:
        ReservationNotFound: There is no such reservation.
        ReservationSettled: It is no longer held.
        ValueError: The new hold is no amount, or below the present one.
    """
    before = find(unit, reservation_id)
    if before.state is not ReservationState.HELD:
        _refuse_to_settle(before)
    after = before
    if ttl_seconds is not None:
        later = max(before.expires_at, unit.now + timedelta(seconds=ttl_seconds))
        after = replace(after, expires_at=later)
    if hold_nano_usd is not None:
        require_amount("hold", hold_nano_usd)
        if hold_nano_usd < before.hold_nano_usd:
            raise ValueError(f"a hold only grows: {before.hold_nano_usd} to {hold_nano_usd}")
        after = replace(after, hold_nano_usd=hold_nano_usd)
        balances = balances_at(unit, counted_in(unit, register, before))
        for balance in balances:
            balance.hold(Amounts(hold_nano_usd - before.hold_nano_usd))
        unit.put_balances(balances)
    row = event_row(unit, "extended", after.request, after)
    unit.append(LedgerTable.RESERVATION_EVENT, row | {"estimate_nano_usd": after.hold_nano_usd})
    unit.put_reservation(after)
    return after


def dispatch(unit: Unit, reservation_id: str) -> Reservation:
    """Note that a call which was reserved as not yet sent is about to leave (RES-6).

    Raises:
        ReservationNotFound: There is no such reservation.
        ReservationSettled: It is no longer held, so the call must not leave.
    """
    before = find(unit, reservation_id)
    if before.state is not ReservationState.HELD:
        _refuse_to_settle(before)
    after = replace(before, request=replace(before.request, dispatched=True))
    unit.put_reservation(after)
    return after


def upkeep(unit: Unit, in_force: InForce) -> list[Event]:
    """Expire what is overdue: overrides, and holds whose holder died (RES-6).

    Done once in a transaction. A hold that may have been spent is recorded as usage, presumed at
    its estimate; one that surely was not is given back.
    """
    if unit.upkept:
        return []
    unit.upkept = True
    append_counted_refusals(unit, only_past=True)
    forget_gone(unit)
    events = [*expire_overrides(unit), *expire_approvals(unit)]
    for overdue in unit.overdue(_AT_ONCE):
        events += expire(unit, in_force, overdue)
    return events


def find(unit: Unit, reservation_id: str) -> Reservation:
    """Return a reservation.

    Raises:
        ReservationNotFound: There is none.
    """
    reservation = unit.reservation(reservation_id)
    if reservation is None:
        raise _not_found(reservation_id)
    return reservation


def find_own(unit: Unit, principal: str, surface: str, reservation_id: str) -> Reservation:
    """Return a reservation that a principal made on a surface (RES-8).

    Raises:
        ReservationNotFound: There is none; whether somebody else has one is not said.
    """
    reservation = find(unit, reservation_id)
    request = reservation.request
    if (request.principal, request.surface) != (principal, surface):
        raise _not_found(reservation_id)
    return reservation


def _not_found(reservation_id: str) -> ReservationNotFound:
    return ReservationNotFound(
        f"there is no reservation {reservation_id!r}; it was never made in this store, or was "
        "settled more than a week ago"
    )


def expire(unit: Unit, in_force: InForce, before: Reservation) -> list[Event]:
    """End a hold that is overdue (RES-6)."""
    presumed = before.request.dispatched
    after = before.ended(
        ReservationState.EXPIRED,
        unit.now,
        cost_nano_usd=before.hold_nano_usd if presumed and _is_priced(before) else None,
        record_id=before.id if presumed else None,
    )
    counted = counted_in(unit, in_force.register, before)
    balances = balances_at(unit, counted)
    for balance in balances:
        balance.hold(before.hold, -1)
        if presumed:
            count_call(balance, after, before.hold_tokens, +1)
    unit.put_balances(balances)
    presumption = None
    if presumed:
        source = Source.PRESUMED if _is_priced(before) else Source.UNKNOWN
        presumption = Settlement(Usage(), after.cost_nano_usd, source, Outcome.EXPIRED)
        unit.append(LedgerTable.USAGE_RECORD, usage_row(SettledCall(after, presumption)))
    row = event_row(unit, "expired", before.request, after)
    unit.append(LedgerTable.RESERVATION_EVENT, row | {"cost_nano_usd": after.cost_nano_usd})
    unit.put_reservation(after)
    append_audit(
        unit,
        AuditKind.RESERVATION_EXPIRED,
        SYSTEM,
        session_id=before.request.session_id,
        mission_id=before.request.mission_id,
        reservation_id=before.id,
        expires_at=before.expires_at,
    )
    request = before.request
    event = ReservationExpired(
        before.id, after.cost_nano_usd if presumed else None, request.session_id, request.surface
    )
    more = (
        note_settled(unit, in_force.rules, counted, balances, request)
        if presumed
        else restore(unit, after)
    )
    return [event, over_event(after, presumption, 0), *more]


def _is_priced(reservation: Reservation) -> bool:
    return reservation.request.estimate_nano_usd is not None


def _close(unit: Unit, before: Reservation, balances: list[StoredBalance]) -> None:
    """Take out of all sums what stands there for a reservation: its hold, or a presumption.

    All are put into the transaction, where they may be changed further.
    """
    unit.put_balances(balances)
    if before.state is ReservationState.HELD:
        held = before.hold
        for balance in balances:
            balance.hold(held, -1)
    elif stands(before):
        assert before.settled_at is not None
        settled_us = microseconds(before.settled_at)
        source, usage = before.recorded or (Source.PRESUMED, Usage())
        tokens = usage.total_tokens + before.estimated_tokens(source, usage)
        for balance in balances:
            if settled_us >= balance.since_us:
                count_call(balance, before, -tokens, -1)
        unit.append(LedgerTable.USAGE_RECORD, taken_back_row(before))


def require_amounts(settlement: Settlement) -> None:
    """Check what a settlement says that a call cost (EVA-10).

    Raises:
        ValueError: It is no amount.
    """
    for amount in (settlement.cost_nano_usd, settlement.counted_nano_usd):
        if amount is not None:
            require_amount("cost", amount)


def _refuse_settled(reservation: Reservation) -> None:
    """Refuse to settle twice; what has only expired may still be settled by its late holder."""
    if reservation.state in (ReservationState.COMMITTED, ReservationState.RELEASED):
        _refuse_to_settle(reservation)


def _refuse_to_settle(reservation: Reservation) -> NoReturn:
    raise ReservationSettled(
        f"reservation {reservation.id} is {reservation.state.value} already, since "
        f"{reservation.settled_at:%Y-%m-%d %H:%M:%S} UTC; a reservation is settled once",
        reservation.state.value,
    )


def _text(cost: int | None) -> str | None:
    return None if cost is None else str(cost)
