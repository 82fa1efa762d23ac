"""The engine of a governor: the rules in force, and operations that are durable when they return.

Budgets are enrolled when an engine is made: those that the store did not count so far are counted
in from what the ledger has recorded (STO-2). Should the file of the store be deleted or replaced,
they are enrolled again: in a store that does not know them, nothing would ever be refused.

An operation is written once, as a step of the store, and runs for callers that wait and for an
event loop alike: a method that is decorated with ``blocking`` has its twin from ``awaitable``.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeAlias, TypeVar, cast

from corvus.base.errors import LedgerError, SettlementPending, StoreError, StoreUnavailable
from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.events import Event, LimitPassed, ThresholdReached
from corvus.governor import audit_chain as audit
from corvus.governor import settlement
from corvus.governor.admission import Pause
from corvus.governor.ladder.tries import Tries
from corvus.governor.leases.budgets import spans_hosts
from corvus.governor.leases.slices import SliceNeeded
from corvus.governor.notices import Notices
from corvus.governor.recount import Difference, History, no_history, recall, recount
from corvus.governor.rules import (
    InForce,
    Register,
    Rules,
    SharedSums,
    budgets_to_register,
    registered,
)
from corvus.governor.shadow.enrolment import budgets_of_shadow, rules_of_shadow
from corvus.governor.upkeep import Heartbeat, take_in
from corvus.model.budget import Budget
from corvus.model.decision import Decision
from corvus.model.expectation import Expectations
from corvus.model.notify import NotifyTarget
from corvus.model.pending import PendingSettlement
from corvus.model.policy import Policy
from corvus.model.reservation import ReservationState
from corvus.prices.lookup import PriceBooks
from corvus.store.api import Forgotten
from corvus.store.kinds import EXPECTED_OUTPUTS, budget_key
from corvus.store.spill import is_waiting
from corvus.store.store import Store
from corvus.store.unit import Unit
from corvus.store.writer import WhenLate

T = TypeVar("T")
P = ParamSpec("P")
Listener: TypeAlias = Callable[[Event], None]
"""Hears what happened, after it became durable, on the thread of the caller or the event loop."""
WithEvents: TypeAlias = tuple[T, list[Event]]
Step: TypeAlias = Callable[[Unit], tuple[T, list[Event]]]

_LEARNED_FOR = timedelta(minutes=1)
"""How long what was learned of calls is taken for the latest."""
_MENDED_MAX = 3
"""How often what a step lacked is mended before its fault goes to the caller."""
_SLICES_MAX = 100
"""How often a call is tried again with more of a budget: others may use up what it was to have."""

_log = logging.getLogger("corvus.governor")


@dataclass(frozen=True, slots=True)
class Transaction(Generic[T]):
    """An operation that is one step of the store.

    Attributes:
        step: Does it, and returns its value and what happened.
        undo: Called with the value when the caller was interrupted before it got it.
        keep: Whether it must not get lost; see ``Store.run``.
        finish: Completes the value, outside of the transaction.
        look: Completes it by a look at the store next to its writer; keeps no event loop waiting.
    """

    step: Step[T]
    undo: Callable[[T], object] | None = None
    keep: bool | PendingSettlement = False
    finish: Callable[[T], T] | None = None
    look: Callable[[T], T] | None = None


@dataclass(frozen=True, slots=True)
class Constant(Generic[T]):
    """An operation whose value needs no store."""

    value: T


@dataclass(frozen=True, slots=True)
class Retry:
    """The admission of a call, which is tried again after pauses until it is decided (EVA-14).

    Attributes:
        begin: Returns its tries.
        undo: As for a transaction.
        finish: As for a transaction.
    """

    begin: Callable[[], Tries]
    undo: Callable[[Decision], object]
    finish: Callable[[Decision], Decision]


@dataclass(frozen=True, slots=True)
class Prepared(Generic[T]):
    """An operation that needs an answer of the store which hosts share, before it begins.

    Attributes:
        prepare: Gets the answer; keeps no event loop waiting.
        then: Returns the operation, given the answer.
        engine: Runs it; by default the one that was asked.
    """

    prepare: Callable[[], Any]
    then: Callable[[Any], Operation[T]]
    engine: Engine | None = None


class SharedBudgets(Protocol):
    """Budgets that the store shares with those of other hosts (STO-3)."""

    @property
    def slices(self) -> SharedSums:
        """What this host may use of them."""
        ...

    @property
    def engine(self) -> Engine:
        """Runs operations in the shared store, under the policy of this host."""
        ...

    @property
    def renewal_seconds(self) -> float:
        """Within what time every host hears of a change in the shared store, seconds."""
        ...

    def answer(self, fault: SliceNeeded) -> None:
        """Get what a call needs, so that it can be tried again.

        Raises:
            StoreError: The shared store cannot answer.
        """
        ...

    def report(self) -> None:
        """Have the shared store know of all that was recorded here so far.

        Raises:
            StoreError: A store cannot answer.
        """
        ...

    def require_home(self, session_id: str, project: str | None) -> None:
        """Check that no other host counts a session.

        Raises:
            SteeringRefused: Another one does.
            StoreError: The shared store cannot answer.
        """
        ...


Operation: TypeAlias = Transaction[T] | Constant[T] | Retry | Prepared[T]


class _Replaced(StoreError):
    """The store is another one than that in which the budgets were enrolled."""


class _Mends:
    """How often what one operation lacked was mended."""

    def __init__(self) -> None:
        self._slices = self._others = 0

    def count(self, fault: _Replaced | Forgotten | SliceNeeded) -> None:
        """Count one more, and give up where it was mended too often."""
        if isinstance(fault, SliceNeeded):
            self._slices += 1
            if self._slices > _SLICES_MAX:
                raise StoreUnavailable(str(fault)) from fault
            return
        self._others += 1
        if self._others > _MENDED_MAX:
            raise fault


class Engine:
    """Runs operations in the store, and reports to listeners what happened.

    Args:
        policy: What is enforced.
        store: Where it is kept; closed by whoever opened it.
        books: Prices; by default those of the policy over the bundled book.
        listeners: Hear of events after they are durable. What they raise is logged.
        history: Reads what the ledger has recorded, for budgets that were not counted so far.
        notify: Where notifications are sent; what these want is kept for them.
        shared: Of a store that has only slices of its budgets; ``None`` has the whole of each.
        shadow: Another policy, by which calls are judged and never refused (PLN-2); a host with
            slices has none.

    Raises:
        StoreUnavailable: The store cannot be read or written.
    """

    def __init__(  # noqa: PLR0913 - what all parts of a governor work with
        self,
        policy: Policy,
        store: Store,
        *,
        books: PriceBooks | None = None,
        listeners: Sequence[Listener] = (),
        history: History = no_history,
        notify: Sequence[NotifyTarget] = (),
        shared: SharedBudgets | None = None,
        shadow: Policy | None = None,
    ) -> None:
        self.policy = policy
        self.shadow = shadow if shared is None else None
        self.shadow_fault: str | None = None
        self._shared = shared
        self.store = store
        self.books = books or PriceBooks(policy.prices)
        self._listeners = tuple(listeners)
        self._history = history
        self._notices = Notices(notify)
        self._origin: str | None = None
        self.register = Register()
        self.expectations = Expectations()
        self._learned_at: datetime | None = None
        self.rules = self._enrol()
        self.look_up_expectations()
        self._take_in()

    @property
    def shared(self) -> SharedBudgets | None:
        """Of a store that has only slices of its budgets; ``None`` has the whole of each."""
        return self._shared

    @property
    def steering(self) -> Engine:
        """Runs what concerns all hosts: in the store that they share, where they share one."""
        return self if self._shared is None else self._shared.engine

    @property
    def in_force(self) -> InForce:
        """What settlements are judged by."""
        return InForce(self.rules, self.register)

    @cached_property
    def session_id(self) -> str:
        """Session of the calls that name none; made when it is first needed (SES-1)."""
        return self.new_id()

    @cached_property
    def heartbeat(self) -> Heartbeat:
        """What extends the holds of this process while their calls run (RES-7)."""
        return Heartbeat(self.renew)

    def new_id(self) -> str:
        """Return a new UUIDv7."""
        return new_id(microseconds(self.store.clock.now()))

    def run(self, operation: Operation[T]) -> T:
        """Run an operation, and report to listeners what happened.

        Raises:
            StoreError: See ``Store.run``.
        """
        if isinstance(operation, Constant):
            return operation.value
        if isinstance(operation, Prepared):
            answer = operation.prepare()
            return (operation.engine or self).run(operation.then(answer))
        if isinstance(operation, Retry):
            return cast("T", self._decide(operation))
        step, undo, late = self._checked(operation), _undo(operation), self._late(operation)
        mends = _Mends()
        while True:
            try:
                value, events = self.store.run(step, undo=undo, keep=operation.keep, when_late=late)
                value = self._finished(operation, value, events)
                return value if operation.look is None else operation.look(value)
            except (_Replaced, Forgotten, SliceNeeded) as fault:
                mends.count(fault)
                self._mend(fault)

    async def arun(self, operation: Operation[T]) -> T:
        """Do what ``run`` does, without keeping the event loop waiting."""
        if isinstance(operation, Constant):
            return operation.value
        if isinstance(operation, Prepared):
            from asyncio import to_thread

            answer = await to_thread(operation.prepare)
            return await (operation.engine or self).arun(operation.then(answer))
        if isinstance(operation, Retry):
            return cast("T", await self._adecide(operation))
        step, undo, late = self._checked(operation), _undo(operation), self._late(operation)
        mends = _Mends()
        while True:
            try:
                value, events = await self.store.run_async(
                    step, undo=undo, keep=operation.keep, when_late=late
                )
                value = self._finished(operation, value, events)
                return value if operation.look is None else await _aside(operation.look, value)
            except (_Replaced, Forgotten, SliceNeeded) as fault:
                mends.count(fault)
                from asyncio import to_thread

                await to_thread(self._mend, fault)

    def _leave(self, tries: Tries, pause: Pause | None = None) -> None:
        """Have a call give up its place, and report what that makes true once it is durable."""
        step = tries.leave(pause)
        if step is None:
            return

        def give_up(unit: Unit) -> Sequence[Event]:
            events = step(unit)
            self._keep_notices(unit, events)
            return events

        def hear(events: Sequence[Event] | None, fault: BaseException | None) -> None:
            if fault is None:
                self._report(events or ())

        self.store.post(give_up, hear)

    def _decide(self, call: Retry) -> Decision:
        tries = call.begin()
        once = self._once(call, tries)
        try:
            while (decision := tries.note(self.run(once))) is None:
                tries.rest()
        finally:
            self._leave(tries)
        return call.finish(decision)

    async def _adecide(self, call: Retry) -> Decision:
        tries = call.begin()
        once = self._once(call, tries)
        try:
            while (decision := tries.note(await self.arun(once))) is None:
                await tries.arest()
        finally:
            self._leave(tries)
        return call.finish(decision)

    def _once(self, call: Retry, tries: Tries) -> Transaction[Decision | Pause]:
        """Return one try, which nobody has made if its caller is gone by then."""

        def undo(outcome: Decision | Pause) -> None:
            if isinstance(outcome, Pause):
                self._leave(tries, outcome)
            else:
                call.undo(outcome)

        return Transaction(tries.step, undo=undo)

    def recount(self, *, write: bool) -> list[Difference]:
        """Count all balances of the store again (STO-2), and mend them if ``write`` is set.

        Returns:
            The balances that differ from what is recorded.
        """
        return recount(self.store, self._history, write=write)

    def note_limits(self, origin: str, actor: str) -> Operation[None]:
        """Keep in the audit when limits in force are other than the last time (AUD-1)."""

        def finish(value: None) -> None:
            self._origin = origin

        return Transaction(
            lambda unit: audit.note_limits(unit, self.policy, origin, actor), finish=finish
        )

    def keep_up(self) -> None:
        """Expire what is overdue, and take in what processes that ended left unsettled.

        It warns once of a newer policy than the one in force.

        Raises:
            StoreError: The store cannot be read or written.
        """
        if not self.policy.enabled:
            return
        self._keep_up_here()
        if self._shared is not None:
            self.steering.keep_up()

    def _keep_up_here(self) -> None:
        path = self.store.backend.unsettled_path
        if path is not None and is_waiting(path):
            self._take_in()

        def step(unit: Unit) -> WithEvents[None]:
            return None, settlement.upkeep(unit, self.in_force)

        self.run(Transaction(step))
        self.look_up_expectations()
        origin = self._origin
        if origin is not None and self.store.run(
            lambda unit: audit.are_limits_outdated(unit, self.policy, origin)
        ):
            self._origin = None
            _log.warning(
                "this process enforces an older policy of %s than another has put in force since; "
                "restart it, or let it read its config again",
                origin,
            )

    def look_up_expectations(self) -> None:
        """Read again what was learned of calls, where it decides and was not read of late.

        Raises:
            StoreError: The store cannot be read.
        """
        if self.policy.hold != "expected":
            return
        now = self.store.clock.now()
        if self._learned_at is not None and abs(now - self._learned_at) < _LEARNED_FOR:
            return
        learned = self.store.run(lambda unit: unit.rows.find(EXPECTED_OUTPUTS))
        self.expectations, self._learned_at = Expectations(learned), now

    def renew(self, lives: Mapping[str, float]) -> None:
        """Let calls that still run live on, in one step (RES-7).

        Args:
            lives: Seconds to live from now on, by reservation id; those settled are passed over.

        Raises:
            StoreError: The store cannot answer; nothing was renewed.
        """

        def step(unit: Unit) -> WithEvents[None]:
            for reservation_id, seconds in lives.items():
                reservation = unit.reservation(reservation_id)
                if reservation is not None and reservation.state is ReservationState.HELD:
                    settlement.extend(unit, self.register, reservation_id, math.ceil(seconds), None)
            return None, []

        self.run(Transaction(step))

    def _take_in(self) -> None:
        """Settle what processes that ended could not (RES-9)."""
        self._report(take_in(self.store, self.in_force, self._keep_notices))

    def _enrol(self) -> Rules:
        """Have the policy's budgets counted; those that were not so far are counted in."""
        budgets = budgets_to_register(self.policy)
        ids, is_due, store_id = self._registered(budgets)
        if is_due:
            self.recount(write=True)
        slices = self._shared.slices if self._shared is not None else None
        by_id = {ids[budget_key(budget)]: budget for budget in budgets}
        return Rules(self.policy, by_id, store_id, slices, self._enrol_shadow())

    def _enrol_shadow(self) -> Rules | None:
        """Have the budgets of the shadow counted, too; where that fails, calls go on without it."""
        if self.shadow is None:
            return None
        self.shadow_fault = None
        try:
            ids, _, store_id = self._registered(budgets_of_shadow(self.shadow))
        except LedgerError as fault:
            self.shadow_fault = str(fault)
            return None
        return rules_of_shadow(self.shadow, ids, store_id)

    def _registered(self, budgets: Sequence[Budget]) -> tuple[dict[str, int], bool, str]:
        """Register budgets, and count those in that were not counted so far.

        Returns:
            Their ids by key, whether all are to be counted again, and the id of the store.
        """

        def read(unit: Unit) -> tuple[dict[str, int], bool, str]:
            return registered(unit, budgets), unit.state.recount_due, unit.state.store_id

        ids, is_due, store_id = self.store.run(read)
        if missing := [budget for budget in budgets if budget_key(budget) not in ids]:
            recount(self.store, self._history, missing, write=True)
            ids, _, store_id = self.store.run(read)
        return ids, is_due, store_id

    def _mend(self, fault: _Replaced | Forgotten | SliceNeeded) -> None:
        """Do what a step lacked, so that it can be tried again."""
        if isinstance(fault, SliceNeeded):
            assert self._shared is not None, "only slices can fall short"
            self._shared.answer(fault)
        elif isinstance(fault, Forgotten):
            recall(self.store, self._history, fault)
        else:
            self.rules = self._enrol()

    def _checked(self, operation: Transaction[T]) -> Step[T]:
        """Return a step that is taken only in the store that the rules belong to."""
        step = operation.step

        def checked(unit: Unit) -> WithEvents[T]:
            if unit.state.store_id != self.rules.store_id:
                raise _Replaced(
                    f"the store {self.store.backend.name} was replaced; nothing was done, try again"
                )
            value, events = step(unit)
            self._keep_notices(unit, events)
            return value, events

        return checked

    def _keep_notices(self, unit: Unit, events: Sequence[Event]) -> None:
        """Keep what of the events of a step is to be sent, in its own transaction.

        What sums of several hosts come to, the shared store says for all of them.
        """
        if self._shared is not None:
            names = {each.name for each in self.rules.budgets.values() if spans_hosts(each)}
            events = [
                event
                for event in events
                if not isinstance(event, ThresholdReached | LimitPassed)
                or event.threshold.budget not in names
            ]
        self._notices.keep(unit, events)

    def _late(self, operation: Transaction[T]) -> WhenLate | None:
        """Return what hears of a kept step after its caller has left."""
        if not operation.keep:
            return None

        def hear(result: WithEvents[T] | None, fault: BaseException | None) -> None:
            if isinstance(fault, _Replaced | Forgotten):
                with suppress(StoreError):
                    self._mend(fault)
                    self.run(Transaction(operation.step, keep=operation.keep))
            elif fault is not None and not isinstance(fault, SettlementPending):
                _log.error("what was kept could not be written: %s", fault)
            elif result is not None:
                self._report(result[1])

        return hear

    def _finished(self, operation: Transaction[T], value: T, events: Sequence[Event]) -> T:
        self._report(events)
        return value if operation.finish is None else operation.finish(value)

    def _report(self, events: Sequence[Event]) -> None:
        for event in events:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    _log.exception("a listener failed on %s", type(event).__name__)


