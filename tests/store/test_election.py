"""Of all hosts, one holds an office at a time (STO-3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.base.time import FixedClock
from corvus.store.election import elected, holds, process_name, resign, try_elect
from corvus.store.place import open_store, place_at
from tests.store.contract import NOW


def test_an_office_is_held_until_its_deadline(tmp_path: Path) -> None:
    place = place_at(tmp_path / "s.store")
    one = open_store(place, FixedClock(NOW))
    assert try_elect(one, "archive", "a", 60)
    assert not try_elect(one, "archive", "b", 60)
    assert try_elect(one, "archive", "a", 90)
    assert try_elect(one, "import", "b", 60)
    one.close()
    later = open_store(place, FixedClock(NOW + timedelta(seconds=90)))
    assert try_elect(later, "archive", "b", 60)
    assert not later.run(lambda unit: holds(unit, "archive", "a"))
    later.close()


def test_only_the_holder_resigns(tmp_path: Path) -> None:
    store = open_store(place_at(tmp_path / "s.store"), FixedClock(NOW))
    try_elect(store, "archive", "a", 60)
    resign(store, "archive", "b")
    assert not try_elect(store, "archive", "b", 60)
    resign(store, "archive", "a")
    assert try_elect(store, "archive", "b", 60)
    store.close()


def test_two_of_one_process_are_two() -> None:
    assert process_name() != process_name()


def test_the_second_waits_and_learns_who_is_at_work(tmp_path: Path) -> None:
    store = open_store(place_at(tmp_path / "s.store"))
    with elected(store, "import") as name:
        assert store.run(lambda unit: holds(unit, "import", name))
        with (
            pytest.raises(StoreUnavailable, match=f"process {os.getpid()} on "),
            elected(store, "import", patience_seconds=0),
        ):
            pass
    with elected(store, "import", patience_seconds=0):
        pass
    store.close()


def test_an_office_is_held_beyond_its_deadline_by_who_lives(tmp_path: Path) -> None:
    store = open_store(place_at(tmp_path / "s.store"))
    with elected(store, "import", seconds=0.3):
        time.sleep(0.8)
        assert not try_elect(store, "import", "another", 1)
    store.close()


_HOLD = """
import sys, time
from pathlib import Path
from corvus.store.election import elected
from corvus.store.place import open_store, place_at
with elected(open_store(place_at(Path(sys.argv[1]))), "import", seconds=1.0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_an_office_of_a_killed_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "s.store"
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        child.send_signal(signal.SIGKILL)
    store = open_store(place_at(path))
    with elected(store, "import", patience_seconds=20):
        pass
    store.close()
