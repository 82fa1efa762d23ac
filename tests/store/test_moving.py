"""STO-5: a store moves whole or not at all, whatever step the command dies at."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from corvus.base.errors import StoreCorrupt, StoreError, StoreMoved, StoreMoveRefused
from corvus.base.errors import StoreUnavailable as Unavailable
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.store.api import Changes
from corvus.store.kinds import SECRET, STATE, StoreSecret
from corvus.store.moving import move_store
from corvus.store.operations.move_event import Mover
from corvus.store.place import audit_head, open_store, place_at
from corvus.store.spill import spill
from tests.store.contract import HELD
from tests.store.moves import (
    CLOCK,
    EVENTS,
    PAGE,
    Places,
    Wrapped,
    WrappedBackend,
    assert_both_say_so,
    fill,
    is_usable,
    kill_at,
    move,
    rows_of,
    steps_of_a_move,
)


def places_in(folder: Path) -> Places:
    return Places(place_at(folder / "a.store"), place_at(folder / "elsewhere" / "b.store"))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


def test_every_row_of_every_kind_arrives_and_the_old_copy_says_where_it_went(
    places: Places,
) -> None:
    done = move(places.source, places.target)
    assert done.rows == {
        table: len(rows) for table, rows in places.rows.items() if table != STATE.table
    }
    assert (done.undrained_events, done.is_resumed) == (EVENTS, False)
    assert done.open_holds == sum(row[2] == "held" for row in places.rows["reservation"])
    places.assert_moved()
    assert_both_say_so(places)
    with pytest.raises(StoreMoved, match=r"elsewhere/b\.store"):
        audit_head(places.source)


def test_it_moves_back_over_the_copy_that_it_left_behind(places: Places) -> None:
    move(places.source, places.target)
    with closing(open_store(places.target, CLOCK)) as store:
        store.run(lambda unit: unit.put(SECRET, StoreSecret("of there", "ff")))
    places.rows = rows_of(places.target)
    places.source, places.target = places.target, places.source
    move(places.source, places.target)
    places.assert_moved()


def test_a_move_that_is_done_may_be_said_again(places: Places) -> None:
    move(places.source, places.target)
    again = move(places.source, places.target)
    assert again.is_resumed
    places.assert_moved()


def test_a_store_that_went_elsewhere_moves_nowhere_else(places: Places, tmp_path: Path) -> None:
    move(places.source, places.target)
    third = place_at(tmp_path / "c.store")
    with pytest.raises(StoreMoved, match="elsewhere"):
        move(places.source, third)
    assert not third.exists
    with closing(open_store(third, CLOCK)):
        pass
    with pytest.raises(StoreMoved, match="elsewhere"):
        move(places.source, third)
    places.assert_moved()


def test_progress_ends_with_all_rows_copied_and_read_back(places: Places) -> None:
    heard: list[tuple[int, int]] = []

    def hear(done: int, total: int) -> None:
        heard.append((done, total))

    move_store(places.source, places.target, Mover("ana"), on_progress=hear, page=PAGE)
    rows = sum(len(rows) for table, rows in places.rows.items() if table != STATE.table)
    assert heard[-1] == (2 * rows, 2 * rows)
    assert heard == sorted(heard)


OPEN_ELSEWHERE = """
import sys, time
from pathlib import Path
from corvus.store.place import open_store, place_at
store = open_store(place_at(Path(sys.argv[1])))
print("open", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("who", ["source", "target"])
def test_nothing_moves_while_another_process_has_one_of_the_two_open(
    places: Places, who: str
) -> None:
    """An idle one, which holds no lock of a transaction."""
    open_store(places.target, CLOCK).close()
    place = getattr(places, who)
    with subprocess.Popen(
        [sys.executable, "-c", OPEN_ELSEWHERE, place.name], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        try:
            with pytest.raises(Unavailable, match=f"has the store {place.name} open"):
                move(places.source, places.target)
        finally:
            other.kill()
    assert rows_of(places.source) == places.rows
    assert is_usable(places.source)
    move(places.source, places.target)
    places.assert_moved()


def test_a_target_that_has_a_life_of_its_own_is_left_as_it_is(places: Places) -> None:
    with closing(open_store(places.target, CLOCK)) as store:
        store.run(lambda unit: unit.add_reservation(HELD))
    before = rows_of(places.target)
    with pytest.raises(StoreMoveRefused, match="is in use"):
        move(places.source, places.target)
    assert rows_of(places.target) == before
    assert is_usable(places.source)


def test_a_copy_that_another_store_has_left_is_not_written_over(
    places: Places, tmp_path: Path
) -> None:
    other = place_at(tmp_path / "other.store")
    fill(other)
    move(other, places.target)
    with pytest.raises(StoreMoveRefused, match="copy of another store"):
        move(places.source, other)
    assert is_usable(places.source)


def test_there_must_be_something_to_move_and_somewhere_to_go(
    places: Places, tmp_path: Path
) -> None:
    with pytest.raises(StoreMoveRefused, match="nothing to move"):
        move(place_at(tmp_path / "none.store"), places.target)
    with pytest.raises(StoreMoveRefused, match="there already"):
        move(places.source, places.source)
    assert not places.target.exists


def test_settlements_that_wait_in_a_file_are_taken_in_before(places: Places) -> None:
    """RES-9: they belong to the store that moves."""
    path = places.source.unsettled_path
    assert path is not None
    spill(path, [PendingSettlement(PendingKind.RELEASE, HELD.id, "key")])
    with pytest.raises(StoreMoveRefused, match="settlements wait"):
        move(places.source, places.target)
    assert is_usable(places.source)
    assert not places.target.exists


def test_killed_at_any_step_one_store_is_left_and_the_same_move_ends_it(tmp_path: Path) -> None:
    """Never two; none only between the last two commits, where the same command goes on."""
    left: list[tuple[bool, bool]] = []
    for step in steps_of_a_move(places_in(tmp_path / "whole")):
        places = places_in(tmp_path / str(step))
        kill_at(step, places.source, places.target)
        left.append((is_usable(places.source), is_usable(places.target)))
        if left[-1] == (True, False):
            assert rows_of(places.source) == places.rows
        move(places.source, places.target)
        places.assert_moved()
    phases = [pair for pair, _ in groupby(left)]
    assert phases == [(True, False), (False, False), (False, True)]
    assert left.count((False, False)) == 2, "before the last transaction, and before its commit"


def test_a_fault_at_any_step_leaves_the_source_as_it_was_or_is_finished(tmp_path: Path) -> None:
    for step in range(1, 400, 7):
        places = places_in(tmp_path / str(step))
        count = 0

        def before(name: str, step: int = step) -> None:
            nonlocal count
            count += name != "close"
            if count == step and name not in ("roll_back", "close"):
                raise Unavailable("the disk is full")

        try:
            move(Wrapped(places.source, before), Wrapped(places.target, before))
        except StoreError:
            assert is_usable(places.source) + is_usable(places.target) <= 1
        move(places.source, places.target)
        places.assert_moved()
        if count < step:
            break


class _AlteringBackend(WrappedBackend):
    """Writes another secret than it is given."""

    def commit(self, changes: Changes) -> None:
        rows = changes.new.get(SECRET, {})
        rows |= {key: secret._replace(value="00") for key, secret in rows.items()}
        self.backend.commit(changes)


class _Altering(Wrapped):
    def sole_backend(self) -> Any:
        return _AlteringBackend(self.place.admin.sole_backend(), self.before)


def test_what_comes_back_as_another_is_not_taken_for_the_store(places: Places) -> None:
    with pytest.raises(StoreCorrupt, match="rows of secret came back"):
        move(places.source, _Altering(places.target, lambda _: None))
    assert is_usable(places.source)
    assert not is_usable(places.target)
