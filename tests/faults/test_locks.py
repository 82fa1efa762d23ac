"""Others who hold the store: callers are refused in time, and go on as soon as they let go."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from corvus.base.errors import StoreCorrupt, StoreUnavailable
from corvus.model.policy import Policy
from corvus.store.sqlite import SqliteBackend
from tests.faults import raw
from tests.faults.governed import CENT, ROOT, cents, config, governing, output, policy_of

HOLD_IT = """
import sys
from pathlib import Path
from corvus.store.sqlite import SqliteBackend
backend = SqliteBackend(Path(sys.argv[1]))
backend.begin()
print("held", flush=True)
sys.stdin.readline()
backend.roll_back()
print("free", flush=True)
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_of(config(tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.store"


@contextmanager
def stopped_in_a_transaction(path: Path) -> Generator[None]:
    """Start a process that holds the store, and stop it there."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_IT, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert output(holder).readline() == b"held\n"
    holder.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        holder.send_signal(signal.SIGCONT)
        holder.communicate(b"go\n", timeout=60)


def test_a_stranger_who_holds_sqlites_lock_is_told(path: Path, policy: Policy) -> None:
    with governing(policy, path) as governor:
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match=r"another program holds .*try again"):
                governor.reserve(cents(1))
            with pytest.raises(StoreUnavailable, match=r"another program holds .*try again"):
                SqliteBackend(path, busy_seconds=0.05).begin()
            stranger.execute("ROLLBACK")
        assert governor.reserve(cents(1)).allowed
    assert raw.findings(path, {}) == []


def test_a_stranger_who_holds_the_whole_file_is_told_on_opening(path: Path) -> None:
    SqliteBackend(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("PRAGMA locking_mode = EXCLUSIVE")
        stranger.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="another program holds"):
            SqliteBackend(path, busy_seconds=0.05)
    SqliteBackend(path, busy_seconds=0.05, open_seconds=1).close()


def test_a_lock_that_is_held_refuses_callers_in_time(path: Path, policy: Policy) -> None:
    with governing(policy, path, wait_seconds=0.2) as governor:
        with open(f"{path}.lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(StoreUnavailable, match=r"in use by others for all of 0\.2 s"):
                governor.reserve(cents(900))
        assert governor.reserve(cents(900)).allowed
    assert len(raw.RawStore(path).reservations) == 1


def test_a_stopped_process_that_holds_the_store_lets_nobody_wait_for_ever(
    path: Path, policy: Policy
) -> None:
    with governing(policy, path, wait_seconds=0.2) as governor:
        with stopped_in_a_transaction(path):
            with pytest.raises(StoreUnavailable, match="in use by others"):
                governor.reserve(cents(900))
            with pytest.raises(StoreUnavailable, match=r"another process held .*was stopped"):
                SqliteBackend(path, open_seconds=0.2)
        assert governor.reserve(cents(900)).allowed
    assert len(raw.RawStore(path).reservations) == 1


def test_opening_that_was_given_up_leaves_no_lock_behind(path: Path) -> None:
    SqliteBackend(path).close()
    with open(f"{path}.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="another process held"):
            SqliteBackend(path, open_seconds=0.1)
        fcntl.flock(lock, fcntl.LOCK_UN)
        for thread in threading.enumerate():
            if thread.name == "corvus-lock":
                thread.join(10)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_store_that_could_not_be_opened_leaves_no_file_open(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(StoreCorrupt, match="no store"):
            SqliteBackend(path)
    assert len(os.listdir("/proc/self/fd")) == len(before)


# The parent dies in a transaction; its child, forked before, lives on.
FORK_AND_DIE = """
import os, sys
from pathlib import Path
from corvus.store.sqlite import SqliteBackend
backend = SqliteBackend(Path(sys.argv[1]))
if os.fork() == 0:
    sys.stdin.readline()
    os._exit(0)
backend.begin()
print("held", flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_lock_dies_with_its_holder_though_a_forked_child_lives_on(
    path: Path, policy: Policy
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", FORK_AND_DIE, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.wait(timeout=60) == -signal.SIGKILL
    with governing(policy, path, wait_seconds=5) as governor:
        assert governor.reserve(cents(900)).allowed
    parent.communicate(b"go\n", timeout=60)
    assert raw.findings(path, {"day": 1000 * CENT}) == []