async def _aside(look: Callable[[T], T], value: T) -> T:
    """Look on a thread of its own."""
    from asyncio import to_thread

    return await to_thread(look, value)


def _undo(operation: Transaction[T]) -> Callable[[WithEvents[T]], object] | None:
    undo = operation.undo
    return None if undo is None else lambda result: undo(result[0])


class HasEngine(Protocol):
    """A face of an engine: its methods describe operations, and the engine runs them."""

    @property
    def engine(self) -> Engine:
        """Runs the operations."""
        ...


F = TypeVar("F", bound=HasEngine)


def blocking(
    plan: Callable[Concatenate[F, P], Operation[T]],
) -> Callable[Concatenate[F, P], T]:
    """Make a method that describes an operation into one that runs it, and waits for its end."""

    def run(self: F, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.engine.run(plan(self, *args, **kwargs))

    return _described(run, plan)


def awaitable(
    method: Callable[Concatenate[F, P], T],
) -> Callable[Concatenate[F, P], Coroutine[Any, Any, T]]:
    """Make the twin of a ``blocking`` method, which does not keep the event loop waiting."""
    plan: Callable[Concatenate[F, P], Operation[T]] = cast("Any", method).plan

    async def arun(self: F, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.engine.arun(plan(self, *args, **kwargs))

    twin: Any = _described(arun, plan)
    name = plan.__name__
    twin.__name__, twin.__qualname__ = f"a{name}", f"{plan.__qualname__[: -len(name)]}a{name}"
    twin.__doc__ = f"Do what ``{name}`` does, without keeping the event loop waiting."
    return twin


def _described(run: Callable[P, T], plan: Callable[..., object]) -> Callable[P, T]:
    """Give a method name, docstring and signature of its plan, with what it returns itself."""
    described: Any = update_wrapper(run, plan)
    inner = str(plan.__annotations__["return"]).removeprefix("Operation[").removesuffix("]")
    del described.__wrapped__
    described.plan = plan
    described.__annotations__ = {**plan.__annotations__, "return": inner}
    described.__signature__ = inspect.signature(plan).replace(return_annotation=inner)
    return described
