"""Starts what is measured: the mock provider, and corvus and litellm in front of it.

Each is a process of its own on a core of its own choice, and each is asked for a first model call
until it answers one: that is what "ready" means here. litellm comes from an environment of its own:

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install 'litellm[proxy]'

It runs in its cheapest form: one worker, a master key, no database, no logs but errors, and prices
from its own file.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
KEY = "sk-measured-0123456789"
SERVER_CORE, LOAD_CORE = 0, 1
READY_SECONDS_MAX = 180

CORVUS = """
[cost]
enabled = {governs}
session_limit_usd = {session}
daily_limit_usd = {day}
monthly_limit_usd = {month}

[governance.upstreams.openai]
base_url = "{upstream}/v1"
kind = "openai"
api_key_env = "MEASURED_KEY"

[governance.upstreams.anthropic]
base_url = "{upstream}"
kind = "anthropic"
api_key_env = "MEASURED_KEY"
"""


@dataclass
class Side:
    """A running gateway, or the mock itself.

    Attributes:
        key: What its clients send.
        ready_seconds: From its start to its first answered call.
    """

    name: str
    url: str
    process: subprocess.Popen[str]
    key: str = KEY
    ready_seconds: float = 0.0

    @property
    def cpu_seconds(self) -> float:
        """CPU of the process and its children so far, to a hundredth of a second."""
        return sum(_cpu(pid) for pid in _family(self.process.pid))

    @property
    def resident_bytes(self) -> int:
        pids = _family(self.process.pid)
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * PAGE


@contextmanager
def mock(*options: str) -> Generator[Side]:
    words = [sys.executable, str(HERE / "mock_upstream.py"), *options]
    with _running(words, LOAD_CORE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Side("direct", f"http://127.0.0.1:{port}", process)


@contextmanager
def bare(upstream: str, folder: Path) -> Generator[Side]:
    """Start the floor: a proxy that does only what each of them must."""
    words = [sys.executable, str(HERE / "bare.py"), "--upstream", upstream, "--key", KEY]
    started = time.perf_counter()
    with _running(words, SERVER_CORE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield _ready(Side("bare", url, process), started)


@contextmanager
def corvus(
    upstream: str, folder: Path, *, limit_usd: str | None = None, governs: bool = True
) -> Generator[Side]:
    """Start `corvus gateway` with three budgets and a store file; ``limit_usd`` is the day's."""
    config, ledger = folder / "corvus.toml", folder / "ledger.duckdb"
    usual = "1000000"
    limits = {"session": usual, "day": limit_usd or usual, "month": usual}
    enabled = "true" if governs else "false"
    config.write_text(CORVUS.format(upstream=upstream, governs=enabled, **limits))
    where = ["--config", str(config), "--ledger", str(ledger)]
    base = [sys.executable, "-m", "corvus"]
    subprocess.run([*base, "store", "init", *where], capture_output=True, check=True)
    made = [*base, "token", "create", "load", "--scope", "proxy", "--format", "json", *where]
    secret = json.loads(subprocess.run(made, capture_output=True, text=True, check=True).stdout)
    words = [*base, "gateway", "--port", "0", *where]
    started = time.perf_counter()
    with (
        (folder / "corvus.log").open("w") as log,
        _running(words, SERVER_CORE, stderr=log, MEASURED_KEY=KEY) as process,
    ):
        log_path = folder / "corvus.log"
        while not (found := re.search(r"listening on (\S+)\n", log_path.read_text())):
            assert process.poll() is None, log_path.read_text()
            time.sleep(0.02)
        yield _ready(Side("corvus", found[1], process, secret["token"]), started)


@contextmanager
def litellm(
    programs: Path, upstream: str, folder: Path, *, limit_usd: str | None = None
) -> Generator[Side]:
    """Start litellm[proxy]; ``limit_usd`` is the budget of its one provider for a day."""
    to = {"model": "openai/gpt-4o", "api_base": f"{upstream}/v1", "api_key": KEY}
    config: dict[str, object] = {
        "model_list": [{"model_name": "gpt-4o", "litellm_params": to}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
    }
    if limit_usd is not None:
        budget = {"openai": {"budget_limit": float(limit_usd), "time_period": "1d"}}
        config["router_settings"] = {"provider_budget_config": budget, "num_retries": 0}
    file = folder / "litellm.yaml"
    file.write_text(json.dumps(config))  # JSON is YAML
    port = _free_port()
    words = [str(programs / "litellm"), "--config", str(file), "--port", str(port)]
    words += ["--host", "127.0.0.1", "--num_workers", "1"]
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    started = time.perf_counter()
    with (
        (folder / "litellm.log").open("w") as log,
        _running(words, SERVER_CORE, stdout=log, stderr=log, **settings) as process,
    ):
        yield _ready(Side("litellm", f"http://127.0.0.1:{port}", process), started)


def load(side: Side, *options: str) -> dict[str, Any]:
    """Run `load.py` on a gateway and return what it tells."""
    words = ["taskset", "-c", str(LOAD_CORE), sys.executable, str(HERE / "load.py")]
    words += ["--url", side.url, "--key", side.key, *options]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def counted(mock: Side) -> dict[str, int]:
    """Return what the mock has billed since its start."""
    with urlopen(f"{mock.url}/count", timeout=10) as answer:
        return json.load(answer)


@contextmanager
def _running(
    words: list[str],
    core: int,
    *,
    stdout: int | IO[str] | None = None,
    stderr: int | IO[str] | None = None,
    **settings: str,
) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *words],
        stdout=stdout,
        stderr=stderr,
        text=True,
        env={**os.environ, **settings},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(side: Side, started: float) -> Side:
    """Ask for a model call until there is an answer."""
    body = {"model": "gpt-4o", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": f"Bearer {side.key}", "Content-Type": "application/json"}
    url = f"{side.url}/v1/chat/completions"
    while time.perf_counter() - started < READY_SECONDS_MAX:
        assert side.process.poll() is None, f"{side.name} ended"
        try:
            with urlopen(Request(url, json.dumps(body).encode(), headers), timeout=30) as answer:
                answer.read()
        except HTTPError as refused:
            words = refused.read()[:500].decode(errors="replace")
            raise AssertionError(f"{side.name}: {refused.code} {words}") from None
        except (URLError, ConnectionError):
            time.sleep(0.02)
        else:
            side.ready_seconds = time.perf_counter() - started
            return side
    raise AssertionError(f"{side.name} was not ready within {READY_SECONDS_MAX} s")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *[one for child in children for one in _family(int(child))]]


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS
