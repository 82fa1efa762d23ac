"""``corvus statusline`` as a ratio to a bare interpreter (bar: at most 3, CLI-7).

The commands run in turn, so that a busy machine slows both; the medians of the ratios are printed,
of elapsed time and of processor time, and what the line was. The folder has a config with three
budgets and a store with a call of today; the card is there, as after the first line of a session.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from corvus import Usage, open_runtime
from corvus.base.money import NanoUSD
from corvus.model.request import Request

CONFIG = """\
[cost]
enabled = true
session_limit_usd = 2
daily_limit_usd = 5
monthly_limit_usd = 40
"""
ROUNDS = 40
BAR = 3.0


class Cost(NamedTuple):
    elapsed: float
    processor: float


def seconds(command: list[str], environment: dict[str, str], said: bytes) -> tuple[Cost, bytes]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=True, input=said, stdout=subprocess.PIPE, env=environment)
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(elapsed, used), done.stdout


def spend(folder: Path) -> None:
    runtime = open_runtime([folder / "corvus.toml"])
    with runtime.governor() as governor:
        decision = governor.reserve(Request("m", NanoUSD(10**9), "s"))
        assert decision.reservation is not None, decision
        governor.commit(decision.reservation, Usage(1, 1), cost_nano_usd=NanoUSD(420_000_000))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corvus.toml").write_text(CONFIG)
        kept = {"PATH": os.environ["PATH"], "HOME": name, "NO_COLOR": "1"}
        os.environ["HOME"] = name
        spend(folder)
        command = [str(Path(sys.executable).with_name("corvus")), "statusline"]
        bare = [sys.executable, "-c", "pass"]
        subprocess.run([*command, "--refresh", name], check=True, env=kept)
        said = json.dumps(
            {
                "session_id": "s",
                "cost": {"total_cost_usd": 0.4},
                "workspace": {"current_dir": name},
                "model": {"display_name": "Sonnet"},
            }
        ).encode()
        _, shown = seconds(command, kept, said)
        rounds = [
            (seconds(bare, kept, b"")[0], seconds(command, kept, said)[0]) for _ in range(ROUNDS)
        ]
        elapsed = statistics.median(own.elapsed / floor.elapsed for floor, own in rounds)
        processor = statistics.median(own.processor / floor.processor for floor, own in rounds)
        floor = statistics.median(one.processor for one, _ in rounds) * 1000
        print(shown.decode().strip())
        print(
            f"statusline: {elapsed:.2f}x `python -c pass` elapsed, {processor:.2f}x processor time "
            f"(bare: {floor:.0f} ms of processor time)"
        )
        if processor > BAR:
            raise SystemExit(f"more than {BAR} bare starts")


if __name__ == "__main__":
    main()
