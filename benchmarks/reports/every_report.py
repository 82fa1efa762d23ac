"""Measures every report on a large ledger, beside the same SQL in a bare DuckDB.

Four fresh processes for each report, in turn, several times; figures are medians:

- `corvus report NAME --format json`, the whole command and its peak memory;
- the same command on an empty ledger, which is what it costs to start;
- the report's SQL on a connection that corvus has opened, seconds of the query alone;
- the bare query: the same text with the same parameters on `duckdb.connect(file, read_only=True)`,
  with the tables of budgets in force where it reads them. Its answer must be the same, row by row.

With `--writer N` another process commits N calls a second through the governor and drains them into
the same ledger once a second. Each report is timed beside it and, in turn, while it pauses. Every
report must answer without an error, the sum of all calls must never fall, and at the end it must
have grown by what was committed. This changes the ledger: give it a copy.

    python benchmarks/reports/every_report.py /tmp/year/ledger.duckdb
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

CORVUS = str(Path(sys.executable).with_name("corvus"))
BUDGETS = {"budget", "budget_window"}
WHOLE = ("spend/by-provider", "spend/by-model", "spend/by-project", "spend/by-user")
"""Reports whose column `calls` adds up to all calls of the ledger."""


def query(kind: str, name: str, ledger: Path, as_of: datetime) -> dict[str, Any]:
    """Run the SQL of a report once and return its seconds and a digest of its answer."""
    import duckdb

    from corvus.ledger.ledger import open_ledger
    from corvus.reporting.catalog import load_catalog
    from corvus.reporting.in_force import show_budgets
    from corvus.reporting.parameters import bind
    from corvus.reporting.run import run_report
    from corvus.runtime import open_runtime

    report = load_catalog().find(name)
    budgets = BUDGETS & set(report.header.reads)
    limits = open_runtime([ledger.with_name("corvus.toml")]).policy.budgets if budgets else ()
    with ExitStack() as opened:
        opening = time.perf_counter()
        if kind == "bare":
            connection = opened.enter_context(duckdb.connect(ledger, read_only=True))
        else:
            connection = opened.enter_context(open_ledger(ledger)).connection
        if budgets:
            show_budgets(connection, limits, as_of)
        started = time.perf_counter()
        if kind == "bare":
            values = bind(report.header.parameters, {}, now=as_of)
            rows = [tuple(row) for row in connection.execute(report.sql, values).fetchall()]
        else:
            rows = list(run_report(connection, report, {}, now=as_of).rows)
        ended = time.perf_counter()
    return {
        "seconds": ended - started,
        "opening": started - opening,
        "answer": hashlib.sha256(repr(rows).encode()).hexdigest(),
        "rows": len(rows),
    }


def process(words: Sequence[str]) -> tuple[float, float, bytes]:
    """Run a program; return its seconds, its peak memory in MB and what it printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        child = subprocess.Popen(words, stdout=out, stderr=errors)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if child.returncode:
            raise SystemExit(f"{' '.join(words)}: {child.returncode}\n{errors.read().decode()}")
        return seconds, used.ru_maxrss / 1024, out.read()


def command(name: str, ledger: Path, as_of: datetime | None) -> list[str]:
    words = [CORVUS, "report", name, "--format", "json", "--ledger", str(ledger)]
    words += ["--config", str(ledger.with_name("corvus.toml"))]
    return words + (["--as-of", as_of.isoformat()] if as_of else [])


def child(kind: str, name: str, ledger: Path, as_of: datetime) -> dict[str, Any]:
    words = [sys.executable, __file__, str(ledger), "--child", kind, "--name", name]
    _, memory, said = process([*words, "--as-of", as_of.isoformat()])
    return json.loads(said) | {"megabytes": memory}


def names() -> list[str]:
    from corvus.reporting.catalog import load_catalog

    return list(load_catalog().reports)


