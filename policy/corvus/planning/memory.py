"""The governor's own rules over memory, at whatever instant they are asked about.

A governor in memory is a whole one: for scenarios, and for tests of programs. Units in memory have
no writer, thread or transaction around them: for a million recorded calls. Both run the rules that
enforce; there is no second evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from corvus.base.time import Clock, instant_at
from corvus.events import Event
from corvus.governor.governor import Governor
from corvus.governor.rules import InForce, Register, Rules, budgets_to_register
from corvus.model.outbox import LedgerTable, Row
from corvus.model.policy import Policy
from corvus.prices.lookup import PriceBooks
from corvus.store.api import StoreState
from corvus.store.cache import Cache
from corvus.store.codec import Kind, Query
from corvus.store.kinds import budget_key
from corvus.store.place import open_store
from corvus.store.store import Store
from corvus.store.unit import Unit

T = TypeVar("T")

_NAME = "memory"


def memory_store(clock: Clock) -> Store:
    """Open a store that keeps everything in memory; it is gone when it is closed.

    Args:
        clock: What stamps it; a ``FrozenClock`` can be set to any later instant.
    """
    return open_store(None, clock)


@contextmanager
def memory_governor(
    policy: Policy,
    clock: Clock,
    *,
    books: PriceBooks | None = None,
    listeners: Sequence[Callable[[Event], None]] = (),
) -> Generator[Governor]:
    """Open a governor over a store in memory.

    Args:
        policy: What it enforces.
        clock: What the time is; a ``FrozenClock`` can be set to any later instant.
        books: Prices; by default those of the policy over the bundled book.
        listeners: Get each event after it became true.
    """
    store = memory_store(clock)
    try:
        yield Governor(policy, store, books=books, listeners=listeners)
    finally:
        store.close()


class _NoRows:
    """The rows of a store in which nothing was ever kept."""

    name = _NAME

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return nothing."""
        return None

    def find(self, query: Query[T], *values: object) -> list[T]:
        """Return nothing."""
        return []


class MemoryUnit(Unit):
    """A unit of work that remembers what is kept, hands nothing to a ledger, and may be moved on.

    Steps run in it one after the other, each as in a transaction of its own.

    Args:
        instant_us: Where it stands first, microseconds since 1970.
    """

    def __init__(self, instant_us: int = 0) -> None:
        self._memory = Cache(state=StoreState(_NAME))
        self._memory.has_reports = False
        super().__init__(_NoRows(), self._memory, instant_us)

    @property
    def memory(self) -> Cache:
        """All that was kept."""
        return self._memory

    def move(self, instant_us: int) -> None:
        """Go on to an instant; an earlier one than the present is the present.

        Args:
            instant_us: Microseconds since 1970.
        """
        if instant_us > self.now_us:
            self.now_us = instant_us
            self.now = instant_at(instant_us)
        self.upkept = False

    def touch(self) -> StoreState:
        """Return the facts about the store; nobody writes them."""
        self._state.last_us = self.now_us
        return self._state

    def append(self, table: LedgerTable, row: Row) -> int:
        """Do nothing: nobody reads it."""
        return 0

    def is_forgotten(self, session_id: str) -> bool:
        """Return that nothing is forgotten."""
        return False

    def _keep(self, kind: Kind[T], row: T, changes: dict[Kind[Any], dict[Any, Any]]) -> None:
        self._memory.table(kind)[kind.key_of(row)] = row


def rules_in(unit: Unit, policy: Policy) -> InForce:
    """Return the rules of a policy, whose budgets are registered in a unit.

    Args:
        unit: Where their sums are kept.
        policy: What is to be decided by.
    """
    ids = {budget_key(budget): budget_id for budget_id, budget in unit.budgets().items()}
    budgets = budgets_to_register(policy)
    for budget in budgets:
        if (key := budget_key(budget)) not in ids:
            ids[key] = unit.register(budget)
    by_id = {ids[budget_key(budget)]: budget for budget in budgets}
    return InForce(Rules(policy, by_id, unit.state.store_id), Register())
