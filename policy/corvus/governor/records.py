"""Rows of the ledger about calls: usage records and reservation events (LED-3)."""

from __future__ import annotations

from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.model.columns import SettledCall, request_row, usage_row
from corvus.model.outbox import Row
from corvus.model.price import Price
from corvus.model.request import Request
from corvus.model.reservation import Outcome, Reservation, Settlement, Source
from corvus.model.usage import Usage
from corvus.store.unit import Unit


def taken_back_row(settled: Reservation) -> Row:
    """Return the row that takes back what was presumed or recorded of a reservation.

    It carries the time at which that was settled, so that a reset leaves out both.
    """
    source = Source.PRESUMED if settled.cost_nano_usd is not None else Source.UNKNOWN
    usage, outcome = Usage(), Outcome.EXPIRED
    if settled.recorded is not None:
        (source, usage), outcome = settled.recorded, Outcome.COMPLETED
    stood = Settlement(usage, settled.cost_nano_usd, source, outcome)
    row = usage_row(SettledCall(settled, stood, settled.record_id, calls=-1))
    row["id"] = new_id(microseconds(settled.admitted_at))
    return row


def price_row(unit: Unit, price: Price) -> Row:
    """Return a price entry, so that the ledger says what its costs were computed from."""
    return {
        "recorded_at": unit.now_us,
        "entry": price.entry,
        "book": price.book,
        "provider": price.provider or None,
        "model": price.model,
        "effective_from": price.effective_from.isoformat() if price.effective_from else None,
        "rates": {kind.value: rate for kind, rate in price.rates.items()},
        "source": price.source,
    }


def event_row(unit: Unit, kind: str, request: Request, reservation: Reservation | None) -> Row:
    """Return a row of ``reservation_event`` about a call.

    Args:
        unit: The transaction under way.
        kind: ``reserved``, ``denied``, ``committed``, ``released``, ``expired``, ``extended`` or
            ``replaced``.
        request: The call.
        reservation: Its reservation; a denied call has none.
    """
    row: Row = {
        "recorded_at": unit.now_us,
        "kind": kind,
        **request_row(request),
        "estimate_nano_usd": request.estimate_nano_usd,
    }
    if reservation is not None:
        row["reservation_id"] = reservation.id
        row["override_id"] = reservation.override_id
        row["policy_hash"] = reservation.policy_hash
        row["expires_at"] = microseconds(reservation.expires_at)
    return row