def empty_beside(ledger: Path, folder: Path) -> Path:
    """Make an empty ledger with the same config."""
    from corvus.ledger.ledger import open_ledger

    (folder / "corvus.toml").write_text(ledger.with_name("corvus.toml").read_text())
    with open_ledger(folder / "ledger.duckdb", write=True) as opened:
        return opened.path


def measure(ledger: Path, empty: Path, name: str, rounds: int) -> dict[str, float]:
    """Return medians of a report, and refuse one that differs from the bare query."""
    as_of = datetime.now(UTC)
    taken: dict[str, list[float]] = {}
    rows = 0
    for _ in range(rounds):
        bare, inside = (child(kind, name, ledger, as_of) for kind in ("bare", "inside"))
        if bare["answer"] != inside["answer"]:
            raise SystemExit(f"{name}: corvus and the bare query differ")
        rows = bare["rows"]
        seconds, memory, _ = process(command(name, ledger, as_of))
        start, _, _ = process(command(name, empty, as_of))
        figures = {
            "bare": bare["seconds"],
            "bare_opening": bare["opening"],
            "inside": inside["seconds"],
            "inside_opening": inside["opening"],
            "command": seconds,
            "start": start,
            "megabytes": memory,
            "bare_megabytes": bare["megabytes"],
        }
        for figure, value in figures.items():
            taken.setdefault(figure, []).append(value)
    return {figure: median(values) for figure, values in taken.items()} | {"rows": rows}


def print_all(ledger: Path, rounds: int) -> None:
    head = "report", "rows", "bare s", "inside", "ratio", "command", "start", "beyond", "MB", "bare"
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    with tempfile.TemporaryDirectory() as folder:
        empty = empty_beside(ledger, Path(folder))
        for name in names():
            one = measure(ledger, empty, name, rounds)
            # What the command takes beyond its start, in terms of the bare connection and query.
            beyond = (one["command"] - one["start"]) / (one["bare"] + one["bare_opening"])
            print(
                f"| {name} | {one['rows']:,.0f} | {one['bare']:.3f} | {one['inside']:.3f} | "
                f"{one['inside'] / one['bare']:.2f} | {one['command']:.2f} | {one['start']:.2f} | "
                f"{beyond:.2f} | {one['megabytes']:.0f} | {one['bare_megabytes']:.0f} |",
                flush=True,
            )


def committing(governor: Any, rate: int) -> Callable[[Any], None]:
    """Return a step of the store that reserves and commits so many calls in one transaction."""
    from corvus import Usage
    from corvus.governor import admission, settlement
    from corvus.governor.pricing import settlement_of

    request = governor.request(
        "claude-sonnet-4-5", session_id="s", input_tokens=1000, max_output_tokens=500
    )

    def step(unit: Any) -> None:
        for _ in range(rate):
            decision, _ = admission.reserve(
                unit, governor.engine.rules, governor.engine.register, request, None
            )
            reservation = decision.reservation
            assert reservation is not None, decision
            known = settlement_of(governor.books, reservation, Usage(900, 100), {})
            settlement.commit(unit, governor.engine.in_force, reservation.id, known, None)

    return step


def write(ledger: Path, rate: int) -> None:
    """Commit so many calls each second and drain them, until told to stop; say how many."""
    from corvus import open_runtime

    stopped, paused = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGUSR1, lambda *_: paused.set())
    signal.signal(signal.SIGUSR2, lambda *_: paused.clear())
    text = ledger.with_name("corvus.toml").read_text()
    generous = ledger.with_name("writer.toml")
    generous.write_text(text.replace("limit_usd = ", "limit_usd = 1000"))
    runtime = open_runtime([generous], ledger=ledger)
    written, late, drains = 0, 0, list[float]()
    with runtime.governor() as governor:
        step = committing(governor, rate)
        print("ready", flush=True)
        due = time.monotonic()
        while not stopped.is_set():
            if paused.is_set():
                print("paused", flush=True)
                while paused.is_set():
                    time.sleep(0.01)
                due = time.monotonic()
            governor.store.run(step)
            written += rate
            started = time.monotonic()
            runtime.bookkeeping.drain(governor.store)
            drains.append(time.monotonic() - started)
            due += 1
            late += time.monotonic() > due
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - 1)  # a second that was missed is not made up for
        runtime.bookkeeping.drain(governor.store)
    told = {"written": written, "late": late, "drains": len(drains)}
    print(json.dumps(told | {"drain": median(drains), "drain_max": max(drains)}), flush=True)


