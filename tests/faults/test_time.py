"""Clocks that step, calendars that jump: windows stay right, time never runs backwards (EVA-8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from policy.errors import StoreUnavailable
from policy.model.policy import Policy
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
    with governing(policy_of(file), tmp_path / "a.store", clock) as governor:

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
