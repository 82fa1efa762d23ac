"""The work that is measured: whole commands, pairs of reserve and commit, calls by the gateway."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tools.checkout import HERE, Checkout

_TICKS = os.sysconf("SC_CLK_TCK")
_FILES = 200
_LOG_LINES = 20_000
_GATEWAY = """
[cost]
enabled = true
session_limit_usd = 1000000
daily_limit_usd = 1000000
monthly_limit_usd = 1000000

[governance.upstreams.openai]
base_url = "{upstream}/v1"
kind = "openai"
api_key_env = "MEASURED_KEY"
"""


class Cost(NamedTuple):
    """What a piece of work took; where it is done many times, each time."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the work is about.

    Attributes:
        config: One config file.
        many: A folder of them.
        log: A folder with the log of an agent.
        ledger: A ledger with that log.
    """

    folder: Path
    config: Path
    many: Path
    log: Path
    ledger: Path


def prepare(folder: Path, checkout: Checkout) -> Inputs:
    """Write the inputs; a checkout fills the ledger that both then read a copy of."""
    config = HERE / "examples/first-light/corvus.toml"
    many = folder / "many"
    many.mkdir()
    text = config.read_text(encoding="utf-8")
    for number in range(_FILES):
        (many / f"team-{number}.toml").write_text(text.replace("house-model", f"model-{number}"))
    log = folder / "log"
    maker = HERE / "benchmarks/import/make_claude_log.py"
    lines = ["--lines", str(_LOG_LINES), "--sessions", "20"]
    subprocess.run([sys.executable, maker, "--out", log, *lines], check=True, capture_output=True)
    ledger = folder / "ledger.duckdb"
    _run(checkout, "usage", "import", str(log), "--config", str(config), "--ledger", str(ledger))
    return Inputs(folder, config, many, log, ledger)


def _run(checkout: Checkout, *words: str) -> Cost:
    """Run a command, and return what its process took."""
    command = [checkout.python, "-P", "-m", checkout.package, *words]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, env=checkout.environment(), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(seconds, cpu)


def _check(checkout: Checkout, inputs: Inputs) -> Cost:
    return _run(checkout, "check", str(inputs.config))


def _check_many(checkout: Checkout, inputs: Inputs) -> Cost:
    return _run(checkout, "check", str(inputs.many))


def _import(checkout: Checkout, inputs: Inputs) -> Cost:
    with tempfile.TemporaryDirectory(dir=inputs.folder) as folder:
        where = ["--config", str(inputs.config), "--ledger", str(Path(folder, "l.duckdb"))]
        return _run(checkout, "usage", "import", str(inputs.log), *where)


def _ask(*words: str) -> Callable[[Checkout, Inputs], Cost]:
    def ask(checkout: Checkout, inputs: Inputs) -> Cost:
        where = ["--config", str(inputs.config), "--ledger", str(inputs.ledger)]
        return _run(checkout, *words, *where)

    return ask


def _pairs(callers: int, checkout: Checkout, inputs: Inputs) -> Cost:
    return _in_child(checkout, inputs, "pairs", str(callers))


def _evaluate(checkout: Checkout, inputs: Inputs) -> Cost:
    return _in_child(checkout, inputs, "evaluate")


def _in_child(checkout: Checkout, inputs: Inputs, *words: str) -> Cost:
    with tempfile.TemporaryDirectory(dir=inputs.folder) as folder:
        script = Path(__file__).with_name("loads.py")
        command = [checkout.python, "-P", script, checkout.package, folder, *words]
        done = subprocess.run(
            command, env=checkout.environment(), check=True, capture_output=True, text=True
        )
        return Cost(*json.loads(done.stdout))


def _gateway(clients: int, stream: bool, checkout: Checkout, inputs: Inputs) -> Cost:
    with (
        tempfile.TemporaryDirectory(dir=inputs.folder) as folder,
        _mock() as upstream,
        _serving(checkout, Path(folder), upstream) as (process, url, key),
    ):
        words = ["--url", url, "--key", key, "--clients", str(clients), *["--stream"] * stream]
        _load(*words, "--seconds", "0.5")
        before = _cpu_seconds(process.pid)
        found = _load(*words, "--seconds", "3")
        worked = _cpu_seconds(process.pid) - before
        assert [*found["statuses"]] == ["200"], found
        calls = found["statuses"]["200"]
        return Cost(found["seconds"] / calls, worked / calls)


def _load(*words: str) -> dict[str, Any]:
    script = HERE / "benchmarks/gateway/load.py"
    command = [*_pinned(1), sys.executable, script, *words]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@contextmanager
def _mock() -> Generator[str]:
    script = HERE / "benchmarks/gateway/mock_upstream.py"
    command = [*_pinned(1), sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


@contextmanager
def _serving(
    checkout: Checkout, folder: Path, upstream: str
) -> Generator[tuple[subprocess.Popen[str], str, str]]:
    """Start the gateway of a checkout; yield its process, its address and a token."""
    config = folder / "corvus.toml"
    config.write_text(_GATEWAY.format(upstream=upstream))
    where = ["--config", str(config), "--ledger", str(folder / "l.duckdb")]
    base = [str(checkout.python), "-P", "-m", checkout.package]
    environment = checkout.environment() | {"MEASURED_KEY": "sk-measured"}
    init = [*base, "store", "init", *where]  # older checkouts need none
    subprocess.run(init, env=environment, check=False, capture_output=True)
    made = [*base, "token", "create", "load", "--scope", "proxy", "--format", "json", *where]
    token = subprocess.run(made, env=environment, check=True, capture_output=True, text=True)
    command = [*_pinned(0), *base, "gateway", "--port", "0", *where]
    log = folder / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(command, env=environment, stderr=stderr, text=True)
    try:
        while not (found := re.search(r"listening on (\S+)\n", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        yield process, found[1], json.loads(token.stdout)["token"]
    finally:
        process.terminate()
        process.wait(30)


def _pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)] if shutil.which("taskset") and os.cpu_count() != 1 else []


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / _TICKS


WORKS: dict[str, Callable[[Checkout, Inputs], Cost]] = {
    "check": _check,
    "check-many": _check_many,
    "import": _import,
    "report": _ask("report", "by-model"),
    "summary": _ask("cost", "summary"),
    "evaluate": _evaluate,
    "pairs-1": partial(_pairs, 1),
    "pairs-64": partial(_pairs, 64),
    "gateway-1": partial(_gateway, 1, False),
    "gateway-16": partial(_gateway, 16, False),
    "stream-16": partial(_gateway, 16, True),
}
"""By name: does it once and returns what it took."""
