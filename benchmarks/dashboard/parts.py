"""Measures the pages and the API of a budget of which 100,000 users have a sum each.

    python benchmarks/dashboard/parts.py [--parts 10000]

The gateway is a process of its own. Each answer is timed from the request to the last byte, in
turn; printed are median and worst of the rounds, and the CPU that the gateway used for one answer.
The sums are copied from a real one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx2

from corvus import Usage, open_runtime

CONFIG = """
[cost]
enabled = true
prices.m = { input = 3, output = 15 }

[[cost.budgets]]
name = "each"
per = ["user"]
period = "day"
limit_usd = 1
"""
COPY = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
INSERT INTO balance ({columns}) SELECT {values} FROM balance, number WHERE part = 'u0'
"""
PAGES = (
    "/dashboard",
    "/dashboard/parts?budget=each",
    "/dashboard/parts?budget=each&search=999&order=left",
    "/dashboard/parts?budget=each&page=1000",
    "/web/cost/budgets?budget=each&limit=100",
    "/web/cost/summary",
    "/metrics",
)


def fill(config: Path, ledger: Path, parts: int) -> str:
    """Make one call, copy its sum, and return an admin's token."""
    runtime = open_runtime([config], ledger=ledger)
    with (
        runtime.governor() as governor,
        governor.call("m", session_id="s", user="u0", max_output_tokens=100) as call,
    ):
        call.used(Usage(input_tokens=900, output_tokens=100))
    connection = sqlite3.connect(runtime.bookkeeping.place.name)
    names = [row[1] for row in connection.execute("PRAGMA table_info(balance)")]
    changed = {"part": "'u' || n", "spent_nano_usd": "n * 7919 % 1000000000"}
    values = ", ".join(changed.get(name, name) for name in names)
    connection.execute(COPY.format(columns=", ".join(names), values=values), (parts - 1,))
    connection.commit()
    connection.close()
    words = [sys.executable, "-m", "corvus", "token", "create", "admin", "--scope", "admin"]
    words += ["--format", "json", "--config", str(config), "--ledger", str(ledger)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["token"]


def cpu_seconds(pid: int) -> float:
    """Return the CPU of a process so far, to a hundredth of a second."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:13])) / os.sysconf("SC_CLK_TCK")


def measure(url: str, token: str, rounds: int, pid: int) -> None:
    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        client.post("/dashboard/login", data={"token": token}, headers={"origin": url})
        took: dict[str, list[float]] = {page: [] for page in PAGES}
        used = dict.fromkeys(PAGES, 0.0)
        for _ in range(rounds + 1):
            for page in PAGES:
                is_page = page.startswith("/dashboard")
                headers = {} if is_page else {"authorization": f"Bearer {token}"}
                started, before = time.perf_counter(), cpu_seconds(pid)
                answer = client.get(page, headers=headers)
                took[page].append(time.perf_counter() - started)
                used[page] += cpu_seconds(pid) - before
                assert answer.status_code == 200, (page, answer.status_code)
    for page, (_, *seconds) in took.items():
        print(
            f"{page:55} {median(seconds) * 1e3:6.0f} ms, worst {max(seconds) * 1e3:6.0f} ms, "
            f"CPU {used[page] / (rounds + 1) * 1e3:6.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
    config, ledger, log = folder / "corvus.toml", folder / "l.duckdb", folder / "log"
    config.write_text(CONFIG)
    token = fill(config, ledger, options.parts)
    words = [sys.executable, "-m", "corvus", "gateway", "--port", "0"]
    words += ["--config", str(config), "--ledger", str(ledger)]
    with log.open("w") as stderr:
        process = subprocess.Popen(words, stderr=stderr)
    try:
        while not (found := re.search(r"listening on (\S+)\n", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        measure(found[1], token, options.rounds, process.pid)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
