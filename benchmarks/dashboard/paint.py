"""How soon a browser shows the overview, beside the same HTML from a bare uvicorn app.

    python benchmarks/dashboard/paint.py /tmp/small/ledger.duckdb /tmp/year/ledger.duckdb

First contentful paint as Chromium reports it, in milliseconds from the start of the navigation;
the visitor is logged in before. *Cold* is a new browser context, with nothing in its cache; *warm*
is the same page again in a context that has shown it; *old* is cold when what was read from the
ledger is too old, so that it is read again meanwhile. One warm-up, then the median of so many
rounds, gateway and floor in turn. The gateway, the floor, DuckDB and the browser share the cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import pages
import serving
from playwright.sync_api import Browser, BrowserContext, sync_playwright

CHROMIUM = "/usr/bin/chromium"
BAR_MS = 300
OLD_SECONDS = 11.0
PAINT = """() => new Promise(done => {
  const told = list => list.find(one => one.name === "first-contentful-paint")?.startTime;
  const now = told(performance.getEntriesByType("paint"));
  if (now !== undefined) return done(now);
  new PerformanceObserver(list => {
    const found = told(list.getEntries());
    if (found !== undefined) done(found);
  }).observe({ type: "paint", buffered: true });
})"""


def context_of(browser: Browser, cookie: str, port: int) -> BrowserContext:
    context = browser.new_context()
    name, _, value = cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{port}"}])
    return context


def painted(context: BrowserContext, port: int) -> float:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}{serving.ROOT}")
    found = page.evaluate(PAINT)
    page.close()
    return found


def cold(browser: Browser, cookie: str, port: int) -> float:
    context = context_of(browser, cookie, port)
    try:
        return painted(context, port)
    finally:
        context.close()


def measure(browser: Browser, side: serving.Gateway, bare: int, rounds: int) -> None:
    ends = {"corvus": side.port, "bare": bare}
    contexts = {name: context_of(browser, side.cookie, port) for name, port in ends.items()}
    found: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        for name, port in ends.items():
            seen = {
                "cold": cold(browser, side.cookie, port),
                "warm": painted(contexts[name], port),
            }
            for way, taken in seen.items():
                if turn:
                    found.setdefault(f"{way} {name}", []).append(taken)
    for turn in range(rounds + 1):
        time.sleep(OLD_SECONDS)
        taken = cold(browser, side.cookie, side.port)
        if turn:
            found.setdefault("old corvus", []).append(taken)
    for way, taken in found.items():
        verdict = "met" if median(taken) < BAR_MS else "MISSED"
        all_of = " ".join(f"{one:.0f}" for one in taken)
        print(f"  {way:12} {median(taken):6.0f} ms, bar {verdict}; all {all_of}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("ledgers", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    asked = parser.parse_args()
    for number, ledger in enumerate(asked.ledgers):
        print(f"{ledger}, {serving.machine()}", flush=True)
        with (
            tempfile.TemporaryDirectory(dir=asked.folder) as name,
            serving.gateway(ledger, Path(name) / str(number)) as side,
        ):
            side.log_in()
            html = pages.settled(side)
            files = pages.linked(html, side.port) | {serving.ROOT: (html, "text/html")}
            with (
                serving.floor(files, Path(name) / "floor") as bare,
                sync_playwright() as playwright,
            ):
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox"]
                )
                measure(browser, side, bare, asked.rounds)
                browser.close()
        print(f"  then {serving.machine()}", flush=True)


if __name__ == "__main__":
    main()
