"""Measures what a shadow policy adds to an admission (PLN-2).

    python benchmarks/governor/shadow.py --rounds 15

An admission is a durable reserve against session, day, month and a named budget, by one caller; its
commit is not timed. Kinds: no shadow; a shadow with the same budgets and other limits, which has
room for every call; the same that refuses every call; and one with a budget more, which the policy
in force has not. All kinds are run in each round, in another order, each on a store of its own;
ratios are those of one round, of CPU time.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

CONFIG = """
[cost]
enabled = true
on_exceeded = []
session_limit_usd = {limit}
daily_limit_usd = {limit}
monthly_limit_usd = {limit}

[cost.prices.m]
input = 3
output = 15

[[cost.budgets]]
name = "models"
period = "day"
match = {{ model = "m*" }}
limit_usd = {limit}
"""
MORE = """
[[cost.budgets]]
name = "each-hour"
window = "1h"
per = ["user"]
limit_usd = {limit}
"""
WIDE, WIDER, TIGHT = 1_000_000, 2_000_000, "0.001"
KINDS: dict[str, str | None] = {
    "no shadow": None,
    "fits": CONFIG.format(limit=WIDER),
    "refuses": CONFIG.format(limit=TIGHT),
    "a budget more": (CONFIG + MORE).format(limit=WIDER),
}
ADMISSIONS = 400


class Side:
    """A governor of one kind, over a store of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        from corvus import open_runtime
        from corvus.governor.governor import Governor
        from corvus.store.sqlite import SqliteBackend
        from corvus.store.store import Store

        folder.mkdir()

        def policy(text: str, name: str) -> Any:
            (folder / name).write_text(text)
            return open_runtime([folder / name], ledger=folder / "l.duckdb").policy

        text = KINDS[kind]
        shadow = None if text is None else policy(text, "next.toml")
        self.store = Store(SqliteBackend(folder / "store"))
        own = policy(CONFIG.format(limit=WIDE), "corvus.toml")
        self.governor = Governor(own, self.store, shadow=shadow)
        self.number = 0

    def round(self) -> float:
        """Admit calls; return the CPU time of each, microseconds."""
        from corvus import Usage
        from corvus.base.money import NanoUSD
        from corvus.model.request import Request

        spent = 0.0
        for _ in range(ADMISSIONS):
            self.number += 1
            request = Request(
                "m", NanoUSD(10_500_000), f"s{self.number % 64}", "p", user=f"u{self.number % 20}"
            )
            before = time.process_time()
            decision = self.governor.reserve(request)
            spent += time.process_time() - before
            assert decision.reservation is not None
            usage = Usage(input_tokens=900, output_tokens=100)
            self.governor.commit(decision.reservation, usage)
        return spent / ADMISSIONS * 1e6


def main() -> None:
    """Run all kinds, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    base = Path(tempfile.mkdtemp(prefix="corvus-shadow-"))
    try:
        sides = {kind: Side(kind, base / str(number)) for number, kind in enumerate(KINDS)}
        for side in sides.values():
            side.round()
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        ratios: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            once = {kind: sides[kind].round() for kind in random.sample([*KINDS], len(KINDS))}
            for kind, cpu in once.items():
                found[kind].append(cpu)
                ratios[kind].append(cpu / once["no shadow"])
        for kind in KINDS:
            print(
                f"{kind:<16}{median(found[kind]):8.1f} us CPU an admission"
                f"{median(ratios[kind]):8.3f} beside no shadow"
            )
        for side in sides.values():
            side.store.close()
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
