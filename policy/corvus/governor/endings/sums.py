"""What every end of a call does to the sums that it is counted in, and what listeners hear of it.

A record counts in every matching budget, in the windows of its admission (EVA-8), by the same rule
by which a recount adds records up (STO-2).
"""

from __future__ import annotations

from collections.abc import Iterable

from corvus.events import CallSettled
from corvus.governor.rules import Register, SumPlace, call_of
from corvus.model.reservation import Reservation, ReservationState, Settlement
from corvus.store.api import StoredBalance
from corvus.store.unit import Unit

_RELEASED = ReservationState.RELEASED.value


def over_event(
    after: Reservation, settlement: Settlement | None, replaced_nano_usd: int
) -> CallSettled:
    """Return the event of a call that is over; without a settlement nothing was spent."""
    request = after.request
    counts = settlement.usage.by_kind() if settlement else {}
    assert after.settled_at is not None, "only what is settled is over"
    return CallSettled(
        reservation_id=after.id,
        provider=request.provider,
        model=request.model,
        answering_model=settlement.answering_model if settlement else None,
        session_id=request.session_id,
        mission_id=request.mission_id,
        surface=request.surface,
        outcome=settlement.outcome.value if settlement else _RELEASED,
        source=settlement.source.value if settlement else "",
        cost_nano_usd=settlement.cost_nano_usd if settlement else None,
        replaced_nano_usd=replaced_nano_usd,
        tokens=tuple((kind.value, n) for kind, n in counts.items()),
        admitted_at=after.admitted_at,
        settled_at=after.settled_at,
        first_token_at=settlement.first_token_at if settlement else None,
        computed_cost_nano_usd=settlement.computed_cost_nano_usd if settlement else None,
        is_at_least=(settlement is not None and settlement.is_at_least) or None,
    )


def stands(reservation: Reservation) -> bool:
    """Return whether a usage record stands for a reservation; one that was released has none."""
    has_ended = reservation.state in (ReservationState.COMMITTED, ReservationState.EXPIRED)
    return has_ended and reservation.record_id is not None


def count_call(balance: StoredBalance, settled: Reservation, tokens: int, calls: int) -> None:
    """Count a call; of one whose cost is unknown its bound, so that none is free (PRC-8)."""
    balance.calls += calls
    balance.tokens += tokens
    balance.spent_nano_usd += (settled.cost_nano_usd or 0) * calls
    if settled.known_cost_nano_usd is None:
        balance.unpriced_calls += calls


def counted_in(unit: Unit, register: Register, reservation: Reservation) -> list[SumPlace]:
    """Return where a reservation is counted: the windows of its admission (EVA-8)."""
    return register.counting(unit).of(call_of(reservation), unit.window_opened)


def balances_at(unit: Unit, counted: Iterable[SumPlace]) -> list[StoredBalance]:
    """Return the sums of some places."""
    return [unit.balance(place.key) for place in counted]
