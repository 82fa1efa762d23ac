"""STO-5: a store that was moved, or has not arrived, is used by nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from corvus.base.errors import StoreCorrupt, StoreMoved
from corvus.base.time import microseconds
from corvus.store.api import Changes
from corvus.store.kinds import THE_STATE
from corvus.store.moved import MoveMark, MovePhase, mark_of
from corvus.store.place import StorePlace, audit_head, open_store, place_at
from tests.store.contract import HELD, NOW

MARK = MoveMark(MovePhase.MOVED, "db.example:5432/corvus", "m", microseconds(NOW))


def put_mark(place: StorePlace, text: str) -> None:
    backend = place.backend()
    backend.begin()
    (state,) = backend.find(THE_STATE)
    backend.commit(Changes(state=replace(state, moved=text)))
    backend.close()


def test_a_moved_store_is_refused_by_writers_and_looks_and_says_where_it_went(
    tmp_path: Path,
) -> None:
    place = place_at(tmp_path / "a.store")
    open_store(place).close()
    put_mark(place, MARK.text)
    store = open_store(place)
    with pytest.raises(StoreMoved, match=r"moved to db\.example:5432/corvus at 2026-11-25 12:00"):
        store.run(lambda unit: unit.state.store_id)
    store.close()
    with pytest.raises(StoreMoved):
        audit_head(place)
    assert "goes on there" in (place.health(NOW).problem or "")


def test_a_process_that_had_it_open_learns_of_the_move_before_it_admits_anything(
    tmp_path: Path,
) -> None:
    place = place_at(tmp_path / "a.store")
    store = open_store(place)
    store.run(lambda unit: unit.add_reservation(HELD))
    put_mark(place, MARK.text)
    with pytest.raises(StoreMoved):
        store.run(lambda unit: unit.held())
    store.close()


def test_a_copy_that_has_not_arrived_says_how_to_finish_it(tmp_path: Path) -> None:
    place = place_at(tmp_path / "a.store")
    open_store(place).close()
    put_mark(place, replace(MARK, phase=MovePhase.ARRIVING).text)
    with pytest.raises(StoreMoved, match="`corvus store move` again"):
        audit_head(place)


@pytest.mark.parametrize("text", ["x", "[]", '["lost","p","m",1]', '["moved","p","m",null]', "1"])
def test_a_mark_that_cannot_be_read_refuses_all_the_same(text: str) -> None:
    with pytest.raises(StoreCorrupt, match="was moved"):
        mark_of(text, "a")


def test_a_mark_comes_back_as_it_was() -> None:
    assert mark_of(MARK.text, "a") == MARK
    assert mark_of("", "a") is None
