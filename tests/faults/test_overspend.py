"""No budget is overspent, whoever asks at the same time (RES-1); proved from the bare rows."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from corvus.model.steering import OverrideRequest
from tests.faults import raw
from tests.faults.governed import CENT, cents, config, finish, governing, output, policy_of, start


def hammer(folder: Path, processes: int, task: dict[str, Any]) -> list[list[str]]:
    """Let processes ask at once; return what they told."""
    task |= {"store": folder / "a.store", "config": folder / "corvus.toml"}
    started = [start(task | {"seed": number}) for number in range(processes)]
    for process in started:
        assert output(process).readline().startswith(b"ready")
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    return finish(started)


def show_no_overspend(folder: Path, processes: int, threads: int, calls: int) -> None:
    """Ask for about twice what the limit allows, and check every sum and every admission."""
    expected_cents = processes * threads * calls * 3
    limit = expected_cents // 4 * CENT
    path = folder / "a.store"
    config(folder, f"{limit / 1e9:.2f}")
    task: dict[str, Any] = {"threads": threads, "calls": calls, "cents": [1, 5]}
    told = hammer(folder, processes, task)
    kinds = [kind for kind, _, _ in told]
    assert kinds.count("reserved") + kinds.count("denied") == processes * threads * calls
    assert min(kinds.count("reserved"), kinds.count("denied")) > processes * threads
    assert raw.findings(path, {"day": limit}) == []
    states = raw.RawStore(path).states()
    settled = {name: kind for kind, name, _ in told if kind in ("committed", "released")}
    assert {name: states[name] for name in settled} == settled
    with governing(policy_of(folder / "corvus.toml"), path) as governor:
        assert governor.recount(write=False) == []


def test_threads_of_several_processes_never_overspend(tmp_path: Path) -> None:
    """STO-1, RES-1."""
    show_no_overspend(tmp_path, processes=4, threads=16, calls=125)


@pytest.mark.nightly
def test_four_processes_of_64_threads_never_overspend_in_100_000_calls(tmp_path: Path) -> None:
    show_no_overspend(tmp_path, processes=4, threads=64, calls=391)


def test_the_check_finds_the_overspend_of_check_then_insert(tmp_path: Path) -> None:
    """The control: the same rows, written by callers that look first and insert later."""
    path = tmp_path / "a.store"
    policy = policy_of(config(tmp_path))
    with governing(policy, path) as governor:
        assert governor.reserve(cents(900)).allowed
    looked = threading.Barrier(2)

    def look_then_insert(number: int) -> None:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            query = "SELECT held_nano_usd FROM balance WHERE budget_id = 2 AND session_id = ''"
            (held,) = connection.execute(query).fetchone()
            looked.wait()
            assert held + 80 * CENT <= 10 * 100 * CENT, "each of them sees room"
            connection.execute("BEGIN IMMEDIATE")
            name = f"racy{number}"
            connection.execute(
                "INSERT INTO reservation SELECT ?, NULL, state, ?, admitted_at_us, expires_at_us,"
                " NULL, dispatched, NULL, NULL, NULL, body, project, recorded, hold_tokens,"
                " answer_id, answer_mark"
                " FROM reservation LIMIT 1",
                (name, 80 * CENT),
            )
            connection.execute("UPDATE balance SET held_nano_usd = held_nano_usd + ?", (80 * CENT,))
            connection.execute(
                "INSERT INTO outbox SELECT (SELECT next_seq FROM store_state), ledger_table,"
                " json_set(row, '$.reservation_id', ?, '$.estimate_nano_usd', ?) FROM outbox"
                " WHERE row ->> 'kind' = 'reserved' LIMIT 1",
                (name, 80 * CENT),
            )
            connection.execute("UPDATE store_state SET next_seq = next_seq + 1")
            connection.execute("COMMIT")

    assert raw.findings(path, {"day": 1000 * CENT}) == []
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(look_then_insert, range(2)))
    assert raw.findings(path, {"day": 1000 * CENT}) == [
        f"overspend: {1060 * CENT} of {1000 * CENT} in day"
    ]


def test_the_check_finds_a_balance_that_is_a_nano_usd_off(tmp_path: Path) -> None:
    path = tmp_path / "a.store"
    with governing(policy_of(config(tmp_path)), path) as governor:
        decision = governor.reserve(cents(9))
        assert decision.reservation is not None
        governor.commit(decision.reservation)
    assert raw.findings(path, {}) == []
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE balance SET spent_nano_usd = spent_nano_usd + 1")
    assert len(raw.findings(path, {})) == 3  # of the session, the day and the month


def test_one_override_lets_exactly_one_of_20_threads_pass(tmp_path: Path) -> None:
    """OVR-3, in one process."""
    path = tmp_path / "a.store"
    with governing(policy_of(config(tmp_path)), path) as governor:
        assert governor.reserve(cents(1000)).allowed
        governor.override(OverrideRequest("ana"))
        with ThreadPoolExecutor(20) as pool:
            decisions = list(pool.map(governor.reserve, [cents(5)] * 20))
    assert sum(decision.allowed for decision in decisions) == 1
    assert raw.findings(path, {"day": 1000 * CENT}) == []


def test_one_override_lets_exactly_one_call_of_several_processes_pass(tmp_path: Path) -> None:
    """OVR-3, 20 callers in 4 processes."""
    path = tmp_path / "a.store"
    with governing(policy_of(config(tmp_path)), path) as governor:
        assert governor.reserve(cents(1000)).allowed
        governor.override(OverrideRequest("ana"))
    task: dict[str, Any] = {"threads": 5, "calls": 1, "cents": [5, 5], "commit": 0, "release": 0}
    told = hammer(tmp_path, 4, task)
    kinds = [kind for kind, _, _ in told]
    assert (kinds.count("reserved"), kinds.count("denied")) == (1, 19)
    assert raw.findings(path, {"day": 1000 * CENT}) == []
    (override,) = raw.RawStore(path).overrides
    assert override["state"] == "consumed"
