"""Measures what a gateway adds to a model call: corvus beside litellm[proxy], over one mock.

    python benchmarks/gateway/proxy.py --litellm /tmp/peer/bin

Gateways run on one core, one at a time; the mock provider and the clients on the other. Direct is
the mock without a gateway. corvus governs for real: a token, three budgets, a reservation and its
settlement on disk for every call, and events handed over to the ledger. litellm has a key and
counts nothing. CPU is that of the gateway's process, from /proc. Every figure is the median of
rounds, in each of which the gateways come in another order.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any

import sides

CLIENTS = (1, 16, 64)
WARM_SECONDS = 1.0
CHUNKS, FIRST_TOKEN_MS, GAP_MS = 50, 20, 2


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def run(side: sides.Side, seconds: float, *options: str) -> dict[str, Any]:
    """Warm up, load, and return what was seen, with the CPU of the gateway."""
    sides.load(side, "--seconds", str(WARM_SECONDS), *options)
    before = side.cpu_seconds
    found = sides.load(side, "--seconds", str(seconds), *options)
    worked = side.cpu_seconds - before
    calls = len(found["took"])
    assert found["statuses"] == {"200": calls}, (
        side.name,
        found["statuses"],
        found["last_refusal"],
    )
    return {**found, "cpu": worked / calls, "per_second": calls / found["seconds"]}


def measured(side: sides.Side, seconds: float) -> dict[str, float]:
    figures: dict[str, float] = {"ready": side.ready_seconds}
    for clients in CLIENTS:
        found = run(side, seconds, "--clients", str(clients))
        name = f"{clients:2} clients"
        figures[f"{name}, CPU ms a call"] = found["cpu"] * 1e3
        figures[f"{name}, calls/s"] = found["per_second"]
        figures[f"{name}, p50 ms"] = percentile(found["took"], 0.5) * 1e3
        figures[f"{name}, p99 ms"] = percentile(found["took"], 0.99) * 1e3
    return figures


def streamed(side: sides.Side, seconds: float) -> dict[str, float]:
    alone = run(side, seconds, "--stream", "--clients", "1")
    many = run(side, seconds, "--stream", "--clients", "16")
    return {
        "stream, first token p50 ms": percentile(alone["first"], 0.5) * 1e3,
        "stream, first token p99 ms": percentile(alone["first"], 0.99) * 1e3,
        "16 streams, CPU ms a call": many["cpu"] * 1e3,
        "16 streams, calls/s": many["per_second"],
        "resident MB": side.resident_bytes / 1e6,
    }


Start = Callable[[str, Path], AbstractContextManager[sides.Side]]


def one_round(name: str, start: Start | None, parent: Path, seconds: float) -> dict[str, float]:
    """Measure one side, with whole answers and with streams; each on a mock of its own."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    paced = ("--chunks", str(CHUNKS), "--gap-ms", str(GAP_MS))
    paced += ("--first-token-ms", str(FIRST_TOKEN_MS))
    try:
        with sides.mock(*paced) as mock:
            if start is None:
                return measured(mock, seconds) | streamed(mock, seconds)
            with start(mock.url, folder) as side:
                print(f"  {name} ready after {side.ready_seconds:.2f} s", flush=True)
                return measured(side, seconds) | streamed(side, seconds)
    finally:
        shutil.rmtree(folder)


def above_floor(middle: dict[str, dict[str, float]]) -> None:
    for name in [*middle] if "bare" in middle else ():
        for figure in middle[name] if name not in ("direct", "bare") else ():
            if "CPU" in figure:
                ratio = middle[name][figure] / middle["bare"][figure]
                print(f"{figure}: {name} takes {ratio:.1f} times as much as the floor")


def table(middle: dict[str, dict[str, float]]) -> None:
    names = [*middle]
    print(f"{'':28}" + "".join(f"{name:>12}" for name in names))
    for figure in middle["direct"]:
        values = "".join(f"{middle[name][figure]:12.3f}" for name in names)
        print(f"{figure:28}{values}")
    if "litellm" not in middle:
        return
    direct, ours, peer = middle["direct"], middle["corvus"], middle["litellm"]
    for figure in direct:
        if "CPU" in figure:
            print(f"{figure}: litellm takes {peer[figure] / ours[figure]:.0f} times as much")
        elif "/s" in figure:
            print(f"{figure}: corvus does {ours[figure] / peer[figure]:.0f} times as many")
        elif figure.endswith("ms"):
            added = ours[figure] - direct[figure], peer[figure] - direct[figure]
            print(f"{figure}, added over direct: corvus {added[0]:.2f}, litellm {added[1]:.2f}")
    for figure in ("ready", "resident MB"):
        print(f"{figure}: litellm {peer[figure] / ours[figure]:.1f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--litellm", type=Path, help="folder of its programs; else it is left out")
    parser.add_argument("--ungoverned", action="store_true", help="corvus without budgets, too")
    parser.add_argument("--bare", action="store_true", help="the floor, too: see bare.py")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    asked = parser.parse_args()
    starts: dict[str, Start | None] = {"direct": None, "corvus": sides.corvus}
    if asked.ungoverned:
        starts["ungoverned"] = lambda url, folder: sides.corvus(url, folder, governs=False)
    if asked.bare:
        starts["bare"] = sides.bare
    if asked.litellm is not None:
        starts["litellm"] = lambda url, folder: sides.litellm(asked.litellm, url, folder)
    taken: dict[str, list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(dir=asked.folder) as parent:
        for number in range(asked.rounds):
            print(f"round {number + 1} of {asked.rounds}", flush=True)
            for name, start in random.sample([*starts.items()], len(starts)):
                taken[name].append(one_round(name, start, Path(parent), asked.seconds))
    middle = {
        name: {figure: median(one[figure] for one in taken[name]) for figure in taken[name][0]}
        for name in starts
    }
    table(middle)
    above_floor(middle)


if __name__ == "__main__":
    main()
