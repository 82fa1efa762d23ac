"""Measures `corvus usage import` of a generated log against raw DuckDB on the same file.

Each figure is the median of runs in fresh processes, the kinds of run in turn, so that a busy
moment of the machine hits all of them. Raw is `read_json` that sums one field and keeps nothing.

    python benchmarks/import/import_speed.py
"""

from __future__ import annotations

import argparse
import json
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

RAW = """
SELECT count(*), sum(message.usage.output_tokens)
FROM read_json($file, format = 'newline_delimited', ignore_errors = true)
"""
LOOK = "SELECT count(*), sum(output_tokens)::BIGINT FROM usage_record"


def raw(log: Path) -> dict[str, float]:
    import duckdb

    started = time.perf_counter()
    connection = duckdb.connect(config={"memory_limit": "1GB"})
    connection.execute(RAW, {"file": str(log)}).fetchall()
    return {"seconds": time.perf_counter() - started}


def imported(log: Path, ledger: Path) -> dict[str, float]:
    from corvus.ledger.ledger import open_ledger
    from corvus.prices.lookup import PriceBooks
    from corvus.usage.importers.run import import_usage

    books = PriceBooks(())
    started = time.perf_counter()
    told: list[object] = []  # progress is watched, as on a terminal
    summary = import_usage(
        lambda: open_ledger(ledger, write=True), [log], books, on_progress=told.append
    )
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "new": summary.new, "lines": summary.read_lines}


def child(kind: str, log: Path, ledger: Path) -> dict[str, float]:
    words = [sys.executable, __file__, "--child", kind, "--log", str(log), "--ledger", str(ledger)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(log: Path, ledger: Path, runs: int) -> dict[str, list[dict[str, float]]]:
    taken: dict[str, list[dict[str, float]]] = {"raw": [], "first": [], "again": []}
    for _ in range(runs):
        taken["raw"].append(child("raw", log, ledger))
        for left in ledger.parent.glob(f"{ledger.name}*"):
            left.unlink()
        taken["first"].append(child("import", log, ledger))
        taken["again"].append(child("import", log, ledger))
    return taken


def report(taken: dict[str, list[dict[str, float]]], size: int) -> None:
    def middle(kind: str, key: str = "seconds") -> float:
        return median(one[key] for one in taken[kind])

    lines = taken["first"][0]["lines"]
    print(f"log                 {lines:,.0f} lines, {size / 1e6:,.0f} MB")
    print(f"raw read_json       {middle('raw'):.2f} s")
    print(f"import              {middle('first'):.2f} s, {lines / middle('first'):,.0f} lines/s")
    print(f"  ratio to raw      {middle('first') / middle('raw'):.1f}")
    print(f"  peak memory       {middle('first', 'megabytes'):,.0f} MB")
    print(f"import again        {middle('again'):.2f} s, {taken['again'][0]['new']:,.0f} new calls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--lines", type=int, default=480_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", choices=["raw", "import"])
    parser.add_argument("--log", type=Path)
    parser.add_argument("--ledger", type=Path)
    wanted = parser.parse_args()
    if wanted.child:
        kind = raw(wanted.log) if wanted.child == "raw" else imported(wanted.log, wanted.ledger)
        kind["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(kind))
        return
    with tempfile.TemporaryDirectory() as folder:
        made = runpy.run_path(str(Path(__file__).with_name("make_claude_log.py")))
        made["write"](
            Path(folder) / "logs", lines=wanted.lines, sessions=40, seed=1, text_chars=160
        )
        log = Path(folder) / "log.jsonl"
        with log.open("wb") as whole:
            for path in sorted((Path(folder) / "logs").rglob("*.jsonl")):
                whole.write(path.read_bytes() + b"\n")
        report(measure(log, Path(folder) / "ledger.duckdb", wanted.runs), log.stat().st_size)


if __name__ == "__main__":
    main()
