"""What is over is forgotten, and forgetting changes no decision (STO-2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corvus import Usage
from corvus.base.errors import PolicyError
from corvus.base.money import NanoUSD
from corvus.bookkeeping import Bookkeeping
from corvus.governor.governor import Governor
from corvus.governor.resets import Subject
from corvus.governor.status import full_glance
from corvus.model.decision import Decision, Denial
from corvus.model.policy import Policy
from corvus.model.status_report import StatusReport
from corvus.model.steering import (
    MissionOutcome,
    MissionRequest,
    OverrideRequest,
    ResetRequest,
)
from corvus.store.api import Forgotten, session_mark
from corvus.store.place import StorePlace
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.books import books_at, store_file
from tests.fakes import FrozenClock
from tests.faults.governed import CENT, cents, config, policy_of

MORE = """
session_limit_usd = 1

[[cost.budgets]]
name = "ever"
period = "total"
limit_usd = 1000
"""
MONTHS = timedelta(days=80)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_of(config(tmp_path, "100", MORE))


@dataclass
class Place:
    """A store and a ledger, whose clock the test moves."""

    folder: Path
    policy: Policy
    clock: FrozenClock

    @property
    def books(self) -> Bookkeeping:
        return books_at(self.folder / "l.duckdb", self.clock)

    @contextmanager
    def governor(self) -> Generator[Governor]:
        path = store_file(self.books)
        store = Store(SqliteBackend(path), self.clock, trust_clock=True)
        try:
            yield Governor(self.policy, store, history=self.books.history(store))
        finally:
            store.close()

    def drain(self, governor: Governor) -> None:
        governor.keep_up()
        self.books.drain(governor.store)

    def rows(self, table: str) -> int:
        with closing(sqlite3.connect(store_file(self.books))) as connection:
            (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - made of constants of this package
        return int(found)

    def is_sound(self, governor: Governor) -> bool:
        return governor.recount(write=False) == []


@pytest.fixture
def place(tmp_path: Path, policy: Policy) -> Place:
    return Place(tmp_path, policy, FrozenClock())


def spend(
    governor: Governor, amount: int, session: str, mission: str | None = None, **options: str
) -> Decision:
    decision = governor.reserve(cents(amount, session, mission_id=mission, **options))
    if decision.reservation is not None:
        governor.commit(decision.reservation, Usage(1, 1), cost_nano_usd=NanoUSD(amount * CENT))
    return decision


def test_sessions_missions_and_windows_long_over_leave_no_row(place: Place) -> None:
    with place.governor() as governor:
        for number in range(300):
            spend(governor, 1, f"s{number}", "m")
            if number % 2:
                governor.end_mission(f"s{number}", "m", MissionOutcome.COMPLETED)
        place.drain(governor)
        assert place.rows("session") == place.rows("mission") == 300
        place.clock.move(MONTHS)
        spend(governor, 1, "new", "m")
        place.drain(governor)
        assert place.rows("session") == place.rows("mission") == place.rows("reservation") == 1
        # session, mission, day, month and total of the new call; the old ones only in the total
        assert place.rows("balance WHERE calls > 0") == 5
        assert place.rows("forgotten_session") == 300
        assert place.is_sound(governor)
        assert governor.recount(write=True) == []


def test_what_forgetting_tells_of_open_missions_does_not_end_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is an event since the look; they are its own."""
    monkeypatch.setattr("corvus.store.retention._SEEN_MAX", 15)
    monkeypatch.setattr("corvus.store.outbox._SESSIONS_AT_ONCE", 5)
    with place.governor() as governor:
        for number in range(40):
            spend(governor, 1, f"s{number}", "m")
        place.drain(governor)
        place.clock.move(MONTHS)
        place.drain(governor)
        assert place.rows("session") == place.rows("mission") == 0
        assert place.rows("outbox") == 40
        place.drain(governor)
        assert place.rows("outbox") == 0


def test_a_full_glance_at_a_forgotten_session_has_no_answer(place: Place) -> None:
    """EVA-12: a zero would be a guess; what it spent is in the ledger."""

    def seen(session: str) -> StatusReport | None:
        with place.books.place.looking() as look:
            subject = Subject(session, None, None)
            return full_glance(look, place.policy, place.clock.now(), subject)

    with place.governor() as governor:
        spend(governor, 90, "s")
        place.drain(governor)
        report = seen("s")
        assert report is not None
        assert report.decision.statuses == governor.status("s").decision.statuses
        place.clock.move(MONTHS)
        place.drain(governor)
        assert place.rows("session") == 0
        assert seen("s") is None
        assert seen("new") is not None


