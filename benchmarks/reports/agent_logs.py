"""Measures the import of Claude Code logs beside ccusage and tokscale on the same files.

In turn, in fresh processes: `corvus usage import` into an empty ledger, `ccusage daily`, and
`tokscale models`, the peers without any cache of theirs; then each once more with nothing new, and
once more after one of the files has grown by a few messages. Figures are medians. Then the tokens
and the cost of each model as the three tell them, of the same files.

The peers are npm packages, installed into a folder that `--peers` names; with `--install` npm does
so. They see the folder of logs as their home, and no network is used.

    python benchmarks/reports/agent_logs.py /tmp/logs --peers /tmp/peers --install
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

CORVUS = str(Path(sys.executable).with_name("corvus"))
PACKAGES = "ccusage@20.0.24", "@tokscale/cli-linux-x64-gnu@4.17.0"
PROJECT = ".claude/projects/-home-dev-harbour"
GROWTH = 20
"""Messages by which a file grows."""
SUMS = """
SELECT requested_model AS model, SUM(calls) AS calls, SUM(input_tokens) AS input,
    SUM(output_tokens) AS output, SUM(cache_read_tokens) AS cache_read,
    SUM(cache_write_5m_tokens + cache_write_1h_tokens) AS cache_write,
    SUM(cost_nano_usd) / 1e9 AS usd
