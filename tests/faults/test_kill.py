"""Processes that are killed: what was acknowledged is there once, and no hold outlives its time."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus.base.errors import ReservationSettled
from corvus.model.steering import OverrideRequest
from tests.fakes import FrozenClock
from tests.faults import raw
from tests.faults.governed import (
    CENT,
    ROOT,
    cents,
    config,
    finish,
    governing,
    output,
    policy_of,
    start,
)

LIMIT = 500 * 100 * CENT


def killed_at_random(folder: Path, processes: int, seed: int) -> list[list[str]]:
    """Let processes work, kill each after a while of its own; return what they had told."""
    chance = random.Random(seed)
    task: dict[str, Any] = {
        "store": folder / "a.store",
        "config": folder / "corvus.toml",
        "threads": 8,
        "calls": 1_000_000,
        "cents": [1, 5],
        "commit": 0.5,
        "release": 0.4,
    }
    started = [start(task | {"seed": seed * 100 + number}) for number in range(processes)]
    for process in started:
        assert output(process).readline().startswith(b"ready")
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    chance.shuffle(started)
    told: list[list[str]] = []
    for process in started:
        time.sleep(chance.uniform(0.02, 0.3))
        process.send_signal(signal.SIGKILL)
    for process in started:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        told += [line.split() for line in out.decode().split("\n")[:-1]]
    return told


def show_nothing_is_lost(folder: Path, rounds: int, processes: int) -> None:
    path, policy = folder / "a.store", policy_of(config(folder, f"{LIMIT / 1e9:.2f}"))
    told: list[list[str]] = []
    for seed in range(rounds):
        told += killed_at_random(folder, processes, seed)
        assert raw.findings(path, {"day": LIMIT}) == []
    store = raw.RawStore(path)
    ids = [one["id"] for one in store.reservations]
    assert len(ids) == len(set(ids))
    states = store.states()
    costs = {row["reservation_id"]: row["cost_nano_usd"] for row in store.of("usage_record")}
    for kind, name, amount in told:
        if kind == "reserved":
            assert name in states
        elif kind in ("committed", "released"):
            assert states[name] == kind
            assert costs.get(name, 0) == int(amount)
    settled = [name for kind, name, _ in told if kind in ("committed", "released")]
    assert len(settled) == len(set(settled)) > 50
    held = [name for name, state in states.items() if state == "held"]
    assert held

    clock = FrozenClock(datetime.now(UTC) + timedelta(seconds=901))
    with governing(policy, path, clock) as governor:
        for _ in range(len(held) // 1000 + 1):
            governor.status("s0")
        assert governor.recount(write=False) == []
        late = governor.reservation(held[0])
        assert governor.commit(late, cost_nano_usd=late.hold_nano_usd).replaced
        with pytest.raises(ReservationSettled):
            governor.commit(late)
        assert governor.recount(write=False) == []
    after = raw.RawStore(path).states()
    expired = dict.fromkeys(held, "expired") | {held[0]: "committed"}
    assert after == states | expired
    assert raw.findings(path, {"day": LIMIT}) == []


def test_kill_9_loses_nothing_acknowledged_and_leaks_no_hold(tmp_path: Path) -> None:
    show_nothing_is_lost(tmp_path, rounds=2, processes=4)


@pytest.mark.nightly
def test_kill_9_a_hundred_times_loses_nothing_acknowledged(tmp_path: Path) -> None:
    show_nothing_is_lost(tmp_path, rounds=25, processes=4)


# Dies at the named point of the first transaction that writes after the governor was made.
DIE_AT = """
import os, sys
from pathlib import Path
from corvus.governor.governor import Governor
from corvus.model.steering import OverrideRequest, ResetRequest
from corvus.store import sqlite
from corvus.store.store import Store
from tests.faults.governed import cents, policy_of
config, path, operation, point = sys.argv[1:]
store = Store(sqlite.SqliteBackend(Path(path)))
governor = Governor(policy_of(Path(config)), store)
held = store.run(lambda unit: unit.held()[0])
write, commit = sqlite.write, sqlite.SqliteBackend.commit
def die_after(function):
    def call(*arguments):
        function(*arguments)
        os._exit(9)
    return call
if point == "before":
    sqlite.write = lambda *_: os._exit(9)
elif point == "written":
    sqlite.write = die_after(write)
