"""Records a call that was over when it became known: nothing of it was held, nor refused."""

from __future__ import annotations

from collections.abc import Callable

from corvus.events import Event
from corvus.governor.endings.answers import answer_of, present_places
from corvus.governor.endings.sums import balances_at, count_call, counted_in, over_event
from corvus.governor.records import price_row
from corvus.governor.rules import InForce
from corvus.governor.thresholds import note_settled
from corvus.model.columns import SettledCall, usage_row
from corvus.model.outbox import LedgerTable, Row
from corvus.model.reservation import Reservation, ReservationState, Settlement
from corvus.store.unit import Unit


def record_over(  # noqa: PLR0913 - one call
    unit: Unit,
    in_force: InForce,
    before: Reservation,
    settlement: Settlement,
    append: Callable[[Unit, Row, Reservation], object],
    *,
    settlement_key: str | None = None,
) -> list[Event]:
    """Record a call and count it, in one step.

    Args:
        unit: The transaction under way.
        in_force: What the budgets are judged by.
        before: The call, which the store does not have yet.
        settlement: What it used and cost.
        append: Hands the usage record of the call to the ledger.
        settlement_key: Makes a second application harmless.
    """
    after = before.ended(
        ReservationState.COMMITTED,
        unit.now,
        cost_nano_usd=settlement.counted_nano_usd,
        record_id=before.id,
        settlement_key=settlement_key,
        recorded=(settlement.source, settlement.usage),
        answer=answer_of(before.request, settlement),
    )
    places = present_places(unit, counted_in(unit, in_force.register, after))
    balances = balances_at(unit, places)
    for balance in balances:
        count_call(balance, after, settlement.usage.total_tokens, +1)
    unit.put_balances(balances)
    append(unit, usage_row(SettledCall(after, settlement)), after)
    if settlement.price is not None and unit.is_new_price(settlement.price.version):
        unit.append(LedgerTable.PRICE_ENTRY, price_row(unit, settlement.price))
    unit.add_reservation(after)
    events: list[Event] = [over_event(after, settlement, 0)]
    if not unit.is_forgotten(after.request.session_id):
        events += note_settled(unit, in_force.rules, places, balances, after.request)
    return events
