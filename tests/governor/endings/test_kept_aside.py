"""A settlement that could not be applied is booked by a command, once, never dropped (RES-9)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.base.ids import new_id
from corvus.base.locks import try_lock
from corvus.base.money import NanoUSD
from corvus.base.time import Clock, SystemClock, microseconds
from corvus.cli.exits import Exit
from corvus.governor.endings.kept_aside import SESSION, BookedSettlements
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.reservation import Settlement, Source
from corvus.model.usage import Usage
from corvus.store.spill import keep_aside, line_of, rejected_path, spill
from tests.cli.places import CENT, Place
from tests.fakes import FrozenClock

COST = NanoUSD(25 * CENT)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def place(tmp_path: Path, clock: FrozenClock) -> Place:
    place = Place(tmp_path, clock)
    place.make_store()
    return place


def settlement_of(
    call: str, kind: PendingKind = PendingKind.COMMIT, key: str = "k"
) -> PendingSettlement:
    used = Settlement(Usage(1000, 200), COST, Source.PRICED, answering_model="m")
    has_used = kind not in (PendingKind.RELEASE, PendingKind.FORGET)
    return PendingSettlement(kind, call, key, used if has_used else None)


def aside(place: Place) -> Path:
    return rejected_path(waiting(place))


def waiting(place: Place) -> Path:
    path = place.runtime.bookkeeping.place.unsettled_path
    assert path is not None
    return path


def book(place: Place, *recorded: str) -> BookedSettlements:
    with place.governor() as governor:
        return governor.book_kept_aside(lambda ids: {*recorded} & {*ids})


def unknown(clock: Clock, minutes: int = 5) -> str:
    """Return the id of a call that an older backup does not have."""
    return new_id(microseconds(clock.now() - timedelta(minutes=minutes)))


@pytest.mark.parametrize("kind", [PendingKind.COMMIT, PendingKind.CORRECT, PendingKind.ADD])
def test_res_9_a_call_that_nobody_knows_is_recorded_and_counts(
    place: Place, clock: FrozenClock, kind: PendingKind
) -> None:
    call, key = unknown(clock), unknown(clock)
    spill(waiting(place), [settlement_of(call, kind, key)])
    assert place.spent("day") == 0, "nobody knows the call, so it was kept aside"
    assert aside(place).is_file()
    done = book(place)
    assert (done.applied, done.booked, done.cost_nano_usd, done.left) == (0, 1, COST, ())
    assert not aside(place).exists()
    assert place.spent("day") == 25
    place.runtime.bookkeeping.drain()
    with place.runtime.ledger() as ledger:
        (row,) = ledger.connection.execute(
            "SELECT id::VARCHAR, cost_nano_usd, input_tokens, answering_model, session_id, "
            "epoch_us(admitted_at) FROM usage_record"
        ).fetchall()
    made = clock.now() - timedelta(minutes=5)
    expected = key if kind is PendingKind.ADD else call
    assert row == (expected, COST, 1000, "m", SESSION, microseconds(made) // 1000 * 1000)
    assert place.runtime.bookkeeping.verify().is_sound


def test_booking_again_adds_nothing(place: Place, clock: FrozenClock) -> None:
    call, added = unknown(clock), unknown(clock)
    lines = [settlement_of(call), settlement_of(call, PendingKind.ADD, added)]
    for times in range(3):
        keep_aside(waiting(place), [line_of(one) for one in lines])
        done = book(place)
        assert (done.booked, done.applied) == ((1, 1) if times == 0 else (0, 2))
    assert place.spent("day") == 50, "the second call shared the hold of the first"


def test_what_the_ledger_knows_is_not_counted_twice(place: Place, clock: FrozenClock) -> None:
    call = unknown(clock)
    keep_aside(waiting(place), [line_of(settlement_of(call))])
    done = book(place, call)
    assert (done.booked, [one.reservation_id for one in done.left]) == (0, [call])
    assert "the ledger knows the call" in done.left[0].reason
    assert place.spent("day") == 0
    assert aside(place).is_file()


def test_what_contradicts_the_record_stays_aside(place: Place, clock: FrozenClock) -> None:
    """With a line that nobody can read; what was good next to them is booked."""
    with place.governor() as governor:
        held = governor.reserve(governor.request("m", estimate_usd=1, session_id="a")).reservation
        assert held is not None
        governor.release(held)
    good = line_of(settlement_of(unknown(clock)))
    left = [line_of(settlement_of(held.id, key="other")), "{torn", line_of(settlement_of("x"))]
    keep_aside(waiting(place), [*left, good])
    done = book(place)
    assert (done.booked, len(done.left)) == (1, 3)
    assert aside(place).read_text().splitlines() == left
    assert aside(place).stat().st_mode & 0o777 == 0o600
    assert len(book(place).left) == 3


def test_a_release_of_an_unknown_call_has_nothing_to_book(place: Place, clock: FrozenClock) -> None:
    keep_aside(waiting(place), [line_of(settlement_of(unknown(clock), PendingKind.RELEASE))])
    assert book(place) == BookedSettlements(applied=1)
    assert not aside(place).exists()


def test_two_processes_do_not_book_at_once(place: Place, clock: FrozenClock) -> None:
    keep_aside(waiting(place), [line_of(settlement_of(unknown(clock)))])
    with aside(place).open() as taken:
        assert try_lock(taken.fileno())
        with pytest.raises(StoreUnavailable, match="is in use"):
            book(place)
    assert place.spent("day") == 0


def test_the_command_says_what_it_has_booked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, clock = Place(tmp_path), SystemClock()
    place.make_store()
    assert place.run("ledger", "settle", "--format", "text") == Exit.CLEAN
    assert capsys.readouterr().out == "no settlement is kept aside\n"
    keep_aside(waiting(place), [line_of(settlement_of(unknown(clock))), "{torn"])
    assert place.run("store", "status", "--format", "text") == Exit.CLEAN
    assert "`corvus ledger settle` books them" in " ".join(capsys.readouterr().out.split())
    assert place.run("ledger", "settle", "--format", "text") == Exit.FINDINGS
    assert capsys.readouterr().out == (
        "1 call recorded at $0.25, 0 applied, 1 left aside\n"
        "an unreadable line: the line cannot be read\n"
    )
