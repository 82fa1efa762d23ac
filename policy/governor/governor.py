"""The governor: every question and every change about token spend, for every surface.

It holds no state of its own; what is true lies in the store. Each operation is one step of the
store, durable when it returns, and listeners hear of it only then. Refuses to admit anything when
the store cannot answer: the store's error reaches the caller (EVA-13).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias, TypeVar, Unpack

from policy.clock import microseconds
from policy.diagnostics.secrets import scrub
from policy.errors import StoreUnavailable
from policy.events import Event
from policy.governor import admission, overrides, resets, scopes, settlement
from policy.governor.call import Call
from policy.governor.pricing import (
    UNKNOWN_PROVIDER,
    CallOptions,
    Estimate,
    Report,
    estimated,
    find_price,
    settlement_of,
)
from policy.governor.recount import Difference, History, Stale, count_anew, no_history
from policy.governor.rules import Register, Rules, budgets_to_register, registered
from policy.governor.session import Session
from policy.governor.status import StatusReport, report_status
from policy.ids import new_id
from policy.model.budget import Budget
from policy.model.decision import BudgetState, Decision
from policy.model.policy import Policy
from policy.model.price import Price
from policy.model.request import Request
from policy.model.reservation import Reservation, ReservationState, Settled
from policy.model.steering import (
    MissionOutcome,
    MissionRecord,
    MissionRequest,
    Override,
    OverrideRequest,
    ResetRequest,
    ResetResult,
    SessionRecord,
)
from policy.model.usage import Usage
from policy.money import nano_usd
from policy.prices.lookup import PriceBooks
from policy.store.bodies import budget_key
from policy.store.store import Store
from policy.store.unit import Unit

T = TypeVar("T")
Listener: TypeAlias = Callable[[Event], None]
"""Hears what happened, after it became durable, on the caller's thread."""
Told: TypeAlias = tuple[T, list[Event]]
Step: TypeAlias = Callable[[Unit], tuple[T, list[Event]]]

_READ_AGAIN = 10
_log = logging.getLogger("corvus.governor")


