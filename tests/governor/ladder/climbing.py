"""A governor whose budgets have a ladder, and calls that go up it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from corvus import Decision, Governor, Policy, PolicyError
from corvus.base.money import nano_usd
from corvus.base.period import Period
from corvus.base.time import Clock
from corvus.events import Event
from corvus.model.budget import Budget, Measure, Rung
from corvus.model.outbox import LedgerTable
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from corvus.testing import fake_policy

CAP, WAIT, DOWNGRADE, ASK = Rung
PRICES = {
    "m": {"input": 3, "output": 15},
    "small": {"input": 1, "output": 5},
    "tiny": {"input": 1, "output": 1},
    "wide": {"input": 15, "output": 5},
}
DAY = Budget("day", Period.DAY, nano_usd(1), (80,), "cost.daily_limit_usd")


def policy_of(*budgets: Budget, **fields: Any) -> Policy:
    """Return a policy with exactly these budgets; a call that cannot pass waits at most 5 s."""
    plain = fake_policy({"cost": {"enabled": True, "prices": PRICES}})
    return replace(plain, budgets=budgets, **{"wait_seconds": 5, "ask_seconds": 5, **fields})


def day(*rungs: Rung, usd: str = "1", **more: Any) -> Budget:
    """Return the budget of a day with a ladder."""
    return replace(DAY, limit=nano_usd(Decimal(usd)), on_exceeded=rungs, **more)


class Place:
    """A governor over a real store in a file.

    Attributes:
        events: What listeners were told.
    """

    def __init__(self, governor: Governor, events: list[Event]) -> None:
        self.governor = governor
        self.events = events

    def reserve(self, usd: str, model: str = "m", **more: Any) -> Decision:
        """Reserve a call of an amount that nothing can lower."""
        governor = self.governor
        return governor.reserve(
            governor.request(model, estimate_usd=Decimal(usd), session_id="s", **more)
        )

    def talk(self, tokens: int, model: str = "m", **more: Any) -> Decision:
        """Reserve a call that states a maximum of output."""
        governor = self.governor
        return governor.reserve(
            governor.request(model, max_output_tokens=tokens, session_id="s", **more)
        )

    def spend(self, usd: str, model: str = "m") -> None:
        """Make a call that costs what was expected."""
        decision = self.reserve(usd, model)
        assert decision.reservation is not None
        self.governor.commit(decision.reservation, cost_nano_usd=nano_usd(Decimal(usd)))

    def rows(self, table: LedgerTable = LedgerTable.RESERVATION_EVENT) -> list[dict[str, Any]]:
        """Return the rows of a table of the ledger that are on their way."""
        events = self.governor.store.run(lambda unit: [*unit.events(0, 100_000)])
        return [dict(one.row) for one in events if one.table is table]

    def waiting(self) -> int:
        """Return how many calls wait for room, by the store."""
        return self.governor.store.run(lambda unit: len(unit.waiters()))

    def names(self) -> list[str]:
        """Return the names of what listeners were told."""
        return [type(event).__name__ for event in self.events]


@contextmanager
def opened(path: Path, policy: Policy, clock: Clock | None = None) -> Generator[Place]:
    """Open a governor over the store of a folder."""
    store = Store(SqliteBackend(path / "store.sqlite3"), clock)
    events: list[Event] = []
    try:
        yield Place(Governor(policy, store, listeners=[events.append]), events)
    finally:
        store.close()


class Aside:
    """A call on a thread of its own.

    Attributes:
        value: What it returned, or the fault that it raised.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self.value: Any = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.value = self._work()
        except PolicyError as fault:
            self.value = fault

    @property
    def is_over(self) -> bool:
        """Whether it has returned."""
        return not self._thread.is_alive()

    def join(self, seconds: float = 20) -> Any:
        """Return its value, once it has one."""
        self._thread.join(seconds)
        assert self.is_over, "it still waits"
        return self.value


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.005)


def measures(limit: int, measure: Measure, rungs: Sequence[Rung]) -> Budget:
    """Return a budget in a unit."""
    return replace(DAY, name=measure.value, limit=limit, measure=measure, on_exceeded=tuple(rungs))
