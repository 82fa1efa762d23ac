"""Some hosts on one shared store, under clocks that obey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

from corvus import Decision, Governor, Policy
from corvus.base.errors import StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.time import Clock, microseconds
from corvus.governor.engine import Engine
from corvus.governor.leases.host import HostLeases
from corvus.governor.leases.rows import hosts, sum_of
from corvus.governor.leases.slices import Elapsed
from corvus.governor.leases.terms import SharedClock, Terms, heard_clock
from corvus.governor.recount import no_history, recount
from corvus.model.budget import Budget, Measure
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.model.request import Request
from corvus.store.api import Backend, StoredBalance
from corvus.store.kinds import LEASES
from corvus.store.lease import Lease, LeaseHost
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.fakes import FrozenClock
from tests.stateful.test_reservations import policy as policy_of

TTL = 60


@dataclass
class Machine:
    """The time since a machine was started, which no clock disturbs."""

    clock: FrozenClock
    offset_us: int = 0
    boot: str = "boot"

    def __call__(self) -> Elapsed:
        return Elapsed(microseconds(self.clock.now()) - self.offset_us, self.boot)


class Killed(BaseException):
    """The process has ended here."""


@dataclass
class Fuse:
    """Ends a process at its n-th step: even before it, odd after it was committed."""

    left: int | None = None

    def burn(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise Killed
        self.left -= 1


class FusedStore(Store):
    """A store whose every step is a place to be killed at, and that may be away.

    Attributes:
        is_away: Whether nobody can reach it.
    """

    def __init__(self, backend: Backend, clock: Clock, fuse: Fuse) -> None:
        super().__init__(backend, clock)
        self.fuse = fuse
        self.is_away = False

    def run(self, step: Callable[[Unit], Any], **more: Any) -> Any:
        if self.is_away:
            raise StoreUnavailable("the shared store is away")
        self.fuse.burn()
        answer = super().run(step, **more)
        self.fuse.burn()
        return answer


def copy_store(path: Path, to: Path) -> None:
    """Copy the files of a host's own store, as a backup does or a machine that is cloned."""
    for name in ("", "-wal"):
        source = path.with_name(f"{path.name}{name}")
        if source.exists():
            copyfile(source, to.with_name(f"{to.name}{name}"))


class Host:
    """A host: a store of its own, and a governor that has slices.

    Args:
        fleet: Its shared store.
        name: Its name.
        path: Its own store; in memory without one.
    """

    def __init__(self, fleet: Fleet, name: str, path: Path | None = None) -> None:
        self.fleet, self.name = fleet, name
        self.policy = fleet.policy
        self.machine = Machine(fleet.clock, offset_us=len(name) * 1_000)
        backend: Backend = MemoryBackend() if path is None else SqliteBackend(path)
        self.clock: SharedClock = heard_clock(fleet.store, self.machine)
        self.store = FusedStore(backend, self.clock, fleet.fuse)
        self.start()

    def start(self) -> None:
        """Start a process of this host; one that was killed before has left its store."""
        self.shared = Engine(self.policy, self.fleet.store)
        terms = Terms(self.name, TTL)
        self.leases = HostLeases(self.shared, self.store, self.clock, terms, self.machine)
        self.governor = Governor(
            self.policy, self.store, history=self.leases.history, shared=self.leases
        )

    def ask(self, nano: int, session: str = "s", **more: Any) -> Decision:
        request = Request("m", NanoUSD(nano), f"{self.name}-{session}", **more)
        return self.governor.reserve(request)

    def spend(self, nano: int, cost: int | None = None, **more: Any) -> Decision:
        decision = self.ask(nano, **more)
        if decision.allowed:
            assert decision.reservation is not None
            paid = NanoUSD(nano if cost is None else cost)
            self.governor.commit(decision.reservation, cost_nano_usd=paid)
        return decision

    def sums(self, budget: str = "day") -> list[StoredBalance]:
        return sums_of(self.store, budget)


class Fleet:
    """A shared store, and hosts on it."""

    def __init__(self, *budgets: Budget, path: Path | None = None, **more: Any) -> None:
        self.clock = FrozenClock()
        self.policy: Policy = replace(policy_of(budgets), **more)
        backend = MemoryBackend() if path is None else SqliteBackend(path)
        self.fuse = Fuse()
        self.store = FusedStore(backend, self.clock, self.fuse)
        self.strict = Governor(self.policy, self.store)

    def host(self, name: str, path: Path | None = None) -> Host:
        return Host(self, name, path)

    def sums(self, budget: str = "day") -> list[StoredBalance]:
        return sums_of(self.store, budget)

    def total(self, budget: str = "day", measure: Measure = Measure.USD) -> tuple[int, int]:
        """Return what is spent and held of the newest window of a budget."""
        newest = max(self.sums(budget), key=lambda one: one.key.window_start_us)
        return newest.spent(measure), newest.held(measure)

    def leases(self) -> list[Lease]:
        return self.store.run(lambda unit: unit.rows.find(LEASES), alone=True)

    def hosts(self) -> list[LeaseHost]:
        return self.store.run(hosts, alone=True)

    def events(self, table: LedgerTable) -> list[OutboxEvent]:
        found = self.store.run(lambda unit: [*unit.events(0, 1_000_000)], alone=True)
        return [event for event in found if event.table is table]

    def check(self) -> None:
        """Check that the sums of the shared store are those of its records, holds and slices."""
        assert recount(self.store, no_history, write=False) == []
        for lease in self.leases():
            key = sum_of(lease.key)
            held = next(one for one in self.all_sums() if one.key == key)
            assert held.held(Measure(lease.key.measure)) >= lease.outstanding

    def all_sums(self) -> list[StoredBalance]:
        return [one for budget in self.policy.budgets for one in self.sums(budget.name)]

    def move(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))


def sums_of(store: Store, name: str) -> list[StoredBalance]:
    def read(unit: Unit) -> list[StoredBalance]:
        return [
            balance
            for number, budget in unit.budgets().items()
            if budget.name == name
            for balance in unit.balances(number).values()
        ]

    return store.run(read)
