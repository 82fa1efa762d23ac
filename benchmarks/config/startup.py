"""Start-up of ``corvus check`` as a ratio to a bare interpreter (bar: at most 3, PRF-1).

The commands run in turn, so that a busy machine slows both; the medians of the ratios are printed,
of elapsed time and of processor time. What is measured is the command as pip installs it, with
compiled modules: run it once before, and not with ``PYTHONDONTWRITEBYTECODE``.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CONFIG = """\
[cost]
enabled = true
daily_limit_usd = 20
[cost.prices."anthropic/claude-sonnet-4-5"]
input = 3
output = 15
[[cost.budgets]]
name = "search-team"
period = "month"
limit_usd = 50
[autonomy]
level = "supervised"
max_actions_per_hour = 20
"""


class Cost(NamedTuple):
    """Seconds of one run."""

    elapsed: float
    processor: float


def seconds(command: list[str]) -> Cost:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return Cost(elapsed, user + system)


def line(name: str, paths: list[str], rounds: int) -> str:
    check = [str(Path(sys.executable).with_name("corvus")), "check", *paths]
    bare = [sys.executable, "-c", "pass"]
    seconds(check)
    pairs = [(seconds(bare), seconds(check)) for _ in range(rounds)]
    elapsed = statistics.median(own.elapsed / floor.elapsed for floor, own in pairs)
    processor = statistics.median(own.processor / floor.processor for floor, own in pairs)
    return (
        f"{name}: {elapsed:.1f}x `python -c pass`, {processor:.1f}x its processor time "
        f"(median of {rounds} pairs)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corvus.toml"
        path.write_text(CONFIG, encoding="utf-8")
        print(line("one clean file", [str(path)], 21))
    print(line("the example of a team", ["examples/team/corvus.toml"], 21))
    print(line("a deprecated key", ["examples/first-light/legacy.toml"], 11))
    corpus = (ROOT / ".." / "shared" / "configs").resolve()
    if corpus.is_dir():
        count = len(list(corpus.glob("*.toml")))
        print(line(f"{count} real files", [str(corpus)], 5))
    else:
        print("the real files are not there: their run was left out")


if __name__ == "__main__":
    main()
