"""The governor against a small model, through every transition and in any order.

The quick profile runs in memory with each suite; the long one, on files that are closed and opened
again, with ``pytest -m nightly``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from corvus import Governor, Policy
from corvus.autonomy.decide import Autonomy
from corvus.base.errors import IdempotencyConflict, ReservationSettled, SteeringRefused
from corvus.base.money import NanoUSD
from corvus.base.period import Period, window_at
from corvus.model.audit_hash import GENESIS, audit_hash
from corvus.model.budget import Budget
from corvus.model.outbox import LedgerTable
from corvus.model.policy import MissionLimits
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState
from corvus.model.steering import AuditEvent, AuditKind, OverrideRequest, ResetRequest
from corvus.store.api import Backend
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.properties import examples

TTL = 600
BUDGETS = (
    Budget("session", Period.SESSION, NanoUSD(60), (80,), "cost.session_limit_usd"),
    Budget("day", Period.DAY, NanoUSD(100), (80,), "cost.daily_limit_usd"),
    Budget("month", Period.MONTH, NanoUSD(300), (50,), "cost.monthly_limit_usd"),
    Budget("berlin", Period.WEEK, NanoUSD(150), (90,), "k", (), "Europe/Berlin"),
    Budget(
        "search", Period.DAY, NanoUSD(40), (80,), "k", (("project", ("se*",)),), "America/New_York"
    ),
    Budget("ever", Period.TOTAL, NanoUSD(2000), (80,), "k"),
)
OTHER = (
    *(replace(one, limit=NanoUSD(one.limit // 2)) for one in BUDGETS[:3]),
    Budget("ads", Period.MONTH, NanoUSD(50), (80,), "k", (("project", ("ads",)),), "Asia/Tokyo"),
)
AUTONOMY = Autonomy("supervised", True, (), (), (), (), 20, True, True)


def policy(budgets: tuple[Budget, ...]) -> Policy:
    limits = MissionLimits(False, 0, 0)
    return Policy(
        enabled=True,
        allow_override=True,
        budgets=budgets,
        prices=(),
        pinned_book_sha256=None,
        unpriced_models="warn",
        default_output_tokens=500,
        reservation_ttl_seconds=TTL,
        cap_at_least_tokens=4096,
        wait_seconds=0,
        ask_seconds=1,
        downgrade=(),
        hold="maximum",
        autonomy=AUTONOMY,
        mission=limits,
        deprecated_fields=(),
        content_hash=f"hash-{len(budgets)}",
    )


@dataclass
class Call:
    """What the model knows of a reservation."""

    session: str
    project: str | None
    admitted_at: datetime
    expires_at: datetime
    hold: int
    state: str = "held"
    cost: int | None = None
    settled_at: datetime | None = None
    reservation: Reservation | None = None
    overridden: str | None = None


@dataclass
class Model:
    """Calls, baselines and overrides; everything else follows from them."""

    calls: list[Call] = field(default_factory=list[Call])
    resets: dict[tuple[str, str], datetime] = field(default_factory=dict[tuple[str, str], datetime])
    override: tuple[str, datetime] | None = None
    sessions: set[tuple[str, str | None]] = field(default_factory=set[tuple[str, str | None]])
    audit: Counter[str] = field(default_factory=Counter[str])

    def where(self, budget: Budget, call: Call) -> str | None:
        """Return the window or session in which a budget counts a call."""
        for _, (glob,) in budget.match:
            if call.project is None or not call.project.startswith(glob.rstrip("*")):
                return None
            if "*" not in glob and call.project != glob:
                return None
        return self.place(budget, call.session, call.project, call.admitted_at)

    def place(self, budget: Budget, session: str, project: str | None, at: datetime) -> str:
        window = window_at(budget.period, at, budget.timezone)
        if budget.period is Period.SESSION:
            return f"{session} of {project}"
        return str(window and window.start)

    def sums(self, budget: Budget, place: str) -> tuple[int, int, int]:
        """Return spent, held and calls of a budget in one place."""
        spent = held = calls = 0
        since = self.resets.get((budget.name, place))
        for call in self.calls:
            if self.where(budget, call) != place:
                continue
            if call.state == "held":
                held += call.hold
            elif call.state in ("committed", "expired") and (
                since is None or (call.settled_at is not None and call.settled_at >= since)
            ):
                spent += call.cost or 0
                calls += 1
        return spent, held, calls


class Reservations(RuleBasedStateMachine):
    """Every operation of the governor, on a store in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock(datetime(2026, 10, 24, 20, 0, tzinfo=UTC))
        self.model = Model()
        self.policy = policy(BUDGETS)
        self.keys: dict[tuple[str, str | None], tuple[Request, int]] = {}
        self.backend = self.make_backend()
        self.open()

    def make_backend(self) -> Backend:
        return MemoryBackend()

    def open(self) -> None:
        self.store = Store(self.backend, self.clock, trust_clock=True)
        self.governor = Governor(self.policy, self.store)

    @initialize()
    def begin(self) -> None:
        assert self.governor.recount(write=False) == []

    def expire(self) -> None:
        """Let the model do what the next operation of the governor does first."""
        now = self.clock.now()
        if self.model.override is not None and self.model.override[1] <= now:
            self.model.override = None
            self.model.audit["override_expired"] += 1
        for call in self.model.calls:
            if call.state == "held" and call.expires_at <= now:
                call.state, call.cost, call.settled_at = "expired", call.hold, now
                self.model.audit["reservation_expired"] += 1

    @rule(
        estimate=st.integers(0, 70),
        session=st.sampled_from(["a", "b"]),
        project=st.sampled_from([None, "search", "ads"]),
        key=st.sampled_from([None, None, "k1", "k2", "k3"]),
    )
    def reserve(self, estimate: int, session: str, project: str | None, key: str | None) -> None:
        request = Request("m", NanoUSD(estimate), session, project=project, idempotency_key=key)
        self.expire()
        if key is not None and (key, project) in self.keys:
            first, index = self.keys[key, project]
            if request != first or self.model.calls[index].state != "released":
                self.repeat(request, first, index)
                return
        self.model.sessions.add((session, project))
        now = self.clock.now()
        call = Call(session, project, now, now + timedelta(seconds=TTL), estimate)
        fits = True
        for budget in self.policy.budgets:
            place = self.model.where(budget, call)
            if place is not None:
                spent, held, _ = self.model.sums(budget, place)
                fits = fits and spent + held + estimate <= budget.limit
        decision = self.governor.reserve(request)
        assert decision.allowed == (fits or self.model.override is not None)
        if not decision.allowed:
            assert decision.denial == "budget_exceeded"
            return
        if not fits:
            assert self.model.override is not None
            call.overridden, _ = self.model.override
            self.model.override = None
            self.model.audit["override_consumed"] += 1
        assert decision.override_id == call.overridden
        call.reservation = decision.reservation
        self.model.calls.append(call)
        if key is not None:
            self.keys[key, project] = (request, len(self.model.calls) - 1)
        assert decision.reservation is not None
        assert self.governor.reservation(decision.reservation.id).state == "held"

    def repeat(self, request: Request, first: Request, index: int) -> None:
        if request != first:
            with pytest.raises(IdempotencyConflict):
                self.governor.reserve(request)
            return
        decision = self.governor.reserve(request)
        call = self.model.calls[index]
        assert decision.reservation is not None
        assert call.reservation is not None
        assert decision.reservation.id == call.reservation.id
        assert decision.allowed == decision.replayed == (call.state == "held")
        assert decision.reservation.state == call.state
        if not decision.allowed:
            assert decision.denial == "already_settled"
            assert decision.reservation.cost_nano_usd == call.cost

    @precondition(lambda self: self.model.calls)
    @rule(data=st.data(), cost=st.one_of(st.none(), st.integers(0, 90)))
    def commit(self, data: st.DataObject, cost: int | None) -> None:
        call = self.any_call(data)
        assert call.reservation is not None
        if call.state in ("committed", "released"):
            with pytest.raises(ReservationSettled):
                self.governor.commit(call.reservation, cost_nano_usd=NanoUSD(1))
            return
        if cost is None:
            self.governor.commit(call.reservation)  # the estimate stands in
            cost = call.hold
        else:
            settled = self.governor.commit(call.reservation, cost_nano_usd=NanoUSD(cost))
            assert settled.overrun_nano_usd == max(0, cost - call.hold)
            assert settled.replaced == (call.state == "expired")
        call.state, call.cost, call.settled_at = "committed", cost, self.clock.now()

    @precondition(lambda self: self.model.calls)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        call = self.any_call(data)
        assert call.reservation is not None
        if call.state in ("committed", "released"):
            with pytest.raises(ReservationSettled):
                self.governor.release(call.reservation)
            return
        self.governor.release(call.reservation)
        call.state, call.cost, call.settled_at = "released", None, self.clock.now()
        if call.overridden is not None:
            self.give_back(call.overridden)

    def give_back(self, override_id: str) -> None:
        granted = self.store.run(lambda unit: unit.override(override_id))
        assert granted is not None
        if self.model.override is not None:
            self.model.audit["override_replaced"] += 1
        elif granted.expires_at <= self.clock.now():
            self.model.audit["override_expired"] += 1
        else:
            self.model.override = (override_id, granted.expires_at)
            self.model.audit["override_restored"] += 1

    @rule()
    def grant(self) -> None:
        now = self.clock.now()
        if self.model.override is not None:
            expired = self.model.override[1] <= now
            self.model.audit["override_expired" if expired else "override_replaced"] += 1
        granted = self.governor.override(OverrideRequest("ana", expires_in=timedelta(minutes=30)))
        self.model.override = (granted.id, granted.expires_at)
        self.model.audit["override_granted"] += 1

    @rule(
        which=st.sampled_from(["session", "day", "month", "berlin", "search", "ever", "ads"]),
        project=st.sampled_from([None, "search", "ads"]),
    )
    def reset(self, which: str, project: str | None) -> None:
        named = {budget.name: budget for budget in self.policy.budgets}
        if which not in named:
            return
        self.expire()
        budget = named[which]
        wanted = ResetRequest(which, "ana", session_id="a", project=project)
        others = {of for name, of in self.model.sessions if name == "a"}
        if budget.period is Period.SESSION and others and project not in others:
            with pytest.raises(SteeringRefused, match="name its project"):
                self.governor.reset(wanted)
            return
        place = self.model.place(budget, "a", project, self.clock.now())
        spent, _, calls = self.model.sums(budget, place)
        result = self.governor.reset(wanted)
        assert (result.removed_cost_nano_usd, result.removed_requests) == (spent, calls)
        self.clock.set(max(self.clock.now(), result.effective_at))
        self.model.resets[which, place] = result.effective_at
        self.model.audit["reset_applied"] += 1

    @rule(
        by=st.sampled_from(
            [
                timedelta(microseconds=1),
                timedelta(seconds=TTL - 1),
                timedelta(seconds=TTL),
                timedelta(hours=3),
                timedelta(days=1),
                timedelta(days=9),
            ]
        )
    )
    def tick(self, by: timedelta) -> None:
        self.clock.move(by)

    @rule(own=st.booleans())
    def change_policy(self, own: bool) -> None:
        self.policy = policy(BUDGETS if own else OTHER)
        self.governor = Governor(self.policy, self.store)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.open()

    def any_call(self, data: st.DataObject) -> Call:
        call = data.draw(st.sampled_from(self.model.calls))
        if self.model.calls and call.state == "held" and call.expires_at <= self.clock.now():
            self.governor.status()  # settling does not look for overdue holds itself
            self.expire()
        return call

    @invariant()
    def sums_are_those_of_the_model(self) -> None:
        self.expire()
        self.governor.status()
        for session, project in [("b", None), *sorted(self.model.sessions, key=str)]:
            if project is None and (session, None) not in self.model.sessions:
                continue  # then the session of another project is meant
            report = self.governor.status(session, project=project)
            for status in report.decision.statuses:
                budget = status.budget
                place = self.model.place(budget, session, project, self.clock.now())
                spent, held, calls = self.model.sums(budget, place)
                spend = report.spends[budget.name]
                assert (status.spent, status.held) == (spent, held), budget
                assert spend is not None
                assert spend.calls == calls
                assert held >= 0

    @invariant()
    def balances_can_be_counted_anew(self) -> None:
        assert self.governor.recount(write=False) == []

    @invariant()
    def events_have_no_gap_and_the_audit_is_a_chain(self) -> None:
        events = self.store.run(lambda unit: [*unit.events(0, 100_000)], alone=True)
        assert [event.seq for event in events] == [*range(1, len(events) + 1)]
        hash_, kinds = GENESIS, Counter[str]()
        for event in events:
            if event.table is LedgerTable.AUDIT_EVENT:
                audit = audit_event(event.row)
                assert (audit.previous_hash, audit_hash(audit)) == (hash_, audit.hash)
                hash_ = audit.hash
                kinds[audit.kind.value] += 1
        assert kinds == self.model.audit

    @invariant()
    def every_reservation_is_settled_at_most_once(self) -> None:
        settled = Counter[Any]()
        for event in self.store.run(lambda unit: [*unit.events(0, 100_000)], alone=True):
            if event.table is LedgerTable.USAGE_RECORD:
                row: dict[str, Any] = event.row
                settled[row["reservation_id"]] += row["calls"]
        for call in self.model.calls:
            assert call.reservation is not None
            stored = self.governor.reservation(call.reservation.id)
            assert stored.state == call.state
            costs = stored.state in (ReservationState.COMMITTED, ReservationState.EXPIRED)
            assert settled[stored.id] == int(costs)

    def teardown(self) -> None:
        self.store.close()


def audit_event(row: dict[str, Any]) -> AuditEvent:
    from corvus.base.time import instant_at

    read: dict[str, Any] = dict(row)
    for name in ("recorded_at", "expires_at"):
        instant_us = read.get(name)
        read[name] = None if instant_us is None else instant_at(instant_us)
    read["kind"] = AuditKind(read["kind"])
    return AuditEvent(**read)


class OnFile(Reservations):
    """The same on a SQLite file, closed and opened again."""

    def make_backend(self) -> SqliteBackend:
        self.folder = Path(tempfile.mkdtemp(prefix="reservations-"))
        return SqliteBackend(self.folder / "store")

    def open(self) -> None:
        if self.model.calls:
            self.backend = SqliteBackend(self.folder / "store")
        super().open()

    def reopen(self) -> None:
        self.store.close()
        self.backend = SqliteBackend(self.folder / "store")
        super().open()

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


QUICK = settings(max_examples=examples(60, by_day=25), stateful_step_count=40, deadline=None)
LONG = settings(
    max_examples=500,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Reservations.TestCase.settings = QUICK
TestReservations = Reservations.TestCase


@pytest.mark.nightly
class TestOnFile(OnFile.TestCase):
    """500 runs of 60 steps on files."""

    settings = LONG
