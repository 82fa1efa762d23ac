"""Calls over HTTP in any order, with breaks, meddlers and a busy store, against the true bill.

Every call that has reached the provider has a hold while it runs and a record afterwards, at no
less than its true cost unless it is marked; what a session spends never passes its limit by more
than the overruns (RES-1, RES-2, RES-8 to RES-10). The quick profile runs with each suite, the long
one with ``pytest -m nightly``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from corvus.base.errors import PolicyError
from corvus.base.money import NanoUSD
from corvus.governor import tokens
from corvus.governor.governor import Governor
from corvus.model.reservation import Reservation, ReservationState
from corvus.model.token import TokenRequest, TokenScope, new_secret
from corvus.runtime import Runtime, open_runtime
from corvus.store.place import open_store
from tests.books import store_file
from tests.fakes import NO_AUTHORITIES, FrozenClock
from tests.gateway.provider import Provider
from tests.gateway.proxied import KEY, Proxied, Settings
from tests.properties import examples
from tests.stateful.turns import Turn, Turns

LIMIT_NANO_USD = 3_000_000_000
TTL_SECONDS = 60
SETTLED_WITHIN_SECONDS = 5.0
"""By when all is settled that waited for a busy store."""
STORE_WAIT_SECONDS = 0.15
PROJECTS = ("pa", "pb")
MARKED = {"estimated", "presumed"}


BODIES: dict[str, dict[str, Any]] = {
    "release": {},
    "commit": {"cost_usd": 0.05},
    "extend": {"ttl_seconds": TTL_SECONDS},
}
RESERVE = TokenScope("reserve")


class Frozen(Proxied):
    """A gateway whose clock moves when a test moves it."""

    clock = FrozenClock()

    @property
    def runtime(self) -> Runtime:
        return open_runtime([self.config], ledger=self.ledger, clock=self.clock)


class World:
    """One gateway for all runs; each run has a session, and with it a limit, of its own."""

    number: ClassVar[count[int]] = count()

    def __init__(self, gateway: Frozen, governor: Governor) -> None:
        self.gateway, self.governor = gateway, governor
        self.client = httpx2.Client(trust_env=False, verify=NO_AUTHORITIES, timeout=20)
        self.turns = Turns()
        gateway.provider.script = self.turns
        self.secrets = {
            (project, scope): self.token(project, scope)
            for project in PROJECTS
            for scope in (TokenScope.PROXY, RESERVE)
        }

    def token(self, project: str, scope: TokenScope) -> str:
        secret = new_secret()
        wanted = TokenRequest(f"{project}-{scope.value}", scope, project=project)
        self.governor.store.run(lambda unit: tokens.create(unit, wanted, secret, "ana"))
        return secret

    def held(self) -> dict[str, Reservation]:
        return {one.id: one for one in self.governor.store.run(lambda unit: [*unit.held()])}

    def settled(self, reservation_id: str, seconds: float = 10) -> Reservation:
        until = time.monotonic() + seconds
        while (found := self.governor.reservation(reservation_id)).state == "held":
            assert time.monotonic() < until, "a hold was left open"
            time.sleep(0.005)
        return found

    @contextmanager
    def busy_store(self) -> Generator[None]:
        """Keep the store busy for longer than anybody waits for it."""
        with sqlite3.connect(store_file(self.gateway.runtime.bookkeeping)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            time.sleep(2 * STORE_WAIT_SECONDS)
            other.rollback()
        other.close()


@dataclass
class Running:
    """A call at the provider."""

    turn: Turn
    reservation: Reservation
    was_meddled: bool = False


@dataclass
class Kept:
    """A reservation of the API."""

    id: str
    project: str
    hold: int
    state: str = "held"
    key: str | None = None


@dataclass
class Bill:
    """What a run has seen.

    Attributes:
        ended: What the provider has charged for each call, nano-USD.
        corrected: Calls whose hold a program gave up while they ran; what they cost is audited as
            a correction, and others may have been admitted on it meanwhile.
    """

    running: list[Running] = field(default_factory=list[Running])
    kept: list[Kept] = field(default_factory=list[Kept])
    ended: dict[str, int] = field(default_factory=dict[str, int])
    corrected: set[str] = field(default_factory=set[str])
    keys: dict[tuple[str, str], Kept] = field(default_factory=dict[tuple[str, str], Kept])


class Calls(RuleBasedStateMachine):
    """What clients, providers and meddlers do."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.session = f"s{next(World.number)}"
        self.bill = Bill()

    # -- calls through the proxy

    @precondition(lambda self: len(self.bill.running) < 3)
    @rule(
        project=st.sampled_from(PROJECTS),
        stream=st.booleans(),
        most=st.sampled_from([1, 20, 100]),
        is_busy=st.sampled_from([False, False, False, True]),
    )
    def call_begins(self, project: str, stream: bool, most: int, is_busy: bool) -> None:
        world = self.world
        secret = world.secrets[project, TokenScope.PROXY]
        with ExitStack() as stack:
            if is_busy:
                stack.enter_context(world.busy_store())
            turn = world.turns.make(most, stream=stream)
            turn.begin(world.gateway.port, secret, self.session_of(project))
            has_arrived = turn.has_arrived()
        if not has_arrived:
            assert turn.status in ((503,) if is_busy else (402,)), turn.body
            return
        assert not is_busy, "admitted by a store that could not be written"
        known = {one.reservation.id for one in self.bill.running}
        known |= {one.id for one in self.bill.kept}
        new = [
            one
            for one in world.held().values()
            if one.id not in known and one.request.session_id == self.session_of(project)
        ]
        assert len(new) == 1, "a call at the provider has one hold"
        self.bill.running.append(Running(turn, new[0]))

    @precondition(lambda self: self.bill.running)
    @rule(data=st.data(), is_busy=st.sampled_from([False, False, False, True]))
    def provider_goes_on(self, data: st.DataObject, is_busy: bool) -> None:
        one = data.draw(st.sampled_from(self.bill.running))
        what = data.draw(st.sampled_from(one.turn.possible()))
        with ExitStack() as stack:
            if is_busy:
                stack.enter_context(self.world.busy_store())
            one.turn.go_on(what)
        if one.turn.is_over:
            self.ends(one)

    @precondition(lambda self: self.bill.running)
    @rule(data=st.data(), is_busy=st.sampled_from([False, False, False, True]))
    def client_leaves(self, data: st.DataObject, is_busy: bool) -> None:
        one = data.draw(st.sampled_from(self.bill.running))
        with ExitStack() as stack:
            if is_busy:
                stack.enter_context(self.world.busy_store())
            one.turn.leave()
        self.ends(one)

    def ends(self, one: Running) -> None:
        """Wait for the settlement of a call, and compare it with the bill."""
        self.bill.running.remove(one)
        one.turn.close()
        if one.was_meddled:
            self.wait_for_correction(one)
        self.bill.ended[one.reservation.id] = one.turn.true_nano_usd
        after = self.world.settled(one.reservation.id)
        assert after.state != ReservationState.RELEASED or one.turn.true_nano_usd == 0

    def wait_for_correction(self, one: Running) -> None:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            after = self.world.settled(one.reservation.id)
            if (after.cost_nano_usd or 0) >= one.turn.true_nano_usd:
                return
            time.sleep(0.01)
        raise AssertionError("a meddler settled the call of another for less than it cost")

    # -- meddlers

    @precondition(lambda self: self.bill.running)
    @rule(
        data=st.data(),
        project=st.sampled_from(PROJECTS),
        scope=st.sampled_from([TokenScope.PROXY, RESERVE]),
        how=st.sampled_from(["release", "commit", "extend"]),
    )
    def token_meddles(self, data: st.DataObject, project: str, scope: TokenScope, how: str) -> None:
        """No token settles or holds back what a meter of ours measures (RES-8)."""
        one = data.draw(st.sampled_from(self.bill.running))
        answer = self.post(project, scope, f"/{one.reservation.id}/{how}", BODIES[how])
        assert answer.status_code in (403, 404)

    @precondition(lambda self: self.bill.running)
    @rule(data=st.data(), commits=st.booleans())
    def program_meddles(self, data: st.DataObject, commits: bool) -> None:
        """A program on the machine may, and what was measured is booked all the same."""
        one = data.draw(st.sampled_from(self.bill.running))
        if one.was_meddled:
            return
        try:
            if commits:
                self.world.governor.commit(one.reservation, cost_nano_usd=NanoUSD(0))
            else:
                self.world.governor.release(one.reservation)
        except PolicyError:
            return
        one.was_meddled = True
        self.bill.corrected.add(one.reservation.id)

    # -- the reservations API

    @rule(
        project=st.sampled_from(PROJECTS),
        estimate=st.sampled_from(["0.1", "1", "2.5"]),
        key=st.sampled_from([None, "k1", "k2"]),
    )
    def program_reserves(self, project: str, estimate: str, key: str | None) -> None:
        body: dict[str, Any] = {"model": "m", "session_id": self.session_of(project)}
        body |= {"estimate_usd": float(estimate), "ttl_seconds": TTL_SECONDS}
        name = None if key is None else f"{self.session}-{key}-{estimate}"
        if name is not None:
            body["idempotency_key"] = name
        answer = self.post(project, RESERVE, "", body)
        first = self.bill.keys.get((project, name)) if name is not None else None
        if first is not None and first.state in ("committed", "expired"):
            assert answer.status_code == 409, answer.text
            assert answer.json()["code"] == "already_settled"
            return
        if answer.status_code == 402:
            assert first is None or first.state != "held"
            return
        assert answer.status_code == 201, answer.text
        told = answer.json()
        reservation_id = told["reservation"]["id"]
        assert self.world.governor.reservation(reservation_id).state == "held", (
            "a permission is held"
        )
        if first is not None and first.state == "held":
            assert told["replayed"]
            assert reservation_id == first.id
            return
        assert not told["replayed"]
        kept = Kept(reservation_id, project, int(told["reservation"]["held_nano_usd"]), key=name)
        self.bill.kept.append(kept)
        if name is not None:
            self.bill.keys[project, name] = kept

    @precondition(lambda self: self.bill.kept)
    @rule(
        data=st.data(),
        project=st.sampled_from(PROJECTS),
        scope=st.sampled_from([TokenScope.PROXY, RESERVE]),
        how=st.sampled_from(["release", "commit", "extend"]),
    )
    def program_settles(
        self, data: st.DataObject, project: str, scope: TokenScope, how: str
    ) -> None:
        one = data.draw(st.sampled_from(self.bill.kept))
        answer = self.post(project, scope, f"/{one.id}/{how}", BODIES[how])
        if scope is not RESERVE or one.project != project:
            assert answer.status_code in (403, 404), answer.text
            return
        if one.state in ("committed", "released") or (how == "extend" and one.state != "held"):
            assert answer.status_code == 409, answer.text
            return
        assert answer.status_code == 200, answer.text
        one.state = {"release": "released", "commit": "committed", "extend": "held"}[how]

    @precondition(lambda self: self.bill.kept and not self.bill.running)
    @rule()
    def time_passes(self) -> None:
        """Let all holds of programs expire."""
        self.world.gateway.clock.move(timedelta(seconds=TTL_SECONDS + 1))
        self.world.governor.status()
        for one in self.bill.kept:
            if one.state == "held":
                one.state = "expired"

    # -- what always holds

    @invariant()
    def every_running_call_is_held(self) -> None:
        held = self.world.held()
        for one in self.bill.running:
            is_settled = one.was_meddled or one.turn.has_usage  # which is all there is (PRX-2)
            assert is_settled or one.reservation.id in held

    @invariant()
    def no_session_passes_its_limit_by_more_than_the_overruns(self) -> None:
        for project in PROJECTS:
            spent, overruns = 0, 0
            session = self.session_of(project)
            running = [one.reservation.id for one in self.bill.running]
            kept = [one.id for one in self.bill.kept]
            for reservation_id in (*self.bill.ended, *running, *kept):
                one = self.world.governor.reservation(reservation_id)
                if one.request.session_id == session:
                    cost = one.cost_nano_usd or 0
                    spent += cost
                    held = 0 if reservation_id in self.bill.corrected else one.hold_nano_usd
                    overruns += max(0, cost - held)
            assert spent <= LIMIT_NANO_USD + overruns

    def session_of(self, project: str) -> str:
        return f"{self.session}-{project}"

    def post(self, project: str, scope: TokenScope, path: str, body: dict[str, Any]) -> Any:
        gateway = self.world.gateway
        secret = self.world.secrets[project, scope]
        return self.world.client.post(
            f"{gateway.url}/web/reservations{path}",
            json=body,
            headers={"authorization": f"Bearer {secret}"},
        )

    def teardown(self) -> None:
        for one in [*self.bill.running]:
            one.turn.leave()
            self.ends(one)
        for one in self.bill.kept:
            if one.state == "held":
                self.world.governor.release(self.world.governor.reservation(one.id))
        self.compare_with_the_ledger()

    def recorded(self) -> list[tuple[str, int, int, list[str]]]:
        """Return what the ledger has of each call: id, calls, nano-USD, sources."""
        with self.world.gateway.runtime.ledger() as ledger:
            return ledger.connection.execute(
                "SELECT reservation_id::VARCHAR, sum(calls), sum(cost_nano_usd), list(source) "
                "FROM usage_record WHERE starts_with(session_id, ?) GROUP BY ALL",
                [f"{self.session}-"],
            ).fetchall()

    def compare_with_the_ledger(self) -> None:
        """Check that each call is recorded once: at what it cost, or marked as not known."""
        true = self.bill.ended | dict.fromkeys([one.id for one in self.bill.kept], 0)
        until = time.monotonic() + SETTLED_WITHIN_SECONDS
        while True:  # what waited for a busy store is settled late, also between the two looks
            after = [self.world.governor.reservation(one) for one in true]
            expected = {one.id: one.cost_nano_usd for one in after if one.state != "released"}
            rows = self.recorded()
            recorded = {one: cost for one, calls, cost, _ in rows if calls == 1}
            if recorded == expected or time.monotonic() > until:
                break
            time.sleep(0.05)
        assert recorded == expected
        assert all(calls in (0, 1) for _, calls, _, _ in rows), "one call is one record"
        for one, _, cost, sources in rows:
            assert cost >= true[one] or MARKED & {*sources}, one


