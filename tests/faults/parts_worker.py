"""A process in which many users call at once, and which says each fact once it was returned.

Its clock runs with the machine's, from the instant that stands in a file on: whoever writes there
another one moves the clocks of all processes. Holds are several times what calls then use.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.governor.governor import Governor
from corvus.model.budget import Budget, Measure
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.model.usage import Usage
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.faults.governed import policy_of

HOLD = 40
"""Of a call, in the unit of the budget; in calls it is one."""


class FileClock:
    """The machine's time, moved by the seconds that stand in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=int(self._file.read_text()))


def governed(config: Path, task: dict[str, Any]) -> Policy:
    """Return a policy with one budget, of which each user has an own sum."""
    measure = Measure(task["measure"])
    each = Budget(
        "each",
        Period(task["period"]),
        task["limit"],
        (50, 100),
        "cost.budgets",
        measure=measure,
        per=("user",),
        window_seconds=task["window_seconds"],
    )
    return replace(policy_of(config), budgets=(each,))


def call(governor: Governor, user: str, chance: random.Random) -> str:
    """Reserve and settle one call; return what became of it."""
    request = Request("m", NanoUSD(HOLD), "s", user=user, estimate_tokens=HOLD)
    decision = governor.reserve(request)
    if decision.reservation is None:
        return "denied"
    used = chance.randint(5, HOLD // 2)
    usage = Usage(input_tokens=used - 1, output_tokens=1)
    if chance.random() < 0.05:
        governor.release(decision.reservation)
        return "released"
    governor.commit(decision.reservation, usage, cost_nano_usd=NanoUSD(used))
    return "committed"


def main() -> None:
    task = json.loads(sys.argv[1])
    clock = FileClock(Path(task["clock"]))
    store = Store(SqliteBackend(Path(task["store"])), clock, trust_clock=True, wait_seconds=60)
    governor = Governor(governed(Path(task["config"]), task), store)

    def work(user: str, seed: int, calls: int) -> None:
        chance = random.Random(seed)
        for _ in range(calls):
            fate = call(governor, user, chance)
            os.write(1, f"{fate} {user} 1\n".encode())

    threads = [
        threading.Thread(target=work, args=(user, task["seed"] * 1_000 + number, calls))
        for user, calls in task["users"].items()
        for number in range(task["parallel"])
    ]
    os.write(1, b"ready 0 0\n")
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


if __name__ == "__main__":
    main()
