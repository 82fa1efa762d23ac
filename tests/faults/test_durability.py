"""What was acknowledged is on the disk (RES-3): the kernel is asked, not the code."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from corvus.store.sqlite import SqliteBackend
from tests.faults.governed import ROOT, config

ACKNOWLEDGE = """
import os, sys
from pathlib import Path
from corvus.governor.governor import Governor
from corvus.model.steering import OverrideRequest, ResetRequest
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.faults.governed import cents, policy_of
store = Store(SqliteBackend(Path(sys.argv[2])))
governor = Governor(policy_of(Path(sys.argv[1])), store)
for turn in range(5):
    os.write(9, b"ask")
    one, other = governor.reserve(cents(2)).reservation, None
    os.write(9, b"acknowledged")
    other = governor.reserve(cents(2)).reservation
    os.write(9, b"acknowledged")
    governor.commit(one)
    os.write(9, b"acknowledged")
    governor.release(other)
    os.write(9, b"acknowledged")
    governor.override(OverrideRequest("ana"))
    os.write(9, b"acknowledged")
    governor.reset(ResetRequest("day", "ana"))
    os.write(9, b"acknowledged")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_log_is_synced_between_every_question_and_its_answer(tmp_path: Path) -> None:
    """Follows system calls: a write to the log, then a sync of it, before each acknowledgement."""
    path, trace = tmp_path / "a.store", tmp_path / "trace"
    (tmp_path / "told").touch()
    program = [sys.executable, "-c", ACKNOWLEDGE, str(config(tmp_path)), str(path)]
    calls = "trace=write,pwrite64,fsync,fdatasync"
    shell = f'exec 9> "{tmp_path}/told"; exec "$@"'
    command = ["strace", "-f", "-y", "-qq", "-e", calls, "-o", str(trace), "sh", "-c", shell, "sh"]
    done = subprocess.run(
        [*command, *program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    is_written, is_synced, acknowledged = False, False, 0
    for line in trace.read_text().splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
            is_written, is_synced = True, False
        elif re.search(r"f(data)?sync\(\d+<[^>]*-wal>", line):
            is_synced = True
        elif "acknowledged" in line:
            assert is_written
            assert is_synced
            is_written, acknowledged = False, acknowledged + 1
    assert acknowledged == 30


def test_the_connection_itself_is_in_the_mode_that_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remember(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        opened.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", remember)
    for _ in range(2):  # a new file, and one that is there
        backend = SqliteBackend(tmp_path / "a.store")
        pragmas = ("journal_mode", "synchronous", "fullfsync")
        modes = [opened[-1].execute(f"PRAGMA {each}").fetchone()[0] for each in pragmas]
        assert modes == ["wal", 2, 1]
        backend.close()
