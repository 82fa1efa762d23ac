"""A process that asks for actions from several threads, and tells each answer after it was given.

A line is told with one write, so that whole lines are what a killed process has told.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from corvus.autonomy.decide import Action
from corvus.governor import actions
from corvus.model.policy import Policy
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.faults.governed import policy_of
from tests.faults.worker import tell


def ask(store: Store, policy: Policy, task: dict[str, Any]) -> None:
    step = actions.step(policy, Action("ls"), "ana")
    for _ in range(task["calls"]):
        answer = store.run(step)
        tell("admitted" if answer.is_counted else answer.code, answer.admitted)


def main() -> None:
    task: dict[str, Any] = json.loads(sys.argv[1])
    store = Store(SqliteBackend(Path(task["store"])), wait_seconds=120)
    policy = policy_of(Path(task["config"]))
    tell("ready", 0)
    sys.stdin.readline()
    threads = [
        threading.Thread(target=ask, args=(store, policy, task)) for _ in range(task["threads"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


if __name__ == "__main__":
    main()
