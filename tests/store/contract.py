"""What every store must do, whatever keeps it: each backend's test module inherits these tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from corvus.base.errors import ReservationNotFound, StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import microseconds
from corvus.model.budget import Budget
from corvus.model.decision import BudgetState
from corvus.model.outbox import LedgerTable
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState, Source
from corvus.model.steering import (
    MissionOutcome,
    MissionRecord,
    Override,
    OverrideState,
    SessionRecord,
)
from corvus.model.token import Token, TokenScope
from corvus.model.usage import Usage
from corvus.store.api import Backend, BalanceKey, Forgotten, StoredBalance, session_mark
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.fakes import FrozenClock

NOW = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)
REQUEST = Request(
    model="m/1",
    estimate_nano_usd=NanoUSD(12_345),
    session_id="séance",
    provider="p",
    mission_id="mission",
    surface="proxy",
    project="search",
    user="ana",
    agent="bot",
    tags=(("team", "s"), ("env", "prod")),
    idempotency_key="key",
    ttl_seconds=77,
    dispatched=False,
    input_nano_usd=45,
    output_rate=15_000_000_000,
    principal="01a2138a-0000-7000-8000-0000000000aa",
    fingerprint="f" * 64,
)
HELD = Reservation(
    id="01a2138a-da1c-7cdd-b3ac-99abde901db7",
    request=REQUEST,
    state=ReservationState.HELD,
    hold_nano_usd=NanoUSD(12_345),
    admitted_at=NOW,
    expires_at=NOW + timedelta(seconds=77),
    policy_hash="sha256:x",
    override_id="01a2138a-da1c-7cdd-b3ac-99abde901db8",
    answer="[1]",
)
BARE = Request("m", None, "s")
BUDGET = Budget(
    "b", Period.WEEK, 0, (), "", (("model", ("claude-*",)), ("user", ("?",))), "Asia/Tokyo"
)

HOUR_US = 3_600_000_000


class StoreContract:
    """Tests of a store; a subclass makes the backend, and may open it again."""

    clock: FrozenClock
    store: Store
    folder: Path

    def make_backend(self) -> Backend:
        raise NotImplementedError

    def again(self) -> Backend:
        """Return the backend as another process would find it."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _opened(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        self.clock = FrozenClock(NOW)
        self.store = Store(self.make_backend(), self.clock)
        yield
        self.store.close()

    def reopen(self) -> None:
        self.store.close()
        self.store = Store(self.again(), self.clock)

    def test_tokens_come_back_as_they_were_the_oldest_first(self) -> None:
        old = Token("01a2138a-0000-7000-8000-000000000000", "ci", TokenScope.READ, "d", NOW, "ana")
        new = replace(old, id="01a2138a-0000-7000-8000-000000000001", scope=TokenScope.ADMIN)
        gone = replace(old, revoked_at=NOW + timedelta(seconds=1))

        def add(unit: Unit) -> None:
            unit.put_token(new)
            unit.put_token(old)
            assert unit.tokens()[old.id] == old, "also inside its transaction"

        self.store.run(add)
        self.store.run(lambda unit: unit.put_token(gone))
        self.reopen()
        assert self.store.run(lambda unit: [*unit.tokens().values()]) == [gone, new]

    def test_actions_of_a_span_come_back_by_principal_the_oldest_first(self) -> None:
        """ACT-2."""

        def act(unit: Unit) -> list[int]:
            unit.add_action("ana", HOUR_US)
            unit.add_action("bob", HOUR_US)
            unit.add_action("ana", HOUR_US)
            return [*unit.actions("ana", HOUR_US)]

        made = self.store.run(act)
        assert made == sorted(set(made))
        assert len(made) == 2
        self.reopen()
        assert [*self.store.run(lambda unit: unit.actions("ana", HOUR_US))] == made
        assert len(self.store.run(lambda unit: unit.actions("bob", HOUR_US))) == 1
        assert not self.store.run(lambda unit: unit.actions("eve", HOUR_US))

    def test_an_action_is_over_exactly_when_its_span_is(self) -> None:
        at = self.store.run(lambda unit: unit.add_action("ana", HOUR_US))
        for reopen in (False, True):
            self.clock.set(at + timedelta(hours=1, microseconds=-1))
            assert len(self.store.run(lambda unit: unit.actions("ana", HOUR_US))) == 1
            if reopen:
                self.reopen()
        self.clock.set(at + timedelta(hours=1))
        assert not self.store.run(lambda unit: unit.actions("ana", HOUR_US))
        self.reopen()
        assert not self.store.run(lambda unit: unit.actions("ana", HOUR_US))

    def test_actions_before_the_span_are_forgotten_by_the_next_one(self) -> None:
        self.store.run(lambda unit: unit.add_action("ana", HOUR_US))
        self.store.run(lambda unit: unit.add_action("bob", HOUR_US))
        self.clock.move(timedelta(hours=1))
        self.store.run(lambda unit: unit.add_action("ana", HOUR_US))
        self.reopen()
        all_us = 10 * HOUR_US
        assert len(self.store.run(lambda unit: unit.actions("ana", all_us))) == 1
        assert len(self.store.run(lambda unit: unit.actions("bob", all_us))) == 1

    def test_a_refused_step_admits_no_action(self) -> None:
        def refuse(unit: Unit) -> None:
            unit.add_action("ana", HOUR_US)
            raise ReservationNotFound("no")

        with pytest.raises(ReservationNotFound):
            self.store.run(refuse)
        assert not self.store.run(lambda unit: unit.actions("ana", HOUR_US))

    def test_a_reservation_comes_back_as_it_was(self) -> None:
        bare = replace(HELD, id="01a2138a-0000-7000-8000-000000000000", request=BARE, answer=None)

        def add(unit: Unit) -> None:
            unit.add_reservation(HELD)
            unit.add_reservation(bare)
            assert unit.reservation(HELD.id) == HELD, "also inside its transaction"
            assert unit.reservation_by_key("key", "search") == HELD

        self.store.run(add)
        self.reopen()
        assert self.store.run(lambda unit: unit.reservation(HELD.id)) == HELD
        assert self.store.run(lambda unit: unit.reservation(bare.id)) == bare
        assert self.store.run(lambda unit: unit.reservation_by_key("key", "search")) == HELD
        for key, project in (("other", "search"), ("key", None), ("key", "ads")):
            assert self.store.run(lambda unit, k=key, p=project: unit.reservation_by_key(k, p)) is (
                None
            )
        assert self.store.run(lambda unit: unit.reservation("nobody")) is None

    def test_a_settled_reservation_comes_back_as_it_ended(self) -> None:
        self.store.run(lambda unit: unit.add_reservation(HELD))
        ended = replace(
            HELD.ended(
                ReservationState.COMMITTED,
                NOW + timedelta(seconds=5),
                cost_nano_usd=NanoUSD(7),
                record_id="01a2138a-da1c-7cdd-b3ac-99abde901db9",
                settlement_key="once",
            ),
            hold_nano_usd=NanoUSD(99_999),
            expires_at=NOW + timedelta(hours=1),
            request=replace(REQUEST, dispatched=True),
            recorded=(Source.PRICED, Usage(1, 2, 3, 4, 5, 6, 7)),
        )
        self.store.run(lambda unit: unit.put_reservation(ended))
        self.reopen()
        assert self.store.run(lambda unit: unit.reservation(HELD.id)) == ended
        assert self.store.run(lambda unit: unit.held()) == []

    def test_a_key_given_up_points_to_the_next_reservation_also_in_one_transaction(self) -> None:
        """RES-2."""
        second = replace(HELD, id="01a2138a-da1c-7cdd-b3ac-99abde901dba")
        third = replace(HELD, id="01a2138a-da1c-7cdd-b3ac-99abde901dbb")

        def again(unit: Unit) -> None:
            for one in (second, third):
                before = unit.reservation_by_key("key", "search")
                assert before is not None
                unit.drop_key(before)
                unit.add_reservation(one)
                assert unit.reservation_by_key("key", "search") == one

        self.store.run(lambda unit: unit.add_reservation(HELD))
        self.store.run(again)
        self.reopen()
        assert self.store.run(lambda unit: unit.reservation_by_key("key", "search")) == third
        first = self.store.run(lambda unit: unit.reservation(HELD.id))
        assert first == replace(HELD, request=replace(REQUEST, idempotency_key=None))

    def test_overdue_holds_come_oldest_first_and_no_more_than_asked_for(self) -> None:
        made = [
            replace(
                HELD,
                id=f"01a2138a-da1c-7cdd-b3ac-00000000000{number}",
                request=BARE,
                expires_at=NOW + timedelta(seconds=10 - number),
            )
            for number in range(4)
        ]

        def add(unit: Unit) -> None:
            for one in made:
                unit.add_reservation(one)

        self.store.run(add)
        self.clock.move(timedelta(seconds=9))
        found = self.store.run(lambda unit: unit.overdue(10))
        assert [one.id for one in found] == [made[3].id, made[2].id, made[1].id]
        assert len(self.store.run(lambda unit: unit.overdue(2))) == 2

    def test_balances_are_0_until_they_are_kept(self) -> None:
        key = BalanceKey(1, 5, "s", "m", "p")
        kept = StoredBalance(key, 1, 2, 3, 4, 5, 6, 1)
        assert self.store.run(lambda unit: unit.balance(key)) == StoredBalance(key)
        self.store.run(lambda unit: unit.put_balance(kept))
        self.reopen()
        assert self.store.run(lambda unit: unit.balance(key)) == kept
        assert self.store.run(lambda unit: unit.balances(1)) == {key: kept}
        assert self.store.run(lambda unit: unit.balances(2)) == {}

    def test_registered_budgets_keep_what_identifies_them(self) -> None:
        assert self.store.run(lambda unit: unit.register(BUDGET)) == 1
        self.reopen()
        assert self.store.run(lambda unit: unit.budgets()) == {1: BUDGET}
        assert self.store.run(lambda unit: unit.register(replace(BUDGET, name="c"))) == 2

    def test_only_active_overrides_are_active(self) -> None:
        one = Override("1", "ana", "why", "s", NOW, NOW + timedelta(hours=1))
        two = replace(one, id="2", reason=None, session_id=None)

        def grant(unit: Unit) -> None:
            unit.put_override(one)
            unit.put_override(two)

        self.store.run(grant)
        used = replace(one, state=OverrideState.CONSUMED, consumed_by="r")
        self.store.run(lambda unit: unit.put_override(used))
        self.reopen()
        assert self.store.run(lambda unit: unit.active_overrides()) == {"2": two}
        assert self.store.run(lambda unit: unit.override("1")) == used

    def test_sessions_and_missions_come_back(self) -> None:
        session = SessionRecord("s", NOW, BudgetState.WARNING, NOW + timedelta(seconds=1))
        running = MissionRecord("s", "a", NOW, NanoUSD(5), 3, NOW + timedelta(minutes=1), 2)
        ended = replace(
            running, id="b", ended_at=NOW, outcome=MissionOutcome.FAILED, deadline_at=None
        )

        def keep(unit: Unit) -> None:
            unit.put_session(session)
            unit.put_mission(running)
            unit.put_mission(ended)
            assert unit.open_missions("s") == [running]

        self.store.run(keep)
        self.reopen()
        assert self.store.run(lambda unit: unit.session("s")) == session
        assert self.store.run(lambda unit: unit.session("t")) is None
        assert self.store.run(lambda unit: unit.mission("s", "b")) == ended
        assert self.store.run(lambda unit: unit.open_missions("s")) == [running]

    def test_sessions_and_missions_of_one_id_are_others_in_other_projects(self) -> None:
        """RES-8."""
        projects = (None, "search", "ads")
        sessions = [
            SessionRecord("s", NOW + timedelta(seconds=place), project=project)
            for place, project in enumerate(projects)
        ]
        missions = [
            MissionRecord("s", "m", NOW, NanoUSD(5), project=project, has_calls=True, holders=2)
            for project in projects
        ]

        def keep(unit: Unit) -> None:
            for session, mission in zip(sessions, missions, strict=True):
                unit.put_session(session)
                unit.put_mission(mission)
            assert len(unit.sessions_named("s")) == 3

        self.store.run(keep)
        self.reopen()
        for session, mission in zip(sessions, missions, strict=True):
            project = session.project
            assert self.store.run(lambda unit, p=project: unit.session("s", p)) == session
            assert self.store.run(lambda unit, p=project: unit.mission("s", "m", p)) == mission
            assert self.store.run(lambda unit, p=project: unit.open_missions("s", p)) == [mission]
            assert self.store.run(lambda unit, p=project: [*unit.sessions_of(p, 9)]) == [session]
        assert self.store.run(lambda unit: unit.session("s", "other")) is None
        assert self.store.run(lambda unit: [*unit.sessions(2)]) == [sessions[2], sessions[1]]
        named = self.store.run(lambda unit: unit.sessions_named("s"))
        assert {one.project for one in named} == {*projects}

    def test_a_price_entry_is_new_once(self) -> None:
        assert self.store.run(lambda unit: unit.is_new_price("e"))
        assert not self.store.run(lambda unit: unit.is_new_price("e"))
        self.reopen()
        assert not self.store.run(lambda unit: unit.is_new_price("e"))

    def test_limits_are_those_last_kept(self) -> None:
        assert self.store.run(lambda unit: unit.limits("o")) is None
        self.store.run(lambda unit: unit.put_limits("o", "{}"))
        self.reopen()
        assert self.store.run(lambda unit: unit.limits("o")) == "{}"

    def test_events_are_numbered_without_a_gap_and_forgotten_up_to_a_number(self) -> None:
        rows = [{"n": number, "tags": {"a": "ü"}} for number in range(5)]
        for row in rows:
            self.store.run(lambda unit, row=row: unit.append(LedgerTable.SESSION, dict(row)))
        self.reopen()
        found = self.store.run(lambda unit: [*unit.events(1, 3)], alone=True)
        assert [(one.seq, one.row) for one in found] == [(2, rows[1]), (3, rows[2]), (4, rows[3])]
        self.store.run(lambda unit: unit.forget(3, 0))
        self.reopen()
        found = self.store.run(lambda unit: [*unit.events(0, 10)], alone=True)
        assert [one.seq for one in found] == [4, 5]
        assert self.store.run(lambda unit: unit.state.drained_seq) == 3
        assert self.store.run(lambda unit: unit.append(LedgerTable.SESSION, {})) == 6

    def test_forgetting_leaves_open_and_recent_reservations(self) -> None:
        old, recent, open_ = (
            replace(HELD, id=f"01a2138a-da1c-7cdd-b3ac-00000000000{number}", request=BARE)
            for number in range(3)
        )

        def keep(unit: Unit) -> None:
            unit.add_reservation(old.ended(ReservationState.RELEASED, NOW))
            later = NOW + timedelta(days=2)
            unit.add_reservation(recent.ended(ReservationState.RELEASED, later))
            unit.add_reservation(open_)

        self.store.run(keep)
        before_us = microseconds(NOW + timedelta(days=1))
        self.store.run(lambda unit: unit.forget(0, before_us))
        assert self.store.run(lambda unit: unit.reservation(old.id)) is None
        assert self.store.run(lambda unit: unit.reservation(recent.id)) is not None
        assert self.store.run(lambda unit: unit.reservation(open_.id)) is not None

    def test_a_forgotten_session_leaves_its_mark_alone_until_it_is_recalled(self) -> None:
        budget = Budget("s", Period.SESSION, NanoUSD(1), (80,), "k")
        ours = BalanceKey(1, 0, "s", "", "p"), BalanceKey(1, 0, "s", "m", "")
        others = BalanceKey(1), BalanceKey(1, 0, "t", "", "p")

        def keep(unit: Unit) -> None:
            unit.register(budget)
            unit.put_balances([StoredBalance(key, calls=1) for key in (*ours, *others)])
            for name in ("s", "t"):
                unit.put_session(SessionRecord(name, NOW, project="p"))
                unit.put_mission(MissionRecord(name, "m", NOW, project="p"))

        self.store.run(keep)
        self.store.run(lambda unit: unit.forget_over(["s"]), alone=True)
        self.reopen()
        assert self.store.run(lambda unit: [*unit.forgotten_marks()]) == [session_mark("s")]
        touches: list[Callable[[Unit], object]] = [
            lambda unit: unit.session("s", "other"),
            lambda unit: unit.mission("s", "m", "p"),
            lambda unit: unit.open_missions("s", "p"),
            lambda unit: unit.sessions_named("s"),
            lambda unit: unit.balance(ours[0]),
        ]
        for touch in touches:
            with pytest.raises(Forgotten):
                self.store.run(touch)
        kept = self.store.run(lambda unit: {*unit.balances(1)})
        assert kept == {*others}
        assert self.store.run(lambda unit: unit.mission("t", "m", "p")) is not None
        self.store.run(lambda unit: unit.recall_session("s"), alone=True)
        self.reopen()
        assert self.store.run(lambda unit: unit.session("s", "p")) is None
        assert self.store.run(lambda unit: unit.missions_named("s")) == []
        assert self.store.run(lambda unit: unit.balance(ours[0]).calls) == 0
        assert self.store.run(lambda unit: unit.state.forgotten_times) == 2

    def test_windows_that_began_before_are_forgotten_and_not_zero(self) -> None:
        early, late = BalanceKey(1, 1_000), BalanceKey(1, 2_000)

        def keep(unit: Unit) -> None:
            unit.register(Budget("d", Period.DAY, NanoUSD(1), (80,), "k"))
            unit.put_balances([StoredBalance(key, calls=1) for key in (early, late, BalanceKey(1))])

        self.store.run(keep)
        self.store.run(lambda unit: unit.forget_over((), 2_000), alone=True)
        self.reopen()
        assert self.store.run(lambda unit: {*unit.balances(1)}) == {late, BalanceKey(1)}
        with pytest.raises(Forgotten):
            self.store.run(lambda unit: unit.balance(early))

    def test_overrides_that_are_over_are_forgotten_with_their_reservations(self) -> None:
        from corvus.base.ids import new_id

        old, young = microseconds(NOW), microseconds(NOW + timedelta(days=2))

        def grant(at_us: int, state: OverrideState, user: str | None = None) -> Override:
            made = Override(new_id(at_us), "ana", None, None, NOW, NOW, state, consumed_by=user)
            self.store.run(lambda unit: unit.put_override(made))
            return made

        self.store.run(lambda unit: unit.add_reservation(HELD))
        gone = [
            grant(old, OverrideState.EXPIRED),
            grant(old, OverrideState.CONSUMED, "01a2138a-da1c-7cdd-b3ac-99abde901db8"),
        ]
        kept = [
            grant(old, OverrideState.ACTIVE),
            grant(old, OverrideState.CONSUMED, HELD.id),
            grant(young, OverrideState.EXPIRED),
        ]
        before_us = microseconds(NOW + timedelta(days=1))
        self.store.run(lambda unit: unit.forget_over((), 0, before_us), alone=True)
        self.reopen()
        for one in gone:
            assert self.store.run(lambda unit, one=one: unit.override(one.id)) is None
        for one in kept:
            assert self.store.run(lambda unit, one=one: unit.override(one.id)) == one

    def test_time_never_runs_backwards_not_even_after_a_restart(self) -> None:
        self.store.run(lambda unit: unit.touch())
        self.clock.move(timedelta(hours=-1))
        assert self.store.run(lambda unit: unit.now) == NOW
        self.reopen()
        assert self.store.run(lambda unit: unit.now) == NOW
        ticked = self.store.run(lambda unit: unit.tick())
        assert ticked == NOW + timedelta(microseconds=1)

    def test_a_step_that_is_refused_changes_nothing(self) -> None:
        def refuse(unit: Unit) -> None:
            unit.add_reservation(HELD)
            raise ReservationNotFound("no")

        with pytest.raises(ReservationNotFound):
            self.store.run(refuse)
        assert self.store.run(lambda unit: unit.reservation(HELD.id)) is None
        assert self.store.run(lambda unit: unit.reservation_by_key("key", "search")) is None

    def test_steps_of_many_threads_are_all_done_one_after_another(self) -> None:
        key = BalanceKey(1)

        def add(unit: Unit) -> None:
            balance = unit.balance(key)
            balance.spent_nano_usd += 1
            unit.put_balance(balance)

        def work() -> None:
            for _ in range(50):
                self.store.run(add)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.reopen()
        assert self.store.run(lambda unit: unit.balance(key)).spent_nano_usd == 400

    def test_a_closed_store_is_refused(self) -> None:
        self.store.close()
        with pytest.raises(StoreUnavailable, match="is closed"):
            self.store.run(lambda unit: unit.now)
