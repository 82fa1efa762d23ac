"""What every operation of the governor stands on: the rules in force, and durable steps.

Budgets are enrolled when a governor is made: those that the store did not count so far are counted
in from what the ledger has recorded (STO-2). Should the file of the store be deleted or replaced,
they are enrolled again: in a store that does not know them, nothing would ever be refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias, TypeVar

from corvus.base.errors import SettlementPending, StoreError
from corvus.events import Event
from corvus.governor.recount import Difference, History, no_history, recall, recount
from corvus.governor.rules import InForce, Register, Rules, budgets_to_register, registered
from corvus.governor.upkeep import take_in
from corvus.model.pending import PendingSettlement
from corvus.model.policy import Policy
from corvus.prices.lookup import PriceBooks
from corvus.store.api import Forgotten
from corvus.store.jobs import WhenLate
from corvus.store.kinds import budget_key
from corvus.store.store import Store
from corvus.store.unit import Unit

T = TypeVar("T")
Listener: TypeAlias = Callable[[Event], None]
"""Hears what happened, after it became durable, on the caller's thread."""
Told: TypeAlias = tuple[T, list[Event]]
Step: TypeAlias = Callable[[Unit], tuple[T, list[Event]]]

_MENDED_MAX = 3
"""How often what a step lacked is mended before its fault goes to the caller."""

_log = logging.getLogger("corvus.governor")


class _Replaced(StoreError):
    """The store is another one than that in which the budgets were enrolled."""


class Engine:
    """Runs steps in the store, and tells listeners of them.

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
        self.register = Register()
        self.rules = self._enrol()
        self.take_in()

    def take_in(self) -> None:
        """Settle what processes that ended could not (RES-9)."""
        self._tell(take_in(self.store, self.in_force))

    @property
    def in_force(self) -> InForce:
        """What settlements are judged by."""
        return InForce(self.rules, self.register)

    def recount(self, *, write: bool) -> list[Difference]:
        """Count all balances of the store anew (STO-2), and mend them if ``write`` is set.

        Returns:
            The balances that differ from what is recorded.
        """
        return recount(self.store, self._history, write=write)

    def _enrol(self) -> Rules:
        """Have the policy's budgets counted; those that were not so far are counted in."""
        wanted = budgets_to_register(self.policy)

        def known(unit: Unit) -> tuple[dict[str, int], bool, str]:
            return registered(unit, wanted), unit.state.recount_due, unit.state.store_id

        ids, is_due, store_id = self.store.run(known)
        if missing := [budget for budget in wanted if budget_key(budget) not in ids]:
            recount(self.store, self._history, missing, write=True)
            ids, _, store_id = self.store.run(known)
        if is_due:
            self.recount(write=True)
        budgets = {ids[budget_key(budget)]: budget for budget in wanted}
        return Rules(self.policy, budgets, store_id)

    def run_step(
        self,
        step: Step[T],
        *,
        undo: Callable[[Told[T]], object] | None = None,
        keep: bool | PendingSettlement = False,
    ) -> T:
        """Run a step, and tell listeners of it; see ``Store.run`` for the arguments."""
        checked, late = self._checked(step), self._late(step, keep)
        for _ in range(_MENDED_MAX):
            try:
                value, events = self.store.run(checked, undo=undo, keep=keep, when_late=late)
                break
            except (_Replaced, Forgotten) as fault:
                self._mend(fault)
        else:
            value, events = self.store.run(checked, undo=undo, keep=keep, when_late=late)
        self._tell(events)
        return value

    async def arun_step(
        self,
        step: Step[T],
        *,
        undo: Callable[[Told[T]], object] | None = None,
        keep: bool | PendingSettlement = False,
    ) -> T:
        """Do what ``run_step`` does, without keeping the event loop waiting."""
        checked, late = self._checked(step), self._late(step, keep)
        for _ in range(_MENDED_MAX):
            try:
                value, events = await self.store.run_async(
                    checked, undo=undo, keep=keep, when_late=late
                )
                break
            except (_Replaced, Forgotten) as fault:
                from asyncio import to_thread

                await to_thread(self._mend, fault)
        else:
            value, events = await self.store.run_async(
                checked, undo=undo, keep=keep, when_late=late
            )
        self._tell(events)
        return value

    def _mend(self, fault: _Replaced | Forgotten) -> None:
        """Do what a step lacked, so that it can be tried again."""
        if isinstance(fault, Forgotten):
            recall(self.store, self._history, fault)
        else:
            self.rules = self._enrol()

    def _checked(self, step: Step[T]) -> Step[T]:
        """Return a step that is taken only in the store that the rules belong to."""

        def checked(unit: Unit) -> Told[T]:
            if unit.state.store_id != self.rules.store_id:
                raise _Replaced(
                    f"the store {self.store.backend.name} was replaced; nothing was done, try again"
                )
            return step(unit)

        return checked

    def _late(self, step: Step[T], keep: bool | PendingSettlement) -> WhenLate | None:
        """Return what hears of a kept step after its caller has left."""
        if not keep:
            return None

        def hear(told: Told[T] | None, fault: BaseException | None) -> None:
            if isinstance(fault, _Replaced | Forgotten):
                with suppress(StoreError):
                    self._mend(fault)
                    self.run_step(step, keep=keep)
            elif fault is not None and not isinstance(fault, SettlementPending):
                _log.error("what was kept could not be written: %s", fault)
            elif told is not None:
                self._tell(told[1])

        return hear

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    _log.exception("a listener failed on %s", type(event).__name__)