@pytest.fixture(scope="module", autouse=True)
def world() -> Generator[None]:
    """Serve one gateway for all runs of this module."""
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("TEST_OPENAI_KEY", "TEST_ANTHROPIC_KEY"):
            environment.setenv(name, KEY)
        impatient = partial(open_store, wait_seconds=STORE_WAIT_SECONDS)
        environment.setattr("corvus.stores.open_store", impatient)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="calls-over-http-")))
        provider = Provider()
        stack.callback(provider.stop)
        # A call that waited would run on while the next rule is drawn (``test_ladder`` has those).
        refusing = Settings(limit="0", session="3", cost="on_exceeded = []")
        gateway = Frozen(folder, provider, refusing)
        stack.callback(gateway.stop)
        governor = stack.enter_context(gateway.runtime.governor())
        Calls.world = World(gateway, governor)
        stack.callback(Calls.world.client.close)
        yield


QUICK = settings(
    max_examples=examples(12, by_day=8),
    phases=[Phase.generate],  # to make a failure smaller takes minutes over sockets
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Calls.TestCase.settings = QUICK
TestCalls = Calls.TestCase


@pytest.mark.nightly
class TestCallsForLong(Calls.TestCase):
    """400 runs of 50 steps."""

    settings = settings(QUICK, max_examples=400, stateful_step_count=50)
