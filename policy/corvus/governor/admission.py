"""Admits a call, or refuses it: check, override use and reservation in one transaction (RES-1).

Order of the reasons to refuse: a model without a price, the end of its mission, a budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from corvus.base.errors import IdempotencyConflict
from corvus.base.ids import new_id
from corvus.base.money import NOTHING
from corvus.base.period import Period
from corvus.base.time import microseconds
from corvus.events import CallDenied, Event, UnpricedCall
from corvus.governor.evaluate import NO_CALL, judge, state_of
from corvus.governor.overrides import consume, usable
from corvus.governor.records import append_refusal, event_row
from corvus.governor.replay import answer_of, answer_text, is_same
from corvus.governor.rules import MISSION, Call, InForce, Register, Rules, SumPlace, call_of
from corvus.governor.scopes import (
    admit_to_mission,
    keep_mission,
    meet,
    mission_of_call,
    stop_mission,
)
from corvus.governor.settlement import expire, upkeep
from corvus.governor.thresholds import note_admitted, note_refused, note_settled
from corvus.model.budget import Measure
from corvus.model.decision import BudgetState, BudgetStatus, Decision, Denial, headroom
from corvus.model.outbox import LedgerTable, Row
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState
from corvus.model.steering import MissionOutcome, MissionRecord
from corvus.store.api import StoredBalance
from corvus.store.kinds import budget_key
from corvus.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Case:
    """A request with everything that bears on it.

    Attributes:
        counted: Where the call is counted; of all registered budgets, not of one policy.
        sums: What stands there, in the same order.
    """

    request: Request
    mission: MissionRecord | None
    counted: list[SumPlace]
    sums: list[StoredBalance]
    decision: Decision


def reserve(
    unit: Unit, rules: Rules, register: Register, request: Request, reservation_id: str | None
) -> tuple[Decision, list[Event]]:
    """Admit or refuse a call.

    Args:
        unit: The transaction under way.
        rules: The policy in force.
        register: The registered budgets.
        request: The call.
        reservation_id: Id for the reservation, when the caller has chosen one.

    Raises:
        IdempotencyConflict: The key was used with another request.
        StoreCorrupt: A balance contradicts itself; nothing is admitted (MIS-3).
    """
    in_force = InForce(rules, register)
    events: list[Event] = upkeep(unit, in_force)
    if request.idempotency_key is not None:
        replayed, more = _replay(unit, in_force, request)
        events += more
        if replayed is not None:
            return replayed, events
    case = weigh(unit, rules, register, request)
    if case.mission is not None:
        keep_mission(unit, case.mission)
    decision, more = _decide(unit, rules, register, case, reservation_id)
    return decision, events + more


def weigh(unit: Unit, rules: Rules, register: Register, request: Request) -> Case:
    """Evaluate a request without admitting it."""
    mission = mission_of_call(unit, rules, request)
    running = mission if mission is not None and mission.ended_at is None else None
    call = Call(request.attributes, request.session_id, request.mission_id, unit.now)
    counted = register.counting(unit).of(call, unit.window_opened, opens=True)
    sums = [unit.balance(place.key) for place in counted]
    balances = rules.balances(counted, sums, running)
    statuses = judge(balances, request.amounts)
    state = state_of(statuses)
    denial = _denial(rules, request, mission, state)
    decision = Decision(
        state,
        statuses,
        denial,
        request.estimate_nano_usd,
        override_possible=rules.policy.allow_override and denial is Denial.BUDGET_EXCEEDED,
        max_affordable_output_tokens=_fits(statuses, request),
        policy_hash=rules.policy.content_hash,
        session_id=request.session_id,
        mission_id=request.mission_id,
        model=request.unpriced_model or request.model,
    )
    return Case(request, mission, counted, sums, decision)


def extended(
    unit: Unit, rules: Rules, register: Register, held: Reservation, *, is_raised: bool
) -> tuple[Decision, list[Event]]:
    """Say where the budgets of a call stand after its hold was extended (RES-7).

    The call goes on also where one is passed (EVA-9): the decision permits it, its state says so.
    """
    request = held.request
    mission = mission_of_call(unit, rules, request)
    running = mission if mission is not None and mission.ended_at is None else None
    counted = register.counting(unit).of(call_of(held), unit.window_opened)
    sums = [unit.balance(place.key) for place in counted]
    statuses = judge(rules.balances(counted, sums, running), NO_CALL)
    decision = Decision(
        state_of(statuses),
        statuses,
        estimate_nano_usd=held.hold_nano_usd,
        reservation=held,
        override_id=held.override_id,
        policy_hash=rules.policy.content_hash,
        session_id=request.session_id,
        mission_id=request.mission_id,
    )
    if not is_raised:
        return decision, []
    return decision, note_settled(unit, rules, counted, sums, request)


def _denial(
    rules: Rules, request: Request, mission: MissionRecord | None, state: BudgetState
) -> Denial | None:
    if request.estimate_nano_usd is None and rules.policy.unpriced_models == "deny":
        return Denial.UNPRICED_MODEL
    if mission is not None and mission.outcome is not None:
        return Denial.MISSION_ENDED
    return Denial.BUDGET_EXCEEDED if state is BudgetState.EXCEEDED else None


def _fits(statuses: Sequence[BudgetStatus], request: Request) -> int | None:
    """Return the longest output that every budget has room for; ``None`` when that is unknown."""
    if request.output_rate is None or request.input_nano_usd is None:
        return None
    room = headroom(statuses, Measure.USD)
    if room is None:
        return None
    left = room - request.input_nano_usd
    if left < 0 or not request.output_rate:
        return 0 if left < 0 else None
    return left * 1_000_000 // request.output_rate


def _replay(unit: Unit, in_force: InForce, request: Request) -> tuple[Decision | None, list[Event]]:
    """Return what a repeated idempotency key means now (RES-2); ``None`` admits as a new one.

    The permission stands while its hold does. A call that cost, or is presumed to have, is no
    permission for another; one that cost nothing may be tried again.
    """
    existing = _existing(unit, request)
    if existing is None:
        return None, []
    if not is_same(existing.request, request):
        raise IdempotencyConflict(
            f"the idempotency key {request.idempotency_key!r} was used for another request; "
            "repeat that request unchanged, or choose a new key"
        )
    events: list[Event] = []
    if existing.state is ReservationState.HELD and existing.expires_at <= unit.now:
        events = expire(unit, in_force, existing)  # more are overdue than one upkeep expires
        existing = _existing(unit, request) or existing
    match existing.state:
        case ReservationState.HELD:
            return answer_of(existing), events
        case ReservationState.RELEASED:
            return None, events
        case ReservationState.EXPIRED if existing.record_id is None:
            return None, events
        case _:
            first = replace(answer_of(existing), replayed=False)
            return replace(first, denial=Denial.ALREADY_SETTLED), events


def _existing(unit: Unit, request: Request) -> Reservation | None:
    """Return the reservation to which the idempotency key of a request points."""
    if request.idempotency_key is None:
        return None
    return unit.reservation_by_key(request.idempotency_key, request.project)


def _decide(
    unit: Unit, rules: Rules, register: Register, case: Case, reservation_id: str | None
) -> tuple[Decision, list[Event]]:
    decision, request = case.decision, case.request
    override = None
    if decision.denial is Denial.BUDGET_EXCEEDED and rules.policy.allow_override:
        override = usable(unit, request.session_id, request.project)
    events: list[Event] = []
    if request.estimate_nano_usd is None:
        refused = decision.denial is Denial.UNPRICED_MODEL
        unpriced = request.unpriced_model or request.model
        events.append(UnpricedCall(request.provider, unpriced, refused, request.surface))
    if not decision.allowed and override is None:
        return decision, events + _refuse(unit, rules, case)
    events += note_admitted(unit, rules, case.sums, decision.statuses, request)
    reservation = _reservation(unit, rules, case, reservation_id)
    if override is not None:
        reservation = replace(reservation, override_id=override.id)
        decision = replace(decision, denial=None, override_id=override.id)
        events.append(consume(unit, override, reservation, decision.statuses))
    if request.idempotency_key is not None:
        reservation = replace(reservation, answer=answer_text(decision))
    _hold(unit, register, case, reservation, decision)
    return decision.admitting(reservation), events


def _reservation(unit: Unit, rules: Rules, case: Case, reservation_id: str | None) -> Reservation:
    ttl_seconds = case.request.ttl_seconds or rules.policy.reservation_ttl_seconds
    return Reservation(
        id=reservation_id or new_id(unit.now_us),
        request=case.request,
        state=ReservationState.HELD,
        hold_nano_usd=case.request.estimate_nano_usd or NOTHING,
        hold_tokens=case.request.estimate_tokens,
        admitted_at=unit.now,
        expires_at=unit.now + timedelta(seconds=ttl_seconds),
        policy_hash=rules.policy.content_hash,
    )


def _hold(
    unit: Unit, register: Register, case: Case, reservation: Reservation, decision: Decision
) -> None:
    _open_windows(unit, register, case)
    for balance in case.sums:
        balance.hold(reservation.hold)
    unit.put_balances(case.sums)
    if (ended := _existing(unit, reservation.request)) is not None:
        unit.drop_key(ended)  # it points to the newest
    unit.add_reservation(reservation)
    meet(unit, reservation.request, decision.state, decision.policy_hash)
    if case.mission is not None:
        admit_to_mission(unit, case.mission, reservation.request.surface)
    row = event_row(unit, "reserved", reservation.request, reservation)
    unit.append(LedgerTable.RESERVATION_EVENT, row | _decided(decision))


def _open_windows(unit: Unit, register: Register, case: Case) -> None:
    """Keep the windows that the call opens, so that sums can be counted again (STO-2)."""
    budgets = register.counting(unit).budgets
    for place in case.counted:
        budget, key = budgets[place.key.budget_id], place.key
        if budget.period is not Period.WINDOW or place.window is None:
            continue
        if unit.window_opened(key.budget_id, key.part, key.window_start_us) == key.window_start_us:
            continue
        unit.open_window(key.budget_id, key.part, key.window_start_us)
        row: Row = {
            "budget": budget.name,
            "budget_key": budget_key(budget),
            "part": key.part,
            "window_start": key.window_start_us,
            "window_end": microseconds(place.window.end),
        }
        unit.append(LedgerTable.OPENED_WINDOW, row)


def _refuse(unit: Unit, rules: Rules, case: Case) -> list[Event]:
    """Keep what was refused, and what it would have cost (REP-2)."""
    decision, request = case.decision, case.request
    meet(unit, request, BudgetState.EXCEEDED, decision.policy_hash)
    row = event_row(unit, "denied", request, None) | {"policy_hash": decision.policy_hash}
    append_refusal(unit, row | _decided(decision))
    assert decision.denial is not None, "only a denied call is refused"
    events: list[Event] = [CallDenied(decision.denial.value, request.surface)]
    if decision.denial is not Denial.BUDGET_EXCEEDED:
        return events
    exceeded = [status for status in decision.statuses if status.state is BudgetState.EXCEEDED]
    events += note_refused(unit, rules, case.sums, exceeded, request)
    if case.mission is not None and any(status.budget.name == MISSION for status in exceeded):
        stop_mission(unit, case.mission, MissionOutcome.BUDGET_EXHAUSTED)
    return events


def _decided(decision: Decision) -> Row:
    governing = decision.governing
    row: Row = {"state": decision.state.word, "denial": decision.denial}
    if governing is None:
        return row
    budget = governing.budget
    row |= {
        "governing_budget": budget.name,
        "governing_part": governing.part or None,
        "governing_measure": budget.measure.value,
        "governing_limit": budget.limit,
        "governing_projected": governing.projected,
    }
    if budget.measure is Measure.USD:
        row |= {
            "governing_limit_nano_usd": budget.limit,
            "projected_nano_usd": governing.projected,
        }
    return row
