"""Keeps what runs alive: holds that are extended, raised, renewed, or overdue (RES-6, RES-7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property

from corvus.base.money import nano_usd
from corvus.governor import admission, settlement
from corvus.governor.engine import Engine, Step, Told
from corvus.governor.upkeep import Heartbeat
from corvus.model.decision import Decision
from corvus.model.request import LONGEST_LIFE_SECONDS
from corvus.model.reservation import Reservation, ReservationState
from corvus.store.spill import is_waiting
from corvus.store.unit import Unit


class Renewals(Engine):
    """What can be done about calls that still run."""

    def extend(
        self,
        reservation: Reservation,
        *,
        ttl_seconds: int | None = None,
        hold_usd: Decimal | int | None = None,
    ) -> Decision:
        """Let a long call live longer, or hold more for it (RES-7).

        Args:
            reservation: As ``reserve`` returned it.
            ttl_seconds: Life from now on, 1..=86400.
            hold_usd: The new amount to hold, at least the present one.

        Returns:
            Where the budgets stand now, with the reservation as it is. It is always a permission,
            for an admitted call is never interrupted (EVA-9); ``state`` says whether a threshold
            or a limit is passed now.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is no longer held.
            ValueError: An argument is out of range.
        """
        return self.run_step(self._extending(reservation.id, ttl_seconds, hold_usd))

    async def aextend(
        self,
        reservation: Reservation,
        *,
        ttl_seconds: int | None = None,
        hold_usd: Decimal | int | None = None,
    ) -> Decision:
        """Do what ``extend`` does, without keeping the event loop waiting."""
        return await self.arun_step(self._extending(reservation.id, ttl_seconds, hold_usd))

    def _extending(
        self, reservation_id: str, ttl_seconds: int | None, hold_usd: Decimal | int | None
    ) -> Step[Decision]:
        hold = None if hold_usd is None else nano_usd(hold_usd)
        if ttl_seconds is not None and not 1 <= ttl_seconds <= LONGEST_LIFE_SECONDS:
            raise ValueError(f"ttl_seconds must be 1..=86400, got {ttl_seconds!r}")

        def step(unit: Unit) -> Told[Decision]:
            before = settlement.found(unit, reservation_id).hold_nano_usd
            held = settlement.extend(unit, self.register, reservation_id, ttl_seconds, hold)
            is_raised = held.hold_nano_usd > before
            answer = admission.extended(unit, self.rules, self.register, held, is_raised=is_raised)
            return answer.decision, answer.events

        return step

    def renew(self, lives: Mapping[str, float]) -> None:
        """Let calls that still run live on, in one step (RES-7).

        Args:
            lives: Seconds to live from now on, by reservation id; those settled are passed over.

        Raises:
            StoreError: The store cannot answer; nothing was renewed.
        """

        def step(unit: Unit) -> Told[None]:
            for reservation_id, seconds in lives.items():
                known = unit.reservation(reservation_id)
                if known is not None and known.state is ReservationState.HELD:
                    settlement.extend(unit, self.register, reservation_id, math.ceil(seconds), None)
            return None, []

        self.run_step(step)

    def keep_up(self) -> None:
        """Expire what is overdue, and take in what processes that ended left unsettled.

        Raises:
            StoreError: The store cannot be read or written.
        """
        if not self.policy.enabled:
            return
        path = self.store.backend.unsettled_path
        if path is not None and is_waiting(path):
            self.take_in()
        self.run_step(lambda unit: (None, settlement.upkeep(unit, self.in_force)))

    @cached_property
    def heartbeat(self) -> Heartbeat:
        """What renews the calls of this process while they run."""
        return Heartbeat(self.renew)
