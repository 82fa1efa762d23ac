"""Puts recorded calls to a policy, in their order, by the rules that the governor decides by.

``weigh`` and the ladder decide; here only sums are kept, for nothing that a replay decides on is
ever written. A call that passes ends when it really ended, at what it really cost. One that is
capped costs at most what was held for it then; what one would have cost that was refused when it
was made, nobody knows: it counts in no sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import NamedTuple

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import instant_at, microseconds
from corvus.governor import overrides
from corvus.governor.admission import step_of
from corvus.governor.endings.sums import balances_at
from corvus.governor.ladder.rungs import Attempt, Passage, Stop
from corvus.governor.ladder.waiting import stand
from corvus.governor.rules import Rules, SumPlace
from corvus.governor.scopes import admit_to_mission, end_mission, keep_mission
from corvus.governor.thresholds import is_open
from corvus.governor.weighing import Case, exceeded, weigh
from corvus.model.approval import Approval, ApprovalState
from corvus.model.budget import Amounts, Rung
from corvus.model.decision import Denial
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.model.steering import (
    MissionOutcome,
    MissionRecord,
    Override,
    OverrideRequest,
    OverrideState,
)
from corvus.planning.memory import MemoryUnit, rules_in
from corvus.planning.recorded import (
    CallTurn,
    RecordedCall,
    RecordedEvent,
    RecordedMission,
    RecordedOverride,
    RecordedReset,
    Turn,
)
from corvus.planning.recorded_offers import RecordedOffers
from corvus.prices.lookup import PriceBooks
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.kinds import BALANCE, OVERRIDE, Waiter, budget_key

_CLOSE_US = 1_000_000
"""How much earlier than by its policy a wait may have ended that was over by real time."""


class InTheWay(NamedTuple):
    """A sum that had no room for a call.

    Attributes:
        budget: Name of the budget.
        part: Of a budget with ``per``, as it is kept; else empty.
        window: Which of its sums: start of the window in microseconds, session, mission, project.
    """

    budget: str
    part: str
    window: tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy makes of one call.

    Attributes:
        call: The call.
        decided_us: When it is decided, microseconds since 1970.
        denial: Why it is refused; ``None`` lets it pass.
        rungs: What lets it pass in place of a refusal, in order. Of a refused call ``ask``, where a
            person would have decided, nobody knows how.
        in_the_way: What had no room for it when it came.
        request: The form in which it passes; of a refused call as it was asked for.
        output_cap_tokens: The maximum that it is to state.
        override_id: What lifted its block.
    """

    call: RecordedCall
    decided_us: int
    denial: Denial | None
    rungs: tuple[Rung, ...]
    in_the_way: tuple[InTheWay, ...]
    request: Request
    output_cap_tokens: int | None = None
    override_id: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it passes as it is, at once."""
        return self.denial is None and not self.rungs and self.override_id is None


@dataclass(slots=True)
class _Pending:
    """A call that waits, for room or for a person (``rung``); ``over`` is what it has waited for.

    It is tried again once it was decided when it was made, and not before.
    """

    call: RecordedCall
    turn: int
    in_the_way: tuple[InTheWay, ...]
    rung: Rung
    until_us: int
    over: set[Rung]
    is_decided: bool = False
    has_queued: bool = False


@dataclass(slots=True)
class _Open:
    """A call that passed: where it is counted, and what counts for it there."""

    keys: list[BalanceKey]
    hold: Amounts
    request: Request
    most_nano_usd: int | None
    times: int
    override_id: str | None
    counted: Amounts | None = None
    counted_us: int = 0


class Replay:
    """Recorded calls under one policy.

    Args:
        policy: What decides.
        books: Prices of other models, for ``downgrade``.
        note: Is given the outcome of each call.
        recorded: The policy under which the calls were made, if it is known: what a mission had
            from there, it has from ``policy``.
        judges_from_us: Calls before this instant pass, for sums that were there already.
    """

    def __init__(
        self,
        policy: Policy,
        books: PriceBooks,
        note: Callable[[Outcome], object],
        *,
        recorded: Policy | None = None,
        judges_from_us: int = 0,
    ) -> None:
        self._policy = policy
        self._books = books
        self._note = note
        self._judges_from_us = judges_from_us
        self.unit = MemoryUnit()
        rules, self._register = rules_in(self.unit, policy)
        assert rules is not None
        self._rules: Rules = rules
        self._recorded = recorded or policy
        self._open: dict[str, _Open] = {}
        self._pending: dict[str, _Pending] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._early: dict[str, list[CallTurn]] = {}
        self._granted: dict[str, str] = {}

    def take(self, event: RecordedEvent) -> None:
        """Take the next event; none is earlier than the one before."""
        at_us = event.requested_us if isinstance(event, RecordedCall) else event.at_us
        while self._deadlines and self._deadlines[0][0] <= at_us:
            until_us, call_id = heappop(self._deadlines)
            self._give_up_waiting(until_us, call_id)
        unit = self.unit
        unit.move(at_us)
        unit.upkept = True  # holds expire when they did
        if unit.active_overrides():
            overrides.expire_overrides(unit)
        match event:
            case RecordedCall():
                self._ask(event)
            case CallTurn():
                self._turn(event)
            case RecordedReset():
                self._reset(event)
            case RecordedOverride():
                self._override(event)
            case RecordedMission():
                self._mission(event)

    def weigh(self, request: Request, at_us: int) -> Case:
        """Say what every budget makes of a call that comes now, and take nothing.

        Args:
            request: The call.
            at_us: The present; no event was later.
        """
        self.unit.move(at_us)
        return weigh(self.unit, self._rules, self._register, request)

    def finish(self) -> None:
        """Decide the calls that still wait."""
        for until_us, call_id in sorted(self._deadlines):
            self._give_up_waiting(until_us, call_id)
        self._deadlines.clear()

    def _ask(self, call: RecordedCall) -> None:
        is_judged = call.is_judged and call.requested_us >= self._judges_from_us
        if self._policy.enabled and is_judged:
            self._try(call, None)
            return
        case = weigh(self.unit, self._rules, self._register, call.request)
        if case.mission is not None:
            keep_mission(self.unit, case.mission)
        self._pass(call, Passage(replace(case, request=self._as_recorded(call))), (), None)

    def _as_recorded(self, call: RecordedCall) -> Request:
        """Return a call in the form in which it passed."""
        decision = call.decision
        if decision is None or decision.denial is not None:
            return call.request
        return replace(
            call.request,
            estimate_nano_usd=NanoUSD(decision.hold.nano_usd),
            estimate_tokens=decision.hold.tokens,
        )

    def _try(self, call: RecordedCall, pending: _Pending | None) -> None:
        """Decide a call, or have it wait."""
        unit, request = self.unit, call.request
        case = weigh(unit, self._rules, self._register, request)
        if case.mission is not None:
            keep_mission(unit, case.mission)
        if case.decision.allowed and pending is None and not unit.waiters():
            self._pass(call, Passage(case), (), ())  # nothing is in its way
            return
        attempt = Attempt(
            request,
            RecordedOffers(call, self._books, instant_at(call.requested_us).date()),
            self._rungs(request, pending),
            turn=pending.turn if pending else None,
            waited_us=max(1, unit.now_us - pending.turn) if pending else 0,
            has_queued=pending.has_queued if pending else False,
            approval=self._approved(call, pending) if pending else None,
        )
        step = step_of(unit, self._rules, self._register, attempt, case)
        in_the_way = pending.in_the_way if pending else self._in_the_way(case)
        if isinstance(step, Stop):
            self._stop(call, step, pending, in_the_way)
            return
        waited: tuple[Rung, ...] = ()
        if pending is not None:
            unit.drop_waiter(pending.turn)
            del self._pending[call.id]
            waited = (Rung.WAIT,) if pending.has_queued else ()
        if step is None:
            denial = case.decision.denial or Denial.BUDGET_EXCEEDED
            asked = (Rung.ASK,) if pending is not None and pending.rung is Rung.ASK else ()
            self._note(Outcome(call, unit.now_us, denial, asked, in_the_way, request))
        else:
            self._pass(call, step, (*waited, *step.rungs), in_the_way)

    def _rungs(self, request: Request, pending: _Pending | None) -> list[Rung]:
        waits = {Rung.WAIT: self._policy.wait_seconds, Rung.ASK: self._policy.ask_seconds}
        over = pending.over if pending is not None else ()
        return [rung for rung in request.rungs if waits.get(rung, 1) and rung not in over]

    def _in_the_way(self, case: Case) -> tuple[InTheWay, ...]:
        names = {(status.budget.name, status.part) for status in exceeded(case)}
        budgets = self._rules.budgets
        return tuple(
            InTheWay(name, key.part, (key.window_start_us, *key[2:5]))
            for key in (each.key for each in case.sums)
            if key.budget_id in budgets
            and ((name := budgets[key.budget_id].name), key.part) in names
        )

    def _approved(self, call: RecordedCall, pending: _Pending) -> Approval | None:
        """Return what a person decided of a call, once he has."""
        decision = call.decision
        if pending.rung is not Rung.ASK or not pending.is_decided:
            return None
        if decision is None or decision.denial is not None or Rung.ASK not in decision.rungs:
            return None
        request = call.request
        return Approval(
            id=call.id,
            parked_at=instant_at(pending.turn),
            deadline_at=instant_at(pending.until_us),
            alive_until_us=pending.until_us,
            principal=request.principal,
            session_id=request.session_id,
            model=request.model,
            provider=request.provider,
            surface=request.surface,
            budgets="[]",
            estimate_nano_usd=request.estimate_nano_usd,
            estimate_tokens=request.estimate_tokens,
            project=request.project,
            user=request.user,
            agent=request.agent,
            mission_id=request.mission_id,
            state=ApprovalState.APPROVED,
            amount_nano_usd=NanoUSD(decision.hold.nano_usd) if Rung.CAP in decision.rungs else None,
        )

    def _stop(
        self,
        call: RecordedCall,
        step: Stop,
        pending: _Pending | None,
        in_the_way: tuple[InTheWay, ...],
    ) -> None:
        """Have a call wait for room, or for a person."""
        unit, policy = self.unit, self._policy
        turn = pending.turn if pending else None
        if step.rung is Rung.WAIT:
            turn = stand(unit, turn, step.wants)
            wants = unit.waiters()[turn].wants
            unit.put_waiter(Waiter(turn, turn + policy.wait_seconds * 1_000_000, wants))
        elif turn is None:
            turn = unit.now_us
        else:
            unit.drop_waiter(turn)
        if pending is None:
            is_decided = call.decided_us <= unit.now_us
            pending = _Pending(call, turn, in_the_way, step.rung, 0, set(), is_decided)
            self._pending[call.id] = pending
        elif pending.rung is step.rung:
            return
        pending.rung = step.rung
        pending.has_queued = pending.has_queued or step.rung is Rung.WAIT
        seconds = policy.wait_seconds if step.rung is Rung.WAIT else policy.ask_seconds
        pending.until_us = unit.now_us + seconds * 1_000_000
        heappush(self._deadlines, (pending.until_us, call.id))

    def _give_up_waiting(self, until_us: int, call_id: str) -> None:
        pending = self._pending.get(call_id)
        if pending is None or pending.until_us != until_us:
            return
        self.unit.move(until_us)
        self.unit.upkept = True
        self._end_wait(pending)

    def _end_wait(self, pending: _Pending) -> None:
        """Decide a call whose wait is over; it may go on to wait for a person."""
        pending.over.add(pending.rung)
        self._try(pending.call, pending)

    def _pass(
        self,
        call: RecordedCall,
        passage: Passage,
        rungs: tuple[Rung, ...],
        in_the_way: tuple[InTheWay, ...] | None,
    ) -> None:
        """Hold what a call may use, in the form in which it passes."""
        unit, case, override = self.unit, passage.case, passage.override
        request = case.request
        hold = request.amounts if call.is_judged else Amounts(0, request.estimate_tokens, 1)
        if call.times > 1 and call.decision is None:
            hold = hold._replace(calls=call.times)
        self._open_windows(case)
        for balance in case.sums:
            balance.hold(hold)
        unit.put_balances(case.sums)
        if case.mission is not None:
            admit_to_mission(unit, case.mission, request.surface)
        if override is not None:
            used = replace(override, state=OverrideState.CONSUMED, consumed_by=call.id)
            unit.put_override(used)
        keys = [balance.key for balance in case.sums]
        is_lower = hold.nano_usd < (call.request.estimate_nano_usd or 0)
        decision = call.decision
        is_recorded = decision is not None and decision.hold == hold
        most = hold.nano_usd if is_lower and not is_recorded else None
        open_ = _Open(keys, hold, request, most, call.times, override.id if override else None)
        if decision is not None and decision.denial is not None:
            self._free(open_)  # what it would have cost, nobody knows
        else:
            self._open[call.id] = open_
        if in_the_way is not None:
            granted = self._granted.get(override.id) if override else None
            cap = passage.output_cap_tokens
            self._note(Outcome(call, unit.now_us, None, rungs, in_the_way, request, cap, granted))
        for turn in self._early.pop(call.id, ()):
            self._turn(turn)

    def _open_windows(self, case: Case) -> None:
        budgets = self._register.counting(self.unit).budgets
        for place in case.counted:
            key = place.key
            if budgets[key.budget_id].period is Period.WINDOW and not is_open(self.unit, key):
                self.unit.open_window(key.budget_id, key.part, key.window_start_us)

    def _turn(self, turn: CallTurn) -> None:
        pending = self._pending.get(turn.call_id)
        if pending is not None:
            if turn.kind is Turn.DECIDED:
                self._decide(pending)
            else:
                self._early.setdefault(turn.call_id, []).append(turn)
            return
        open_ = self._open.get(turn.call_id)
        if open_ is None:  # it was refused
            return
        match turn.kind:
            case Turn.DECIDED:
                return
            case Turn.EXTENDED:
                self._extend(open_, turn)
                return
            case _:
                self._settle(turn, open_)
        self._retry()

    def _decide(self, pending: _Pending) -> None:
        """Try a call at the instant at which it was decided when it was made."""
        pending.is_decided = True
        decision = pending.call.decision
        was_refused = decision is not None and decision.denial is not None
        is_close = self.unit.now_us >= pending.until_us - _CLOSE_US
        if was_refused and (is_close or pending.rung is Rung.ASK):
            self._end_wait(pending)
        else:
            self._try(pending.call, pending)

    def _retry(self) -> None:
        """Let those go on that wait, where there is room now; who came first goes first."""
        if not self._pending:
            return
        for pending in sorted(self._pending.values(), key=lambda each: each.turn):
            if pending.is_decided:
                self._try(pending.call, pending)

    def _extend(self, open_: _Open, turn: CallTurn) -> None:
        more = turn.hold_nano_usd - open_.hold.nano_usd
        if more <= 0 or open_.most_nano_usd is not None:
            return
        for balance in self._sums(open_):
            balance.hold(Amounts(more))
        open_.hold = open_.hold._replace(nano_usd=turn.hold_nano_usd)

    def _settle(self, turn: CallTurn, open_: _Open) -> None:
        """Put what a call cost in the place of its hold, or of what was presumed."""
        cost, tokens, calls = turn.counted_nano_usd or 0, turn.tokens, open_.times
        if open_.most_nano_usd is not None:
            cost = min(cost, open_.most_nano_usd)
            tokens = min(tokens, open_.hold.tokens)
        now = Amounts(cost, tokens, calls) if turn.has_record else Amounts()
        for balance in self._sums(open_):
            if open_.counted is None:
                balance.hold(open_.hold, -1)
            elif open_.counted_us >= balance.since_us:
                _count(balance, open_.counted, -1)
            _count(balance, now, 1)
        open_.counted, open_.counted_us = now, turn.at_us
        if turn.kind is not Turn.EXPIRED:  # whose late holder may still say what it cost
            del self._open[turn.call_id]
        if not turn.has_record:
            self._restore(turn.call_id, open_)

    def _free(self, open_: _Open) -> None:
        for balance in self._sums(open_):
            balance.hold(open_.hold, -1)

    def _sums(self, open_: _Open) -> Sequence[StoredBalance]:
        return balances_at(self.unit, [SumPlace(key, None) for key in open_.keys])

    def _restore(self, call_id: str, open_: _Open) -> None:
        """Give an override back whose call was released (OVR-4)."""
        unit = self.unit
        if open_.override_id is None:
            return
        used: Override | None = unit.get(OVERRIDE, open_.override_id)
        if used is None or used.consumed_by != call_id or used.expires_at <= unit.now:
            return
        active = [(each.session_id, each.project) for each in unit.active_overrides().values()]
        if (used.session_id, used.project) not in active:
            unit.put_override(replace(used, state=OverrideState.ACTIVE, consumed_by=None))

    def _reset(self, event: RecordedReset) -> None:
        unit, counting = self.unit, self._register.counting(self.unit)
        for budget_id, budget in counting.budgets.items():
            if budget.name != event.budget:
                continue
            start_us = event.window_start_us
            if budget_key(budget) != event.budget_key and budget.period is not Period.WINDOW:
                window = counting.window(budget, unit.now)
                start_us = microseconds(window.start) if window is not None else 0
            key = BalanceKey(
                budget_id, start_us, event.session_id, event.mission_id, event.project, event.part
            )
            before = unit.get(BALANCE, key)
            if before is not None:
                unit.put_balance(
                    StoredBalance(
                        key,
                        held_nano_usd=before.held_nano_usd,
                        held_tokens=before.held_tokens,
                        held_calls=before.held_calls,
                        since_us=unit.now_us,
                    )
                )
        self._retry()

    def _override(self, event: RecordedOverride) -> None:
        if not (self._policy.enabled and self._policy.allow_override):
            return
        request = OverrideRequest(
            "recorded",
            session_id=event.session_id,
            expires_in=instant_at(event.expires_us) - self.unit.now,
            project=event.project,
        )
        granted, _ = overrides.grant(self.unit, self._policy, request)
        self._granted[granted.id] = event.id

    def _mission(self, event: RecordedMission) -> None:
        unit = self.unit
        before = unit.mission(event.session_id, event.mission_id, event.project)
        if event.event == "ended":
            if before is not None and before.is_open:
                end_mission(unit, before, MissionOutcome(event.outcome or MissionOutcome.COMPLETED))
            return
        limit, steps = event.limit_nano_usd, event.max_steps
        if self._recorded is not self._policy:
            limit, steps = self._own_terms(limit, steps)
        deadline = instant_at(event.deadline_us) if event.deadline_us is not None else None
        started = MissionRecord(
            event.session_id,
            event.mission_id,
            before.started_at if before is not None else unit.now,
            NanoUSD(limit),
            steps,
            deadline,
            steps=before.steps if before is not None else 0,
            project=event.project,
            has_calls=before is not None and before.has_calls,
            holders=1,
            is_share=event.is_share,
            parent_id=event.parent_id,
        )
        unit.put_mission(started)

    def _own_terms(self, limit: int, steps: int) -> tuple[int, int]:
        """Return the limits of a mission, where it had them from its policy, of this policy."""

        def limit_of(policy: Policy) -> int:
            return next((each.limit for each in policy.budgets if each.name == "mission"), 0)

        def steps_of(policy: Policy) -> int:
            return policy.mission.max_steps if policy.mission.enabled else 0

        was, is_ = self._recorded, self._policy
        return (
            limit_of(is_) if limit == limit_of(was) else limit,
            steps_of(is_) if steps == steps_of(was) else steps,
        )


def _count(balance: StoredBalance, amounts: Amounts, sign: int) -> None:
    balance.spent_nano_usd += sign * amounts.nano_usd
    balance.tokens += sign * amounts.tokens
    balance.calls += sign * amounts.calls
