"""What every backend must do, on each of them: in memory, in a file, in PostgreSQL (STO-4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.base.errors import StoreError
from corvus.base.time import microseconds
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.store import kinds
from corvus.store.api import Backend, BalanceKey, Begun, Changes, StoredBalance
from corvus.store.codec import Kind, Query
from corvus.store.store import Store
from corvus.store.unit import Unit, state_of
from tests.fakes import FrozenClock
from tests.properties import examples
from tests.store.contract import HELD, NOW, StoreContract
from tests.store.test_kinds import ROWS
from tests.stores import SHARED, Engine, MakeStore, StoreMaker


class _OnEngine(StoreContract):
    """The suite of all stores, on one engine."""

    on: Engine

    @pytest.fixture(autouse=True)
    def _opened(self, store_of: MakeStore) -> Iterator[None]:
        self.maker = store_of(self.on)
        self.clock = FrozenClock(NOW)
        self.store = Store(self.make_backend(), self.clock)
        yield
        self.store.close()

    def make_backend(self) -> Backend:
        return self.maker.backend()

    def again(self) -> Backend:
        return self.maker.backend()


class TestMemory(_OnEngine):
    """In memory, another process finds nothing; another store of this one finds the same."""

    on = Engine.MEMORY


class TestFile(_OnEngine):
    """A file is opened again."""

    on = Engine.SQLITE


class TestPostgres(_OnEngine):
    """Another host connects."""

    on = Engine.POSTGRES


Open = Callable[[], Backend]


@pytest.fixture(params=[*Engine])
def opening(request: pytest.FixtureRequest, store_of: MakeStore) -> Iterator[Open]:
    """Open one empty store, as often as wanted; all that was opened is closed."""
    yield from _opening(store_of(request.param))


@pytest.fixture(params=SHARED)
def sharing(request: pytest.FixtureRequest, store_of: MakeStore) -> Iterator[Open]:
    """The same for the stores that several processes have open at once."""
    yield from _opening(store_of(request.param))


def _opening(maker: StoreMaker) -> Iterator[Open]:
    opened: list[Backend] = []

    def open_() -> Backend:
        opened.append(maker.backend())
        return opened[-1]

    yield open_
    for backend in opened:
        backend.close()


def changes(backend: Backend, *rows: tuple[Kind[Any], Any]) -> Changes:
    """Return what keeps new rows; the transaction has begun."""
    made = Changes(state=state_of(backend))
    for kind, row in rows:
        made.new.setdefault(kind, {})[kind.key_of(row)] = row
    return made


def keep(backend: Backend, *rows: tuple[Kind[Any], Any]) -> Begun:
    """Keep new rows in a transaction of their own; return how it began."""
    begun = backend.begin()
    backend.commit(changes(backend, *rows))
    return begun


def found(backend: Backend, kind: Kind[Any], key: Any) -> Any:
    """Return the row of a key in a transaction of its own."""
    backend.begin()
    try:
        return backend.get(kind, key)
    finally:
        backend.roll_back()


NEW_ROWS = [(kind, row) for kind, row, _ in ROWS if kind is not kinds.STATE]
PRICE = (kinds.PRICE_ENTRY, kinds.PriceEntry("e"))
ACTION = (kinds.ACTION, kinds.AdmittedAction("ana", 5))


def test_a_row_of_each_kind_comes_back_as_it_was(opening: Open) -> None:
    keep(opening(), *NEW_ROWS)
    backend = opening()
    for kind, row in NEW_ROWS:
        assert found(backend, kind, kind.key_of(row)) == row


def test_the_row_of_the_store_itself_comes_back_as_it_was(opening: Open) -> None:
    backend = opening()
    backend.begin()
    state = replace(
        state_of(backend),
        last_us=microseconds(NOW),
        next_seq=2**62,
        audit_head="é" * 64,
        recount_due=True,
        witness="w",
        refusals='{"a":1}',
    )
    backend.commit(Changes(state=state))
    again = opening()
    again.begin()
    assert state_of(again) == state
    again.roll_back()


@pytest.mark.parametrize(("kind", "row"), NEW_ROWS)
def test_a_changed_row_takes_the_place_of_the_old_one(
    opening: Open, kind: Kind[Any], row: Any
) -> None:
    backend, key = opening(), kind.key_of(row)
    keep(backend, (kind, row))
    backend.begin()
    backend.commit(Changes(state=state_of(backend), changed={kind: {key: row}}))
    assert found(opening(), kind, key) == row


def test_a_row_that_is_dropped_and_new_in_one_transaction_is_the_new_one(opening: Open) -> None:
    backend = opening()
    for kind, row in NEW_ROWS:
        key = kind.key_of(row)
        keep(backend, (kind, row))
        backend.begin()
        made = changes(backend, (kind, row))
        made.dropped[kind] = {key}
        backend.commit(made)
        assert found(backend, kind, key) == row, kind.table
        backend.begin()
        backend.commit(Changes(state=state_of(backend), dropped={kind: {key, key}}))
        assert found(backend, kind, key) is None, kind.table


def test_a_key_moves_from_one_reservation_to_another_in_one_transaction(opening: Open) -> None:
    """RES-2: what is changed gives up what a new row takes."""
    backend = opening()
    keep(backend, (kinds.RESERVATION, HELD))
    backend.begin()
    without = replace(HELD, request=replace(HELD.request, idempotency_key=None))
    other = replace(HELD, id="01a2138a-da1c-7cdd-b3ac-99abde901dba")
    made = changes(backend, (kinds.RESERVATION, other))
    made.changed[kinds.RESERVATION] = {HELD.id: without}
    backend.commit(made)
    backend.begin()
    found_by_key = backend.find(kinds.RESERVATION_OF_KEY, "search", "key")
    backend.roll_back()
    assert found_by_key == [other]


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(opening: Open) -> None:
    """The rows before and after the one that is there already are not kept."""
    backend = opening()
    keep(backend, PRICE)
    backend.begin()
    made = changes(backend, ACTION, PRICE, (kinds.SECRET, kinds.StoreSecret("n", "ff")))
    with pytest.raises(StoreError):
        backend.commit(made)
    backend.roll_back()
    for one in (backend, opening()):
        assert found(one, kinds.ACTION, ("ana", 5)) is None
        assert found(one, kinds.SECRET, "n") is None
    keep(backend, ACTION)
    assert found(opening(), kinds.ACTION, ("ana", 5)) == ACTION[1]


def test_two_reservations_never_share_an_idempotency_key(opening: Open) -> None:
    """RES-2, whatever the rules above overlook."""
    backend = opening()
    keep(backend, (kinds.RESERVATION, HELD))
    backend.begin()
    twin = replace(HELD, id="01a2138a-da1c-7cdd-b3ac-99abde901dba")
    with pytest.raises(StoreError):
        backend.commit(changes(backend, (kinds.RESERVATION, twin)))
    backend.roll_back()
    assert found(backend, kinds.RESERVATION, twin.id) is None


def test_what_is_rolled_back_was_never_there(opening: Open) -> None:
    backend = opening()
    backend.begin()
    backend.roll_back()
    backend.roll_back()
    keep(backend, PRICE)
    assert found(backend, *PRICE[:1], "e") == PRICE[1]


def test_only_what_others_wrote_makes_a_writer_forget(sharing: Open) -> None:
    one, two = sharing(), sharing()
    keep(one, ACTION)
    assert not keep(one, PRICE).others_wrote
    begun = two.begin()
    two.roll_back()
    assert begun.others_wrote, "it was opened before both"
    assert not two.begin().others_wrote
    two.roll_back()
    assert not one.begin().others_wrote, "a transaction that changed nothing is none"
    one.roll_back()
    keep(two, (kinds.ACTION, kinds.AdmittedAction("ana", 6)))
    assert one.begin().others_wrote
    one.roll_back()


def test_others_that_wrote_a_rare_kind_are_told_from_the_rest(
    store_of: MakeStore,
) -> None:
    """So that a far store is not asked for its budgets in each transaction."""
    maker = store_of(Engine.POSTGRES)
    for one, two in _pairs(maker):
        keep(one, ACTION)
        assert two.begin().others_wrote_rare
        two.roll_back()
        keep(one, (kinds.ACTION, kinds.AdmittedAction("ana", 7)))
        begun = two.begin()
        assert (begun.others_wrote, begun.others_wrote_rare) == (True, False)
        two.roll_back()
        keep(one, PRICE)
        begun = two.begin()
        assert (begun.others_wrote, begun.others_wrote_rare) == (True, True)
        two.roll_back()


def _pairs(maker: StoreMaker) -> Iterator[tuple[Backend, Backend]]:
    one, two = maker.backend(), maker.backend()
    yield one, two
    one.close()
    two.close()


def test_a_look_sees_what_was_committed_and_waits_for_no_writer(sharing: Open) -> None:
    writer = sharing()
    keep(writer, ACTION)
    writer.begin()
    looking = writer.looking()
    assert looking is not None
    with looking as look:
        assert look.is_current
        assert look.get(kinds.ACTION, ("ana", 5)) == ACTION[1]
        assert look.get(kinds.PRICE_ENTRY, "e") is None
    writer.commit(changes(writer, PRICE))
    looking = writer.looking()
    assert looking is not None
    with looking as look:
        assert look.get(kinds.PRICE_ENTRY, "e") == PRICE[1]


def test_a_look_that_holds_still_is_of_one_instant(sharing: Open) -> None:
    writer = sharing()
    looking = writer.looking()
    assert looking is not None
    with looking as look:
        look.hold_still()
        assert look.get(kinds.ACTION, ("ana", 5)) is None
        keep(writer, ACTION, PRICE)
        assert look.get(kinds.ACTION, ("ana", 5)) is None
        assert look.get(kinds.PRICE_ENTRY, "e") is None


def test_a_look_writes_nothing(sharing: Open) -> None:
    writer = sharing()
    looking = writer.looking()
    assert looking is not None
    with looking as look:
        writing = Query("INSERT INTO price_entry VALUES ('x') RETURNING entry", tuple)
        with pytest.raises(Exception, match=r"(?i)read.?only"):
            look.find(writing)
    assert found(writer, kinds.PRICE_ENTRY, "x") is None


TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("\x00\x01\x02\x1d\x1e\x1f\\'\"%$?{}\u2028\U0001f600"),
    ),
    max_size=12,
)
INTEGERS = st.one_of(st.integers(-5, 5), st.sampled_from([2**53 + 1, 2**63 - 1, -(2**63)]))


@pytest.mark.parametrize("on", [*Engine])
@settings(
    max_examples=examples(300, by_day=25),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(texts=st.lists(TEXTS, min_size=5, max_size=5, unique=True), number=INTEGERS)
def test_any_text_and_any_64_bits_come_back_by_key_too(
    on: Engine, texts: list[str], number: int, store_of: MakeStore
) -> None:
    maker = _once(store_of, on)
    one, two, three, four, five = (f"{text}." for text in texts)
    balance = StoredBalance(BalanceKey(number, 5, one, two, three, four), spent_nano_usd=number)
    request = replace(
        HELD.request,
        session_id=one,
        mission_id=two,
        project=three,
        user=four,
        tags=((five, one),),
        idempotency_key=two,
    )
    held = replace(HELD, id=f"i{one}", request=request, answer=five)
    rows: list[tuple[Kind[Any], Any]] = [
        (kinds.BALANCE, balance),
        (kinds.RESERVATION, held),
        (kinds.POLICY_LIMITS, kinds.PolicyLimits(one, two)),
        (kinds.WAITER, kinds.Waiter(number, number, three)),
        (kinds.OUTBOX, OutboxEvent(1, LedgerTable.SESSION, {one: two, three: {four: number}})),
    ]
    backend = maker.backend()
    try:
        keep(backend, *rows)
        for kind, row in rows:
            assert found(backend, kind, kind.key_of(row)) == row
        backend.begin()
        by_key = backend.find(kinds.RESERVATION_OF_KEY, three, two)
        assert by_key == [held]
        dropped = {kind: {kind.key_of(row)} for kind, row in rows}
        backend.commit(Changes(state=state_of(backend), dropped=dropped))
        for kind, row in rows:
            assert found(backend, kind, kind.key_of(row)) is None
    finally:
        backend.close()


_made: dict[int, StoreMaker] = {}


def _once(store_of: MakeStore, on: Engine) -> StoreMaker:
    """Return the store of a test, which its examples share."""
    if id(store_of) not in _made:
        _made.clear()
        _made[id(store_of)] = store_of(on)
    return _made[id(store_of)]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_beyond_64_bits_is_refused_whole(opening: Open, number: int) -> None:
    """Never cut off, rounded or turned into a float."""
    backend = opening()
    backend.begin()
    balance = StoredBalance(BalanceKey(1), spent_nano_usd=number)
    with pytest.raises((StoreError, OverflowError)):
        backend.commit(changes(backend, ACTION, (kinds.BALANCE, balance)))
    backend.roll_back()
    assert found(backend, kinds.ACTION, ("ana", 5)) is None
    assert found(backend, kinds.BALANCE, BalanceKey(1)) is None


def test_half_a_surrogate_pair_comes_back_or_is_refused_whole(opening: Open) -> None:
    backend = opening()
    limits = kinds.PolicyLimits("half \ud800", "{}")
    backend.begin()
    refused = False
    try:
        backend.commit(changes(backend, ACTION, (kinds.POLICY_LIMITS, limits)))
    except (StoreError, UnicodeEncodeError):
        refused = True
        backend.roll_back()
    assert (found(backend, kinds.ACTION, ("ana", 5)) is None) == refused
    if not refused:
        assert found(backend, kinds.POLICY_LIMITS, limits.origin) == limits


def test_writers_of_many_processes_count_together(sharing: Open) -> None:
    """Each has a memory of its own, and none builds on what another has changed since."""
    key, clock = BalanceKey(1), FrozenClock(NOW)

    def add(unit: Unit) -> None:
        balance = unit.balance(key)
        balance.spent_nano_usd += 1
        balance.calls += 1
        unit.put_balance(balance)
        unit.append(LedgerTable.SESSION, {"n": balance.calls})

    stores = [Store(sharing(), clock) for _ in range(4)]

    def work(store: Store) -> None:
        for _ in range(25):
            store.run(add)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        assert store.run(lambda unit: unit.balance(key)).spent_nano_usd == 200
        events = store.run(lambda unit: [*unit.events(0, 1000)], alone=True)
        assert [(one.seq, one.row["n"]) for one in events] == [
            (number, number) for number in range(1, 201)
        ]
        store.close()


def _versions(number: int) -> list[tuple[Kind[Any], Any]]:
    """Return rows that are other ones for each number, by the same keys."""
    of = {kind: row for kind, row in NEW_ROWS}
    return [
        (kinds.BALANCE, replace(of[kinds.BALANCE], calls=number, reached_percent=number)),
        (kinds.OVERRIDE, replace(of[kinds.OVERRIDE], reason=f"{number}")),
        (kinds.SESSION, replace(of[kinds.SESSION], closed_at=NOW + timedelta(seconds=number))),
        (kinds.MISSION, replace(of[kinds.MISSION], steps=number)),
        (kinds.POLICY_LIMITS, kinds.PolicyLimits("o", f"{number}")),
        (kinds.TOKEN, replace(of[kinds.TOKEN], name=f"{number}")),
        (kinds.SECRET, kinds.StoreSecret("n", f"{number}")),
        (kinds.NOTIFY_TARGET, replace(of[kinds.NOTIFY_TARGET], delivered=number)),
        (kinds.EXPECTED_OUTPUT, of[kinds.EXPECTED_OUTPUT]._replace(calls=number)),
        (kinds.WAITER, kinds.Waiter(5, number, "[]")),
    ]


def test_what_one_host_changes_another_finds(sharing: Open) -> None:
    """Rows of each kind that is remembered, rare or not, one by one and together."""
    clock = FrozenClock(NOW)
    one, two = Store(sharing(), clock), Store(sharing(), clock)
    number = 0
    for alone in (True, False):
        for writer, reader in ((one, two), (two, one)) * 2:
            number += 1
            rows = _versions(number)

            def put(unit: Unit, rows: list[tuple[Kind[Any], Any]]) -> None:
                for kind, row in rows:
                    unit.put(kind, row)

            for some in [[row] for row in rows] if alone else [rows]:
                writer.run(partial(put, rows=some))
                for kind, row in some:
                    key = kind.key_of(row)
                    read = reader.run(lambda unit, kind=kind, key=key: unit.get(kind, key))
                    assert read == row, (number, kind.table)
    for store in (one, two):
        store.close()


def test_a_closed_backend_may_be_closed_again(opening: Open) -> None:
    backend = opening()
    keep(backend, PRICE)
    backend.close()
    with suppress(StoreError):
        backend.close()
    assert found(opening(), kinds.PRICE_ENTRY, "e") == PRICE[1]


def test_a_store_has_one_name_from_the_first_who_opens_it(sharing: Open) -> None:
    """However many make it at once."""
    names: list[str] = []

    def make() -> None:
        backend = sharing()
        backend.begin()
        names.append(state_of(backend).store_id)
        backend.roll_back()

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 6
    assert len({*names}) == 1
