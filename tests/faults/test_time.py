"""Clocks that step, calendars that jump: windows stay right, time never runs backwards (EVA-8)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.model.policy import Policy
from corvus.store.witness import present_of_boot
from tests.fakes import FrozenClock
from tests.faults import raw
from tests.faults.governed import CENT, cents, config, governing, policy_of, wait_until

SECOND = timedelta(seconds=1)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_of(config(tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.store"


def test_a_clock_that_steps_back_a_little_stands_still(path: Path, policy: Policy) -> None:
    clock = FrozenClock(datetime(2026, 11, 25, 12, tzinfo=UTC))
    with governing(policy, path, clock) as governor:
        first = governor.reserve(cents(600)).reservation
        clock.move(timedelta(hours=-3))
        assert not governor.reserve(cents(600)).allowed
        second = governor.reserve(cents(400)).reservation
        assert first is not None
        assert second is not None
        assert second.admitted_at == first.admitted_at
        clock.move(timedelta(hours=3) + SECOND)
        governor.commit(second)
        assert governor.reservation(second.id).settled_at == first.admitted_at + SECOND
    assert raw.findings(path, {"day": 1000 * CENT}) == []


def test_a_clock_that_steps_back_over_midnight_opens_no_spent_window(
    path: Path, policy: Policy
) -> None:
    """Neither the old day nor the new one gives its limit twice."""
    clock = FrozenClock(datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC))
    with governing(policy, path, clock) as governor:
        assert governor.reserve(cents(1000)).allowed
        assert not governor.reserve(cents(1)).allowed
        clock.move(2 * SECOND)
        assert governor.reserve(cents(1000)).allowed
        clock.move(-2 * SECOND)
        assert not governor.reserve(cents(1)).allowed
        clock.move(timedelta(hours=24))
        assert not governor.reserve(cents(1)).allowed
        clock.move(2 * SECOND)
        assert governor.reserve(cents(1000)).allowed
    assert raw.findings(path, {"day": 1000 * CENT}) == []


def test_a_clock_that_steps_back_by_more_than_a_day_is_refused(path: Path, policy: Policy) -> None:
    clock = FrozenClock(datetime(2026, 11, 25, 12, tzinfo=UTC))
    with governing(policy, path, clock, wait_seconds=0.2) as governor:
        held = governor.reserve(cents(1)).reservation
        assert held is not None
        clock.move(-timedelta(hours=24))
        assert governor.reserve(cents(1)).allowed
        clock.move(-SECOND)
        for ask in (lambda: governor.reserve(cents(1)), lambda: governor.commit(held)):
            with pytest.raises(StoreUnavailable, match=r"2026-11-24 11:59 UTC.*--rebuild"):
                ask()
        clock.move(SECOND)
        wait_until(lambda: governor.reservation(held.id).state == "committed")
    with (
        pytest.raises(StoreUnavailable, match="set the clock right"),
        governing(policy, path, FrozenClock(datetime(2020, 1, 1, tzinfo=UTC))),
    ):
        pass
    assert raw.findings(path, {"day": 1000 * CENT}) == []


BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
BUDGET = """
daily_limit_usd = 0
[[cost.budgets]]
name = "watched"
period = "{period}"
limit_usd = 10
timezone = "{zone}"
"""


@pytest.mark.parametrize(
    ("period", "zone", "first_day", "next_start", "hours"),
    [
        ("day", BERLIN, (2027, 3, 28), (2027, 3, 29), 23),  # summer time begins
        ("day", BERLIN, (2026, 10, 25), (2026, 10, 26), 25),  # it ends
        ("day", UTC_ZONE, (2028, 2, 28), (2028, 2, 29), 24),
        ("day", UTC_ZONE, (2028, 2, 29), (2028, 3, 1), 24),  # the leap day
        ("day", UTC_ZONE, (2027, 2, 28), (2027, 3, 1), 24),  # a year without one
        ("month", UTC_ZONE, (2028, 2, 1), (2028, 3, 1), 29 * 24),
        ("month", UTC_ZONE, (2026, 12, 1), (2027, 1, 1), 31 * 24),
        ("month", BERLIN, (2027, 3, 1), (2027, 4, 1), 31 * 24 - 1),
        ("week", BERLIN, (2027, 3, 22), (2027, 3, 29), 7 * 24 - 1),
    ],
)
def test_a_window_holds_from_its_first_to_its_last_second(
    tmp_path: Path,
    period: str,
    zone: ZoneInfo,
    first_day: tuple[int, int, int],
    next_start: tuple[int, int, int],
    hours: int,
) -> None:
    start = datetime(*first_day, tzinfo=zone).astimezone(UTC)
    end = datetime(*next_start, tzinfo=zone).astimezone(UTC)
    assert end - start == timedelta(hours=hours)
    file = config(tmp_path)
    text = file.read_text().replace("daily_limit_usd = 10\n", "")
    file.write_text(text + BUDGET.format(period=period, zone=zone.key))
    clock = FrozenClock(start - SECOND)
    with governing(policy_of(file), tmp_path / "a.store", clock, trust_clock=True) as governor:

        def admitted(amount: int) -> bool:
            return governor.reserve(cents(amount, ttl_seconds=86_400)).allowed

        assert admitted(1000)  # the last second of the window before
        clock.set(start)
        assert admitted(600)
        clock.set(end - timedelta(microseconds=1))
        assert not admitted(600)
        assert admitted(400)
        clock.set(end)
        assert admitted(1000)
        assert not admitted(1)
        assert governor.recount(write=False) == []


def test_a_call_that_settles_after_midnight_is_counted_in_its_day(
    path: Path, policy: Policy
) -> None:
    clock = FrozenClock(datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC))
    with governing(policy, path, clock) as governor:
        held = governor.reserve(cents(1000)).reservation
        assert held is not None
        clock.move(2 * SECOND)
        governor.commit(held)
        assert governor.reserve(cents(1000)).allowed
        assert not governor.reserve(cents(1)).allowed
    assert raw.findings(path, {"day": 1000 * CENT}) == []


DAYS = timedelta(days=1)


def test_a_clock_that_leaps_ahead_is_refused_and_a_right_one_goes_on(
    path: Path, policy: Policy
) -> None:
    """Believed once, it would expire all holds, and refuse every right clock afterwards."""
    start = datetime(2026, 11, 25, 12, tzinfo=UTC)
    clock = FrozenClock(start)
    with governing(policy, path, clock) as governor:
        held = governor.reserve(cents(600)).reservation
        assert held is not None
        for ahead in (DAYS + SECOND, 400 * DAYS):
            clock.set(start + ahead)
            with pytest.raises(StoreUnavailable, match=r"only 0:00:0\d went by.*--rebuild"):
                governor.reserve(cents(1))
        clock.set(start + SECOND)
        assert not governor.reserve(cents(600)).allowed
        assert governor.commit(held).reservation.state == "committed"
    with (
        pytest.raises(StoreUnavailable, match="set the clock right"),
        governing(policy, path, FrozenClock(start + 30 * DAYS)) as governor,
    ):
        governor.reserve(cents(1))
    trusted = FrozenClock(start + 30 * DAYS)
    with governing(policy, path, trusted, trust_clock=True) as governor:
        assert governor.reserve(cents(600)).allowed
    with governing(policy, path, trusted) as governor:
        assert not governor.reserve(cents(600)).allowed


def test_a_store_that_was_idle_for_weeks_opens(path: Path, policy: Policy) -> None:
    """The clock of the file system agrees; also a hold of a killed process does not matter."""
    then = datetime(2026, 11, 1, tzinfo=UTC)
    with governing(policy, path, FrozenClock(then)) as governor:
        assert governor.reserve(cents(600)).allowed
    set_back(path, 20 * DAYS, boot_too=True)
    with governing(policy, path, FrozenClock(then + 20 * DAYS)) as governor:
        assert governor.reserve(cents(600)).allowed


def test_a_machine_that_was_up_all_the_while_speaks_for_calls_under_way(
    path: Path, policy: Policy
) -> None:
    then = datetime(2026, 11, 1, tzinfo=UTC)
    if present_of_boot()[0] < 0:
        pytest.skip("this machine does not say how long it has been up")
    with governing(policy, path, FrozenClock(then)) as governor:
        held = governor.reserve(cents(600)).reservation
        assert held is not None
    set_back(path, 20 * DAYS, boot_too=False)
    with (
        pytest.raises(StoreUnavailable, match="only"),
        governing(policy, path, FrozenClock(then + 20 * DAYS)) as governor,
    ):
        governor.reserve(cents(600))
    with governing(policy, path, FrozenClock(then + SECOND)) as governor:
        governor.release(held)
    set_back(path, 20 * DAYS, boot_too=False)
    with governing(policy, path, FrozenClock(then + 20 * DAYS)) as governor:
        assert governor.reserve(cents(600)).allowed


def set_back(path: Path, by: timedelta, *, boot_too: bool) -> None:
    """Have the witness of a store say that it is of so long ago."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (witness,) = connection.execute("SELECT witness FROM store_state").fetchone()
        clock, file, boot, boot_id = witness.split()
        by_us = by // timedelta(microseconds=1)
        boot = int(boot) - by_us if boot_too else boot
        told = f"{clock} {int(file) - by_us} {boot} {boot_id}"
        connection.execute("UPDATE store_state SET witness = ?", (told,))


@pytest.mark.parametrize("witness", ["", "1", "a b c d", "1 2 3 4 5"])
def test_without_a_witness_a_clock_is_believed(path: Path, policy: Policy, witness: str) -> None:
    then = datetime(2026, 11, 1, tzinfo=UTC)
    with governing(policy, path, FrozenClock(then)) as governor:
        assert governor.reserve(cents(600)).allowed
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE store_state SET witness = ?", (witness,))
    with governing(policy, path, FrozenClock(then + 20 * DAYS)) as governor:
        assert governor.reserve(cents(600)).allowed
