"""Books what a meter measured of a call that somebody else has settled (RES-8).

What stood is taken back and what was measured replaces it, each in a row of its own; the audit has
both figures. Refuses to count one measurement twice: it has a settlement key.
"""

from __future__ import annotations

import json

from policy.events import Event, SettlementCorrected
from policy.governor.audit import SYSTEM, append_audit
from policy.governor.rules import InForce
from policy.governor.settlement import found, record
from policy.model.request import require_amount
from policy.model.reservation import ReservationState, Settled, Settlement
from policy.model.steering import AuditKind
from policy.store.unit import Unit


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


def _told(cost: int | None) -> str | None:
    return None if cost is None else str(cost)
