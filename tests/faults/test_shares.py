"""Processes that share a session at once: no share is more than what was left, and none is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from corvus import open_runtime
from corvus.base.money import nano_usd
from corvus.governor.governor import Governor
from corvus.model.steering import MissionOutcome, MissionRequest

CONFIG = """
[cost]
enabled = true
session_limit_usd = 10
daily_limit_usd = 0
monthly_limit_usd = 0
on_exceeded = []
"""
WORKER = """
import sys, time
from decimal import Decimal
from corvus import BudgetExceeded, open_runtime
from corvus.base.errors import SteeringRefused
from corvus.base.money import nano_usd

config, ledger, name = sys.argv[1:]
with open_runtime([config], ledger=ledger).governor() as governor:
    session = governor.session("s")
    for turn in range(8):
        try:
            with session.mission(f"{name}-{turn}", share="30%") as mission:
                print("begun", flush=True)
                time.sleep(60 if name == "sleeper" else 0)
                for _ in range(4):
                    with mission.call("claude-sonnet-4-5", estimate_usd=Decimal("0.3")) as call:
                        call.used(cost_nano_usd=nano_usd(Decimal("0.2")))
        except (BudgetExceeded, SteeringRefused):
            pass
        try:
            with session.call("claude-sonnet-4-5", estimate_usd=Decimal("0.5")) as call:
                call.used(cost_nano_usd=nano_usd(Decimal("0.1")))
        except BudgetExceeded:
            pass
"""


def start(folder: Path, name: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WORKER, str(folder / "c.toml"), str(folder / "l.duckdb"), name]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stands(governor: Governor) -> tuple[int, int]:
    """Return what of the session is spent, and what is held or kept free."""
    report = governor.status("s")
    (status,) = [one for one in report.decision.statuses if one.budget.name == "session"]
    assert status.projected <= nano_usd(10)
    return status.spent, status.held


def test_four_processes_never_share_more_than_there_is(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIG)
    runtime = open_runtime([tmp_path / "c.toml"], ledger=tmp_path / "l.duckdb")
    with ExitStack() as stack, runtime.governor() as governor:
        workers = [stack.enter_context(start(tmp_path, f"w{number}")) for number in range(4)]
        while any(worker.poll() is None for worker in workers):
            stands(governor)
            time.sleep(0.02)
        for worker in workers:
            assert worker.wait() == 0, worker.stderr and worker.stderr.read()
        spent, held = stands(governor)
        assert held == 0, "every mission has ended, so nothing is kept free"
        assert nano_usd(5) < spent <= nano_usd(10)


def test_a_mission_whose_process_was_killed_keeps_its_share_until_it_is_ended(
    tmp_path: Path,
) -> None:
    (tmp_path / "c.toml").write_text(CONFIG)
    with start(tmp_path, "sleeper") as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "begun\n"
        worker.send_signal(signal.SIGKILL)
    with open_runtime([tmp_path / "c.toml"], ledger=tmp_path / "l.duckdb").governor() as governor:
        call = governor.request("claude-sonnet-4-5", session_id="s", estimate_usd=8)
        assert not governor.reserve(call).allowed, "three of the ten are promised"
        resumed = governor.start_mission(MissionRequest("s", "sleeper-0", resume=True))
        assert resumed.limit_nano_usd == nano_usd(3), "another process may take it up"
        governor.end_mission("s", "sleeper-0", MissionOutcome.COMPLETED)
        assert governor.reserve(call).allowed
