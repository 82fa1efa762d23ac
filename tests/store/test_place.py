"""A store is named by its place; no other room knows what keeps it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import corvus
from corvus.store.place import audit_head, is_behind, latest_session, open_store, place_at
from tests.store.contract import HELD, NOW

PACKAGE = Path(corvus.__file__).parent
OWN = {"sqlite", "sqlite_admin", "sqlite_files", "sqlite_place", "statements"}


def test_no_other_room_imports_what_is_of_one_backend() -> None:
    outside = [
        path for path in PACKAGE.rglob("*.py") if "store" not in path.relative_to(PACKAGE).parts
    ]
    found = {
        f"{path.relative_to(PACKAGE)}: {node.module}"
        for path in outside
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("corvus.store")
        if {*(node.module or "").split("."), *(name.name for name in node.names)} & OWN
    }
    assert found == set()


def test_a_place_is_looked_at_while_a_writer_has_it_open(tmp_path: Path) -> None:
    place = place_at(tmp_path / "a.store")
    assert not place.exists
    store = open_store(place)
    store.run(lambda unit: unit.add_reservation(HELD))
    assert place.exists
    assert latest_session(place) == HELD.request.session_id
    assert audit_head(place) == (0, "0" * 64)
    assert not is_behind(place, NOW)
    assert is_behind(place, HELD.expires_at)
    seen = place.health(NOW)
    assert (seen.problem, seen.holds.count) == (None, 1)
    store.close()


@pytest.mark.parametrize("reopened", [False, True])
def test_a_store_in_memory_forgets_all_when_it_is_closed(*, reopened: bool) -> None:
    store = open_store(None)
    store.run(lambda unit: unit.add_reservation(HELD))
    if reopened:
        store.close()
        store = open_store(None)
    is_there = store.run(lambda unit: unit.reservation(HELD.id)) is not None
    assert is_there is not reopened
    store.close()
