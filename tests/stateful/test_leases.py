"""Several hosts with slices of one shared store, in any order and killed anywhere (STO-3, RES-1).

What is judged: all hosts together never pass a limit, the shared store always holds what hosts may
still use, its sums are those of its records, and in the end each record is there exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from corvus import Usage
from corvus.base.errors import StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.governor.leases.budgets import needs_slice
from corvus.governor.leases.dead import presume
from corvus.governor.leases.rows import hosts
from corvus.model.budget import Amounts, Budget, Measure
from corvus.model.outbox import LedgerTable
from corvus.model.request import Request
from corvus.model.reservation import Reservation
from corvus.model.steering import OverrideRequest, ResetRequest
from corvus.store.api import StoredBalance
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.governor.leases.fleet import Fleet, Host, Killed, sums_of
from tests.properties import examples

BUDGETS = (
    Budget("day", Period.DAY, 1000, (80,), "k"),
    Budget("calls", Period.DAY, 25, (80,), "k", measure=Measure.CALLS, timezone="Asia/Tokyo"),
    Budget("users", Period.TOTAL, 900, (50,), "k", measure=Measure.TOKENS, per=("user",)),
    Budget("hours", Period.WINDOW, 500, (80,), "k", window_seconds=5 * 3600),
    Budget("session", Period.SESSION, 600, (80,), "k"),
)
SHARED = [budget for budget in BUDGETS if needs_slice(budget)]
HOSTS = ("ada", "bo", "cleo")
SumKey = tuple[str, int, str]


@dataclass
class Running:
    """A call that was admitted."""

    host: str
    reservation: Reservation


class Leases(RuleBasedStateMachine):
    """Hosts, a shared store, and whoever kills them."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: dict[str, Host] = {}
        self.dead: set[str] = set()
        self.running: list[Running] = []
        self.known: set[str] = set()
        self.removed: Counter[SumKey] = Counter()
        self.excess: Counter[SumKey] = Counter()
        self.strictly: Counter[SumKey] = Counter()

    @initialize()
    def begin(self) -> None:
        self.fleet = Fleet(*BUDGETS)

    def teardown(self) -> None:
        if not hasattr(self, "fleet"):
            return
        self.fleet.store.is_away = False
        self.fleet.fuse.left = None
        for name, host in self.hosts.items():
            if name in self.dead:
                host.start()
            host.leases.close()
        self.fleet.check()
        self.check_all_is_reported()
        for host in self.hosts.values():
            host.store.close()
        self.fleet.store.close()

    # What hosts do

    @rule(name=st.sampled_from(HOSTS))
    def start(self, name: str) -> None:
        if self.fleet.store.is_away:
            return
        if name not in self.hosts:
            self.hosts[name] = self.fleet.host(name)
        elif name in self.dead:
            self.hosts[name].start()
            self.dead.discard(name)

    @precondition(lambda self: self.alive)
    @rule(
        data=st.data(),
        nano=st.sampled_from([0, 1, 7, 40, 150, 400]),
        tokens=st.sampled_from([0, 10, 100, 300]),
        user=st.sampled_from(["ana", "ben"]),
        session=st.sampled_from(["s", "t"]),
        fuse=st.sampled_from([None, None, None, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    )
    def call(
        self, data: st.DataObject, nano: int, tokens: int, user: str, session: str, fuse: int | None
    ) -> None:
        host = self.pick(data)
        decision = None

        def ask() -> None:
            nonlocal decision
            decision = host.ask(nano, session, user=user, estimate_tokens=tokens)

        self.under_fire(host, ask, fuse)
        if decision is None:
            self.lifted_unheard(host)
        if decision is not None and decision.allowed:
            assert decision.reservation is not None
            if decision.override_id is not None:
                self.lifted(host, decision.reservation)
            self.running.append(Running(host.name, decision.reservation))

    @precondition(lambda self: self.alive)
    @rule(nano=st.sampled_from([11, 35, 90]), tokens=st.sampled_from([0, 17, 60]))
    def use_up(self, nano: int, tokens: int) -> None:
        """Have all hosts call in turn, until one of them is refused."""
        for turn in range(60):
            host = self.hosts[self.alive[turn % len(self.alive)]]
            session = f"s{turn}"
            try:
                decision = host.ask(nano, session, user="ana", estimate_tokens=tokens)
            except StoreUnavailable:
                return
            if not decision.allowed:
                return
            assert decision.reservation is not None
            if decision.override_id is not None:
                self.lifted(host, decision.reservation)
            self.running.append(Running(host.name, decision.reservation))

    @precondition(lambda self: self.settleable)
    @rule(data=st.data(), percent=st.sampled_from([0, 30, 100, 100, 150]))
    def commit(self, data: st.DataObject, percent: int) -> None:
        one = data.draw(st.sampled_from(self.settleable))
        self.running.remove(one)
        hold = one.reservation.hold_nano_usd
        cost = hold * percent // 100
        before = self.used_of(self.hosts[one.host])
        self.hosts[one.host].governor.commit(one.reservation, cost_nano_usd=NanoUSD(cost))
        if cost > hold:
            self.grew(one.host, before)

    @precondition(lambda self: self.settleable)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.settleable))
        self.running.remove(one)
        self.hosts[one.host].governor.release(one.reservation)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), fuse=st.sampled_from([None, None, *range(16)]))
    def renew(self, data: st.DataObject, fuse: int | None) -> None:
        host = self.pick(data)
        self.under_fire(host, host.leases.renew, fuse)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), fuse=st.sampled_from([None, *range(6)]))
    def report(self, data: st.DataObject, fuse: int | None) -> None:
        host = self.pick(data)
        self.under_fire(host, host.leases.report, fuse)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def renew_early(self, data: st.DataObject) -> None:
        host = self.pick(data)
        self.under_fire(host, lambda: host.leases.renew(is_early=True), None)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), fuse=st.sampled_from([None, *range(16)]))
    def leave(self, data: st.DataObject, fuse: int | None) -> None:
        host = self.pick(data)
        self.under_fire(host, host.leases.close, fuse)
        self.dead.add(host.name)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.dead.add(self.pick(data).name)

    # What happens to the shared store

    @rule(nano=st.sampled_from([5, 60, 200]), settles=st.booleans())
    def call_strictly(self, nano: int, settles: bool) -> None:
        if self.fleet.store.is_away:
            return
        request = Request("m", NanoUSD(nano), "strict", user="ana", estimate_tokens=20)
        before = self.shared_sums(in_use)
        decision = self.fleet.strict.reserve(request)
        more = self.shared_sums(in_use)
        more.subtract(before)
        self.strictly.update(more)
        if decision.override_id is not None:
            self.excess.update(more)
        if decision.allowed and settles:
            assert decision.reservation is not None
            self.fleet.strict.commit(
                decision.reservation, Usage(input_tokens=20), cost_nano_usd=NanoUSD(nano)
            )

    @rule(budget=st.sampled_from(["day", "calls", "hours"]))
    def reset(self, budget: str) -> None:
        if self.fleet.store.is_away:
            return
        before = self.shared_sums(in_use)  # a reset also expires what is overdue
        self.fleet.strict.reset(ResetRequest(budget, "ana", "r"))
        before.subtract(self.shared_sums(in_use))
        self.removed.update(before)
        # A reset is stamped a microsecond after all that was; these clocks stand still, and what
        # hosts settle in that microsecond is of before it.
        self.fleet.move(0.001)

    @rule()
    def override(self) -> None:
        if not self.fleet.store.is_away:
            self.fleet.strict.override(OverrideRequest("ana", "r"))

    @rule(is_away=st.booleans())
    def cut(self, is_away: bool) -> None:
        self.fleet.store.is_away = is_away

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def reclaim(self, data: st.DataObject) -> None:
        if self.fleet.store.is_away:
            return
        name = data.draw(st.sampled_from(sorted(self.dead)))

        def step(unit: Unit) -> None:
            for host in hosts(unit):
                if host.name == name:
                    presume(unit, host, "ana", None)

        self.fleet.store.run(step, alone=True)

    @rule(seconds=st.sampled_from([1, 20, 61, 700, 3600, 6 * 3600, 20 * 3600]))
    def pass_time(self, seconds: int) -> None:
        self.fleet.move(seconds)

    # What must be true

    @invariant()
    def nothing_is_exceeded(self) -> None:
        if not hasattr(self, "fleet"):
            return
        away, self.fleet.store.is_away = self.fleet.store.is_away, False
        limits = {budget.name: budget.limit for budget in SHARED}
        for key, used in self.used().items():
            most = limits[key[0]] + self.removed[key] + self.excess[key]
            assert used <= most, (key, used, most)
        self.fleet.check()
        self.fleet.store.is_away = away

    # The model

    @property
    def alive(self) -> list[str]:
        return sorted(self.hosts.keys() - self.dead)

    @property
    def settleable(self) -> list[Running]:
        return [one for one in self.running if one.host not in self.dead]

    def pick(self, data: st.DataObject) -> Host:
        return self.hosts[data.draw(st.sampled_from(self.alive))]

    def under_fire(self, host: Host, do: Callable[[], object], fuse: int | None) -> None:
        """Do something, and be killed at a step of it."""
        self.fleet.fuse.left = fuse
        try:
            do()
        except Killed:
            self.dead.add(host.name)
        except StoreUnavailable:
            pass
        finally:
            self.fleet.fuse.left = None

    def lifted_unheard(self, host: Host) -> None:
        """Take note of a call that was admitted by an override just before its process ended."""
        for held in host.store.run(lambda unit: [*unit.held()]):
            if held.override_id is not None and held.id not in self.known:
                self.lifted(host, held)

    def lifted(self, host: Host, reservation: Reservation) -> None:
        self.known.add(reservation.id)
        for key, used in self.weight(reservation.request.amounts).items():
            self.excess[key] += used

    def weight(self, amounts: Amounts) -> Counter[SumKey]:
        """Return what a call may add to every sum there is."""
        keys = [*self.used(), *self.excess]
        measures = {budget.name: budget.measure for budget in SHARED}
        return Counter({key: amounts.of(measures[key[0]]) for key in keys})

    def grew(self, name: str, before: Counter[SumKey]) -> None:
        for key, used in self.used_of(self.hosts[name]).items():
            self.excess[key] += max(0, used - before[key])

    def used_of(self, host: Host) -> Counter[SumKey]:
        return summed(host.store, in_use)

    def shared_sums(self, of: Callable[[StoredBalance, Measure], int]) -> Counter[SumKey]:
        return summed(self.fleet.store, of)

    def used(self) -> Counter[SumKey]:
        """Return what all have used of each sum: hosts by their own stores, others by records."""
        all_used = Counter(self.strictly)
        for host in self.hosts.values():
            all_used.update(self.used_of(host))
        return all_used

    def check_all_is_reported(self) -> None:
        ids = Counter(str(event.row["id"]) for event in self.fleet.events(LedgerTable.USAGE_RECORD))
        assert all(times == 1 for times in ids.values())


def in_use(balance: StoredBalance, measure: Measure) -> int:
    return balance.spent(measure) + balance.held(measure)


def summed(store: Store, of: Callable[[StoredBalance, Measure], int]) -> Counter[SumKey]:
    found: Counter[SumKey] = Counter()
    for budget in SHARED:
        for one in sums_of(store, budget.name):
            found[budget.name, one.key.window_start_us, one.key.part] += of(one, budget.measure)
    return found


Leases.TestCase.settings = settings(
    max_examples=examples(60, by_day=10), stateful_step_count=40, deadline=None
)
TestLeases = Leases.TestCase


@pytest.mark.nightly
class TestLong(Leases.TestCase):
    """500 runs of 80 steps."""

    settings = settings(max_examples=500, stateful_step_count=80, deadline=None)
