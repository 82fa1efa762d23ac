"""Measures durable reserve + commit pairs, beside the floor and beside raw SQLite.

Floor: append 256 bytes and `fdatasync`. Raw: the same rows written with the same statements by one
writer thread that shares transactions among the callers who wait, so without any rule; it writes a
balance once in a transaction, as the store does. Every figure is the median of rounds, in each of
which the kinds come in another order, so that a busy moment of the machine hits all of them. Rows
are counted by SQLite itself, to show that both write the same.

    python benchmarks/governor/pairs.py [--folder DIR on a real disk]
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
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from typing import Any, NamedTuple

from corvus import Governor, Usage, open_runtime
from corvus.base.ids import new_id
from corvus.base.money import NanoUSD
from corvus.model.request import Request
from corvus.store import statements
from corvus.store.api import StoreState
from corvus.store.kinds import BALANCE, OUTBOX, RESERVATION, STATE
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store

CONFIG = """
[cost]
enabled = true
session_limit_usd = 1000000
daily_limit_usd = 1000000
monthly_limit_usd = 1000000

[mission]
enabled = true
max_estimated_cost_cents = 100000000
max_runtime_ms = 0

[cost.prices.m]
input = 3
output = 15
"""
CALLERS = (1, 8, 64)
PAIRS = 4_000
USED = Usage(input_tokens=900, output_tokens=100)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def floor(folder: Path) -> dict[str, float]:
    descriptor = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    took: list[float] = []
    for _ in range(500):
        started = time.perf_counter()
        os.write(descriptor, b"x" * 256)
        os.fdatasync(descriptor)
        took.append(time.perf_counter() - started)
    os.close(descriptor)
    return {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99)}


def by_threads(callers: int, pair: Callable[[int], float]) -> dict[str, float]:
    """Run pairs from so many threads; ``pair`` returns the seconds its reserve took."""
    took: list[list[float]] = [[] for _ in range(callers)]

    def work(number: int) -> None:
        for _ in range(PAIRS // callers):
            took[number].append(pair(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(callers)]
    started, worked = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    flat = [one for some in took for one in some]
    return {
        "pairs/s": len(flat) / seconds,
        "cpu": worked / len(flat),
        "p50": percentile(flat, 0.5),
        "p99": percentile(flat, 0.99),
    }


def governor_in(folder: Path, store: Store) -> Governor:
    config = folder / "corvus.toml"
    if not config.exists():  # another process may be reading it
        config.write_text(CONFIG)
    return Governor(open_runtime([config]).policy, store)


def pair_of(governor: Governor) -> Callable[[int], float]:
    def pair(number: int) -> float:
        request = Request(
            "m", NanoUSD(10_500_000), f"session-{number}", "p", mission_id=f"mission-{number}"
        )
        started = time.perf_counter()
        decision = governor.reserve(request)
        took = time.perf_counter() - started
        assert decision.reservation is not None
        governor.commit(decision.reservation, USED)
        return took

    return pair


def ours(folder: Path, callers: int) -> dict[str, float]:
    backend = SqliteBackend(folder / "store")
    store = Store(backend)
    pair = pair_of(governor_in(folder, store))
    for number in range(callers):
        pair(number)
    connection: sqlite3.Connection = getattr(backend, "_connection")  # noqa: B009 - to count rows
    before = connection.total_changes
    found = by_threads(callers, pair)
    found["rows"] = connection.total_changes - before
    store.close()
    return found


def in_memory(folder: Path) -> dict[str, float]:
    store = Store(MemoryBackend())
    found = by_threads(1, pair_of(governor_in(folder, store)))
    store.close()
    return found


BATCH = 256
"""Most calls in one transaction, as in the store."""


class Job(NamedTuple):
    is_reserve: bool
    number: int
    name: str
    done: threading.Lock


class Templates(NamedTuple):
    """What one real pair writes: a row of ``reservation``, new and settled, and its events."""

    reservation: tuple[tuple[Any, ...], tuple[Any, ...]]
    reserve: list[tuple[str, str]]
    commit: list[tuple[str, str]]


class Raw:
    """The rows of real pairs, written again and again, with group commit."""

    def __init__(self, folder: Path) -> None:
        self.templates = templates(folder)
        self.connection = sqlite3.connect(
            folder / "raw", isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.executescript("".join(statements.MIGRATIONS))
        self.state = StoreState("x")
        self.connection.execute(statements.add(STATE), STATE.stored(self.state))
        self.seq = 0
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.writer = threading.Thread(target=self.write)
        self.writer.start()

    def call(self, job: Job) -> None:
        job.done.acquire()
        self.jobs.put(job)
        job.done.acquire()

    def pair(self, number: int) -> float:
        name = new_id(time.time_ns() // 1000)
        started = time.perf_counter()
        self.call(Job(True, number, name, threading.Lock()))
        took = time.perf_counter() - started
        self.call(Job(False, number, name, threading.Lock()))
        return took

    def write(self) -> None:
        while (job := self.jobs.get()) is not None:
            batch = [job]
            while len(batch) < BATCH:
                try:
                    further = self.jobs.get_nowait()
                except Empty:
                    break
                if further is None:
                    self.jobs.put(None)
                    break
                batch.append(further)
            self.transaction(batch)

    def transaction(self, batch: list[Job]) -> None:
        many, (new, changing) = self.connection.executemany, self.templates.reservation
        self.connection.execute("BEGIN IMMEDIATE")
        many(statements.add(RESERVATION), [(job.name, *new) for job in batch if job.is_reserve])
        settled = [(*changing, job.name) for job in batch if not job.is_reserve]
        many(statements.put(RESERVATION), settled)
        many(statements.put(BALANCE), self.balances({job.number for job in batch}))
        many(statements.add(OUTBOX), [event for job in batch for event in self.events(job)])
        self.state.next_seq = self.seq
        self.connection.execute(statements.put(STATE), STATE.changed(self.state))
        self.connection.execute("COMMIT")
        for job in batch:
            job.done.release()

    def balances(self, numbers: set[int]) -> list[tuple[object, ...]]:
        """Return the rows of two sums that all calls share, and of session and mission of each."""
        sums = ("", self.seq, 10_500_000, self.seq, 0, self.seq, 0, 0, None)
        shared = [(budget, 1_790_000_000_000_000, "", "", *sums) for budget in (2, 3)]
        sessions = [(1, 0, f"session-{number}", "", *sums) for number in numbers]
        missions = [(4, 0, f"session-{n}", f"mission-{n}", *sums) for n in numbers]
        return shared + sessions + missions

    def events(self, job: Job) -> list[tuple[int, str, str]]:
        texts = self.templates.reserve if job.is_reserve else self.templates.commit
        first, self.seq = self.seq + 1, self.seq + len(texts)
        return [(first + place, table, text) for place, (table, text) in enumerate(texts)]

    def close(self) -> None:
        self.jobs.put(None)
        self.writer.join()
        self.connection.close()


def templates(folder: Path) -> Templates:
    """Return the rows that one real pair writes."""
    store = Store(SqliteBackend(folder / "template"))
    governor = governor_in(folder, store)
    pair = pair_of(governor)
    pair(0)
    first = store.run(lambda unit: unit.state.next_seq)
    pair(0)
    store.close()
    connection = sqlite3.connect(folder / "template")
    query = "SELECT ledger_table, row FROM outbox WHERE seq >= ? ORDER BY seq"
    reserved, *committed = connection.execute(query, (first,)).fetchall()
    row = dict(
        zip(
            RESERVATION.columns,
            connection.execute("SELECT * FROM reservation").fetchone(),
            strict=True,
        )
    )
    connection.close()
    fresh = row | {"state": "held", "dispatched": 1} | dict.fromkeys(_SETTLED)
    new = tuple(fresh[name] for name in RESERVATION.columns[1:])
    changing = tuple(row[name] for name in RESERVATION.changing)
    return Templates((new, changing), [reserved], committed)


_SETTLED = ("settled_at_us", "cost_nano_usd", "record_id", "settlement_key", "recorded")


def raw(folder: Path, callers: int) -> dict[str, float]:
    writer = Raw(folder)
    for number in range(callers):
        writer.pair(number)
    before = writer.connection.total_changes
    found = by_threads(callers, writer.pair)
    found["rows"] = writer.connection.total_changes - before
    writer.close()
    return found


def four_processes(folder: Path) -> dict[str, float]:
    """Run 16 threads in each of 4 processes on one store."""
    store = Store(SqliteBackend(folder / "store"))
    governor_in(folder, store)
    store.close()
    words = [sys.executable, __file__, "--child", str(folder)]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = [json.loads(child.communicate()[0]) for child in children]
    flat = [one for some in told for one in some["took"]]
    return {
        "pairs/s": sum(some["pairs/s"] for some in told),
        "p50": percentile(flat, 0.5),
        "p99": percentile(flat, 0.99),
    }


def child(folder: Path) -> None:
    store = Store(SqliteBackend(folder / "store"))
    pair = pair_of(governor_in(folder, store))
    took: list[float] = []

    def kept(number: int) -> float:
        seconds = pair(os.getpid() * 100 + number)
        took.append(seconds)
        return seconds

    found = by_threads(16, kept)
    store.close()
    print(json.dumps({"took": took, "pairs/s": found["pairs/s"]}))


def measure(parent: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    kinds: dict[str, Callable[[Path], dict[str, float]]] = {
        "fdatasync": floor,
        "in memory, 1 caller": in_memory,
        "4 processes x 16 callers": four_processes,
    }
    for callers in CALLERS:
        kinds[f"corvus, {callers} callers"] = lambda folder, n=callers: ours(folder, n)
        kinds[f"raw SQLite, {callers} callers"] = lambda folder, n=callers: raw(folder, n)
    taken: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, run in random.sample([*kinds.items()], len(kinds)):
            folder = Path(tempfile.mkdtemp(dir=parent))
            taken[kind].append(run(folder))
            shutil.rmtree(folder)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", type=Path)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        taken = measure(Path(name), options.rounds)
    middle = {
        kind: {key: median(one[key] for one in runs) for key in runs[0]}
        for kind, runs in taken.items()
    }
    sync = middle["fdatasync"]["p50"]
    for kind, found in sorted(middle.items()):
        rate = f"{found['pairs/s']:7,.0f} pairs/s  " if "pairs/s" in found else " " * 17
        print(
            f"{kind:26} {rate}p50 {found['p50'] * 1e3:7.3f} ms ({found['p50'] / sync:5.1f}x)  "
            f"p99 {found['p99'] * 1e3:7.3f} ms ({found['p99'] / sync:5.1f}x)"
        )
    for callers in CALLERS:
        ours_, raw_ = middle[f"corvus, {callers} callers"], middle[f"raw SQLite, {callers} callers"]
        print(
            f"{callers} callers: {ours_['pairs/s'] / raw_['pairs/s']:.0%} of raw SQLite; "
            f"{ours_['rows'] / PAIRS:.1f} rows a pair, raw {raw_['rows'] / PAIRS:.1f}; "
            f"{ours_['cpu'] * 1e6:.0f} us of CPU a pair, raw {raw_['cpu'] * 1e6:.0f}"
        )


if __name__ == "__main__":
    main()
