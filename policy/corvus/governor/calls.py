"""Operations on calls: evaluate, reserve, commit, release, extend; each also for an event loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Unpack

from corvus.base.ids import new_id
from corvus.base.money import nano_usd
from corvus.base.time import microseconds
from corvus.governor import admission, settlement
from corvus.governor.engine import Step, Told
from corvus.governor.pricing import (
    UNKNOWN_PROVIDER,
    CallOptions,
    Estimate,
    Report,
    dearest_estimate,
    possible_prices,
    refuse_unknown,
    settlement_of,
)
from corvus.governor.renewals import Renewals
from corvus.governor.replay import fingerprint_of
from corvus.model.decision import BudgetState, Decision, Denial
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.price import Price
from corvus.model.request import LOCAL, Request, require_amount
from corvus.model.reservation import Reservation, Settled
from corvus.model.usage import Usage
from corvus.store.unit import Unit


class Calls(Renewals):
    """What can be done about one call."""

    @cached_property
    def session_id(self) -> str:
        """Session of the calls that name none; made when it is first needed (SES-1)."""
        return self._new_id()

    def request(self, model: str, **options: Unpack[CallOptions]) -> Request:
        """Describe a call that is to be made, with what it is expected to cost.

        Args:
            model: The model, as the provider or the price book names it.
            **options: See ``CallOptions``.

        Raises:
            ValueError: A count, an amount or a duration is out of range.
        """
        refuse_unknown(options, CallOptions)
        provider = options.get("provider")
        today = self.store.clock.now().date()
        tier = options.get("service_tier")
        models = tuple(dict.fromkeys((model, *options.get("models", ()))))
        prices = possible_prices(self.books, models, tier, provider, today)
        price, estimate = prices[0], self._estimate(prices, options)
        unpriced = None
        if estimate.total_nano_usd is None:
            unpriced = self._unpriced(models, options, today)
        return Request(
            model=model,
            estimate_nano_usd=estimate.total_nano_usd,
            session_id=options.get("session_id")
            or options.get("made_session_id")
            or self.session_id,
            provider=provider or (price.provider if price else "") or UNKNOWN_PROVIDER,
            mission_id=options.get("mission_id"),
            surface=options.get("surface", "python"),
            project=options.get("project") or None,
            user=options.get("user"),
            agent=options.get("agent"),
            tags=tuple(sorted(options.get("tags", {}).items())),
            idempotency_key=options.get("idempotency_key"),
            ttl_seconds=options.get("ttl_seconds"),
            dispatched=options.get("dispatched", True),
            input_nano_usd=estimate.input_nano_usd,
            output_rate=estimate.output_rate,
            principal=options.get("principal", LOCAL),
            fingerprint=fingerprint_of(model, options) if options.get("idempotency_key") else None,
            resumes_mission=options.get("resumes_mission", False),
            unpriced_model=unpriced,
        )

    def _unpriced(self, models: Sequence[str], options: CallOptions, on: date) -> str | None:
        """Return the first of the models that may answer whose call has no price."""
        tier, provider = options.get("service_tier"), options.get("provider")
        for model in models:
            prices = possible_prices(self.books, (model,), tier, provider, on)
            if self._estimate(prices, options).total_nano_usd is None:
                return model
        return None

    def _estimate(self, prices: Sequence[Price | None], options: CallOptions) -> Estimate:
        amount = options.get("estimate_usd")
        if amount is not None:
            return Estimate(nano_usd(amount))
        expected = options.get("expected")
        if expected is None:
            most = options.get("max_output_tokens")
            expected = Usage(
                input_tokens=options.get("input_tokens", 0),
                output_tokens=self.policy.default_output_tokens if most is None else most,
            )
        return dearest_estimate(prices, expected)

    def evaluate(self, request: Request) -> Decision:
        """Say what would be decided of a call now, and reserve nothing.

        Raises:
            StoreError: The store cannot answer.
        """
        if not self.policy.enabled:
            return self._ungoverned(request)

        def step(unit: Unit) -> Told[Decision]:
            events = settlement.upkeep(unit, self.in_force)
            return admission.weigh(unit, self.rules, self.register, request).decision, events

        return self._explained(self.run_step(step))

    def reserve(self, request: Request, *, reservation_id: str | None = None) -> Decision:
        """Admit a call and hold its estimate in every matching budget, or refuse it.

        Args:
            request: The call.
            reservation_id: Id for the reservation, a UUIDv7; made by default.

        Returns:
            A decision; only one that is ``allowed`` permits the call, and its reservation is on
            disk already. A denial is a value, too.

        Raises:
            IdempotencyConflict: The request's key was used for another request.
            StoreError: The store cannot answer, so the call must not be made.
        """
        if not self.policy.enabled:
            return self._ungoverned(request)
        step = self._reserving(request, reservation_id)
        return self._explained(self.run_step(step, undo=self._give_back))

    async def areserve(self, request: Request, *, reservation_id: str | None = None) -> Decision:
        """Do what ``reserve`` does, without keeping the event loop waiting."""
        if not self.policy.enabled:
            return self._ungoverned(request)
        step = self._reserving(request, reservation_id)
        return self._explained(await self.arun_step(step, undo=self._give_back))

    def commit(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[Report]
    ) -> Settled:
        """Record what a call used and cost, and free its hold.

        Args:
            reservation: As ``reserve`` returned it.
            usage: What the provider reports; ``None`` takes what was held, marked as estimated.
            **report: See ``Report``.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is committed or released already.
            SettlementPending: The store cannot be written now; the settlement is kept, and written
                when it can be (RES-9): do not repeat it.
            StoreError: The store is damaged, or used after a fork.
        """
        return self._settle(self._committing(reservation, usage, report))

    async def acommit(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[Report]
    ) -> Settled:
        """Do what ``commit`` does, without keeping the event loop waiting."""
        return await self._asettle(self._committing(reservation, usage, report))

    def correct(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[Report]
    ) -> Settled:
        """Record what a meter of ours measured of a call that somebody else has settled (RES-8).

        What stands for the call is taken back, what was measured replaces it; audit and listeners
        are told of both figures. A call that nobody has settled is committed. It may be repeated:
        the same ``settlement_key`` (by default the id of the reservation) counts once.

        Args:
            reservation: As ``reserve`` returned it.
            usage: What the provider reports; ``None`` takes what was held, marked as estimated.
            **report: See ``Report``.

        Raises:
            ReservationNotFound: There is no such reservation.
            StoreError: As for ``commit``.
        """
        return self._settle(self._correcting(reservation, usage, report))

    async def acorrect(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[Report]
    ) -> Settled:
        """Do what ``correct`` does, without keeping the event loop waiting."""
        return await self._asettle(self._correcting(reservation, usage, report))

    def add(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[Report]
    ) -> Settled:
        """Commit a call whose hold another call may share (RES-2).

        Where that one has settled it, this one is recorded beside it, and both count: two processes
        that repeat an idempotency key at once are given one permission.

        Args:
            reservation: As ``reserve`` returned it.
            usage: What the provider reports; ``None`` takes what was held, marked as estimated.
            **report: See ``Report``; without a ``settlement_key``.

        Raises:
            ReservationNotFound: There is no such reservation.
            SettlementPending: As for ``commit``.
            StoreError: The store is damaged, or used after a fork.
        """
        return self._settle(self._adding(reservation, usage, report))

    async def aadd(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[Report]
    ) -> Settled:
        """Do what ``add`` does, without keeping the event loop waiting."""
        return await self._asettle(self._adding(reservation, usage, report))

    def release(self, reservation: Reservation, *, settlement_key: str | None = None) -> Settled:
        """Free a hold of which nothing was spent.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is committed or released already.
            SettlementPending: The store cannot be written now; the settlement is kept, and written
                when it can be (RES-9): do not repeat it.
            StoreError: The store is damaged, or used after a fork.
        """
        return self._settle(self._releasing(reservation.id, settlement_key))

    async def arelease(
        self, reservation: Reservation, *, settlement_key: str | None = None
    ) -> Settled:
        """Do what ``release`` does, without keeping the event loop waiting."""
        return await self._asettle(self._releasing(reservation.id, settlement_key))

    def dispatch(self, reservation: Reservation) -> Reservation:
        """Note that a call which was reserved with ``dispatched=False`` is about to leave.

        From then on its hold, should it expire, is presumed spent (RES-6).

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is no longer held: the call must not leave.
        """
        return self.run_step(lambda unit: (settlement.dispatch(unit, reservation.id), []))

    def reservation(self, reservation_id: str) -> Reservation:
        """Return a reservation by id.

        Raises:
            ReservationNotFound: There is no such reservation.
        """
        return self.run_step(lambda unit: (settlement.found(unit, reservation_id), []))

    def reservation_of(self, principal: str, surface: str, reservation_id: str) -> Reservation:
        """Return a reservation that a principal made on a surface (RES-8).

        Raises:
            ReservationNotFound: There is none; whether somebody else has one is not said.
        """
        step = settlement.found_own(principal, surface, reservation_id)
        return self.run_step(lambda unit: (step(unit), []))

    def _reserving(self, request: Request, reservation_id: str | None) -> Step[Decision]:
        def step(unit: Unit) -> Told[Decision]:
            answer = admission.reserve(unit, self.rules, self.register, request, reservation_id)
            return answer.decision, answer.events

        return step

    def _committing(
        self, reservation: Reservation, usage: Usage | None, report: Report
    ) -> PendingSettlement:
        refuse_unknown(report, Report)
        known = settlement_of(self.books, reservation, usage, report)
        if known.cost_nano_usd is not None:
            require_amount("cost", known.cost_nano_usd)
        key = report.get("settlement_key") or self._new_id()
        return PendingSettlement(PendingKind.COMMIT, reservation.id, key, known)

    def _correcting(
        self, reservation: Reservation, usage: Usage | None, report: Report
    ) -> PendingSettlement:
        told: Report = {"settlement_key": reservation.id, **report}
        return replace(self._committing(reservation, usage, told), kind=PendingKind.CORRECT)

    def _adding(
        self, reservation: Reservation, usage: Usage | None, report: Report
    ) -> PendingSettlement:
        told: Report = {**report, "settlement_key": self._new_id()}
        return replace(self._committing(reservation, usage, told), kind=PendingKind.ADD)

    def _releasing(self, reservation_id: str, key: str | None) -> PendingSettlement:
        return PendingSettlement(PendingKind.RELEASE, reservation_id, key or self._new_id())

    def _settle(self, pending: PendingSettlement) -> Settled:
        return self.run_step(self._settling(pending), keep=pending)

    async def _asettle(self, pending: PendingSettlement) -> Settled:
        return await self.arun_step(self._settling(pending), keep=pending)

    def _settling(self, pending: PendingSettlement) -> Step[Settled]:
        def step(unit: Unit) -> Told[Settled]:
            settled, events = settlement.apply(unit, self.in_force, pending)
            assert settled is not None, "only what is to be forgotten may be unknown"
            return settled, events

        return step

    def _new_id(self) -> str:
        return new_id(microseconds(self.store.clock.now()))

    def forget(self, reservation_id: str) -> None:
        """Release a reservation if there is one: for a caller who was never told of it."""
        pending = PendingSettlement(PendingKind.FORGET, reservation_id, self._new_id())

        def step(unit: Unit) -> Told[None]:
            return None, settlement.apply(unit, self.in_force, pending)[1]

        self.run_step(step, keep=pending)

    def _give_back(self, told: Told[Decision]) -> None:
        """Release what a caller reserved who was interrupted before hearing of it."""
        decision, _ = told
        if decision.allowed and decision.reservation is not None and not decision.replayed:
            self.release(decision.reservation)

    def _explained(self, decision: Decision) -> Decision:
        """Return a decision that names what is priced, where a model is not."""
        if decision.denial is not Denial.UNPRICED_MODEL or decision.model is None:
            return decision
        return replace(decision, resembling=self.books.resembling(decision.model))

    def _ungoverned(self, request: Request) -> Decision:
        """Allow a call while governance is disabled; nothing is reserved or recorded (EVA-11)."""
        return Decision(
            BudgetState.ALLOWED,
            (),
            estimate_nano_usd=request.estimate_nano_usd,
            policy_hash=self.policy.content_hash,
            session_id=request.session_id,
            mission_id=request.mission_id,
        )
