"""How large each page is, and how long the gateway takes to answer with it.

    python benchmarks/dashboard/pages.py /tmp/small/ledger.duckdb /tmp/year/ledger.duckdb

Ledgers as `benchmarks/reports/make_ledger.py` makes them. Each page is asked once to warm up and
then so many times, one after the other, on a connection of its own; medians. *Bare* is the same
HTML from uvicorn and nothing else. *CPU* is what the gateway's process used for an answer, which
says more than time where others share the machine. The overview is also asked with 20 budgets, and
*first* is its first answer after the start, with nothing read from the ledger yet.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from html import unescape
from pathlib import Path
from statistics import median

import serving

from corvus.wording.words import load_words

PAGES = {
    "overview": "",
    "history by day": "/history?by=day",
    "history by week": "/history?by=week",
    "history by month": "/history?by=month",
    "sessions": "/sessions",
    "one session": "",
    "missions": "/missions",
    "audit": "/audit",
    "reports": "/reports",
    "report spend/by-model": "/reports/spend/by-model",
    "configuration": "/config",
}
HTML_BYTES_MAX = 30_000
SETTLED_SECONDS_MAX = 60.0
QUIET_SECONDS_MAX = 300.0
READING = load_words("en")("overview.reading").encode()
LINKED = re.compile(rf'(?:href|src)="({serving.ROOT}/static/[^"]+)"')
SESSION = re.compile(rf'href="{serving.ROOT}(/sessions/one\?[^"]+)"')


def addresses(side: serving.Gateway) -> dict[str, str]:
    """Return where each page is; the session is the first that the page of sessions names."""
    found = SESSION.search(side.get(f"{serving.ROOT}/sessions").decode())
    assert found is not None, "no session is linked"
    return {**PAGES, "one session": unescape(found[1])}


def linked(html: bytes, port: int) -> dict[str, tuple[bytes, str]]:
    """Return what a page loads, by path."""
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    found: dict[str, tuple[bytes, str]] = {}
    for address in LINKED.findall(html.decode()):
        path = unescape(address).partition("?")[0]
        found[path] = (serving.get(port, unescape(address)), kinds[path.rpartition(".")[2]])
    return found


def settled(side: serving.Gateway) -> bytes:
    """Return the overview once it shows what the ledger says."""
    until = time.monotonic() + SETTLED_SECONDS_MAX
    while READING in (html := side.get(serving.ROOT)):
        assert time.monotonic() < until, "the ledger is still being read"
        time.sleep(0.1)
    return html


def wait_until_quiet(side: serving.Gateway) -> None:
    """Wait until the gateway does nothing by itself: a new store forgets old sessions first."""
    until = time.monotonic() + QUIET_SECONDS_MAX
    before = float("-inf")
    while side.cpu_seconds - before > 0.05:
        assert time.monotonic() < until, "the gateway is never quiet"
        before = side.cpu_seconds
        time.sleep(5)


def median_ms(port: int, path: str, rounds: int, **headers: str) -> float:
    took: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        serving.get(port, path, **headers)
        took.append((time.perf_counter() - started) * 1000)
    return median(took)


def measure(ledger: Path, folder: Path, rounds: int) -> list[tuple[str, int, float, float, float]]:
    """Return name, bytes, milliseconds, those of CPU and those bare of each page."""
    told: list[tuple[str, int, float, float, float]] = []
    with serving.gateway(ledger, folder) as side:
        side.log_in()
        started = time.perf_counter()
        side.get(serving.ROOT)
        first = (time.perf_counter() - started) * 1000
        told.append(("overview, first", len(settled(side)), first, 0.0, 0.0))
        wait_until_quiet(side)
        for number, (name, path) in enumerate(addresses(side).items()):
            address = serving.ROOT + path
            body = side.get(address)
            before = side.cpu_seconds
            taken = median_ms(side.port, address, rounds, Cookie=side.cookie)
            cpu = (side.cpu_seconds - before) * 1000 / rounds
            with serving.floor(
                {address.partition("?")[0]: (body, "text/html")}, folder / str(number)
            ) as bare:
                serving.get(bare, address)
                told.append((name, len(body), taken, cpu, median_ms(bare, address, rounds)))
    return told


def sizes(ledger: Path, folder: Path) -> None:
    for budgets in (9, 20):
        with serving.gateway(ledger, folder / str(budgets), budgets=budgets) as side:
            side.log_in()
            html = settled(side)
            more = sum(len(body) for body, _ in linked(html, side.port).values())
            verdict = "met" if len(html) < HTML_BYTES_MAX else "MISSED"
            print(
                f"overview with {budgets} budgets: HTML {len(html):,} bytes (bar {verdict}), "
                f"all it loads {len(html) + more:,}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("ledgers", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        sizes(asked.ledgers[0], Path(name) / "sizes")
        for number, ledger in enumerate(asked.ledgers):
            print(f"{ledger}, {serving.machine()}")
            for page, size, taken, cpu, bare in measure(
                ledger, Path(name) / str(number), asked.rounds
            ):
                print(
                    f"  {page:22} {size:7,} bytes {taken:8.1f} ms, CPU {cpu:6.1f} ms, "
                    f"bare {bare:5.1f} ms"
                )
    print(serving.machine())


if __name__ == "__main__":
    main()
