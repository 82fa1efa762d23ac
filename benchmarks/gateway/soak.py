"""Holds 200 streams open for half an hour and shows that nothing grows, leaks or disagrees.

    python benchmarks/gateway/soak.py --minutes 30

Clients stream one call after the other through `corvus gateway`; every tenth leaves in the middle
of each answer. Fails when resident memory of the last quarter is more than a tenth above that of
the second one (the first is warming up), when a hold is open at the end, when a call that the mock
has seen is not recorded exactly once, or when `corvus ledger verify` finds anything.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import load
import sides

FIRST_TOKEN_MS, GAP_MS, CHUNKS = 200, 100, 50
"""A stream takes five seconds."""
LEAVES_EVERY = 10
GROWTH_MAX = 1.10
SAMPLE_SECONDS = 2.0


async def leave_early(call: load.Call) -> None:
    """Read the beginning of an answer, then close the connection."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(call.host, call.port)
        writer.write(call.sent)
        await reader.read(100)
        await asyncio.sleep(1)
        writer.close()


async def watch(side: sides.Side, until: float) -> list[int]:
    seen: list[int] = []
    while time.monotonic() < until:
        seen.append(side.resident_bytes)
        await asyncio.sleep(SAMPLE_SECONDS)
    return seen


async def stream(side: sides.Side, clients: int, seconds: float) -> tuple[load.Found, list[int]]:
    call = load.call_of(side.url, key=side.key, stream=True)
    found, until = load.Found(), time.monotonic() + seconds

    async def work(number: int) -> None:
        client = load.Client(call, found)
        while time.monotonic() < until:
            if number % LEAVES_EVERY == 0:
                await leave_early(call)
            else:
                await client.once()
        client.close()

    seen = asyncio.create_task(watch(side, until))
    await asyncio.gather(*[work(one) for one in range(clients)])
    return found, await seen


def told(folder: Path, *words: str) -> tuple[int, Any]:
    """Run a command of corvus on the store of the soak; return its exit code and its JSON."""
    where = ["--config", str(folder / "corvus.toml"), "--ledger", str(folder / "ledger.duckdb")]
    command = [sys.executable, "-m", "corvus", *words, "--format", "json", *where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def quarters(seen: list[int]) -> list[float]:
    """Return the median memory of each quarter, in MB."""
    size = len(seen) // 4
    return [median(seen[size * one : size * (one + 1)]) / 1e6 for one in range(4)]


def faults(folder: Path, count: dict[str, int], memory: list[float]) -> list[str]:
    found: list[str] = []
    if memory[3] > memory[1] * GROWTH_MAX:
        found.append(f"memory grew from {memory[1]:.1f} to {memory[3]:.1f} MB")
    _, status = told(folder, "status")
    if status["reservations"]["open"]:
        found.append(f"{status['reservations']['open']} holds are open")
    code, verdict = told(folder, "ledger", "verify")
    if code or not verdict["sound"]:
        found.append(f"ledger verify exits with {code}: {verdict['findings']}")
    recorded, distinct = records(folder)
    if not recorded == distinct == count["calls"]:
        found.append(
            f"{count['calls']} calls reached the provider, {recorded} are recorded, of which "
            f"{distinct} differ"
        )
    return found


def records(folder: Path) -> tuple[int, int]:
    """Return how many calls are recorded, and how many of the provider's numbers they have."""
    query = "SELECT count(*) AS calls, count(DISTINCT provider_request_id) AS ids FROM usage_call"
    command = [sys.executable, "-m", "corvus", "sql", "--format", "json"]
    where = ["--ledger", str(folder / "ledger.duckdb")]
    done = subprocess.run([*command, *where, query], capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)["rows"][0]
    return int(row["calls"]), int(row["ids"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    asked = parser.parse_args()
    pace = ("--first-token-ms", str(FIRST_TOKEN_MS), "--gap-ms", str(GAP_MS))
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        with sides.mock(*pace, "--chunks", str(CHUNKS)) as mock:
            with sides.corvus(mock.url, folder) as side:
                found, seen = asyncio.run(stream(side, asked.clients, asked.minutes * 60))
            count = sides.counted(mock)
        memory = quarters(seen)
        wrong = faults(folder, count, memory)
    print(f"{asked.clients} streams for {asked.minutes:g} minutes")
    print(f"  statuses {dict(found.statuses)}, cut {found.cut}, by the mock: {count}")
    print("  resident MB by quarter: " + ", ".join(f"{one:.1f}" for one in memory))
    for one in wrong:
        print(f"  FAULT {one}")
    sys.exit(bool(wrong or found.cut or set(found.statuses) != {200}))


if __name__ == "__main__":
    main()
