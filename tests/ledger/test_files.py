"""The files of a ledger are its owner's, durable, and let go of (LED-1)."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from corvus import open_runtime
from corvus.base.files import sync
from corvus.base.money import NanoUSD
from corvus.ledger.archive import archive
from corvus.ledger.ledger import open_file
from corvus.model.request import Request
from corvus.runtime import Runtime
from tests.fakes import FrozenClock

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such modes here")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "corvus.toml").write_text("[cost]\nenabled = true\ndaily_limit_usd = 5\n")
    return tmp_path / "l.duckdb"


def opened(path: Path) -> Runtime:
    return open_runtime([path.with_name("corvus.toml")], ledger=path, clock=FrozenClock())


def spend(runtime: Runtime) -> None:
    with runtime.governor() as governor:
        held = governor.reserve(Request("m", NanoUSD(5), "s")).reservation
        assert held is not None
        governor.commit(held, cost_nano_usd=NanoUSD(5))


def modes(folder: Path) -> dict[str, str]:
    return {
        each.name: f"{each.stat().st_mode & 0o777:o}"
        for each in folder.rglob("*")
        if each.name != "corvus.toml"
    }


def test_nobody_else_may_read_what_lies_beside_a_ledger(path: Path) -> None:
    umask = os.umask(0o022)
    try:
        runtime = opened(path)
        spend(runtime)
        runtime.bookkeeping.drain()
        later = FrozenClock(FrozenClock().now() + timedelta(days=400))
        assert archive(path, 30, clock=later).rows
        with open_file(path, write=True) as ledger, ledger.transaction():
            ledger.connection.execute("CREATE TABLE mine AS SELECT 1 AS x")
            found = modes(path.parent)
        found |= modes(path.parent)
    finally:
        os.umask(umask)
    assert f"{path.name}.wal" in found
    assert set(found.values()) <= {"600", "700"}, found


def test_an_older_ledger_is_tightened_and_a_mode_given_on_purpose_stays(path: Path) -> None:
    runtime = opened(path)
    spend(runtime)
    runtime.bookkeeping.drain()
    for before, after in ((0o644, 0o600), (0o640, 0o640), (0o660, 0o660)):
        path.chmod(before)
        spend(runtime)
        runtime.bookkeeping.drain()
        assert path.stat().st_mode & 0o777 == after


def test_an_open_for_writing_leaves_no_log_behind(path: Path) -> None:
    runtime = opened(path)
    spend(runtime)
    runtime.bookkeeping.drain()
    with open_file(path, write=True):
        pass
    assert not path.with_name(f"{path.name}.wal").exists()


def test_the_empty_log_of_a_killed_process_is_no_obstacle(path: Path) -> None:
    runtime = opened(path)
    spend(runtime)
    runtime.bookkeeping.drain()
    script = """
import os, sys
from pathlib import Path
from corvus.ledger.ledger import open_file
with open_file(Path(sys.argv[1]), write=True) as ledger, ledger.transaction():
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=60)
    assert path.with_name(f"{path.name}.wal").stat().st_size == 0
    with runtime.ledger() as ledger:
        assert ledger.connection.execute("SELECT count(*) FROM usage_record").fetchone() == (1,)
    spend(runtime)
    assert runtime.bookkeeping.drain().events
    assert runtime.bookkeeping.verify().is_sound


def test_syncing_lets_go_of_the_file(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    if before is None:
        pytest.skip("this system does not list open files")
    for _ in range(20):
        sync(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
