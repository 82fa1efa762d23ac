"""Admits a call, refuses it, or has it wait: all in one transaction (RES-1, EVA-14).

What is checked, what is used (an override, an approval) and what is held are one step. Order of the
reasons to refuse: a model without a price, the end of its mission, a budget.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from corvus.base.errors import IdempotencyConflict
from corvus.base.ids import new_id
from corvus.base.money import NOTHING
from corvus.base.period import Period
from corvus.base.time import microseconds
from corvus.events import CallDenied, Event, LadderUsed, UnpricedCall
from corvus.governor.evaluate import NO_CALL, judge, state_of
from corvus.governor.ladder.approvals import keep_alive, let_go, park, use
from corvus.governor.ladder.rungs import Attempt, Ladder, Passage, Stop
from corvus.governor.ladder.waiting import stand
from corvus.governor.leases.desk import require_no_home
from corvus.governor.overrides import consume
from corvus.governor.records import append_refusal, asked_row, decided_row, event_row
from corvus.governor.replay import answer_of, answer_text, is_same
from corvus.governor.rules import MISSION, InForce, Register, Rules, Standing, call_of
from corvus.governor.scopes import (
    admit_to_mission,
    keep_mission,
    meet,
    mission_of_call,
    stop_mission,
)
from corvus.governor.settlement import expire, upkeep
from corvus.governor.shadow.judging import note_shadow
from corvus.governor.shares import with_shares
from corvus.governor.thresholds import is_open, note_admitted, note_refused, note_settled
from corvus.governor.weighing import Case, exceeded, weigh
from corvus.model.approval import ApprovalState
from corvus.model.budget import Rung
from corvus.model.decision import BudgetState, Decision, Denial
from corvus.model.outbox import LedgerTable, Row
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState
from corvus.model.steering import MissionOutcome
from corvus.store.kinds import budget_key
from corvus.store.unit import Unit


class Pause(NamedTuple):
    """A call that is to be tried again when something changes, or when a while has passed.

    Attributes:
        rung: ``wait`` for room, or ``ask`` for a person.
        turn: When it arrived, microseconds; its place in the queue.
        things: What it waits for: keys of sums, or the id of its approval.
        approval_id: Its approval, where it is parked.
    """

    rung: Rung
    turn: int
    things: frozenset[Hashable]
    approval_id: str | None = None


def reserve(
    unit: Unit, rules: Rules, register: Register, attempt: Attempt
) -> tuple[Decision | Pause, list[Event]]:
    """Admit or refuse a call, or have it wait.

    Args:
        unit: The transaction under way.
        rules: The policy in force.
        register: The registered budgets.
        attempt: The call, and what may be done about it.

    Raises:
        IdempotencyConflict: The key was used with another request.
        SteeringRefused: Another host counts the session of the call (STO-3).
        StoreCorrupt: A balance contradicts itself; nothing is admitted (MIS-3).
    """
    in_force, request = InForce(rules, register), attempt.request
    events: list[Event] = upkeep(unit, in_force)
    if request.idempotency_key is not None:
        replayed, more = _replay(unit, in_force, request)
        events += more
        if replayed is not None:
            return replayed, [*events, *_leave(unit, attempt)]
    if rules.slices is None:
        require_no_home(unit, request)
    case = weigh(unit, rules, register, request)
    if case.mission is not None:
        keep_mission(unit, case.mission)
    step = step_of(unit, rules, register, attempt, case)
    if isinstance(step, Stop):
        pause, more = _pause(unit, rules, attempt, (case, step))
        return pause, events + more
    if step is None:
        decision, more = _turn_away(unit, rules, attempt, case)
    else:
        decision, more = _let_pass(unit, rules, register, attempt, step)
    return decision, [*events, *more, *_leave(unit, attempt)]


def evaluate(unit: Unit, rules: Rules, register: Register, attempt: Attempt) -> Decision:
    """Say what would be decided of a call now; nothing is reserved, and it waits for nothing.

    A call that would wait, or be parked, is refused, with that rung in the decision.
    """
    case = weigh(unit, rules, register, attempt.request)
    step = step_of(unit, rules, register, attempt, case)
    if step is None:
        return case.decision
    if isinstance(step, Stop):
        denial = case.decision.denial or Denial.BUDGET_EXCEEDED
        return replace(case.decision, denial=denial, rungs=(step.rung,))
    if step.override is not None:
        return case.decision  # an override is used by a call, not by a question
    return _described(step.case.decision, step, attempt)


def step_of(
    unit: Unit, rules: Rules, register: Register, attempt: Attempt, case: Case
) -> Passage | Stop | None:
    """Return how a weighed call passes, or why not now; ``None`` refuses it. Nothing is written."""
    ladder = Ladder(unit, rules, lambda form: weigh(unit, rules, register, form), attempt)
    approval = attempt.approval
    if approval is not None and approval.state is ApprovalState.APPROVED:
        if case.decision.denial in (None, Denial.BUDGET_EXCEEDED):
            return ladder.by_approval(case, approval)
        return None
    step = ladder.climb(case)
    if approval is not None and approval.state is ApprovalState.PENDING:
        is_over = Rung.ASK not in attempt.rungs
        return step if is_over or isinstance(step, Passage) else Stop(Rung.ASK)
    if approval is not None and isinstance(step, Stop):
        return None  # a person has decided: it neither waits nor asks again
    return step


def _pause(
    unit: Unit, rules: Rules, attempt: Attempt, stopped: tuple[Case, Stop]
) -> tuple[Pause, list[Event]]:
    case, stop = stopped
    if stop.rung is Rung.WAIT:
        turn = stand(unit, attempt.turn, stop.wants)
        return Pause(Rung.WAIT, turn, frozenset[Hashable](stop.wants)), []
    turn = attempt.turn
    if turn is None:
        unit.tick()
        turn = unit.now_us
    unit.drop_waiter(turn)
    events: list[Event] = []
    if (approval := attempt.approval) is None:
        approval, events = park(unit, rules.policy, case)
    else:
        keep_alive(unit, approval)
    return Pause(Rung.ASK, turn, frozenset([approval.id]), approval.id), events


def _leave(unit: Unit, attempt: Attempt) -> list[Event]:
    """Give up the place of a call that is decided, and its approval if it did not use it."""
    if attempt.turn is not None:
        unit.drop_waiter(attempt.turn)
    return [] if attempt.approval is None else let_go(unit, attempt.approval.id)


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
    session = unit.session(request.session_id, request.project)
    balances = with_shares(unit, rules, rules.balances(counted, sums, running), running, session)
    if rules.slices is not None:
        balances = rules.slices.shared(unit, rules, Standing(counted, sums, balances))
    statuses = judge(balances, NO_CALL)
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


def _let_pass(
    unit: Unit, rules: Rules, register: Register, attempt: Attempt, passage: Passage
) -> tuple[Decision, list[Event]]:
    """Admit a call, in the form in which it passes."""
    case, override = passage.case, passage.override
    events: list[Event] = []
    if rules.shadow is not None and override is None and passage.approval is None:
        case, events = note_shadow(unit, rules, register, case, attempt)
    request = case.request
    if request.estimate_nano_usd is None:
        events.append(_unpriced(request, refused=False))
    events += note_admitted(unit, rules, case.sums, case.decision.statuses, request)
    reservation = _reservation(unit, rules, case, attempt.reservation_id)
    decision = _described(case.decision, passage, attempt)
    if override is not None:
        reservation = replace(reservation, override_id=override.id)
        decision = replace(decision, override_id=override.id)
        events.append(consume(unit, override, reservation, decision.statuses))
    if passage.approval is not None:
        events += use(unit, passage.approval)
    if request.idempotency_key is not None:
        reservation = replace(reservation, answer=answer_text(decision))
    _hold(unit, register, attempt, (case, reservation, decision))
    events += [LadderUsed(rung.value, request.surface) for rung in decision.rungs]
    return decision.admitting(reservation), events


def _turn_away(
    unit: Unit, rules: Rules, attempt: Attempt, case: Case
) -> tuple[Decision, list[Event]]:
    """Refuse a call."""
    decision, request = case.decision, case.request
    if attempt.waited_us or attempt.approval is not None:
        decision = replace(
            decision,
            denial=decision.denial or Denial.BUDGET_EXCEEDED,
            waited_seconds=_seconds(attempt.waited_us),
            approval_id=attempt.approval.id if attempt.approval else None,
        )
    events: list[Event] = []
    if request.estimate_nano_usd is None:
        refused = decision.denial is Denial.UNPRICED_MODEL
        events.append(_unpriced(request, refused=refused))
    return decision, events + _refuse(unit, rules, attempt, replace(case, decision=decision))


def _described(decision: Decision, passage: Passage, attempt: Attempt) -> Decision:
    """Return the decision about a call that passes, with how it passes."""
    rungs = passage.rungs
    if attempt.has_queued:
        rungs = (Rung.WAIT, *rungs)
    is_lifted = passage.override is not None or passage.approval is not None
    if not rungs and not attempt.waited_us and not is_lifted:
        return decision
    return replace(
        decision,
        denial=None,
        output_cap_tokens=passage.output_cap_tokens,
        downgraded_from=passage.downgraded_from,
        waited_seconds=_seconds(attempt.waited_us),
        approval_id=passage.approval.id if passage.approval else None,
        rungs=rungs,
    )


def _unpriced(request: Request, *, refused: bool) -> UnpricedCall:
    model = request.unpriced_model or request.model
    return UnpricedCall(request.provider, model, refused, request.surface)


def _seconds(waited_us: int) -> float:
    """Return a time in whole milliseconds, rounded up: whoever waited did so for a while."""
    return -(-waited_us // 1_000) / 1_000


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
    unit: Unit,
    register: Register,
    attempt: Attempt,
    admitted: tuple[Case, Reservation, Decision],
) -> None:
    case, reservation, decision = admitted
    _open_windows(unit, register, case)
    held = reservation.hold
    for balance in case.sums:
        balance.hold(held)
    unit.put_balances(case.sums)
    if (ended := _existing(unit, reservation.request)) is not None:
        unit.drop_key(ended)  # it points to the newest
    unit.add_reservation(reservation)
    meet(unit, reservation.request, decision.state, decision.policy_hash)
    if case.mission is not None:
        admit_to_mission(unit, case.mission, reservation.request.surface)
    row = event_row(unit, "reserved", reservation.request, reservation)
    row |= asked_row(attempt.request, case.request, attempt.turn)
    unit.append(LedgerTable.RESERVATION_EVENT, row | decided_row(decision))


def _open_windows(unit: Unit, register: Register, case: Case) -> None:
    """Keep the windows that the call opens, so that sums can be counted again (STO-2)."""
    budgets = register.counting(unit).budgets
    for place in case.counted:
        budget, key = budgets[place.key.budget_id], place.key
        if budget.period is not Period.WINDOW or place.window is None:
            continue
        if is_open(unit, key):
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


def _refuse(unit: Unit, rules: Rules, attempt: Attempt, case: Case) -> list[Event]:
    """Keep what was refused, and what it would have cost (REP-2)."""
    decision, request = case.decision, case.request
    meet(unit, request, BudgetState.EXCEEDED, decision.policy_hash)
    row = event_row(unit, "denied", request, None) | {"policy_hash": decision.policy_hash}
    row |= asked_row(attempt.request, request, attempt.turn)
    append_refusal(unit, row | decided_row(decision))
    assert decision.denial is not None, "only a denied call is refused"
    events: list[Event] = [CallDenied(decision.denial.value, request.surface)]
    if decision.denial is not Denial.BUDGET_EXCEEDED:
        return events
    in_the_way = exceeded(case)
    if not in_the_way:
        return events
    events += note_refused(unit, rules, case.sums, in_the_way, request)
    if case.mission is not None and any(status.budget.name == MISSION for status in in_the_way):
        stop_mission(unit, case.mission, MissionOutcome.BUDGET_EXHAUSTED)
    return events
