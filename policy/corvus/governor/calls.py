"""Operations on calls: evaluate, reserve, commit, release, extend.

Each is described here once, for whoever runs it: a governor, or a call as a context.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from corvus.base.errors import ReservationError
from corvus.base.money import nano_usd
from corvus.governor import admission, settlement
from corvus.governor.cost.recorded import settlement_of
from corvus.governor.engine import (
    Constant,
    Engine,
    Operation,
    Prepared,
    Retry,
    Transaction,
    WithEvents,
)
from corvus.governor.ladder.offers import DescribedOffers
from corvus.governor.ladder.rungs import Attempt
from corvus.governor.ladder.tries import Stopwatch, Tries
from corvus.governor.leases.slices import QuestionedSlices, SliceNeeded
from corvus.governor.options import CallOptions, CallReport, refuse_unknown
from corvus.governor.pricing import (
    UNKNOWN_PROVIDER,
    Estimate,
    highest_estimate,
    lowered,
    possible_prices,
    stated_bound,
)
from corvus.governor.replay import fingerprint_of, fingerprint_of_request
from corvus.governor.shadow.marks import unmarked
from corvus.model.budget import Rung
from corvus.model.decision import BudgetState, Decision, Denial
from corvus.model.ladder import Offers
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.price import Price
from corvus.model.request import ALL_RUNGS, LOCAL, LONGEST_LIFE_SECONDS, Request, Surface
from corvus.model.reservation import Reservation, Settled
from corvus.model.usage import Usage
from corvus.store.unit import Unit


def describe(engine: Engine, model: str, options: CallOptions) -> Request:
    """Describe a call that is to be made, with what it is expected to cost.

    Raises:
        TypeError: An option is unknown.
        ValueError: A count, an amount or a duration is out of range.
    """
    refuse_unknown(options, CallOptions)
    provider = options.get("provider")
    today = engine.store.clock.now().date()
    tier = options.get("service_tier")
    models = tuple(dict.fromkeys((model, *options.get("models", ()))))
    prices = possible_prices(engine.books, models, tier, provider, today)
    price, estimate = prices[0], _estimate(engine, prices, options)
    seller = provider or (price.provider if price else "") or UNKNOWN_PROVIDER
    most_nano_usd = estimate.total_nano_usd
    if engine.policy.hold == "expected":
        estimate = _expected(engine, prices, (models, options)) or estimate
    unpriced = None
    if estimate.total_nano_usd is None:
        unpriced = _unpriced(engine, models, options, today)
    return Request(
        model=model,
        estimate_nano_usd=estimate.total_nano_usd,
        estimate_tokens=estimate.tokens,
        most_nano_usd=most_nano_usd if most_nano_usd != estimate.total_nano_usd else None,
        output_tokens=_lowerable(options),
        session_id=options.get("session_id") or options.get("made_session_id") or engine.session_id,
        provider=options.get("upstream") or seller,
        seller=seller if options.get("upstream") else None,
        mission_id=options.get("mission_id"),
        surface=options.get("surface", Surface.PYTHON),
        project=options.get("project") or None,
        user=options.get("user"),
        agent=options.get("agent"),
        subagent=options.get("subagent"),
        parent_subagent=options.get("parent_subagent"),
        token=options.get("token"),
        branch=options.get("branch"),
        tags=unmarked(sorted(options.get("tags", {}).items())),
        idempotency_key=options.get("idempotency_key"),
        ttl_seconds=options.get("ttl_seconds"),
        dispatched=options.get("dispatched", True),
        input_nano_usd=estimate.input_nano_usd,
        output_rate=estimate.output_rate,
        principal=options.get("principal", LOCAL),
        fingerprint=fingerprint_of(model, options) if options.get("idempotency_key") else None,
        resumes_mission=options.get("resumes_mission", False),
        unpriced_model=unpriced,
        said={**options} if not callable(options.get("expected")) else None,
        rungs=_rungs(options),
    )


def _unpriced(engine: Engine, models: Sequence[str], options: CallOptions, on: date) -> str | None:
    """Return the first of the models that may answer whose call has no price."""
    tier, provider = options.get("service_tier"), options.get("provider")
    for model in models:
        prices = possible_prices(engine.books, (model,), tier, provider, on)
        if _estimate(engine, prices, options).total_nano_usd is None:
            return model
    return None


def _estimate(engine: Engine, prices: Sequence[Price | None], options: CallOptions) -> Estimate:
    stated = _stated(engine, options)
    amount = options.get("estimate_usd")
    if amount is not None:
        return Estimate(nano_usd(amount), tokens=stated.total_tokens)
    return highest_estimate(prices, options.get("expected") or stated_bound(stated))


def _rungs(options: CallOptions) -> tuple[Rung, ...]:
    """Return what the caller can follow in place of a refusal; by default all."""
    rungs = options.get("rungs")
    return ALL_RUNGS if rungs is None else tuple(Rung(rung) for rung in rungs)


def _stated(engine: Engine, options: CallOptions) -> Usage:
    """Return the most that a call may use, as its caller states it."""
    most = options.get("max_output_tokens")
    return Usage(
        input_tokens=options.get("input_tokens", 0),
        output_tokens=engine.policy.default_output_tokens if most is None else most,
    )


def _expected(
    engine: Engine, prices: Sequence[Price | None], call: tuple[Sequence[str], CallOptions]
) -> Estimate | None:
    """Return what a call is expected to cost where such calls are known; else ``None``."""
    models, options = call
    output_tokens = engine.expectations.output_tokens(models, options.get("agent"))
    if output_tokens is None or options.get("estimate_usd") is not None:
        return None
    most = options.get("expected") or stated_bound(_stated(engine, options))
    return highest_estimate(
        prices, lambda price: lowered(most(price) if callable(most) else most, output_tokens)
    )


def _lowerable(options: CallOptions) -> int | None:
    """Return the output that a caller has stated and can lower (EVA-14)."""
    expected = options.get("expected")
    if options.get("estimate_usd") is not None or (expected and not callable(expected)):
        return None
    return options.get("max_output_tokens")


def evaluate(engine: Engine, request: Request, offers: Offers | None = None) -> Operation[Decision]:
    """Say what would be decided of a call now, and reserve nothing."""
    if not engine.policy.enabled:
        return Constant(_ungoverned(engine, request))
    offers = offers or _offers(engine, request)
    if engine.shared is None:
        return _evaluation(engine, request, offers)
    return Prepared(
        lambda: _by_slices(engine, request, offers),
        lambda found: Constant(found) if found else _evaluation(engine.steering, request, offers),
        engine.steering,
    )


def _evaluation(engine: Engine, request: Request, offers: Offers) -> Transaction[Decision]:
    def step(unit: Unit) -> WithEvents[Decision]:
        events = settlement.upkeep(unit, engine.in_force)
        attempt = Attempt(request, offers, request.rungs)
        return admission.evaluate(unit, engine.rules, engine.register, attempt), events

    return Transaction(step, finish=_explain(engine))


def _by_slices(engine: Engine, request: Request, offers: Offers) -> Decision | None:
    """Return what a host decides by itself; ``None`` where it would ask the shared store first.

    What it has recorded is reported then, for an answer from there.
    """
    shared = engine.shared
    assert shared is not None, "a host without slices decides everything"
    rules = replace(engine.rules, slices=QuestionedSlices(shared.slices))

    def step(unit: Unit) -> WithEvents[Decision | None]:
        events = settlement.upkeep(unit, engine.in_force)
        attempt = Attempt(request, offers, request.rungs)
        try:
            return admission.evaluate(unit, rules, engine.register, attempt), events
        except SliceNeeded:
            return None, events

    found = engine.run(Transaction(step))
    if found is None:
        shared.report()
        return None
    return _explain(engine)(found)


def reserve(
    engine: Engine,
    request: Request,
    reservation_id: str | None = None,
    *,
    offers: Offers | None = None,
    stopwatch: Stopwatch = time.monotonic,
) -> Operation[Decision]:
    """Admit a call and hold its estimate in every matching budget, or refuse it.

    Which form of it is admitted is decided in the transaction that admits it (RES-1, EVA-14).
    Whoever gives another stopwatch makes the tries himself, for the call would wait in real time.
    """
    if not engine.policy.enabled:
        return Constant(_ungoverned(engine, request))
    if request.idempotency_key is not None and request.fingerprint is None:
        request = replace(request, fingerprint=fingerprint_of_request(request))
    changes = offers or _offers(engine, request)

    def begin() -> Tries:
        now = lambda: (engine.rules, engine.register)  # noqa: E731 - may be enrolled again
        return Tries(
            engine.store,
            now,
            request,
            changes,
            reservation_id=reservation_id,
            stopwatch=stopwatch,
        )

    return Retry(begin, _give_back(engine), _explain(engine))


def _offers(engine: Engine, request: Request) -> Offers:
    return DescribedOffers(request, lambda model, said: describe(engine, model, said))


def require_hold(reservation: object) -> Reservation:
    """Return what is to be settled or extended.

    Raises:
        ReservationError: It is none: a refused call has no hold, nor has one while governance is
            disabled.
    """
    if isinstance(reservation, Reservation):
        return reservation
    raise ReservationError(
        f"there is no hold to settle, got {reservation!r}: a call that was refused has none, nor "
        "has one while governance is disabled; see `decision.allowed`"
    )


def commit(
    engine: Engine, reservation: Reservation, usage: Usage | None, report: CallReport
) -> Operation[Settled]:
    """Record what a call used and cost, and free its hold."""
    reservation = require_hold(reservation)
    return _settle(engine, _commit(engine, reservation, usage, report))


def correct(
    engine: Engine, reservation: Reservation, usage: Usage | None, report: CallReport
) -> Operation[Settled]:
    """Record what a meter of ours measured of a call that somebody else has settled (RES-8)."""
    reservation = require_hold(reservation)
    keyed: CallReport = {"settlement_key": reservation.id, **report}
    pending = _commit(engine, reservation, usage, keyed)
    return _settle(engine, replace(pending, kind=PendingKind.CORRECT))


def add(
    engine: Engine, reservation: Reservation, usage: Usage | None, report: CallReport
) -> Operation[Settled]:
    """Commit a call whose hold another call may share (RES-2)."""
    reservation = require_hold(reservation)
    keyed: CallReport = {**report, "settlement_key": engine.new_id()}
    pending = _commit(engine, reservation, usage, keyed)
    return _settle(engine, replace(pending, kind=PendingKind.ADD))


def release(
    engine: Engine, reservation: Reservation, settlement_key: str | None = None
) -> Operation[Settled]:
    """Free a hold of which nothing was spent."""
    reservation = require_hold(reservation)
    key = settlement_key or engine.new_id()
    return _settle(engine, PendingSettlement(PendingKind.RELEASE, reservation.id, key))


def forget(engine: Engine, reservation_id: str) -> Operation[None]:
    """Release a reservation if there is one: its caller never got it."""
    pending = PendingSettlement(PendingKind.FORGET, reservation_id, engine.new_id())

    def step(unit: Unit) -> WithEvents[None]:
        return None, settlement.apply(unit, engine.in_force, pending)[1]

    return Transaction(step, keep=pending)


def extend(
    engine: Engine,
    reservation: Reservation,
    ttl_seconds: int | None,
    hold_usd: Decimal | int | None,
) -> Operation[Decision]:
    """Let a long call live longer, or hold more for it (RES-7).

    Raises:
        ValueError: An argument is out of range.
    """
    reservation = require_hold(reservation)
    hold = None if hold_usd is None else nano_usd(hold_usd)
    if ttl_seconds is not None and not 1 <= ttl_seconds <= LONGEST_LIFE_SECONDS:
        raise ValueError(f"ttl_seconds must be 1..=86400, got {ttl_seconds!r}")

    def step(unit: Unit) -> WithEvents[Decision]:
        before = settlement.find(unit, reservation.id).hold_nano_usd
        held = settlement.extend(unit, engine.register, reservation.id, ttl_seconds, hold)
        is_raised = held.hold_nano_usd > before
        return admission.extended(unit, engine.rules, engine.register, held, is_raised=is_raised)

    return Transaction(step)


def _commit(
    engine: Engine, reservation: Reservation, usage: Usage | None, report: CallReport
) -> PendingSettlement:
    refuse_unknown(report, CallReport)
    priced = settlement_of(engine.books, reservation, usage, report)
    settlement.require_amounts(priced)
    key = report.get("settlement_key") or engine.new_id()
    return PendingSettlement(PendingKind.COMMIT, reservation.id, key, priced)


def _settle(engine: Engine, pending: PendingSettlement) -> Operation[Settled]:
    def step(unit: Unit) -> WithEvents[Settled]:
        settled, events = settlement.apply(unit, engine.in_force, pending)
        assert settled is not None, "only what is to be forgotten may be unknown"
        return settled, events

    return Transaction(step, keep=pending)


def _give_back(engine: Engine) -> Callable[[Decision], None]:
    """Return what releases a reservation whose caller was interrupted before hearing of it."""

    def give_back(decision: Decision) -> None:
        if decision.allowed and decision.reservation is not None and not decision.replayed:
            engine.run(release(engine, decision.reservation))

    return give_back


def _explain(engine: Engine) -> Callable[[Decision], Decision]:
    """Return what makes a decision name the models that are priced, where the model is not."""

    def explain(decision: Decision) -> Decision:
        if decision.denial is not Denial.UNPRICED_MODEL or decision.model is None:
            return decision
        return replace(decision, resembling=engine.books.resembling(decision.model))

    return explain


def _ungoverned(engine: Engine, request: Request) -> Decision:
    """Allow a call while governance is disabled; nothing is reserved or recorded (EVA-11)."""
    return Decision(
        BudgetState.ALLOWED,
        (),
        estimate_nano_usd=request.estimate_nano_usd,
        policy_hash=engine.policy.content_hash,
        session_id=request.session_id,
        mission_id=request.mission_id,
    )
