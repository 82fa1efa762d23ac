"""The measurements of a small house, its table and its picture (tools.house)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checkout import checkout_at
from tools.house.check_run import CheckRun
from tools.house.measure import House, measure
from tools.house.picture import draw
from tools.house.table import compare

MODULES = {
    "__init__": "",
    "base/__init__": "",
    "base/errors": "from __future__ import annotations\n",
    "model/__init__": "",
    "model/budget": "from typing import TYPE_CHECKING\nfrom corvus.base import errors\n"
    "if TYPE_CHECKING:\n    from corvus.store.unit import Unit\n",
    "store/__init__": "",
    "store/unit": "from corvus.model.budget import Budget\n\nclass Told:\n    pass\n",
    "cli/__init__": "",
    "cli/check": "from corvus.store.unit import Unit\n\n"
    "def late():\n    import corvus.cli.common\n",
    "cli/common": "WEEK = 'week'\n",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house")
    for name, text in MODULES.items():
        path = folder / f"policy/corvus/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "README.md").write_text("Whoever is told so may wish for more.\n")
    return measure(checkout_at(folder), lambda _: CheckRun(9, 5, 70))


def test_a_ring_that_only_types_close_is_seen_when_types_count(house: House) -> None:
    assert house.room_rings == ([("model", "store")], [])
    assert house.file_rings == ([("model.budget", "store.unit")], [])


def test_the_longest_chain_passes_over_what_is_imported_late_or_for_types(house: House) -> None:
    assert house.chain == ["cli.check", "store.unit", "model.budget", "base.errors"]


def test_names_words_and_changes_are_counted(house: House) -> None:
    assert (house.participles, house.vague) == (["Told"], ["cli.common"])
    assert (house.words["told"], house.words["wish"]) == (2, 1)
    assert house.changes["budget period"] == [Path("policy/corvus/cli/common.py")]


def test_the_table_has_a_column_for_each_checkout(house: House) -> None:
    rows = [line.split() for line in compare([house, house]).splitlines()]
    assert ["modules", "10", "10"] in rows
    assert ["rooms", "5", "5"] in rows
    assert "rings of rooms: model store" in compare([house])


def test_the_picture_puts_a_room_above_what_it_imports_and_a_ring_in_brackets(house: House) -> None:
    lines = draw(house).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["2", "1", "0"]
    assert "cli" in lines[0]
    assert "[ring: model" in lines[1]
    assert "base" in lines[2]
    assert lines[-1].endswith("2 of them not downward, 1 rings")
