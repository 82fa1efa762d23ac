"""What 50 open tabs cost the gateway: memory and CPU, beside the same gateway without any.

    python benchmarks/dashboard/tabs.py /tmp/small/ledger.duckdb /tmp/year/ledger.duckdb

A tab is a page that was loaded and its stream, which is read and not shown. One process holds all.
Per ledger one gateway; each phase takes so many seconds: idle, then with 20 governed calls per
second through the proxy to a mock provider; without a tab, with tabs on the overview, with tabs on
a mix of pages. Memory is told before the first page, after one loading of every page, and as the
highest of each phase, and once its tabs are closed. The first seconds of every phase are left out,
in which tabs open.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pages
import serving

sys.path.append(str(serving.HERE.parent / "gateway"))
import load

CALLS_PER_SECOND = 20
SAMPLE_SECONDS = 0.25
SETTLE_SECONDS = 3.0
LIVE = ("overview", "history by day", "sessions", "one session", "missions", "audit")
"""The pages that keep themselves up to date."""


@dataclass
class Phase:
    """What was seen in one phase.

    Attributes:
        cpu_percent: Of one core.
        high_mb: Most resident memory.
        events: Answers that came over all streams.
    """

    cpu_percent: float = 0.0
    high_mb: float = 0.0
    events: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])


async def tab(side: serving.Gateway, path: str, seen: Phase) -> None:
    """Load a page, then read its stream until cancelled."""
    page = serving.ROOT + path
    await asyncio.to_thread(side.get, page)
    reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
    head = (
        f"GET {serving.ROOT}/live?page={quote(page, safe='')} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{side.port}\r\nCookie: {side.cookie}\r\n\r\n"
    )
    try:
        writer.write(head.encode())
        status = await reader.readline()
        assert b" 200 " in status, f"stream of {page}: {status!r}"
        while line := await reader.readline():
            seen.events += line.startswith(b"data: ")
        raise AssertionError(f"the stream of {page} ended")
    finally:
        writer.close()


async def call_steadily(side: serving.Gateway, seen: Phase) -> None:
    url = f"http://127.0.0.1:{side.port}"
    client = load.Client(load.call_of(url, key=side.caller), load.Found(statuses=seen.statuses))
    due = time.monotonic()
    while True:
        due += 1 / CALLS_PER_SECOND
        await client.once()
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def phase(side: serving.Gateway, paths: list[str], seconds: float, *, calls: bool) -> Phase:
    seen = Phase()
    work = [asyncio.create_task(tab(side, path, seen)) for path in paths]
    if calls:
        work.append(asyncio.create_task(call_steadily(side, seen)))
    await asyncio.sleep(SETTLE_SECONDS)
    began, cpu, seen.events = time.monotonic(), side.cpu_seconds, 0
    while time.monotonic() - began < seconds:
        seen.high_mb = max(seen.high_mb, side.resident_mb)
        await asyncio.sleep(SAMPLE_SECONDS)
        for one in work:
            if one.done():
                one.result()
    seen.cpu_percent = 100 * (side.cpu_seconds - cpu) / (time.monotonic() - began)
    for one in work:
        one.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    await asyncio.sleep(SETTLE_SECONDS)
    return seen


async def measure(side: serving.Gateway, tabs: int, seconds: float) -> None:
    before_mb = side.resident_mb
    print(f"  before the first page {before_mb:.1f} MB", flush=True)
    where = await asyncio.to_thread(pages.addresses, side)
    for path in where.values():
        await asyncio.to_thread(side.get, serving.ROOT + path)
    await phase(side, [where["overview"]], 12, calls=True)
    loaded_mb = side.resident_mb
    print(f"  every page once, one tab for 12 s with calls {loaded_mb:.1f} MB", flush=True)
    mixed = [where[LIVE[number % len(LIVE)]] for number in range(tabs)]
    kinds = {"none": [], "one": [where["overview"]], "overview": [where["overview"]] * tabs}
    for calls in (False, True):
        for name, paths in (kinds | {"mix": mixed}).items():
            seen = await phase(side, paths, seconds, calls=calls)
            print(
                f"  {'calls' if calls else 'idle':5} tabs {name:8} {len(paths):3}: "
                f"CPU {seen.cpu_percent:5.1f} %, high {seen.high_mb:6.1f} MB, then "
                f"{side.resident_mb:6.1f} MB, {seen.events} events, "
                f"{dict(seen.statuses)}, {serving.machine()}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("ledgers", type=Path, nargs="+")
    parser.add_argument("--tabs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    asked = parser.parse_args()
    for ledger in asked.ledgers:
        print(f"{ledger}, {serving.machine()}", flush=True)
        with (
            tempfile.TemporaryDirectory(dir=asked.folder) as name,
            serving.gateway(ledger, Path(name) / "side") as side,
        ):
            side.log_in()
            asyncio.run(measure(side, asked.tabs, asked.seconds))


if __name__ == "__main__":
    main()