FROM usage_record GROUP BY ALL ORDER BY ALL
"""
KINDS = "input", "output", "cache_read", "cache_write"


def make(home: Path, lines: int) -> int:
    """Write the logs if they are not there; return their size in bytes."""
    folder = home / PROJECT
    if not folder.exists():
        made = runpy.run_path(str(Path(__file__).parents[1] / "import" / "make_claude_log.py"))
        made["write"](folder, lines=lines, sessions=40, seed=20261116, text_chars=300)
    return sum(path.stat().st_size for path in folder.rglob("*.jsonl"))


def forget_caches(home: Path) -> None:
    """Remove all that a peer has left in its home."""
    for entry in home.iterdir():
        if entry.name != ".claude":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def grow(home: Path, number: int) -> None:
    """Append messages that are new to one of the files, copies of its last one but for the id."""
    path = min((home / PROJECT).glob("*.jsonl"))
    lines = path.read_text().splitlines()
    last = next(
        entry
        for entry in map(json.loads, reversed(lines))
        if entry["type"] == "assistant" and entry["message"]["model"].startswith("claude")
    )
    with path.open("a") as log:
        for place in range(GROWTH):
            last["message"]["id"] = f"msg_01GROWN{number:06}x{place:010}"
            last["requestId"] = f"req_011GROWN{number:06}x{place:08}"
            last["uuid"] = f"{number:08x}-0000-4000-8000-{place:012x}"
            log.write(json.dumps(last, separators=(",", ":")) + "\n")


def seconds(words: Sequence[str], home: Path | None = None) -> tuple[dict[str, float], str]:
    """Run a program; return its seconds, CPU seconds and peak memory, and what it printed."""
    environment = os.environ | ({"HOME": str(home), "XDG_CACHE_HOME": ""} if home else {})
    if home:
        environment = {name: one for name, one in environment.items() if one}
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        child = subprocess.Popen(words, stdout=out, stderr=subprocess.DEVNULL, env=environment)
        _, status, used = os.wait4(child.pid, 0)
        taken = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if child.returncode:
            raise SystemExit(f"{' '.join(words)}: {child.returncode}")
        cpu, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        return {"s": taken, "cpu": cpu, "MB": megabytes}, out.read().decode()


class Three:
    """Corvus and its two peers on one home.

    Args:
        home: The folder that holds ``.claude``.
        peers: The folder with ``node_modules``.
        ledger: The ledger to import into.
    """

    def __init__(self, home: Path, peers: Path, ledger: Path) -> None:
        modules = peers / "node_modules"
        ccusage = modules / "@ccusage" / "ccusage-linux-x64" / "bin" / "ccusage"
        tokscale = modules / "@tokscale" / "cli-linux-x64-gnu" / "bin" / "tokscale"
        self.home, self.ledger = home, ledger
        logs = str(home / ".claude" / "projects")
        self.words = {
            "corvus": [CORVUS, "usage", "import", logs, "--ledger", str(ledger)],
            "ccusage": [str(ccusage), "claude", "daily", "--json", "--breakdown", "--offline"],
            "tokscale": [str(tokscale), "models", "--json", "--light", "--no-spinner"],
        }
        self.words["tokscale"] += ["--home", str(home)]

    def run(self, name: str) -> tuple[dict[str, float], str]:
        return seconds(self.words[name], None if name == "corvus" else self.home)

    def forget(self) -> None:
        forget_caches(self.home)
        for left in self.ledger.parent.glob(f"{self.ledger.name}*"):
            left.unlink() if left.is_file() else shutil.rmtree(left)


def measure(three: Three, rounds: int) -> None:
    taken: dict[tuple[str, str], list[dict[str, float]]] = {}
    number = int(time.time())
    for _ in range(rounds):
        three.forget()
        for when in ("cold", "nothing new", "grown"):
            if when == "grown":
                number += 1
                grow(three.home, number % 1_000_000)
            for name in three.words:
                taken.setdefault((name, when), []).append(three.run(name)[0])
    print("| | cold, s | CPU s | MB | nothing new, s | of its cold | grown, s | of its cold |")
    print("|---|---|---|---|---|---|---|---|")
    for name in three.words:

        def middle(when: str, what: str = "s", name: str = name) -> float:
            return median(one[what] for one in taken[name, when])

        cold, nothing, grown = middle("cold"), middle("nothing new"), middle("grown")
        print(
            f"| {name} | {cold:.2f} | {middle('cold', 'cpu'):.2f} | {middle('cold', 'MB'):.0f} | "
            f"{nothing:.2f} | 1/{cold / nothing:.1f} | {grown:.2f} | 1/{cold / grown:.1f} |"
        )


def of_corvus(ledger: Path) -> dict[str, dict[str, Any]]:
    from corvus.ledger.ledger import open_ledger

    with open_ledger(ledger) as opened:
        result = opened.connection.execute(SUMS)
        names = [name for name, *_ in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return {plain(row.pop("model")): row for row in rows}


def plain(model: str) -> str:
    """Return a model without its date, as tokscale names it."""
    name, _, last = model.rpartition("-")
    return name if len(last) == 8 and last.isdigit() else model


def of_ccusage(said: str) -> dict[str, dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    keys = "inputTokens", "outputTokens", "cacheReadTokens", "cacheCreationTokens"
    for day in json.loads(said)["daily"]:
        for one in day["modelBreakdowns"]:
            row = sums.setdefault(plain(one["modelName"]), dict.fromkeys((*KINDS, "usd"), 0))
            for kind, key in zip((*KINDS, "usd"), (*keys, "cost"), strict=True):
                row[kind] += one[key]
    return sums


def of_tokscale(said: str) -> dict[str, dict[str, Any]]:
    keys = "input", "output", "cacheRead", "cacheWrite", "cost"
    sums: dict[str, dict[str, Any]] = {}
    for one in json.loads(said)["entries"]:
        row = sums.setdefault(one["model"], dict.fromkeys((*KINDS, "usd"), 0))
        for kind, key in zip((*KINDS, "usd"), keys, strict=True):
            row[kind] += one[key]
    return sums


def compare(three: Three) -> None:
    told = {
        "corvus": of_corvus(three.ledger),
        "ccusage": of_ccusage(three.run("ccusage")[1]),
        "tokscale": of_tokscale(three.run("tokscale")[1]),
    }
    print("\n| model | | input | output | cache read | cache write | USD |")
    print("|---|---|---|---|---|---|---|")
    for model in sorted({model for sums in told.values() for model in sums}):
        for name, sums in told.items():
            if row := sums.get(model):
                counts = " | ".join(f"{row[kind]:,.0f}" for kind in KINDS)
                usd = "unknown" if row["usd"] is None else f"{row['usd']:,.6f}"
                print(f"| {model} | {name} | {counts} | {usd} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("home", type=Path, help="folder for the logs; they are made if missing")
    parser.add_argument("--peers", type=Path, required=True, help="folder with node_modules")
    parser.add_argument("--install", action="store_true", help="let npm install the peers there")
    parser.add_argument("--lines", type=int, default=480_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if wanted.install:
        wanted.peers.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", *PACKAGES], cwd=wanted.peers, check=True)
        # Its first start by way of node makes the program of ccusage executable.
        start = ["node", "node_modules/ccusage/src/cli.js", "--version"]
        subprocess.run(start, cwd=wanted.peers, check=True)
    size = make(wanted.home, wanted.lines)
    print(f"{size / 1e6:,.0f} MB of logs\n")
    with tempfile.TemporaryDirectory() as folder:
        three = Three(wanted.home, wanted.peers, Path(folder) / "ledger.duckdb")
        measure(three, wanted.rounds)
        compare(three)


if __name__ == "__main__":
    main()
