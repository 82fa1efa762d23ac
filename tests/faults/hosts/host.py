"""A host: a process that asks for admission over one shared store, from many threads.

Before it goes on, it writes each fact that it was given to a file of its own, and waits until the
file has it. So what stands there was acknowledged, whatever happens to the host afterwards.

    asks ID AMOUNT       it is about to ask for a hold
    reserved ID AMOUNT   it was given one
    denied ID 0          a limit is reached
    refused ID 0         it was said that nothing was changed
    unknown ID 0         it was said that nobody knows
    committed ID COST    the cost is recorded
    released ID 0        nothing was spent
    pending ID COST      it was said that the settlement is kept, and not to repeat it
    wrong ID TEXT        anything else
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from corvus.base.errors import OutcomeUnknown, SettlementPending, StoreUnavailable
from corvus.base.ids import new_id
from corvus.base.money import NanoUSD
from corvus.base.postgres_address import PostgresAddress
from corvus.base.time import SystemClock
from corvus.governor.governor import Governor
from corvus.model.reservation import Reservation
from corvus.store.postgres.place import PostgresPlace
from corvus.store.store import Store
from tests.faults.governed import cents, policy_of


class WrongClock(SystemClock):
    """The clock of a machine that nobody sets."""

    def __init__(self, wrong_seconds: float) -> None:
        self._wrong = timedelta(seconds=wrong_seconds)

    def now(self) -> datetime:
        return super().now() + self._wrong


class Diary:
    """The file of what was acknowledged."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def write(self, *words: object) -> None:
        os.write(self._descriptor, (" ".join(map(str, words)) + "\n").encode())
        os.fdatasync(self._descriptor)


class Host:
    """Threads that reserve and settle until the time is over, or their calls are."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.diary = Diary(Path(task["diary"]))
        place = PostgresPlace(PostgresAddress.of(task["url"]), Path(task["beside"]))
        clock = WrongClock(task.get("wrong_clock", 0))
        self.store = Store(place.backend(), clock, wait_seconds=task.get("wait", 10))
        self.governor = Governor(policy_of(Path(task["config"])), self.store)
        self.until = float("inf")

    def work(self) -> None:
        if "seconds" in self.task:
            self.until = time.monotonic() + self.task["seconds"]
        threads = [
            threading.Thread(target=self._ask, args=(self.task["seed"] * 1000 + number,))
            for number in range(self.task["threads"])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.store.close()

    def _ask(self, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(self.task["calls"]):
            if time.monotonic() > self.until:
                return
            reservation = self._reserve(chance)
            if reservation is not None:
                self._settle(reservation, chance)

    def _reserve(self, chance: random.Random) -> Reservation | None:
        name = new_id(time.time_ns() // 1000)
        request = cents(chance.randint(*self.task["cents"]), f"s{chance.randrange(8)}")
        self.diary.write("asks", name, request.estimate_nano_usd)
        try:
            decision = self.governor.reserve(request, reservation_id=name)
        except OutcomeUnknown:
            self.diary.write("unknown", name, 0)
        except StoreUnavailable:
            self.diary.write("refused", name, 0)
            time.sleep(0.05)
        except Exception as fault:
            self.diary.write("wrong", name, repr(fault))
        else:
            if decision.reservation is not None:
                self.diary.write("reserved", name, decision.reservation.hold_nano_usd)
                return decision.reservation
            self.diary.write("denied", name, 0)
        return None

    def _settle(self, reservation: Reservation, chance: random.Random) -> None:
        fate, cost = chance.random(), NanoUSD(chance.randint(0, reservation.hold_nano_usd))
        try:
            if fate < self.task.get("commit", 0.6):
                self.governor.commit(reservation, cost_nano_usd=cost)
                self.diary.write("committed", reservation.id, cost)
            elif fate < self.task.get("commit", 0.6) + self.task.get("release", 0.2):
                cost = NanoUSD(0)
                self.governor.release(reservation)
                self.diary.write("released", reservation.id, 0)
        except SettlementPending:
            self.diary.write("pending", reservation.id, cost)
        except Exception as fault:
            self.diary.write("wrong", reservation.id, repr(fault))


def main() -> None:
    host = Host(json.loads(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    host.work()
    print("done", flush=True)


if __name__ == "__main__":
    main()
