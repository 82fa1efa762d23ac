"""Measures durable reserve + commit pairs on a store that hosts share, beside SQLite.

One and four processes, each with its callers, on PostgreSQL without latency and over a network of a
chosen round trip (``tests/delay_proxy.py``), with slices of it (leases), and on a SQLite file of
the same disk. Each pair is decided against four budgets (session, day, month, mission). Servers,
network and clients share the cores of one machine, so that the ratios of one run count, and not the
absolutes. Every figure is the median of rounds, in each of which the kinds come in another order.

    python -m benchmarks.hosts.pairs [--folder DIR on a real disk]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from corvus import Governor, Usage, open_runtime
from corvus.base.money import NanoUSD
from corvus.base.postgres_address import PostgresAddress
from corvus.model.request import Request
from corvus.store.postgres.backend import PostgresBackend
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.delay_proxy import DelayProxy
from tests.postgres import PostgresServer, a_place, url_of

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
USED = Usage(input_tokens=900, output_tokens=100)


class Kind(NamedTuple):
    """What is measured.

    Attributes:
        engine: ``sqlite``, ``postgres``, or ``leased``: slices of a store in PostgreSQL.
        processes: How many hosts.
        callers: Threads of each.
        round_trip_ms: Of the network; 0 connects without one between.
    """

    engine: str
    processes: int
    callers: int
    round_trip_ms: float = 0.0

    @property
    def name(self) -> str:
        """How it is shown."""
        where = f", {self.round_trip_ms:g} ms" if self.round_trip_ms else ""
        return f"{self.engine}, {self.processes} x {self.callers}{where}"


SHAPES = ((1, 1), (1, 64), (4, 16), (4, 64))


def kinds(round_trip_ms: float) -> list[Kind]:
    """Return what is measured: each shape on SQLite, on PostgreSQL near and far, and leased."""
    return [
        kind
        for shape in SHAPES
        for kind in (
            Kind("sqlite", *shape),
            Kind("postgres", *shape),
            Kind("postgres", *shape, round_trip_ms),
            Kind("leased", *shape, round_trip_ms),
        )
    ]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def store_at(place: str) -> Store:
    """Open a store: the URL of a schema, or a path."""
    if place.startswith("postgresql:"):
        return Store(PostgresBackend(PostgresAddress.of(place)), wait_seconds=60)
    return Store(SqliteBackend(Path(place)), wait_seconds=60)


def governor_of(folder: Path, store: Store) -> Governor:
    config = folder / "corvus.toml"
    if not config.exists():  # another process may be reading it
        config.write_text(CONFIG)
    return Governor(open_runtime([config], ledger=folder / "unused.duckdb").policy, store)


@contextmanager
def governing(engine: str, place: str, folder: Path) -> Generator[Governor]:
    """Open a governor as a host does: of slices, it keeps a store of its own."""
    if engine == "leased":
        config = folder / f"{os.getpid()}.toml"
        leased = f'[governance.ledger]\nurl = "{place}"\nleases = true\n'
        config.write_text(CONFIG + leased)
        with open_runtime([config], ledger=folder / f"{os.getpid()}.duckdb").governor() as governor:
            yield governor
        return
    with closing(store_at(place)) as store:
        yield governor_of(folder, store)


def pair_of(governor: Governor) -> Callable[[str], float]:
    """Return what makes a pair for a caller; it returns the seconds that its reserve took."""

    def pair(caller: str) -> float:
        request = Request(
            "m", NanoUSD(10_500_000), f"session-{caller}", "p", mission_id=f"mission-{caller}"
        )
        started = time.perf_counter()
        decision = governor.reserve(request)
        took = time.perf_counter() - started
        assert decision.reservation is not None
        governor.commit(decision.reservation, USED)
        return took

    return pair


def work(engine: str, place: str, folder: Path, callers: int, pairs: int) -> None:
    """Be a host: make pairs from threads, once the others are ready, too."""
    with governing(engine, place, folder) as governor:
        pair = pair_of(governor)
        names = [f"{os.getpid()}-{number}" for number in range(callers)]
        for name in names:
            pair(name)
        took: list[list[float]] = [[] for _ in names]

        def call(number: int) -> None:
            for _ in range(max(1, pairs // callers)):
                took[number].append(pair(names[number]))

        threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
        print("ready", flush=True)
        sys.stdin.readline()
        worked = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        flat = [one for some in took for one in some]
        print(json.dumps({"took": flat, "cpu": time.process_time() - worked}), flush=True)


def measure_one(kind: Kind, place: str, folder: Path, pairs: int) -> dict[str, float]:
    """Let hosts work together on an empty store."""
    store = store_at(place)
    governor_of(folder, store).status()
    store.close()
    each = max(pairs // kind.processes, kind.callers)
    words = ["--host", kind.engine, place, str(folder), str(kind.callers), str(each)]
    program = [sys.executable, "-m", "benchmarks.hosts.pairs"]
    hosts = [
        subprocess.Popen(
            [*program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(kind.processes)
    ]
    for host in hosts:
        assert host.stdout is not None
        assert host.stdout.readline() == "ready\n"
    started = time.perf_counter()
    for host in hosts:
        assert host.stdin is not None
        host.stdin.write("go\n")
        host.stdin.flush()
    found: list[dict[str, Any]] = []
    for host in hosts:
        assert host.stdout is not None
        found.append(json.loads(host.stdout.readline()))
    seconds = time.perf_counter() - started
    for host in hosts:
        host.communicate()
    flat = [one for some in found for one in some["took"]]
    return {
        "pairs/s": len(flat) / seconds,
        "pairs": len(flat),
        "p50": percentile(flat, 0.5),
        "p99": percentile(flat, 0.99),
        "cpu": sum(some["cpu"] for some in found) / len(flat),
    }


def batches(server: PostgresServer, schema: str) -> int:
    """Return how many batches were written to a store."""
    ((generation,),) = server.query(f"SELECT generation FROM {schema}.store_lock")
    assert isinstance(generation, int)
    return generation


def measure(kind: Kind, server: PostgresServer, folder: Path, pairs: int) -> dict[str, float]:
    """Measure a kind in a folder, or a schema, of its own."""
    if kind.engine == "sqlite":
        return measure_one(kind, str(folder / "store"), folder, pairs)
    schema = f"s{folder.name.replace('-', '').lower()}"
    if not kind.round_trip_ms:
        found = measure_one(kind, server.url(schema), folder, pairs)
    else:
        with DelayProxy(server.port, kind.round_trip_ms / 2_000) as proxy:
            found = measure_one(kind, url_of(proxy.port, schema=schema), folder, pairs)
            # Opening takes some too: a few for each process.
            if kind.engine != "leased":
                found["trips"] = proxy.round_trips / batches(server, schema)
    warmed = kind.processes * kind.callers
    if kind.engine != "leased":
        found["steps"] = 2 * (found["pairs"] + warmed) / batches(server, schema)
    server.query(f"DROP SCHEMA {schema} CASCADE")
    return found


def shown(kind: Kind, found: dict[str, float], sqlite: float) -> str:
    """Return a line of the table, with the ratio to SQLite where that was measured, too."""
    share = f" ({found['pairs/s'] / sqlite:5.0%} of SQLite)" if sqlite else ""
    steps = f"{found['steps']:6.1f} steps a batch" if "steps" in found else ""
    trips = f", {found['trips']:4.2f} round trips" if "trips" in found else ""
    return (
        f"{kind.name:28} {found['pairs/s']:8,.0f} pairs/s{share}  "
        f"p50 {found['p50'] * 1e3:7.2f} ms  p99 {found['p99'] * 1e3:7.2f} ms  "
        f"{found['cpu'] * 1e6:5.0f} us of CPU a pair  {steps}{trips}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=4_000, help="of all hosts together")
    parser.add_argument("--only", default="", help="kinds with this in their name")
    parser.add_argument("--round-trip-ms", type=float, default=0.5)
    parser.add_argument("--host", nargs=5)
    options = parser.parse_args()
    if options.host:
        engine, place, folder, callers, pairs = options.host
        work(engine, place, Path(folder), int(callers), int(pairs))
        return
    chosen = [kind for kind in kinds(options.round_trip_ms) if options.only in kind.name]
    taken: dict[Kind, list[dict[str, float]]] = {kind: [] for kind in chosen}
    with a_place(options.folder) as place, PostgresServer(place / "server") as server:
        for _ in range(options.rounds):
            for kind in random.sample(chosen, len(chosen)):
                with tempfile.TemporaryDirectory(dir=options.folder) as name:
                    taken[kind].append(measure(kind, server, Path(name), options.pairs))
    middle = {
        kind: {key: median(one[key] for one in runs) for key in runs[0]}
        for kind, runs in taken.items()
    }
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, all of it on one machine; load of the last minute {load:.1f}")
    for kind, found in middle.items():
        beside = middle.get(Kind("sqlite", kind.processes, kind.callers))
        print(shown(kind, found, beside["pairs/s"] if beside else 0))


if __name__ == "__main__":
    main()
