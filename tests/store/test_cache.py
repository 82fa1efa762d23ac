"""What a process remembers of its store between transactions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from corvus.base.money import NanoUSD
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState
from corvus.store.api import Changes
from corvus.store.cache import Cache
from corvus.store.kinds import RESERVATION

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HELD = Reservation(
    "019abcde-0000-7000-8000-000000000001",
    Request("m", NanoUSD(5), "s"),
    ReservationState.HELD,
    NanoUSD(5),
    NOW,
    NOW + timedelta(minutes=10),
    "sha256:0",
)


def trimmed(written: Reservation) -> dict[str, Reservation | None]:
    """Return what is remembered of a reservation that was written."""
    cache = Cache(tables={RESERVATION: {written.id: written}})
    cache.trim(Changes(changed={RESERVATION: {written.id: written}}))
    return cache.table(RESERVATION)


def test_an_ended_reservation_is_forgotten_once_it_is_written() -> None:
    ended = HELD.ended(ReservationState.COMMITTED, NOW, cost_nano_usd=NanoUSD(4))
    assert trimmed(ended) == {}


def test_a_held_reservation_stays_known_after_it_was_extended() -> None:
    extended = replace(HELD, expires_at=NOW + timedelta(hours=1))
    assert trimmed(extended) == {extended.id: extended}
