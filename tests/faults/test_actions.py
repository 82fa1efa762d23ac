"""The action rate holds for all processes together, whenever they die (ACT-2)."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from corvus.governor.actions import SPAN_US
from tests.faults.governed import config, finish, output, start

PROCESSES = 8


def started(folder: Path, limit: int, **task: Any) -> list[subprocess.Popen[bytes]]:
    """Start processes that act as soon as all of them are there."""
    more = f"\n[autonomy]\nmax_actions_per_hour = {limit}\n"
    task |= {"store": folder / "a.store", "config": config(folder, more=more)}
    processes = [start(task, "tests.faults.actions_worker") for _ in range(PROCESSES)]
    for process in processes:
        assert output(process).readline().startswith(b"ready")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    return processes


def instants(folder: Path) -> list[int]:
    """Return what the bare rows say was admitted."""
    query = "SELECT admitted_at_us FROM action WHERE principal = 'ana' ORDER BY admitted_at_us"
    with closing(sqlite3.connect(folder / "a.store")) as connection:
        return [instant for (instant,) in connection.execute(query)]


def test_8_processes_admit_exactly_as_many_as_there_may_be(tmp_path: Path) -> None:
    told = finish(started(tmp_path, 100, threads=4, calls=10))
    kinds = [kind for kind, _ in told]
    assert kinds.count("admitted") == 100
    assert kinds.count("action_rate_exceeded") == PROCESSES * 4 * 10 - 100
    counts = sorted(int(count) for kind, count in told if kind == "admitted")
    assert counts == [*range(1, 101)], "each is told its own number"
    kept = instants(tmp_path)
    assert len(kept) == 100
    assert kept[-1] - kept[0] < SPAN_US


def test_kill_9_forgets_no_action_that_was_let_through(tmp_path: Path) -> None:
    """A dead process leaves its admissions behind; at most those under way are told to nobody."""
    threads = 4
    limit = 2000
    processes = started(tmp_path, limit, threads=threads, calls=10_000)
    told = 0
    for process in processes[:4]:
        for _ in range(15):
            told += output(process).readline().startswith(b"admitted")
        process.send_signal(signal.SIGKILL)
    assert len(instants(tmp_path)) < limit, "they died while actions were being admitted"
    # NOTE: communicate() would lose what readline() has read ahead.
    told += sum(output(process).read().count(b"admitted") for process in processes[:4])
    assert told > 0
    for process in processes[4:]:
        while b"action_rate_exceeded" not in output(process).readline():
            told += 1
        process.send_signal(signal.SIGKILL)
        told += output(process).read().count(b"admitted")
    for process in processes:
        process.communicate(timeout=60)
    kept = instants(tmp_path)
    assert len(kept) == limit
    assert limit - 4 * threads <= told <= limit
