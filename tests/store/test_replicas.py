"""The store keeps an event until every live replica has it, and a week at least (STO-3)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from corvus.base.time import FixedClock
from corvus.model.outbox import LedgerTable
from corvus.store.outbox import StoreOutbox
from corvus.store.place import StorePlace, open_store, place_at
from corvus.store.replicas import ReplicaStanding, replicas
from tests.store.contract import NOW
from tests.store.sharing import SharedPlace

A, B = "00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b"
DAY = timedelta(days=1)


class Hosts:
    """A shared store at a time of the test's choosing."""

    def __init__(self, place: StorePlace) -> None:
        self.place, self.now = place, NOW

    def outbox(self) -> StoreOutbox:
        return StoreOutbox(self.place, None, FixedClock(self.now))

    def append(self, count: int) -> None:
        store = open_store(self.place, FixedClock(self.now))
        for _ in range(count):
            store.run(lambda unit: unit.append(LedgerTable.SESSION, {"session_id": "s"}))
        store.close()

    def report(self, replica: str, watermark: int, host: str | None = None) -> None:
        self.outbox().forget(watermark, replica, host or replica)

    @property
    def floor(self) -> int:
        return self.outbox().drained_seq()

    def standings(self) -> dict[str, ReplicaStanding]:
        with self.place.looking() as look:
            return {row.id: row for row in replicas(look)}


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    hosts = Hosts(SharedPlace(tmp_path / "s.store"))
    hosts.append(10)
    return hosts


def test_an_event_younger_than_a_week_stays(hosts: Hosts) -> None:
    hosts.report(A, 10)
    hosts.now += timedelta(days=6, hours=23)
    hosts.report(A, 10)
    assert hosts.floor == 0
    hosts.now += timedelta(hours=1)
    hosts.append(5)
    hosts.report(A, 15)
    assert (hosts.floor, hosts.outbox().newest_seq()) == (10, 15)


def test_the_slowest_live_replica_holds_its_events(hosts: Hosts) -> None:
    hosts.outbox().enrol(B, 4, B)
    hosts.report(A, 10)
    hosts.now += 8 * DAY
    hosts.report(A, 10)
    assert hosts.floor == 4
    hosts.report(B, 9)
    assert hosts.floor == 9


def test_a_replica_that_says_nothing_for_a_month_holds_nothing(hosts: Hosts) -> None:
    hosts.report(B, 4)
    hosts.report(A, 10)
    hosts.now += 30 * DAY
    hosts.report(A, 10)
    assert hosts.floor == 4
    hosts.now += DAY
    hosts.report(A, 10)
    assert hosts.floor == 10
    dead = hosts.standings()[B]
    assert (dead.is_live, dead.is_readable, dead.behind) == (False, False, 6)


def test_who_lacks_forgotten_events_is_not_enrolled(hosts: Hosts) -> None:
    hosts.report(A, 10)
    hosts.now += 8 * DAY
    hosts.report(A, 10)
    assert hosts.floor == 10
    hosts.outbox().enrol(B, 3, B)
    assert {*hosts.standings()} == {A}


def test_a_copy_on_another_host_goes_on_under_an_id_of_its_own(hosts: Hosts) -> None:
    hosts.report(A, 10, "one:/l")
    copy = hosts.outbox().enrol(A, 6, "two:/l")
    assert copy != A
    found = hosts.standings()
    assert {(row.host, row.watermark) for row in found.values()} == {("one:/l", 10), ("two:/l", 6)}


def test_a_file_that_was_set_back_in_its_place_replaces_its_replica(hosts: Hosts) -> None:
    hosts.report(A, 10, "one:/l")
    after = hosts.outbox().enrol(A, 6, "one:/l")
    found = hosts.standings()
    assert {*found} == {after}
    assert found[after].watermark == 6


def test_a_replica_that_stands_still_writes_once_an_hour(hosts: Hosts) -> None:
    hosts.report(A, 10)
    seen = hosts.standings()[A].seen_at
    hosts.now += timedelta(minutes=59)
    hosts.append(1)
    hosts.outbox().enrol(A, 10, A)
    assert hosts.standings()[A].seen_at == seen
    hosts.now += timedelta(minutes=1)
    hosts.append(1)
    hosts.outbox().enrol(A, 10, A)
    assert hosts.standings()[A].seen_at == hosts.now


def test_ages_do_not_pile_up(hosts: Hosts) -> None:
    for _ in range(30):
        hosts.now += DAY
        hosts.report(A, 10)
        hosts.report(A, 10)
    with hosts.place.looking() as look:
        from corvus.store.kinds import EVENT_AGE

        assert len(look.find(EVENT_AGE.where(""))) <= 9


def test_the_one_ledger_of_a_file_has_no_replica(tmp_path: Path) -> None:
    hosts = Hosts(place_at(tmp_path / "s.store"))
    hosts.append(3)
    hosts.outbox().forget(3)
    assert (hosts.floor, hosts.standings()) == (3, {})


def test_a_replica_of_long_ago_is_forgotten(hosts: Hosts) -> None:
    hosts.report(B, 4)
    for _ in range(2):
        hosts.now += 200 * DAY
        hosts.report(A, 10)
    assert {*hosts.standings()} == {A}
