"""``corvus today`` on 100 MB of logs, cold and warm, next to ``ccusage daily`` on the same files.

    npm install --prefix /tmp/cc ccusage
    python benchmarks/everyday/today.py --ccusage /tmp/cc/node_modules/.bin/ccusage

The logs are invented (``benchmarks/import/make_claude_log.py``). Cold is without a ledger, so that
every line is read and recorded; warm is the same command again; grown is after one session has got
a hundred new lines. ccusage keeps nothing, so it reads every line each time. All run in turn; the
medians are printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
MAKE = ROOT / "benchmarks" / "import" / "make_claude_log.py"
LINES_OF_100_MB = 156_000


class Cost(NamedTuple):
    """Seconds of one run."""

    elapsed: float
    processor: float


def seconds(command: list[str], environment: dict[str, str]) -> Cost:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(elapsed, used)


def main() -> None:
    parser = argparse.ArgumentParser(description="how fast the day is there")
    parser.add_argument("--ccusage", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=LINES_OF_100_MB)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        logs = home / ".claude" / "projects" / "-home-dev"
        make = [sys.executable, str(MAKE), "--out", str(logs), "--sessions", "40"]
        subprocess.run([*make, "--lines", str(options.lines)], check=True, stdout=subprocess.PIPE)
        files = [*logs.glob("*.jsonl")]
        size = sum(one.stat().st_size for one in files)
        week_ago = time.time() - 7 * 86_400
        for one in files:
            os.utime(one, (week_ago, week_ago))
        environment = {"PATH": os.environ["PATH"], "HOME": name, "TZ": "UTC"}
        today = [str(Path(sys.executable).with_name("corvus")), "today"]
        found: dict[str, list[Cost]] = {"cold": [], "warm": [], "grown": [], "ccusage": []}
        for _ in range(options.rounds):
            shutil.rmtree(home / ".local", ignore_errors=True)
            found["cold"].append(seconds(today, environment))
            found["warm"].append(seconds(today, environment))
            grow(files[0])
            found["grown"].append(seconds(today, environment))
            if options.ccusage is not None:
                command = [str(options.ccusage), "daily", "--offline", "--json"]
                found["ccusage"].append(seconds(command, environment))
        print(f"{size / 1e6:.0f} MB in {len(files)} files, load {os.getloadavg()[0]:.0f}")
        for what, times in found.items():
            if times:
                elapsed = statistics.median(one.elapsed for one in times)
                processor = statistics.median(one.processor for one in times)
                print(f"{what}: {elapsed:.2f} s, {processor:.2f} s of processor time")


def grow(log: Path) -> None:
    """Append new calls to a log: lines of its end under new ids."""
    lines = log.read_text(encoding="utf-8").splitlines()[-101:-1]
    mark = str(time.time_ns())
    with log.open("a", encoding="utf-8") as file:
        file.write("\n")
        for line in lines:
            file.write(line.replace('"id":"msg_', f'"id":"msg_{mark}') + "\n")


if __name__ == "__main__":
    main()
