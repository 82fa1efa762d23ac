"""A process that asks for admission from many threads, and tells each fact after it was returned.

A line is told with one write, so that lines of threads do not mix, and whole lines are what a
killed process has told.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from pathlib import Path
from typing import Any

from corvus.base.ids import new_id
from corvus.base.money import NanoUSD
from corvus.base.time import microseconds
from corvus.governor.governor import Governor
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.faults.governed import cents, policy_of


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def ask(governor: Governor, task: dict[str, Any], seed: int) -> None:
    """Reserve, and settle most of what was admitted."""
    chance = random.Random(seed)
    for _ in range(task["calls"]):
        estimate = chance.randint(*task["cents"])
        reservation_id = new_id(microseconds(governor.store.clock.now()))
        session = f"s{chance.randrange(8)}"
        decision = governor.reserve(cents(estimate, session), reservation_id=reservation_id)
        if decision.reservation is None:
            tell("denied", reservation_id, 0)
            continue
        tell("reserved", reservation_id, decision.reservation.hold_nano_usd)
        fate = chance.random()
        if fate < task.get("commit", 0.6):
            cost = NanoUSD(chance.randint(0, decision.reservation.hold_nano_usd))
            governor.commit(decision.reservation, cost_nano_usd=cost)
            tell("committed", reservation_id, cost)
        elif fate < task.get("commit", 0.6) + task.get("release", 0.2):
            governor.release(decision.reservation)
            tell("released", reservation_id, 0)


def main() -> None:
    task = json.loads(sys.argv[1])
    store = Store(SqliteBackend(Path(task["store"])), wait_seconds=task.get("wait", 60))
    governor = Governor(policy_of(Path(task["config"])), store)
    threads = [
        threading.Thread(target=ask, args=(governor, task, task["seed"] * 1000 + number))
        for number in range(task["threads"])
    ]
    tell("ready", 0, 0)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


if __name__ == "__main__":
    main()
