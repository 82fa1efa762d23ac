"""Exports a ledger, imports that elsewhere, and exports it again: the same bytes, in what time.

The ledger is made by `benchmarks/reports/make_ledger.py`: governed calls with tags, corrections and
calls without a price; here some of them get names that a spreadsheet would run, quotes, line ends
and NULL. Each step is a fresh process. In comparison, the generic importer reads as many calls from
JSON lines, which it has to price and merge.

    python benchmarks/export/round_trip.py --calls 1000000
"""

from __future__ import annotations

import argparse
import filecmp
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHAPES = ("csv", "jsonl", "parquet")
MAKE = Path(__file__).parents[1] / "reports" / "make_ledger.py"
ODD = """
UPDATE usage_record SET
    project = CASE hash(id) % 7 WHEN 0 THEN '=cmd|x' WHEN 1 THEN '''=x' WHEN 2 THEN '' WHEN 3 THEN
        'two' || chr(10) || 'lines' WHEN 4 THEN '"quoted", and' ELSE project END,
    agent = if(hash(id) % 5 = 0, NULL, agent)
WHERE hash(id) % 3 = 0
"""
GENERIC = """
COPY (
    SELECT id, strftime(admitted_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp, provider,
        requested_model AS model, input_tokens, output_tokens, cache_read_tokens, session_id,
        project
    FROM usage_call
) TO '{file}' (FORMAT json)
"""


def run(folder: Path, *words: str) -> float:
    """Run corvus, and return the seconds that it took."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "corvus", *words, "--config", str(folder / "corvus.toml")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def make(folder: Path, calls: int) -> Path:
    """Make the ledger, with odd names in it, and the file for the generic importer."""
    from corvus.ledger.ledger import open_file

    ledger = folder / "ledger.duckdb"
    words = [sys.executable, str(MAKE), str(ledger), "--calls", str(calls)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    with open_file(ledger, write=True) as opened:
        opened.connection.execute(ODD)
        opened.connection.execute(GENERIC.format(file=folder / "generic.jsonl"))
    return ledger


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1_000_000)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory(prefix="round-trip-") as name:
        folder = Path(name)
        ledger = make(folder, calls)
        (folder / "corvus.toml").write_text("[cost]\nenabled = true\n")
        generic = str(folder / "generic.jsonl")
        plain = str(folder / "generic.duckdb")
        floor = run(folder, "usage", "import", generic, "--ledger", plain)
        print(f"generic import of {calls:,} calls: {floor:.1f} s")
        for shape in SHAPES:
            first, again = folder / f"first.{shape}", folder / f"again.{shape}"
            other = str(folder / f"{shape}.duckdb")
            out = run(folder, "usage", "export", "--ledger", str(ledger), "-o", str(first))
            into = run(folder, "usage", "import", str(first), "--ledger", other)
            origin = run(folder, "usage", "import", str(first), "--ledger", str(ledger))
            run(folder, "usage", "export", "--ledger", other, "-o", str(again))
            same = "the same bytes" if filecmp.cmp(first, again, shallow=False) else "OTHER BYTES"
            print(
                f"{shape:8} {first.stat().st_size / 1e6:7,.0f} MB  export {out:5.1f} s  "
                f"import {into:5.1f} s ({into / floor:.2f} of generic)  "
                f"into the origin {origin:5.1f} s  {same}",
                flush=True,
            )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process {peak:,.0f} MB")


if __name__ == "__main__":
    main()