def calls_in(answer: bytes) -> int:
    """Return the sum of the column `calls` of an answer."""
    told = json.loads(answer)
    return sum(row["calls"] for row in told["rows"])


class Writer:
    """The process that writes, which can pause between two drains."""

    def __init__(self, ledger: Path, rate: int) -> None:
        words = [sys.executable, __file__, str(ledger), "--child", "write", "--writer", str(rate)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.wrote_seconds = 0.0
        self._expect("ready")
        self._since = time.monotonic()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGUSR1)
        self._expect("paused")
        self.wrote_seconds += time.monotonic() - self._since

    def go_on(self) -> None:
        self._since = time.monotonic()
        self.process.send_signal(signal.SIGUSR2)

    def stop(self) -> dict[str, float]:
        self.process.terminate()
        self.wrote_seconds += time.monotonic() - self._since
        return json.loads(self.process.communicate()[0])

    def _expect(self, word: str) -> None:
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        if said != word:
            raise SystemExit(f"the writer said {said!r}, not {word}")


def print_beside_writer(ledger: Path, rounds: int, rate: int) -> None:
    """Time each report alone and beside the writer, in turn, and count all calls as they grow."""
    before = total = calls_in(process(command(WHOLE[0], ledger, None))[2])
    writer, checked = Writer(ledger, rate), 0
    print("| report | alone, s | beside the writer, s | ratio |\n|---|---|---|---|")
    for name in names():
        alone, beside = list[float](), list[float]()
        for _ in range(rounds):
            writer.pause()
            alone.append(process(command(name, ledger, None))[0])
            writer.go_on()
            time.sleep(0.5 + len(alone) / (2 * rounds))  # at other moments between two drains
            taken, _, answer = process(command(name, ledger, None))
            beside.append(taken)
            if name in WHOLE:
                found = calls_in(answer)
                if found < total:
                    raise SystemExit(f"{name}: {found:,} calls after {total:,}")
                total, checked = found, checked + 1
        one, other = median(alone), median(beside)
        print(f"| {name} | {one:.2f} | {other:.2f} | {other / one:.2f} |", flush=True)
    told = writer.stop()
    grown = calls_in(process(command(WHOLE[0], ledger, None))[2]) - before
    seconds = writer.wrote_seconds
    print(f"writer: {json.dumps(told)}, {told['written'] / seconds:,.0f} calls/s, {seconds:.0f} s")
    print(f"calls: {checked} sums, none below the one before; grown by {grown:,}")
    if grown != told["written"]:
        raise SystemExit("the ledger has not grown by what was committed")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("ledger", type=Path, help="as make_ledger.py has made it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--writer", type=int, default=0, help="calls a second; changes the ledger")
    parser.add_argument("--child", choices=["bare", "inside", "write"])
    parser.add_argument("--name")
    parser.add_argument("--as-of", type=datetime.fromisoformat)
    wanted = parser.parse_args()
    if wanted.child == "write":
        write(wanted.ledger, wanted.writer)
    elif wanted.child:
        print(json.dumps(query(wanted.child, wanted.name, wanted.ledger, wanted.as_of)))
    elif wanted.writer:
        print_beside_writer(wanted.ledger, wanted.rounds, wanted.writer)
    else:
        print_all(wanted.ledger, wanted.rounds)


if __name__ == "__main__":
    main()