def test_what_a_forgotten_session_spent_is_spent_when_it_is_named_again(place: Place) -> None:
    with place.governor() as governor:
        assert spend(governor, 90, "s").allowed
        spend(governor, 90, "s", project="p")
        place.drain(governor)
        place.clock.move(MONTHS)
        place.drain(governor)
        assert place.rows("session") == 0
        assert not spend(governor, 20, "s").allowed
        assert spend(governor, 5, "s").allowed
        assert not spend(governor, 20, "s", project="p").allowed
        assert place.rows("forgotten_session") == 0
        assert place.is_sound(governor)


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_forgotten_mission_stays_as_it_was(place: Place, is_ended: bool) -> None:
    with place.governor() as governor:
        governor.start_mission(MissionRequest("s", "m", NanoUSD(30 * CENT), 3))
        spend(governor, 20, "s", "m")
        governor.step_mission("s", "m")
        if is_ended:
            governor.leave_mission(MissionRequest("s", "m"))
        place.drain(governor)
        place.clock.move(MONTHS)
        place.drain(governor)
        assert place.rows("session") == (0 if is_ended else 1), "a guard holds it open"
        decision = spend(governor, 5, "s", "m")
        assert decision.denial is (Denial.MISSION_ENDED if is_ended else None)
        with pytest.raises(PolicyError, match="already had a mission"):
            governor.start_mission(MissionRequest("s", "m"))
        resumed = governor.start_mission(MissionRequest("s", "m", resume=True))
        assert (resumed.limit_nano_usd, resumed.max_steps, resumed.steps) == (30 * CENT, 3, 1)
        assert spend(governor, 20, "s", "m").denial is Denial.BUDGET_EXCEEDED


def test_what_is_under_way_or_lifted_is_not_forgotten(place: Place) -> None:
    with place.governor() as governor:
        held = governor.reserve(cents(10, "held", ttl_seconds=86_400)).reservation
        assert held is not None
        governor.override(OverrideRequest("ana", session_id="lifted", expires_in=2 * MONTHS))
        spend(governor, 10, "lifted")
        governor.override(OverrideRequest("ana", session_id="over", expires_in=timedelta(hours=1)))
        place.drain(governor)
        place.clock.move(MONTHS)
        held = governor.reserve(cents(10, "now")).reservation
        assert held is not None
        place.drain(governor)
        assert governor.store.run(lambda unit: [one.id for one in unit.sessions(9)]) == [
            "now",
            "held",  # presumed just now
            "lifted",
        ]
        assert place.rows("override") == 1, "only the active one"
        governor.commit(held, cost_nano_usd=NanoUSD(CENT))
        assert place.is_sound(governor)


def test_a_session_used_since_the_look_is_not_forgotten(place: Place) -> None:
    from corvus.store import outbox as module

    with place.governor() as governor:
        spend(governor, 10, "s")
        spend(governor, 10, "t")
        place.drain(governor)
        place.clock.move(MONTHS)
        place.drain(governor)
        look = module._look  # pyright: ignore[reportPrivateUsage]

        def slow(place: StorePlace, store: Store) -> object:
            found = look(place, store)
            spend(governor, 10, "u")
            return found

        spend(governor, 1, "u")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(module, "_look", slow)
            place.clock.move(MONTHS)
            place.drain(governor)
        assert governor.store.run(lambda unit: [one.id for one in unit.sessions(9)]) == ["u"]


def test_a_forgotten_window_is_counted_again_when_the_clock_was_wrong(place: Place) -> None:
    """The clock was ahead, was believed, and is set right: the windows are the present ones."""
    with place.governor() as governor:
        spend(governor, 60, "a")
        spend(governor, 60, "b")
        place.drain(governor)
        place.clock.move(MONTHS)
        place.drain(governor)
        assert place.rows("balance WHERE window_start_us > 0") == 0
        place.clock.move(-MONTHS)
        decision = spend(governor, 60, "c")
        (day,) = [one for one in decision.statuses if one.budget.name == "day"]
        assert day.spent == 120 * CENT
        assert place.is_sound(governor)


def test_without_a_ledger_nothing_forgotten_is_free(place: Place) -> None:
    with place.governor() as governor:
        spend(governor, 90, "s")
        place.drain(governor)
        place.clock.move(MONTHS)
        place.drain(governor)
        bare = Governor(place.policy, governor.store)
        with pytest.raises(Forgotten, match="session 's' is over"):
            spend(bare, 90, "s")
        assert spend(bare, 90, "fresh").allowed


def test_a_fresh_session_asks_no_ledger(place: Place) -> None:
    asked: list[str | None] = []
    with place.governor() as governor:
        spend(governor, 1, "old")
        place.drain(governor)
        place.clock.move(MONTHS)
        place.drain(governor)
        history = governor.engine._history  # pyright: ignore[reportPrivateUsage]

        def counting(budgets: object, session_id: str | None) -> object:
            asked.append(session_id)
            return history(budgets, session_id)  # type: ignore[arg-type] # pyright: ignore

        governor.engine._history = counting  # type: ignore[assignment] # pyright: ignore
        for number in range(50):
            spend(governor, 1, f"n{number}")
        assert asked == []
        spend(governor, 1, "old")
        spend(governor, 1, "old")
        assert asked == ["old"]


