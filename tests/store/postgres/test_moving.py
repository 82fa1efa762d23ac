"""STO-5 with a real server: a store moves into PostgreSQL and back, whatever dies meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path

import pytest

from corvus.base.errors import StoreMoved, StoreMoveRefused, StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.store.kinds import BUDGET, SECRET, RegisteredBudget, StoreSecret
from corvus.store.place import open_store, place_at
from corvus.store.postgres.place import PostgresPlace
from tests.postgres import PostgresServer, drop_schema
from tests.store.contract import HELD
from tests.store.moves import (
    Places,
    assert_both_say_so,
    fill,
    is_usable,
    kill_at,
    move,
    rows_of,
    steps_of_a_move,
)

MakePlace = Callable[[str], PostgresPlace]


@pytest.fixture
def there(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[MakePlace]:
    """Make places in schemas of a test's own."""
    made: dict[str, PostgresPlace] = {}

    def make(schema: str) -> PostgresPlace:
        address = PostgresAddress.of(postgres_server.url(schema))
        made[schema] = PostgresPlace(address, tmp_path / "host" / "ledger.duckdb")
        return made[schema]

    yield make
    for schema, place in made.items():
        place.admin.let_go()
        drop_schema(postgres_server, schema)


@pytest.fixture
def places(tmp_path: Path, there: MakePlace) -> Places:
    return Places(place_at(tmp_path / "a.store"), there("moved_in"))


def test_every_row_of_every_kind_moves_in_and_back(places: Places) -> None:
    done = places.move()
    assert done.target == places.target.name
    places.assert_moved()
    assert_both_say_so(places)
    places.turn()
    places.move()
    places.assert_moved()
    assert_both_say_so(places)


def test_it_comes_in_again_over_the_copy_that_stayed_and_no_host_takes_it_for_a_stale_standby(
    places: Places,
) -> None:
    """A host remembers the newest generation that it saw of a store, wherever it was."""
    for number in range(4):
        places.move()
        places.assert_moved()
        with closing(open_store(places.target)) as store:
            secret = StoreSecret(f"of {number}", "ff")
            store.run(lambda unit, secret=secret: unit.put(SECRET, secret))
        places.turn()


def test_it_moves_to_another_database_of_the_same_name(places: Places, there: MakePlace) -> None:
    places.move()
    places.turn()
    places.target = there("elsewhere")
    places.move()
    places.assert_moved()
    with pytest.raises(StoreMoved, match="elsewhere"):
        move(places.source, there("third"))


def test_an_empty_schema_that_was_made_before_is_moved_into(places: Places) -> None:
    places.target.backend().close()
    places.move()
    places.assert_moved()


def test_a_schema_whose_budgets_were_only_looked_at_is_moved_into(places: Places) -> None:
    """`corvus cost budgets` registers the budgets of its config, and nothing has happened."""
    with closing(open_store(places.target)) as store:
        store.run(lambda unit: unit.put(BUDGET, RegisteredBudget(99, "of the look")))
    places.let_go()
    places.move()
    places.assert_moved()


def test_a_store_that_is_in_use_there_is_left_as_it_is(places: Places, tmp_path: Path) -> None:
    fill(places.target)
    before = rows_of(places.target)
    places.let_go()
    with pytest.raises(StoreMoveRefused, match="in use"):
        places.move()
    assert rows_of(places.target) == before
    assert is_usable(places.source)


OPEN_ELSEWHERE = """
import sys, time
from pathlib import Path
from corvus.store.place import open_store
from corvus.base.postgres_address import PostgresAddress
from corvus.store.postgres.place import PostgresPlace
store = open_store(PostgresPlace(PostgresAddress.of(sys.argv[1]), Path(sys.argv[2])))
print("open", flush=True)
time.sleep(60)
"""


def test_nothing_moves_while_another_process_has_the_store_open_and_idle(
    places: Places, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    places.move()
    places.turn()
    places.let_go()
    url = postgres_server.url("moved_in")
    command = [sys.executable, "-c", OPEN_ELSEWHERE, url, str(tmp_path / "other.duckdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        try:
            with pytest.raises(StoreUnavailable, match=r"in use by 127\.0\.0\.1"):
                places.move()
        finally:
            other.kill()
    assert is_usable(places.source)
    places.move()
    places.assert_moved()


def test_another_store_of_the_same_database_may_be_open(places: Places, there: MakePlace) -> None:
    with closing(open_store(there("neighbour"))) as store:
        store.run(lambda unit: unit.add_reservation(HELD))
        places.move()
        places.turn()
        places.move()
        assert store.run(lambda unit: unit.held())


def unseen(_: object) -> list[str]:
    return []


def test_a_host_that_was_not_seen_is_refused_from_its_next_call_on(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.move()
    with closing(open_store(places.target)) as store:
        assert store.run(lambda unit: unit.state.next_seq) > 1
        places.turn()
        monkeypatch.setattr("corvus.store.postgres.sole.SolePostgresBackend._others", unseen)
        places.move()
        with pytest.raises(StoreMoved, match="goes on there"):
            store.run(lambda unit: unit.add_reservation(HELD))
    places.assert_moved()


def test_others_wait_for_a_move_and_are_refused_in_words(places: Places) -> None:
    places.move()
    places.let_go()
    sole = places.target.admin.sole_backend()
    sole.begin()
    with (
        closing(open_store(places.target, wait_seconds=0.3)) as store,
        pytest.raises(StoreUnavailable, match="in use by others"),
    ):
        store.run(lambda unit: unit.add_reservation(HELD))
    sole.roll_back()
    sole.close()


@pytest.mark.parametrize("way", ["in", pytest.param("out", marks=pytest.mark.nightly)])
def test_killed_at_any_step_one_store_is_left_and_the_same_move_ends_it(
    tmp_path: Path, there: MakePlace, way: str
) -> None:
    def places_of(name: str) -> Places:
        file, schema = place_at(tmp_path / f"{name}.store"), there(f"{way}_{name}")
        return Places(file, schema) if way == "in" else Places(schema, file)

    left: list[tuple[bool, bool]] = []
    steps = steps_of_a_move(places_of("whole"))
    for step in (steps[0], steps[len(steps) // 2], *steps[-8:]):
        places = places_of(str(step))
        places.let_go()
        kill_at(step, places.source, places.target)
        left.append((is_usable(places.source), is_usable(places.target)))
        places.move()
        places.assert_moved()
        places.let_go()
    assert [pair for pair, _ in groupby(left)] == [(True, False), (False, False), (False, True)]
