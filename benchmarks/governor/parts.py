"""Measures what a sum for each user costs, beside one sum and beside another checkout.

    git worktree add /tmp/before REVISION
    python benchmarks/governor/parts.py --before /tmp/before --rounds 7

A pair is a durable reserve and its durable commit against session, day, month and a named budget.
Kinds: the checkout before; the same now; now with `per = ["user"]` on the named budget and 10,000
users who have spent, of whom each pair takes one at random; the same with 100,000. All kinds are
run in each round, in another order, each in a process of its own on a new store; ratios are those
of one round. The sums of the users are copied into the store from a real one beforehand.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any

HERE = Path(__file__).resolve().parents[2]
CONFIG = """
[cost]
enabled = true
session_limit_usd = 1000000
daily_limit_usd = 1000000
monthly_limit_usd = 1000000

[cost.prices.m]
input = 3
output = 15

[[cost.budgets]]
name = "each"
period = "day"
limit_usd = 1000
"""
CALLERS = (64, 1)
PAIRS = 1_024
ACTIVE = int(os.environ.get("ACTIVE", "10000"))
KINDS = {"before": 0, "one sum": 0, "10,000 parts": 10_000, "100,000 parts": 100_000}
COPY = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
INSERT INTO balance ({columns}) SELECT {values} FROM balance, number WHERE part = 'u0'
"""


def policy_in(folder: Path, *, has_parts: bool) -> Any:
    """Return the policy of the config, with parts where the checkout knows them."""
    from corvus import open_runtime

    config = folder / "corvus.toml"
    config.write_text(CONFIG)
    policy: Any = open_runtime([config], ledger=folder / "l.duckdb").policy
    if not has_parts:
        return policy
    *usual, named = policy.budgets
    return replace(policy, budgets=(*usual, replace(named, per=("user",))))


def pair(governor: Any, user: int, session: int) -> None:
    """Reserve and commit one call."""
    from corvus import Usage
    from corvus.base.money import NanoUSD
    from corvus.model.request import Request

    request = Request("m", NanoUSD(10_500_000), f"s{session}", "p", user=f"u{user}")
    decision = governor.reserve(request)
    assert decision.reservation is not None
    governor.commit(decision.reservation, Usage(input_tokens=900, output_tokens=100))


def child(folder: Path, parts: int, callers: int) -> None:
    """Do the pairs of one kind; print how many there were in a second, and their CPU time."""
    from corvus.governor.governor import Governor
    from corvus.store.sqlite import SqliteBackend
    from corvus.store.store import Store

    policy = policy_in(folder, has_parts=parts > 0)
    store = Store(SqliteBackend(folder / "store"))
    pair(Governor(policy, store), 0, 0)
    store.close()
    if parts:
        copy_sums(folder / "store", parts)
    store = Store(SqliteBackend(folder / "store"))
    governor = Governor(policy, store)

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(PAIRS // callers):
            pair(governor, chance.randrange(min(parts or ACTIVE, ACTIVE)), number)

    for number in range(callers):
        pair(governor, 0, number)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(callers)]
    started, worked = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    store.close()
    print(json.dumps([PAIRS / seconds, worked / PAIRS * 1e6]))


def copy_sums(path: Path, parts: int) -> None:
    """Give so many users the sum of one."""
    connection = sqlite3.connect(path)
    names = [row[1] for row in connection.execute("PRAGMA table_info(balance)")]
    values = ["'u' || n" if name == "part" else name for name in names]
    text = COPY.format(columns=", ".join(names), values=", ".join(values))
    connection.execute(text, (parts - 1,))
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def once(kind: str, callers: int, before: Path | None, base: Path) -> tuple[float, float]:
    """Run one kind in a process of its own; return pairs a second, and microseconds of CPU."""
    place = before if kind == "before" and before is not None else HERE
    folder = Path(tempfile.mkdtemp(dir=base))
    words = [sys.executable, __file__, "--child", str(folder), str(KINDS[kind]), str(callers)]
    environment = {**os.environ, "PYTHONPATH": str(place / "policy")}
    try:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        rate, cpu = json.loads(done.stdout)
        return rate, cpu
    finally:
        shutil.rmtree(folder)


def shown(ratios: list[float]) -> str:
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return f"{median(ratios):.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout; else it is left out")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    options = parser.parse_args()
    kinds = [kind for kind in KINDS if kind != "before" or options.before is not None]
    for callers in CALLERS:
        found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for _ in range(options.rounds):
            for kind in random.sample(kinds, len(kinds)):
                found[kind].append(once(kind, callers, options.before, options.folder))
        print(f"{callers} callers, {options.rounds} rounds")
        for kind in kinds:
            rates = [rate for rate, _ in found[kind]]
            line = f"  {kind:14} {median(rates):7,.0f} pairs/s, "
            line += f"{median(cpu for _, cpu in found[kind]):4.0f} us CPU a pair"
            for other in ("before", "one sum"):
                if other in found and other != kind:
                    pairs = zip(found[kind], found[other], strict=True)
                    line += f"; {shown([one[0] / two[0] for one, two in pairs])} of {other}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
