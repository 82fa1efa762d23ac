"""Start-up of ``corvus check`` as a ratio to a bare interpreter (bar: at most 12, PRF-1).

Both commands run in turn, so that a busy machine slows both; the median of the ratios is printed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def ratio(check: list[str], rounds: int) -> tuple[float, float, float]:
    """Return the median ratio, and the median seconds of the bare interpreter and of the check."""
    bare = [sys.executable, "-c", "pass"]
    pairs = [(seconds(bare), seconds(check)) for _ in range(rounds)]
    floor, checked = (statistics.median(column) for column in zip(*pairs, strict=True))
    return statistics.median(after / before for before, after in pairs), floor, checked


def line(name: str, paths: list[str], rounds: int) -> str:
    check = [sys.executable, "-m", "corvus", "check", *paths]
    seconds(check)
    middle, floor, checked = ratio(check, rounds)
    return (
        f"{name}: {middle:.1f}x `python -c pass` "
        f"({checked * 1000:.0f} ms to {floor * 1000:.0f} ms, median of {rounds} pairs)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corvus.toml"
        path.write_text(CONFIG, encoding="utf-8")
        print(line("corvus check, one clean file", [str(path)], 21))
    corpus = (ROOT / ".." / "shared" / "configs").resolve()
    if corpus.is_dir():
        count = len(list(corpus.glob("*.toml")))
        print(line(f"corvus check, {count} real files (bar: 2 s)", [str(corpus)], 5))
    else:
        print("the real files are not there: their run was left out")


if __name__ == "__main__":
    main()
