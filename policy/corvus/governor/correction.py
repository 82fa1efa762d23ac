"""Books what a call cost whose reservation somebody else has settled (RES-2, RES-8).

Where a meter of ours measured the same call, what stood is taken back and what was measured
replaces it, each in a row of its own; the audit has both figures. Where it was another call under
the same idempotency key, both count. Refuses to count one measurement twice: it has a settlement
key.
"""

from __future__ import annotations

import json
from dataclasses import replace

from corvus.base.money import NOTHING
from corvus.events import Event, SettlementCorrected
from corvus.governor.audit import SYSTEM, append_audit
from corvus.governor.records import event_row
from corvus.governor.rules import InForce
from corvus.governor.settlement import found, record
from corvus.model.outbox import LedgerTable
from corvus.model.request import require_amount
from corvus.model.reservation import Reservation, ReservationState, Settled, Settlement
from corvus.model.steering import AuditKind
from corvus.store.unit import Unit


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
    if settlement.cost_nano_usd is not None:
        require_amount("cost", settlement.cost_nano_usd)
    before = found(unit, reservation_id)
    if before.settlement_key == settlement_key:
        return Settled(before, replayed=True), []
    done, events = record(unit, in_force, before, settlement, settlement_key)
    if before.state in (ReservationState.HELD, ReservationState.EXPIRED):
        return done, events
    request = before.request
    details = {
        "was": before.state.value,
        "recorded_nano_usd": _told(before.cost_nano_usd),
        "measured_nano_usd": _told(settlement.cost_nano_usd),
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
    told = SettlementCorrected(
        before.id,
        before.state.value,
        before.cost_nano_usd,
        settlement.cost_nano_usd,
        request.session_id,
        request.surface,
    )
    return done, [*events, told]


def add(
    unit: Unit,
    in_force: InForce,
    reservation_id: str,
    settlement: Settlement,
    added_id: str,
) -> tuple[Settled, list[Event]]:
    """Commit a call that shares its hold, or record it beside the one that was settled (RES-2).

    Two processes that repeat one idempotency key at once are given one permission, and both may
    have made a call. Whoever ends second finds the hold gone; what its call cost counts, too, in
    the windows in which both were admitted, in a reservation that holds nothing.

    Args:
        unit: The transaction.
        in_force: The policy.
        reservation_id: Whose hold is shared.
        settlement: What the call used and cost.
        added_id: A UUIDv7, for the reservation beside it; it makes a second application harmless.

    Raises:
        ReservationNotFound: There is no such reservation.
        ValueError: The cost is no amount (EVA-10).
    """
    if settlement.cost_nano_usd is not None:
        require_amount("cost", settlement.cost_nano_usd)
    before = found(unit, reservation_id)
    known = before if before.settlement_key == added_id else unit.reservation(added_id)
    if known is not None:
        return Settled(known, replayed=True), []
    if before.state in (ReservationState.HELD, ReservationState.EXPIRED):
        return record(unit, in_force, before, settlement, added_id)
    beside = Reservation(
        id=added_id,
        request=replace(before.request, idempotency_key=None, fingerprint=None),
        state=ReservationState.HELD,
        hold_nano_usd=NOTHING,
        admitted_at=before.admitted_at,
        expires_at=before.expires_at,
        policy_hash=before.policy_hash,
    )
    unit.add_reservation(beside)
    unit.append(LedgerTable.RESERVATION_EVENT, event_row(unit, "reserved", beside.request, beside))
    return record(unit, in_force, beside, settlement, added_id)


def _told(cost: int | None) -> str | None:
    return None if cost is None else str(cost)