else:
    sqlite.SqliteBackend.commit = die_after(commit)
{
    "reserve": lambda: governor.reserve(cents(5, idempotency_key="k")),
    "commit": lambda: governor.commit(held, settlement_key="k"),
    "release": lambda: governor.release(held, settlement_key="k"),
    "extend": lambda: governor.extend(held, ttl_seconds=2000, hold_usd=2),
    "override": lambda: governor.override(OverrideRequest("ana")),
    "reset": lambda: governor.reset(ResetRequest("day", "ana")),
}[operation]()
"""


@pytest.mark.parametrize(
    "operation", ["reserve", "commit", "release", "extend", "override", "reset"]
)
def test_a_crash_around_the_commit_leaves_all_or_nothing(tmp_path: Path, operation: str) -> None:
    """RES-1, RES-4: dead before the rows are written, before COMMIT, and after it."""
    path, config_path = tmp_path / "a.store", config(tmp_path)
    policy = policy_of(config_path)
    with governing(policy, path) as governor:
        settled = governor.reserve(cents(100)).reservation
        assert settled is not None
        governor.commit(settled)
        assert governor.reserve(cents(100)).allowed
    rows = {"": _rows(path)}
    for point in ("before", "written", "after"):
        run = [sys.executable, "-c", DIE_AT, str(config_path), str(path), operation, point]
        assert subprocess.run(run, cwd=ROOT, timeout=60, check=False).returncode == 9
        rows[point] = _rows(path)
        assert raw.findings(path, {"day": 1000 * CENT}) == []
    assert rows["before"] == rows["written"] == rows[""] != rows["after"]
    with governing(policy, path) as governor:
        if operation == "reserve":
            assert governor.reserve(cents(5, idempotency_key="k")).replayed
        elif operation in ("commit", "release"):
            name = next(one for one in raw.RawStore(path).states() if one != settled.id)
            again = getattr(governor, operation)
            assert again(governor.reservation(name), settlement_key="k").replayed


def _rows(path: Path) -> tuple[object, ...]:
    store = raw.RawStore(path)
    return store.reservations, store.balances, store.overrides, store.outbox, store.state


def test_an_override_survives_the_process_that_granted_it(tmp_path: Path) -> None:
    """OVR-2."""
    path, policy = tmp_path / "a.store", policy_of(config(tmp_path))
    with governing(policy, path) as governor:
        assert governor.reserve(cents(1000)).allowed
    run = [sys.executable, "-c", DIE_AT, str(tmp_path / "corvus.toml"), str(path)]
    subprocess.run([*run, "override", "after"], cwd=ROOT, timeout=60, check=False)
    with governing(policy, path) as governor:
        assert [governor.reserve(cents(1)).allowed for _ in range(2)] == [True, False]


def test_a_log_that_is_cut_anywhere_gives_a_state_that_once_was(tmp_path: Path) -> None:
    """A power cut may leave any beginning of the log."""
    path, policy = tmp_path / "a.store", policy_of(config(tmp_path))
    cut = tmp_path / "cut.store"
    acknowledged: list[str] = []
    with governing(policy, path) as governor:
        for number in range(12):
            reservation = governor.reserve(cents(1)).reservation
            assert reservation is not None
            acknowledged.append(reservation.id)
            if number % 3 == 0:
                governor.commit(reservation)
            if number % 5 == 0:
                governor.override(OverrideRequest("ana"))
        subprocess.run(["cp", path, cut], check=True)  # opening it here would drop SQLite's locks
        log = path.with_name("a.store-wal").read_bytes()
    chance = random.Random(7)
    lengths: set[int] = set()
    for size in (len(log), *(chance.randrange(len(log)) for _ in range(40))):
        each = tmp_path / f"cut{size}.store"
        shutil.copy(cut, each)
        each.with_name(f"{each.name}-wal").write_bytes(log[:size])
        with governing(policy, each) as governor:
            assert governor.recount(write=False) == []
            governor.reserve(cents(1))
        assert raw.findings(each, {"day": 1000 * CENT}) == []
        told = raw.RawStore(each).of("reservation_event")
        kept = [row["reservation_id"] for row in told if row["kind"] == "reserved"][:-1]
        assert kept == acknowledged[: len(kept)]
        lengths.add(len(kept))
    assert max(lengths) == 12
    assert len(lengths) > 3


def test_workers_that_end_by_themselves_leave_no_log_behind(tmp_path: Path) -> None:
    task: dict[str, Any] = {
        "store": tmp_path / "a.store",
        "config": config(tmp_path),
        "threads": 2,
        "calls": 5,
        "cents": [1, 1],
        "seed": 1,
    }
    process = start(task)
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    finish([process])
    assert sorted(each.name for each in tmp_path.glob("a.*")) == ["a.store", "a.store.lock"]
