"""A policy, a governor on a file, and worker processes, for the tests of faults."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from corvus import open_runtime
from corvus.base.money import NanoUSD
from corvus.base.time import Clock
from corvus.governor.governor import Governor
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store

ROOT = Path(__file__).parents[2]
CENT = 10_000_000
CONFIG = """
[cost]
enabled = true
allow_override = true
wait_seconds = 0
daily_limit_usd = {day}
monthly_limit_usd = 0
"""


def config(folder: Path, day: str = "10", more: str = "") -> Path:
    """Write a config with one binding limit, USD a day, and more of ``[cost]``."""
    path = folder / "corvus.toml"
    path.write_text(CONFIG.format(day=day) + more)
    return path


def policy_of(path: Path) -> Policy:
    return open_runtime([path], ledger=path.parent / "unused.duckdb").policy


@contextmanager
def governing(
    policy: Policy, path: Path, clock: Clock | None = None, **options: Any
) -> Generator[Governor]:
    """Open a governor on a store file for a moment."""
    store = Store(SqliteBackend(path, busy_seconds=0.2, open_seconds=2), clock, **options)
    try:
        yield Governor(policy, store)
    finally:
        store.close()


def cents(amount: int, session: str = "s", **options: Any) -> Request:
    return Request("m", NanoUSD(amount * CENT), session, **options)


def start(task: dict[str, Any], module: str = "tests.faults.worker") -> subprocess.Popen[bytes]:
    """Start a process that does a task, and tells each fact on its standard output."""
    return subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(task, default=str)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None, "started with a pipe"
    return process.stdout


def finish(processes: Sequence[subprocess.Popen[bytes]]) -> list[list[str]]:
    """Wait for processes that end by themselves; return the words of each line they told."""
    told: list[list[str]] = []
    for process in processes:
        out, _ = process.communicate(timeout=540)
        assert process.returncode == 0
        told += [line.split() for line in out.decode().splitlines()]
    return told


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what another thread does; fails after so long."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
