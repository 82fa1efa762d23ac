"""Budgets with parts, in tokens and calls, and windows that a call opens, against a small model.

The model knows calls alone: each sum of each budget is added up from them again after each step.
What the store keeps, what is counted again from the ledger, and what is refused follow from that
(CFG-10, EVA-2, EVA-4, RES-1, STO-2). The names of users are those that a hostile client would
choose. The quick profile runs in memory; the long one on files, with a real ledger that is drained
now and then, with ``pytest -m nightly``.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from corvus import Governor, Policy, Usage
from corvus.autonomy.decide import Autonomy
from corvus.base.errors import ReservationNotFound
from corvus.base.globs import glob_matches
from corvus.base.money import NanoUSD
from corvus.base.period import Period, window_at
from corvus.base.time import microseconds
from corvus.model.budget import Amounts, Budget, Measure, part_of
from corvus.model.policy import MissionLimits
from corvus.model.request import Request
from corvus.model.reservation import Reservation
from corvus.model.steering import ResetRequest
from corvus.store.api import StoredBalance
from corvus.store.kinds import budget_key
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.books import books_at, store_file
from tests.fakes import FrozenClock
from tests.properties import examples

TTL = 600
HOUR = 3_600
MEASURES = tuple(Measure)
BUDGETS = (
    Budget("all", Period.DAY, 400, (80,), "k"),
    Budget("each", Period.DAY, 100, (50, 80), "k", per=("user",), limits=(("an*", 150),)),
    Budget("pairs", Period.TOTAL, 900, (80,), "k", measure=Measure.TOKENS, per=("user", "project")),
    Budget("calls", Period.WEEK, 6, (), "k", measure=Measure.CALLS, per=("tag.team",)),
    Budget("five", Period.WINDOW, 120, (80,), "k", per=("user",), window_seconds=5 * HOUR),
    Budget("hour", Period.WINDOW, 500, (), "k", measure=Measure.TOKENS, window_seconds=HOUR),
    Budget("some", Period.MONTH, 200, (), "k", (("user", ("a*", "*,*")),), per=("project",)),
    Budget("soft", Period.DAY, 20, (50,), "k", per=("user",), enforce="warn"),
)
OTHER = (
    *(replace(one, limit=one.limit // 2) for one in BUDGETS[:3]),
    replace(BUDGETS[3], limit=700, measure=Measure.TOKENS),
    replace(BUDGETS[4], limit=3, measure=Measure.CALLS),
)
"""The same budgets with other limits and other units; their sums go on."""
USERS = (None, "", "ana", "anb", "(none)", "%28none)", "ana,x", "ana%2Cx", "x", "Ü\N{SNOWMAN}", "'")
PROJECTS = (None, "x", "x,x")
TEAMS = (None, "red", "(none)")
STEPS = (
    timedelta(microseconds=1),
    timedelta(seconds=TTL),
    timedelta(seconds=HOUR) - timedelta(microseconds=1),
    timedelta(seconds=HOUR),
    timedelta(seconds=5 * HOUR),
    timedelta(days=1),
    timedelta(days=8),
)
AUTONOMY = Autonomy("supervised", True, (), (), (), (), 20, True, True)


def policy(budgets: tuple[Budget, ...]) -> Policy:
    return Policy(
        enabled=True,
        allow_override=True,
        budgets=budgets,
        prices=(),
        pinned_book_sha256=None,
        unpriced_models="warn",
        default_output_tokens=500,
        reservation_ttl_seconds=TTL,
        autonomy=AUTONOMY,
        mission=MissionLimits(False, 0, 0),
        deprecated_fields=(),
        content_hash=f"hash-{len(budgets)}",
        cap_at_least_tokens=100,
        wait_seconds=0,
        ask_seconds=60,
        downgrade=(),
        hold="maximum",
    )


class Place(NamedTuple):
    """A sum of a budget: whose, and in which window."""

    budget: str
    values: tuple[str | None, ...]
    start_us: int


@dataclass
class Call:
    """What the model knows of a call."""

    request: Request
    places: list[Place]
    expires_at: datetime
    hold: Amounts
    used: Amounts | None = None
    settled_us: int = 0
    state: str = "held"
    reservation: Reservation | None = None


@dataclass
class Model:
    """Calls, baselines, and when windows opened."""

    calls: list[Call] = field(default_factory=list[Call])
    resets: dict[Place, int] = field(default_factory=dict[Place, int])
    opened: dict[tuple[str, tuple[str | None, ...]], int] = field(
        default_factory=dict[tuple[str, tuple[str | None, ...]], int]
    )

    def place(self, budget: Budget, request: Request, now: datetime) -> Place | None:
        """Return the sum of a budget in which a call would be counted now."""
        for name, globs in budget.match:
            value = request.attributes.value(name)
            if value is None or not any(glob_matches(glob, value) for glob in globs):
                return None
        values = tuple(request.attributes.value(name) for name in budget.per)
        if budget.period is Period.WINDOW:
            start_us = self.opened.get((budget.name, values), 0)
            is_open = microseconds(now) < start_us + budget.window_seconds * 10**6
            return Place(budget.name, values, start_us if is_open else microseconds(now))
        window = window_at(budget.period, now, budget.timezone)
        return Place(budget.name, values, microseconds(window.start) if window else 0)

    def sums(self, place: Place) -> tuple[Amounts, Amounts]:
        """Return what is spent and held in a place, in every measure."""
        spent, held = [0, 0, 0], [0, 0, 0]
        since_us = self.resets.get(place, 0)
        for call in self.calls:
            if place not in call.places:
                continue
            if call.state == "held":
                held = [have + more for have, more in zip(held, call.hold, strict=True)]
            elif call.used is not None and call.settled_us >= since_us:
                spent = [have + more for have, more in zip(spent, call.used, strict=True)]
        return Amounts(*spent), Amounts(*held)


class Parts(RuleBasedStateMachine):
    """Calls of many users, on a store in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock(datetime(2026, 10, 24, 20, 0, tzinfo=UTC))
        self.model = Model()
        self.policy = policy(BUDGETS)
        self.open()

    def open(self) -> None:
        self.store = Store(MemoryBackend(), self.clock, trust_clock=True)
        self.change(BUDGETS)

    def change(self, budgets: tuple[Budget, ...]) -> None:
        """Put other budgets in force."""
        self.policy = policy(budgets)
        self.governor = Governor(self.policy, self.store)

    def expire(self) -> None:
        """Let what is overdue be presumed spent, by the model and by the store."""
        now = self.clock.now()
        for call in self.model.calls:
            if call.state == "held" and call.expires_at <= now:
                call.state, call.used, call.settled_us = "expired", call.hold, microseconds(now)
        self.governor.status()

    @rule(
        estimate=st.integers(0, 70),
        tokens=st.integers(0, 300),
        user=st.sampled_from(USERS),
        project=st.sampled_from(PROJECTS),
        team=st.sampled_from(TEAMS),
    )
    def reserve(
        self, estimate: int, tokens: int, user: str | None, project: str | None, team: str | None
    ) -> None:
        self.expire()
        tags = () if team is None else (("team", team),)
        request = Request(
            "m",
            NanoUSD(estimate),
            "s",
            user=user,
            project=project,
            tags=tags,
            estimate_tokens=tokens,
        )
        now, fits = self.clock.now(), True
        places = {one.name: self.model.place(one, request, now) for one in BUDGETS}
        for budget in self.policy.budgets:
            place = places[budget.name]
            if place is not None and budget.enforce == "block":
                spent, held = self.model.sums(place)
                measure = budget.measure
                projected = spent.of(measure) + held.of(measure) + request.amounts.of(measure)
                fits = fits and projected <= self.limit(budget, place)
        decision = self.governor.reserve(request)
        assert decision.allowed == fits
        if not fits:
            return
        counted = [place for place in places.values() if place is not None]
        call = Call(request, counted, now + timedelta(seconds=TTL), request.amounts)
        call.reservation = decision.reservation
        self.model.calls.append(call)
        for budget in BUDGETS:
            place = places[budget.name]
            if budget.period is Period.WINDOW and place is not None:
                self.model.opened[budget.name, place.values] = place.start_us

    def limit(self, budget: Budget, place: Place) -> int:
        if budget.limits and place.values[0] is not None:
            return next(
                (own for glob, own in budget.limits if glob_matches(glob, place.values[0])),
                budget.limit,
            )
        return budget.limit

    @precondition(lambda self: any(one.state == "held" for one in self.model.calls))
    @rule(
        data=st.data(),
        cost=st.integers(0, 90),
        tokens=st.integers(1, 350),
        how=st.sampled_from(["commit", "commit", "estimate", "release", "extend"]),
    )
    def go_on(self, data: st.DataObject, cost: int, tokens: int, how: str) -> None:
        """Settle a call at what it used, at its estimate, at nothing; or hold more for it."""
        self.expire()
        held = [one for one in self.model.calls if one.state == "held"]
        if not held:
            return
        call, now_us = data.draw(st.sampled_from(held)), microseconds(self.clock.now())
        assert call.reservation is not None
        if how == "release":
            self.governor.release(call.reservation)
            call.state = "released"
        elif how == "extend":
            self.governor.extend(call.reservation, ttl_seconds=TTL)
            call.expires_at = self.clock.now() + timedelta(seconds=TTL)
        elif how == "estimate":
            self.governor.commit(call.reservation)
            call.state, call.used, call.settled_us = "committed", call.hold, now_us
        else:
            usage = Usage(input_tokens=tokens // 3, output_tokens=tokens - tokens // 3)
            self.governor.commit(call.reservation, usage, cost_nano_usd=NanoUSD(cost))
            call.state, call.used = "committed", Amounts(cost, tokens, 1)
            call.settled_us = now_us

    @rule(
        budget=st.sampled_from(BUDGETS),
        user=st.sampled_from(USERS),
        project=st.sampled_from(PROJECTS),
    )
    def reset(self, budget: Budget, user: str | None, project: str | None) -> None:
        if budget.name not in {one.name for one in self.policy.budgets}:
            return
        self.expire()
        request = Request("m", NanoUSD(0), "s", user=user, project=project)
        values = tuple(request.attributes.value(name) for name in budget.per)
        if budget.match and len(budget.per) == 1 and budget.per[0] == "project" and user is None:
            request = replace(request, user="ana")
        place = self.model.place(budget, request, self.clock.now())
        if place is None:
            return
        named = part_of(values) if budget.per else None
        spent, _ = self.model.sums(place)
        result = self.governor.reset(ResetRequest(budget.name, "ana", part=named))
        assert result.removed_cost_nano_usd == spent.nano_usd
        assert result.removed_requests == spent.calls
        self.clock.set(max(self.clock.now(), result.effective_at))
        self.model.resets[place] = microseconds(result.effective_at)

    @rule(by=st.sampled_from(STEPS))
    def tick(self, by: timedelta) -> None:
        self.clock.move(by)

    @rule(is_other=st.booleans())
    def change_policy(self, is_other: bool) -> None:
        """Change limits and units while calls are open: sums stay as they are."""
        self.change(OTHER if is_other else BUDGETS)

    @invariant()
    def sums_are_those_of_the_calls(self) -> None:
        self.expire()
        places = {place for call in self.model.calls for place in call.places}
        stored = self.stored()
        for place in places | self.model.resets.keys():
            spent, held = self.model.sums(place)
            balance = stored.pop(place, None)
            if balance is None:
                assert (spent, held) == (Amounts(), Amounts()), place
                continue
            for measure in MEASURES:
                assert balance.spent(measure) == spent.of(measure), (place, measure)
                assert balance.held(measure) == held.of(measure), (place, measure)
        for place, balance in stored.items():
            for measure in MEASURES:
                assert (balance.spent(measure), balance.held(measure)) == (0, 0), place

    def stored(self) -> dict[Place, StoredBalance]:
        """Return what is kept, by place; a part is known by the values that it was made of."""
        of_part = {
            (budget.name, part_of(place.values)): place.values
            for budget in BUDGETS
            for call in self.model.calls
            for place in call.places
            if place.budget == budget.name and budget.per
        }
        by_key = {budget_key(budget): budget for budget in BUDGETS}

        def read(unit: Unit) -> dict[Place, StoredBalance]:
            found: dict[Place, StoredBalance] = {}
            for budget_id, registered in unit.budgets().items():
                budget = by_key.get(budget_key(registered))
                if budget is None:
                    continue
                for key, balance in unit.balances(budget_id).items():
                    values = of_part.get((budget.name, key.part), ("no call", key.part))
                    values = values if budget.per else ()
                    place = Place(budget.name, values, key.window_start_us)
                    assert place not in found, "two sums are for the same values"
                    found[place] = replace(balance)
            return found

        return self.store.run(read)

    @invariant()
    def the_recount_finds_no_difference(self) -> None:
        assert self.governor.recount(write=False) == []

    @invariant()
    def every_call_is_in_the_state_that_it_was_brought_to(self) -> None:
        for call in self.model.calls:
            assert call.reservation is not None
            with suppress(ReservationNotFound):
                found = self.governor.reservation(call.reservation.id)
                assert found.state == call.state
                continue
            assert call.state != "held", "only what is settled is forgotten, a week later"

    def teardown(self) -> None:
        self.store.close()


class WithLedger(Parts):
    """The same on files: the store is closed and opened again, and drained into a ledger."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="parts-"))
        super().__init__()

    def open(self) -> None:
        self.books = books_at(self.folder / "l.duckdb", self.clock)
        self.store = Store(SqliteBackend(store_file(self.books)), self.clock, trust_clock=True)
        self.change(self.policy.budgets)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.open()

    @precondition(lambda self: self.model.calls)
    @rule()
    def drain(self) -> None:
        """What is drained is forgotten by the store; the sums are counted from the ledger."""
        self.books.drain(self.store)
        self.store.close()
        found = self.books.verify()
        assert (found.findings, found.differences) == ((), ())
        self.open()

    def change(self, budgets: tuple[Budget, ...]) -> None:
        self.policy = policy(budgets)
        history = self.books.history(self.store)
        self.governor = Governor(self.policy, self.store, history=history)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


QUICK = settings(max_examples=examples(60, by_day=15), stateful_step_count=40, deadline=None)
LONG = settings(
    max_examples=200,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Parts.TestCase.settings = QUICK
TestParts = Parts.TestCase


@pytest.mark.nightly
class TestWithLedger(WithLedger.TestCase):
    """200 runs of 60 steps on files."""

    settings = LONG