def test_a_mark_says_the_same_in_store_and_ledger() -> None:
    import duckdb

    with duckdb.connect() as connection:
        for text in ("s", "séance", "日本", "a" * 1000):
            rows = connection.execute("SELECT sha256(?)[1:32]", [text]).fetchall()
            assert rows == [(session_mark(text),)]


SESSIONS, MISSIONS = st.sampled_from(["a", "b"]), st.sampled_from([None, "m"])
PROJECTS = st.sampled_from([None, "p"])
STEPS = st.one_of(
    st.tuples(st.just("spend"), SESSIONS, MISSIONS, PROJECTS, st.integers(1, 60)),
    st.tuples(st.just("proxy"), SESSIONS, MISSIONS, PROJECTS, st.integers(1, 60)),
    st.tuples(st.just("start"), SESSIONS, st.just("m"), PROJECTS, st.integers(0, 90)),
    st.tuples(st.just("join"), SESSIONS, st.just("m"), PROJECTS, st.integers(0, 90)),
    st.tuples(st.just("step"), SESSIONS, st.just("m"), PROJECTS, st.just(0)),
    st.tuples(st.just("leave"), SESSIONS, st.just("m"), PROJECTS, st.just(0)),
    st.tuples(st.just("close"), SESSIONS, st.none(), PROJECTS, st.just(0)),
    st.tuples(st.just("reset"), SESSIONS, st.none(), PROJECTS, st.just(0)),
    st.tuples(st.just("wait"), st.just(""), st.none(), st.none(), st.sampled_from([8, 40, 80])),
)


def act(governor: Governor, step: tuple[str, str, str | None, str | None, int]) -> object:
    """Take a step, and return all that it was answered."""
    kind, session, mission, project, amount = step
    at = NanoUSD(amount * CENT)
    acts: dict[str, Callable[[], object]] = {
        "spend": lambda: spend(governor, amount, session, mission, **named(project)),
        "proxy": lambda: spend(
            governor, amount, session, mission, **named(project), surface="proxy"
        ),
        "start": lambda: governor.start_mission(
            MissionRequest(session, "m", at, max_steps=2, project=project)
        ),
        "join": lambda: governor.start_mission(
            MissionRequest(session, "m", at, project=project, resume=True)
        ),
        "step": lambda: governor.step_mission(session, "m", project),
        "leave": lambda: governor.leave_mission(MissionRequest(session, "m", project=project)),
        "close": lambda: governor.close_session(session, project),
        "reset": lambda: governor.reset(
            ResetRequest("session", "ana", session_id=session, project=project)
        ),
    }
    try:
        answer = acts[kind]()
    except PolicyError as fault:
        return type(fault), str(fault)
    if isinstance(answer, Decision):
        return answer.denial, [
            (one.budget.name, one.budget.limit, one.spent, one.held) for one in answer.statuses
        ]
    return getattr(answer, "removed_cost_nano_usd", answer)


def named(project: str | None) -> dict[str, str]:
    return {} if project is None else {"project": project}


def agree(folder: Path, policy: Policy, steps: list[tuple[str, str, str | None, str | None, int]]):
    """Take the same steps with and without forgetting."""
    places = [Place(folder / name, policy, FrozenClock()) for name in ("never", "always")]
    for place in places:
        place.folder.mkdir()
    with places[0].governor() as never, places[1].governor() as always:
        for step in steps:
            if step[0] == "wait":
                for place in places:
                    place.clock.move(timedelta(days=step[-1]))
                places[1].drain(always)
                continue
            assert act(always, step) == act(never, step), step
        places[1].drain(always)
        assert places[1].is_sound(always)


def check(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, str | None, str | None, int]],
) -> None:
    folder = tmp_path_factory.mktemp("agree")
    agree(folder, policy_of(config(folder, "100", MORE)), steps)


WAIT = ("wait", "", None, None, 80)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=4, max_size=10))
@example(
    steps=[
        ("proxy", "a", "m", None, 30),
        ("start", "b", "m", "p", 50),
        ("spend", "b", "m", "p", 40),
        ("step", "b", "m", "p", 0),
        ("close", "a", None, None, 0),
        WAIT,
        ("leave", "b", "m", "p", 0),
        WAIT,
        ("reset", "b", None, None, 0),
        ("spend", "b", "m", "p", 5),
        ("close", "a", None, None, 0),
        ("proxy", "a", "m", None, 80),
        WAIT,
        ("join", "b", "m", "p", 0),
        ("spend", "b", "m", "p", 20),
        ("start", "a", "m", None, 20),
        ("reset", "b", None, "p", 0),
        WAIT,
        ("spend", "b", None, "p", 90),
    ]
)
def test_forgetting_changes_no_decision(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, str | None, str | None, int]],
) -> None:
    check(tmp_path_factory, steps)


@pytest.mark.nightly
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=6, max_size=25))
def test_forgetting_changes_no_decision_of_long_histories(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, str | None, str | None, int]],
) -> None:
    check(tmp_path_factory, steps)