class Governor:
    """Budgets that hold: evaluate, reserve, commit, and everything operators may do about them.

    Args:
        policy: What is enforced.
        store: Where it is kept; closed by whoever opened it.
        books: Prices; by default those of the policy over the bundled book.
        listeners: Told of events after they are durable. What they raise is logged.
        history: Reads what the ledger has recorded, for budgets that were not counted so far.

    Raises:
        StoreUnavailable: The store cannot be read or written.
    """

    def __init__(
        self,
        policy: Policy,
        store: Store,
        *,
        books: PriceBooks | None = None,
        listeners: Sequence[Listener] = (),
        history: History = no_history,
    ) -> None:
        self.policy = policy
        self.store = store
        self.books = books or PriceBooks(policy.prices)
        self._listeners = tuple(listeners)
        self._history = history
        self._register = Register()
        self._rules = self._enrol()

    @cached_property
    def session_id(self) -> str:
        """Session of the calls that name none; made when it is first needed (SES-1)."""
        return new_id(microseconds(self.store.clock.now()))

    def request(self, model: str, **options: Unpack[CallOptions]) -> Request:
        """Describe a call that is to be made, with what it is expected to cost.

        Args:
            model: The model, as the provider or the price book names it.
            **options: See ``CallOptions``.

        Raises:
            ValueError: A count, an amount or a duration is out of range.
        """
        provider = options.get("provider")
        price = find_price(self.books, model, provider, self.store.clock.now().date())
        estimate = self._estimate(price, options)
        return Request(
            model=model,
            estimate_nano_usd=estimate.total_nano_usd,
            session_id=options.get("session_id") or self.session_id,
            provider=provider or (price.provider if price else "") or UNKNOWN_PROVIDER,
            mission_id=options.get("mission_id"),
            surface=options.get("surface", "python"),
            project=options.get("project"),
            user=options.get("user"),
            agent=options.get("agent"),
            tags=tuple(sorted(options.get("tags", {}).items())),
            idempotency_key=options.get("idempotency_key"),
            ttl_seconds=options.get("ttl_seconds"),
            dispatched=options.get("dispatched", True),
            input_nano_usd=estimate.input_nano_usd,
            output_rate=estimate.output_rate,
        )

    def _estimate(self, price: Price | None, options: CallOptions) -> Estimate:
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
        return estimated(price, expected)

    def evaluate(self, request: Request) -> Decision:
        """Say what would be decided of a call now, and reserve nothing.

        Raises:
            StoreError: The store cannot answer.
        """
        if not self.policy.enabled:
            return self._ungoverned(request)

        def step(unit: Unit) -> Told[Decision]:
            events = settlement.upkeep(unit, self._register)
            return admission.weigh(unit, self._rules, self._register, request).decision, events

        return self._run(step)

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
        return self._run(self._reserving(request, reservation_id), undo=self._give_back)

    async def areserve(self, request: Request, *, reservation_id: str | None = None) -> Decision:
        """Do what ``reserve`` does, without keeping the event loop waiting."""
        if not self.policy.enabled:
            return self._ungoverned(request)
        return await self._arun(self._reserving(request, reservation_id), undo=self._give_back)

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
            StoreError: The store cannot answer; nothing was recorded, so try again.
        """
        return self._run(self._committing(reservation, usage, report), keep=True)

    async def acommit(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[Report]
    ) -> Settled:
        """Do what ``commit`` does, without keeping the event loop waiting."""
        return await self._arun(self._committing(reservation, usage, report), keep=True)

    def release(self, reservation: Reservation, *, settlement_key: str | None = None) -> Settled:
        """Free a hold of which nothing was spent.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is committed or released already.
            StoreError: The store cannot answer; the hold stays until its deadline.
        """
        return self._run(self._releasing(reservation.id, settlement_key), keep=True)

    async def arelease(
        self, reservation: Reservation, *, settlement_key: str | None = None
    ) -> Settled:
        """Do what ``release`` does, without keeping the event loop waiting."""
        return await self._arun(self._releasing(reservation.id, settlement_key), keep=True)

    def extend(
        self,
        reservation: Reservation,
        *,
        ttl_seconds: int | None = None,
        hold_usd: Decimal | int | None = None,
    ) -> Reservation:
        """Let a long call live longer, or hold more for it (RES-7).

        Args:
            reservation: As ``reserve`` returned it.
            ttl_seconds: Life from now on, 1..=86400.
            hold_usd: The new amount to hold, at least the present one.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is no longer held.
            ValueError: An argument is out of range.
        """
        return self._run(self._extending(reservation.id, ttl_seconds, hold_usd))

    async def aextend(
        self,
        reservation: Reservation,
        *,
        ttl_seconds: int | None = None,
        hold_usd: Decimal | int | None = None,
    ) -> Reservation:
        """Do what ``extend`` does, without keeping the event loop waiting."""
        return await self._arun(self._extending(reservation.id, ttl_seconds, hold_usd))

    def reservation(self, reservation_id: str) -> Reservation:
        """Return a reservation by id.

        Raises:
            ReservationNotFound: There is no such reservation.
        """
        return self._run(lambda unit: (settlement.found(unit, reservation_id), []))

    def call(self, model: str, **options: Unpack[CallOptions]) -> Call:
        """Return a context that admits a call on entry and settles it on every way out.

        ::

            with governor.call("claude-sonnet-4-5", input_tokens=900) as call:
                answer = client.messages.create(...)
                call.used(Usage(input_tokens=..., output_tokens=...))

        Raises:
            BudgetExceeded: On entry: the call is refused.
        """
        return Call(self, self.request(model, **options))

    def session(self, session_id: str | None = None) -> Session:
        """Return a session to make calls in: the one named, or a new one (SES-1)."""
        return Session(self, session_id or new_id(microseconds(self.store.clock.now())))

    def status(self, session_id: str | None = None, mission_id: str | None = None) -> StatusReport:
        """Say where every budget stands now, by the rule that enforces (EVA-12)."""

        def step(unit: Unit) -> Told[StatusReport]:
            events = settlement.upkeep(unit, self._register)
            report = report_status(unit, self._rules, self._register, session_id, mission_id)
            return report, events

        return self._run(step)

    def override(self, wish: OverrideRequest) -> Override:
        """Lift the next block, once (OVR-1).

        Raises:
            SteeringRefused: The policy allows no override.
        """
        overrides.require_allowed(self.policy)
        clean = replace(wish, reason=_clean(wish.reason))
        return self._run(lambda unit: overrides.grant(unit, self.policy, clean))

    def reset(self, wish: ResetRequest) -> ResetResult:
        """Start a new baseline for one scope; nothing is deleted (RST-1).

        Raises:
            SteeringRefused: There is no such scope, or its session or mission is not named.
        """
        clean = replace(wish, reason=_clean(wish.reason))

        def step(unit: Unit) -> Told[ResetResult]:
            events = settlement.upkeep(unit, self._register)
            result, more = resets.reset(unit, self._rules, self._register, clean)
            return result, events + more

        return self._run(step)

    def close_session(self, session_id: str) -> SessionRecord:
        """Close a session and record its outcome (SES-2).

        Raises:
            SteeringRefused: It is closed already.
        """
        return self._run(lambda unit: (scopes.close_session(unit, session_id), []), keep=True)

    def start_mission(self, wish: MissionRequest) -> MissionRecord:
        """Begin a mission (MIS-1).

        Raises:
            SteeringRefused: The session already had a mission of this id.
        """
        rules = self._rules
        return self._run(
            lambda unit: (scopes.start_mission(unit, rules.new_mission(wish, unit.now)), [])
        )

    def step_mission(self, session_id: str, mission_id: str) -> MissionRecord:
        """Count a step of a mission; one beyond its limits ends it (MIS-4)."""
        return self._run(lambda unit: (scopes.step_mission(unit, session_id, mission_id), []))

    def end_mission(
        self, session_id: str, mission_id: str, outcome: MissionOutcome
    ) -> MissionRecord:
        """End a mission; may be repeated (MIS-2)."""

        def step(unit: Unit) -> Told[MissionRecord]:
            mission = scopes.found_mission(unit, session_id, mission_id)
            return scopes.end_mission(unit, mission, outcome), []

        return self._run(step, keep=True)

    def mission(self, session_id: str, mission_id: str) -> MissionRecord:
        """Return a mission.

        Raises:
            SteeringRefused: There is no such mission.
        """
        return self._run(lambda unit: (scopes.found_mission(unit, session_id, mission_id), []))

    def recount(self, *, write: bool) -> list[Difference]:
        """Count all balances of the policy anew (STO-2), and mend them if ``write`` is set.

        Returns:
            The balances that differ from what is recorded.
        """
        return self._count(budgets_to_register(self.policy), write=write)

    def _enrol(self) -> Rules:
        """Have the policy's budgets counted; those that were not so far are counted in."""
        wanted = budgets_to_register(self.policy)

        def known(unit: Unit) -> Told[tuple[dict[str, int], bool]]:
            return (registered(unit, wanted), unit.state.recount_due), []

        ids, is_due = self._run(known)
        missing = [budget for budget in wanted if budget_key(budget) not in ids]
        if missing or is_due:
            self._count(wanted if is_due else missing, write=True)
            ids, _ = self._run(known)
        return Rules(self.policy, {ids[budget_key(budget)]: budget for budget in wanted})

    def _count(self, budgets: Sequence[Budget], *, write: bool) -> list[Difference]:
        for _ in range(_READ_AGAIN):
            with self._history(budgets) as recorded:
                try:
                    return self.store.run(
                        lambda unit: count_anew(unit, budgets, recorded, write=write)
                    )
                except Stale:
                    continue
        raise StoreUnavailable("the ledger kept changing while balances were counted; try again")

    def _reserving(self, request: Request, reservation_id: str | None) -> Step[Decision]:
        def step(unit: Unit) -> Told[Decision]:
            answer = admission.reserve(unit, self._rules, self._register, request, reservation_id)
            return answer.decision, answer.events

        return step

    def _committing(
        self, reservation: Reservation, usage: Usage | None, report: Report
    ) -> Step[Settled]:
        known = settlement_of(self.books, reservation, usage, report)
        key = report.get("settlement_key")
        return lambda unit: settlement.commit(unit, self._register, reservation.id, known, key)

    def _releasing(self, reservation_id: str, key: str | None) -> Step[Settled]:
        return lambda unit: settlement.release(unit, self._register, reservation_id, key)

    def _extending(
        self, reservation_id: str, ttl_seconds: int | None, hold_usd: Decimal | int | None
    ) -> Step[Reservation]:
        hold = None if hold_usd is None else nano_usd(hold_usd)
        return lambda unit: (
            settlement.extend(unit, self._register, reservation_id, ttl_seconds, hold),
            [],
        )

    def forget(self, reservation_id: str) -> None:
        """Release a reservation if there is one: for a caller who was never told of it."""

        def step(unit: Unit) -> Told[None]:
            known = unit.reservation(reservation_id)
            if known is None or known.state is not ReservationState.HELD:
                return None, []
            return None, settlement.release(unit, self._register, reservation_id, None)[1]

        self._run(step, keep=True)

    def _give_back(self, told: Told[Decision]) -> None:
        """Release what a caller reserved who was interrupted before hearing of it."""
        decision, _ = told
        if decision.reservation is not None and not decision.replayed:
            self.release(decision.reservation)

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

    def _run(
        self,
        step: Step[T],
        *,
        undo: Callable[[Told[T]], object] | None = None,
        keep: bool = False,
    ) -> T:
        value, events = self.store.run(step, undo=undo, keep=keep)
        self._tell(events)
        return value

    async def _arun(
        self,
        step: Step[T],
        *,
        undo: Callable[[Told[T]], object] | None = None,
        keep: bool = False,
    ) -> T:
        value, events = await self.store.run_async(step, undo=undo, keep=keep)
        self._tell(events)
        return value

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    _log.exception("a listener failed on %s", type(event).__name__)


def _clean(reason: str | None) -> str | None:
    """Return a reason without secrets (AUD-3); a blank one is none."""
    return scrub(reason.strip()) or None if reason else None
