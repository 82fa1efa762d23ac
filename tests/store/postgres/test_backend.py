"""The store in PostgreSQL as the one that writes to it sees it (STO-3)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from corvus.base.errors import StoreCorrupt, StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.base.time import SystemClock, instant_at, microseconds
from corvus.model.outbox import LedgerTable
from corvus.store.health import StoreHealth, examined
from corvus.store.kinds import PRICE_ENTRY, PriceEntry
from corvus.store.postgres.backend import PostgresBackend
from corvus.store.postgres.place import PostgresPlace
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.fakes import FrozenClock
from tests.postgres import PostgresServer

FUTURE = timedelta(hours=1)


@pytest.fixture
def address(postgres_url: str) -> PostgresAddress:
    return PostgresAddress.of(postgres_url)


@pytest.fixture
def place(address: PostgresAddress, tmp_path: Path) -> PostgresPlace:
    return PostgresPlace(address, tmp_path / "ledger.duckdb")


@pytest.fixture
def store(place: PostgresPlace) -> Iterator[Store]:
    one = Store(place.backend(), wait_seconds=5)
    yield one
    one.close()


def execute(url: str, sql: str) -> None:
    """Do something to the tables of a store behind its back."""
    address = PostgresAddress.of(url)
    with psycopg.connect(address.conninfo(), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {address.schema}".encode())
        connection.execute(sql.encode())


def set_back(url: str) -> None:
    """Leave the store as a standby that was behind would have it."""
    execute(url, "UPDATE store_lock SET generation = 2")


def other(address: PostgresAddress, tmp_path: Path) -> PostgresPlace:
    """Return the store as a host has it that has never seen it."""
    return PostgresPlace(address, tmp_path / "other.duckdb")


def append(unit: Unit) -> int:
    return unit.append(LedgerTable.SESSION, {"recorded_at": unit.now_us})


def test_the_clock_of_the_server_stamps(place: PostgresPlace) -> None:
    """Hosts that are an hour apart agree on what time it is (EVA-8)."""
    clock = FrozenClock(SystemClock().now() - FUTURE)
    with closing(Store(place.backend(), clock)) as store:
        stamped = store.run(lambda unit: unit.now)
    assert abs(stamped - SystemClock().now()) < timedelta(seconds=30)


def test_a_clock_of_the_process_stamps_where_it_must(address: PostgresAddress) -> None:
    clock = FrozenClock()
    with closing(Store(PostgresBackend(address, server_time=False), clock)) as store:
        assert store.run(lambda unit: unit.now) == clock.now()


def test_time_never_runs_backwards(store: Store, postgres_url: str) -> None:
    store.run(append)
    ahead_us = microseconds(SystemClock().now() + FUTURE)
    execute(postgres_url, f"UPDATE store_state SET last_us = {ahead_us}")  # noqa: S608 - a number
    execute(postgres_url, "UPDATE store_lock SET generation = generation + 1")
    assert store.run(lambda unit: unit.now) >= instant_at(ahead_us)


def test_what_others_write_is_seen_whether_rare_or_not(place: PostgresPlace, store: Store) -> None:
    store.run(append)
    with closing(Store(place.backend())) as other:
        assert other.run(lambda unit: unit.state.next_seq) == 2
        other.run(append)
        assert store.run(append) == 3
        assert store.run(lambda unit: unit.get(PRICE_ENTRY, "p")) is None
        other.run(lambda unit: unit.add(PRICE_ENTRY, PriceEntry("p")))
        assert store.run(lambda unit: unit.get(PRICE_ENTRY, "p")) == PriceEntry("p")


def test_a_server_that_lacks_what_was_seen_is_refused(store: Store, postgres_url: str) -> None:
    """A standby that was behind was promoted: holds that were acknowledged are gone."""
    for _ in range(5):
        store.run(append)
    set_back(postgres_url)
    with pytest.raises(StoreCorrupt, match=r"has lost the last [0-9]+ changes"):
        store.run(append)


def test_the_health_of_a_server_that_lacks_what_was_seen_is_that_no_call_is_admitted(
    place: PostgresPlace, postgres_url: str
) -> None:
    """STO-3: whoever watches a host sees what its calls are refused for."""
    with closing(Store(place.backend())) as store:
        for _ in range(5):
            store.run(append)
    assert place.health(SystemClock().now()).problem is None
    set_back(postgres_url)
    problem = place.health(SystemClock().now()).problem
    assert problem is not None
    assert re.search(r"has lost the last [0-9]+ changes", problem)


def test_the_next_process_of_the_host_knows_what_was_seen(
    place: PostgresPlace, postgres_url: str
) -> None:
    with closing(Store(place.backend())) as store:
        for _ in range(5):
            store.run(append)
    set_back(postgres_url)
    with (
        closing(Store(place.backend())) as later,
        pytest.raises(StoreCorrupt, match="ledger verify --rebuild"),
    ):
        later.run(append)
    with closing(Store(place.backend(is_trusted=True))) as trusting:
        trusting.run(append)
    with closing(Store(place.backend())) as after:
        after.run(append)


def test_a_store_that_was_made_again_is_refused(
    place: PostgresPlace, address: PostgresAddress, postgres_url: str, tmp_path: Path
) -> None:
    """Its budgets start from nothing, so that all of them could be spent once more."""
    with closing(Store(place.backend())) as store:
        store.run(append)
        execute(postgres_url, f"DROP SCHEMA {address.schema} CASCADE")
        with closing(Store(other(address, tmp_path).backend())) as another:
            assert another.run(append) == 1
        with pytest.raises(StoreCorrupt, match="is not the one that this host has used"):
            store.run(append)
    with (
        closing(Store(place.backend())) as later,
        pytest.raises(StoreCorrupt, match="is not the one that this host has used"),
    ):
        later.run(append)
    seen = place.health(SystemClock().now())
    assert "is not the one that this host has used" in (seen.problem or "")


def test_a_store_that_was_lost_is_not_made_again(
    place: PostgresPlace, address: PostgresAddress, postgres_url: str
) -> None:
    with closing(Store(place.backend())) as store:
        store.run(append)
    execute(postgres_url, f"DROP SCHEMA {address.schema} CASCADE")
    with pytest.raises(StoreCorrupt, match="there is none any more"):
        place.backend()
    assert "there is none any more" in (place.health(SystemClock().now()).problem or "")


def test_what_others_write_while_it_looks_is_nothing_that_the_server_lacks(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(place.backend())) as store:
        store.run(append)

        def slow(*given: Any) -> StoreHealth:
            store.run(append)
            store.backend.close()  # keeps at once what was seen
            return examined(*given)

        monkeypatch.setattr("corvus.store.postgres.place.examined", slow)
        assert place.health(SystemClock().now()).problem is None


def test_what_was_seen_is_kept_in_a_file_of_our_own(place: PostgresPlace, tmp_path: Path) -> None:
    """A link leads to nothing that is written, and a pipe is not waited for."""
    unsettled = place.unsettled_path
    seen = unsettled.with_name(f"{unsettled.name.partition('.unsettled')[0]}.seen")
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    seen.symlink_to(victim)
    with closing(Store(place.backend())) as store:
        store.run(append)
    assert victim.read_text() == "theirs"
    seen.unlink()
    os.mkfifo(seen)
    with closing(Store(place.backend())) as store:
        assert store.run(append) == 2


def test_health_says_what_the_server_lacks(place: PostgresPlace, postgres_url: str) -> None:
    with closing(Store(place.backend())) as store:
        for _ in range(5):
            store.run(append)
    set_back(postgres_url)
    assert "has lost the last" in (place.health(SystemClock().now()).problem or "")


@pytest.mark.parametrize(("lost", "table"), [("INSERT", "reservation"), ("UPDATE", "store_lock")])
def test_health_says_what_the_role_may_not_do(
    place: PostgresPlace,
    store: Store,
    postgres_server: PostgresServer,
    address: PostgresAddress,
    lost: str,
    table: str,
) -> None:
    """Tables that somebody restored without their rights can be looked at, and admit nothing."""
    store.run(append)
    postgres_server.query(f"REVOKE {lost} ON {address.schema}.{table} FROM corvus")
    seen = place.health(SystemClock().now())
    assert (seen.is_writable, seen.exists) == (False, True)
    assert "corvus store init --sql" in (seen.problem or "")


@pytest.mark.parametrize("obstacle", ["a folder", "no folder"])
def test_calls_go_on_where_what_was_seen_cannot_be_kept(
    address: PostgresAddress, tmp_path: Path, caplog: pytest.LogCaptureFixture, obstacle: str
) -> None:
    """A disk that is full or read-only on one host: its holds would be lost to all if they fail."""
    beside = tmp_path / "ledger.duckdb"
    if obstacle == "no folder":
        tmp_path.joinpath("file").write_text("")
        beside = tmp_path / "file" / "ledger.duckdb"
    else:
        beside.with_name(f"{beside.name}.{address.schema}.seen").mkdir()
    store = Store(PostgresPlace(address, beside).backend())
    assert [store.run(append) for _ in range(3)] == [1, 2, 3]
    store.close()
    said = [record.message for record in caplog.records if "cannot be kept" in record.message]
    assert len(said) == 1


def test_a_connection_that_was_lost_is_made_again(store: Store, postgres_url: str) -> None:
    store.run(append)
    execute(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = current_user AND pid <> pg_backend_pid()",
    )
    assert store.run(append) == 2


def test_looks_do_not_wait_for_the_writer(place: PostgresPlace, store: Store) -> None:
    store.run(append)

    def step(unit: Unit) -> int:
        append(unit)
        with place.looking() as look:
            return look.version

    assert store.run(step) > 0


def test_a_place_says_how_the_store_is(place: PostgresPlace, store: Store) -> None:
    assert place.exists
    store.run(append)
    seen = place.health(SystemClock().now())
    assert (seen.problem, seen.exists, seen.is_writable) == (None, True, True)
    assert (seen.undrained_events, seen.store_id) == (
        1,
        store.run(lambda unit: unit.state.store_id),
    )
    assert seen.size_bytes > 0
    standing = place.admin.server()
    assert standing is not None
    assert standing.engine.startswith("PostgreSQL ")
    assert [host.processes for host in standing.hosts] == [1]
    assert abs(standing.ahead_seconds) < 5


def test_a_move_is_refused_while_others_use_the_store(place: PostgresPlace, store: Store) -> None:
    store.run(append)
    with (
        closing(Store(place.admin.sole_backend())) as alone,
        pytest.raises(StoreUnavailable, match="is in use"),
    ):
        alone.run(append)
